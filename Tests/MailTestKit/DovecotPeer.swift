// Dovecot as a peer: POP3, POP3S, IMAP and IMAPS on the loopback over Maildirs of its own, and its login service.

import Blocking
import Glibc

/// A private Dovecot, which ends when released, with all its files removed.
///
/// Always runs as an ordinary user: as ourselves, or as `nobody` when the tests run as root (Dovecot does not serve
/// mail of root); its Maildirs belong to that user. Logins are possible in clear; the ports without TLS offer STLS and
/// STARTTLS.
public final class DovecotPeer: Sendable {
    public let pop3Port: UInt16
    public let pop3sPort: UInt16
    public let imapPort: UInt16
    public let imapsPort: UInt16
    /// Where it takes mail by LMTP; `nil` where it does not.
    public let lmtpPort: UInt16?
    public var lmtpSocket: String { scratch.file("run/lmtp-door") }
    public let certificate: TestCertificate
    /// A socket of Dovecot's login protocol, for ``PostfixPeer``.
    public let authenticationSocket: String
    private let scratch: ScratchDirectory
    private let owner: (user: uid_t, group: gid_t)?
    private let server: ServerProcess

    /// - Parameters:
    ///   - users: login names and passwords.
    ///   - settings: further lines of dovecot.conf, which override those above them.
    ///   - takesLMTP: whether it takes mail by LMTP, at a port and at a socket.
    ///   - certificateNames: the DNS names and IPv4 addresses that the certificate is for.
    /// - Throws: ``KitError`` when Dovecot is missing, cannot be entered by the user it runs as, or does not start.
    public init(
        users: [String: String] = ["alice": "secret"], settings: String = "", takesLMTP: Bool = false,
        certificateNames: [String] = ["localhost", "127.0.0.1"], expiredCertificate: Bool = false
    ) throws(KitError) {
        let root = try Peers.root(of: .dovecot)
        scratch = ScratchDirectory()
        pop3Port = try Loopback.freePort()
        pop3sPort = try Loopback.freePort()
        imapPort = try Loopback.freePort()
        imapsPort = try Loopback.freePort()
        lmtpPort = takesLMTP ? try Loopback.freePort() : nil
        authenticationSocket = scratch.file("run/peer-login")
        certificate = try TestCertificate(
            in: scratch, names: certificateNames, expired: expiredCertificate)
        owner = getuid() == 0 ? try Self.account("nobody") : nil
        if owner != nil, !Peers.isOpenToAll(root) {
            throw KitError(
                "\(root) cannot be entered by user nobody, as whom Dovecot runs when the tests run as root:"
                    + " run scripts/peers /var/tmp/mailhub-peers and set MAILHUB_PEERS to it")
        }
        let environment = try Peers.environment(
            for: root, libraries: ["usr/lib/dovecot", "usr/lib/dovecot/modules/old-stats"],
            redirected: true)
        let user = (owner?.user ?? getuid(), owner?.group ?? getgid())
        let homes = scratch.file("mail")
        let entries = users.map {
            "\($0.key):{PLAIN}\($0.value):\(user.0):\(user.1)::\(homes)/\($0.key)::\n"
        }
        scratch.write(entries.sorted().joined(), to: "passwd")
        for folder in ["run", "state", "mail"] { _ = unsafe mkdir(scratch.file(folder), 0o755) }
        let configuration = DovecotConfiguration(
            root: root, scratch: scratch.path, user: owner == nil ? try Self.userName() : "nobody",
            group: owner == nil ? try Self.groupName() : "nogroup", environment: environment,
            ports: (pop3Port, pop3sPort, imapPort, imapsPort), certificate: certificate,
            authenticationSocket: authenticationSocket,
            settings: settings + (lmtpPort.map(DovecotConfiguration.lmtp) ?? ""))
        scratch.write(configuration.text, to: "dovecot.conf")

        var command = ["\(root)/usr/sbin/dovecot", "-F", "-c", scratch.file("dovecot.conf")]
        let log = scratch.write("", to: "dovecot.log")
        if let owner {
            _ = unsafe chmod(scratch.path, 0o755)
            for name in [
                "run", "state", "mail", "passwd", "dovecot.conf", "dovecot.log", "server.crt", "server.key",
            ] {
                _ = unsafe chown(scratch.file(name), owner.user, owner.group)
            }
            let identity = ["--reuid=\(owner.user)", "--regid=\(owner.group)", "--clear-groups"]
            command = ["setpriv"] + identity + command
        }
        // timeout(1) is the last resort if this process is killed before it can clean up.
        server = try ServerProcess(
            ["timeout", "-k", "5", "900"] + command, environment: environment, logs: [log])
        for user in users.keys { makeMaildir(of: user, "") }
        try server.waitForPorts([pop3Port, pop3sPort, imapPort, imapsPort] + (lmtpPort.map { [$0] } ?? []))
    }

    public var logs: String { server.logs }

    /// Ends Dovecot now; its Maildirs stay until it is released.
    public func stop() { server.stop() }

    /// The Maildir of `user`, for looking into and for filling.
    public func maildir(of user: String = "alice") -> String { scratch.file("mail/\(user)/Maildir") }

    /// Puts a message into a Maildir; Dovecot serves each LF and each CRLF of it as CRLF.
    /// - Parameters:
    ///   - folder: a Maildir++ folder such as `Spam` or `Lists.swift`; empty for INBOX.
    ///   - number: its place in the order of arrival, which UIDs and message numbers follow.
    ///   - flags: letters of maildir(5), such as `S`.
    public func deliver(
        _ message: [UInt8], to user: String = "alice", folder: String = "", number: Int, flags: String = ""
    ) {
        let path = "\(maildir(of: user))\(folder.isEmpty ? "" : "/.\(folder)")"
        if unsafe access("\(path)/new", F_OK) != 0 { makeMaildir(of: user, folder) }
        let padded = String(repeating: "0", count: max(0, 7 - "\(number)".count)) + "\(number)"
        let name = "\(1_700_000_000 + number).M\(padded)P1.peer"
        let relative = "mail/\(user)/Maildir/\(folder.isEmpty ? "" : ".\(folder)/")"
        let written = scratch.write(message, to: "\(relative)tmp/\(name)")
        own(written)
        let shown = flags.isEmpty ? "new/\(name)" : "cur/\(name):2,\(flags)"
        let code = unsafe rename(written, scratch.file("\(relative)\(shown)"))
        precondition(code == 0, "cannot deliver: errno \(errno)")
    }

    /// The octets of the message files in `folder`, in order of their names.
    public func messages(of user: String = "alice", folder: String = "") -> [[UInt8]] {
        let path = "\(maildir(of: user))\(folder.isEmpty ? "" : "/.\(folder)")"
        let paths = ["new", "cur"].flatMap { part in
            ScratchDirectory.names(in: "\(path)/\(part)").map {
                (name: $0, path: "\(path)/\(part)/\($0)")
            }
        }
        return paths.sorted { $0.name < $1.name }.compactMap { ScratchDirectory.read($0.path) }
    }

    private func makeMaildir(of user: String, _ folder: String) {
        var path = scratch.file("mail")
        let folders = folder.isEmpty ? [] : [".\(folder)"]
        for part in [user, "Maildir"] + folders {
            path += "/\(part)"
            _ = unsafe mkdir(path, 0o700)
            own(path)
        }
        for part in ["new", "cur", "tmp"] {
            _ = unsafe mkdir("\(path)/\(part)", 0o700)
            own("\(path)/\(part)")
        }
        if !folder.isEmpty {
            own(scratch.write("", to: "mail/\(user)/Maildir/.\(folder)/maildirfolder"))
        }
    }

    private func own(_ path: String) {
        if let owner { _ = unsafe chown(path, owner.user, owner.group) }
    }

    static func account(_ name: String) throws(KitError) -> (user: uid_t, group: gid_t) {
        guard let entry = unsafe getpwnam(name) else {
            throw KitError("there is no user \(name) on this machine")
        }
        return unsafe (entry.pointee.pw_uid, entry.pointee.pw_gid)
    }

    private static func userName() throws(KitError) -> String {
        guard let entry = unsafe getpwuid(getuid()) else { throw KitError("our own user has no name") }
        return unsafe String(cString: entry.pointee.pw_name)
    }

    private static func groupName() throws(KitError) -> String {
        guard let entry = unsafe getgrgid(getgid()) else { throw KitError("our own group has no name") }
        return unsafe String(cString: entry.pointee.gr_name)
    }
}
