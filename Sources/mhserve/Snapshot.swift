// What the keeper hands its worker: the settings, with the logins of the server and without the secrets of the accounts.

import CMHSys
import Glibc
import Octets
import Programs
import Reporting
import RunControl

/// The settings on their way from keeper to worker: the ports in use, then an rc, in a file without a name.
enum Snapshot {
    /// The most octets a snapshot may have: the rc's own bound, several times over.
    private static let limit = 8 << 20

    /// The octets for the worker. Password files are read here: the worker has no way to them.
    static func write(_ settings: HubSettings, ports: [Int]) throws -> [UInt8] {
        var settings = settings
        for index in settings.mailboxes.indices {
            settings.mailboxes[index].verifier = try verifier(of: settings.mailboxes[index])
        }
        return Array((ports.map { "\($0)" }.joined(separator: " ") + "\n\(settings.source)\n").utf8)
            + Array(settings.servedCopy().utf8)
    }

    /// What the mailbox is known by, a password file's content in the place of its path.
    static func verifier(of mailbox: MailboxSettings) throws(ProgramError) -> MailboxVerifier {
        guard case .passwordFile(let path) = mailbox.verifier else { return mailbox.verifier }
        let secret = try SecretReader.file(path).read(until: .never)
        return secret.revealed.starts(with: "$mh-scrypt$".utf8) ? .passwordHash(secret) : .password(secret)
    }

    /// Reads what ``write(_:ports:)`` wrote.
    static func read(from descriptor: Int32) throws -> (HubSettings, ports: [Int]) {
        let octets = try contents(of: descriptor)
        let lines = octets.split(separator: Octet.lf, maxSplits: 2, omittingEmptySubsequences: false)
        guard lines.count == 3 else { throw KeeperError.badSnapshot }
        let ports = lines[0].split(separator: Octet.space).compactMap { Int(String(decoding: $0, as: UTF8.self)) }
        let settings = try HubSettings.read(
            Array(lines[2]), source: String(decoding: lines[1], as: UTF8.self),
            context: RunControl.ProcessContext(environment: RunControl.ProcessContext.environment()))
        guard ports.count == settings.listeners.count else { throw KeeperError.badSnapshot }
        return (settings, ports)
    }

    private static func contents(of descriptor: Int32) throws -> [UInt8] {
        var octets: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while octets.count <= limit {
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress!, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw KeeperError.badSnapshot }
            if count == 0 { return octets }
            octets += chunk[..<count]
        }
        throw KeeperError.badSnapshot
    }
}
