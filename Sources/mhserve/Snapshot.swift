// The settings as the keeper hands them to its worker: with the passwords of mailboxes, without those of accounts.

import CMHSys
import Glibc
import Octets
import Programs
import Reporting
import RunControl

/// The settings on their way from keeper to worker, in a file without a name: a line with the path of the
/// rc, then an rc.
enum Snapshot {
    /// The most octets of a snapshot: twice what an rc with its includes may have.
    private static let limit = 8 << 20

    /// The octets for the worker. Password files are read here, so that the worker reads none.
    static func write(_ settings: HubSettings) throws -> [UInt8] {
        var settings = settings
        for index in settings.mailboxes.indices {
            settings.mailboxes[index].verifier = try verifier(of: settings.mailboxes[index])
        }
        return Array("\(settings.source)\n\(settings.servedCopy())".utf8)
    }

    /// What a login at the mailbox is checked against: for a password file, its content in place of its path.
    static func verifier(of mailbox: MailboxSettings) throws(ProgramError) -> MailboxVerifier {
        guard case .passwordFile(let path) = mailbox.verifier else { return mailbox.verifier }
        let secret = try SecretReader.file(path).read(until: .never)
        return secret.revealed.starts(with: "$mh-scrypt$".utf8) ? .passwordHash(secret) : .password(secret)
    }

    /// Reads what ``write(_:)`` wrote.
    static func read(from descriptor: Int32) throws -> HubSettings {
        let octets = try contents(of: descriptor)
        let lines = octets.split(separator: Octet.lf, maxSplits: 1, omittingEmptySubsequences: false)
        guard lines.count == 2 else { throw KeeperError.badSnapshot }
        return try HubSettings.read(
            Array(lines[1]), source: String(decoding: lines[0], as: UTF8.self),
            context: RunControl.ProcessContext(environment: RunControl.ProcessContext.environment()))
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
