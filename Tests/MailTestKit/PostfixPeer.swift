// Postfix as a peer: takes mail by SMTP, submission or its sendmail, and passes it on, discards it, or only queues it.

import Blocking
import Glibc

/// A private Postfix with queue and configuration of its own, which ends when released, with all its files removed.
///
/// Needs root, as its master demands. The user and group that it needs are `news` and `uucp`, which every Debian has,
/// so that none is created. What it passes on to a ``SinkServer`` can be compared octet for octet below its `Received`
/// field.
public final class PostfixPeer: Sendable {
    /// What becomes of accepted mail.
    public enum Delivery: Sendable {
        case discard
        /// All of it goes by SMTP to this port on the loopback, such as that of a ``SinkServer`` or of mhserve.
        case smtp(UInt16)
        case lmtp(UInt16)
        /// It is written to the queue, synchronized, and stays there, so that acceptance alone can be measured.
        case queueOnly
    }

    /// SMTP with STARTTLS offered.
    public let port: UInt16
    /// SMTP with TLS from the first octet.
    public let tlsPort: UInt16
    public let certificate: TestCertificate
    private let root: String
    private let scratch: ScratchDirectory
    private let server: ServerProcess
    private let environment: [String: String]

    /// - Parameters:
    ///   - logins: the Dovecot that checks logins, which are then demanded, inside TLS only; without it anybody may
    ///     send.
    ///   - settings: further lines of main.cf, which override those above them.
    /// - Throws: ``KitError`` when Postfix is missing, cannot be entered by its user, or does not start, and without
    ///   root.
    public init(
        delivering delivery: Delivery = .discard, logins: DovecotPeer? = nil, settings: String = ""
    ) throws(KitError) {
        root = try Peers.root(of: .postfix)
        guard getuid() == 0 else { throw KitError("Postfix runs only when the tests run as root") }
        guard Peers.isOpenToAll(root) else {
            throw KitError(
                "\(root) cannot be entered by Postfix's own user:"
                    + " run scripts/peers /var/tmp/mailhub-peers and set MAILHUB_PEERS to it")
        }
        scratch = ScratchDirectory()
        _ = unsafe chmod(scratch.path, 0o755)
        port = try Loopback.freePort()
        tlsPort = try Loopback.freePort()
        certificate = try TestCertificate(in: scratch)
        environment = try Peers.environment(for: root, libraries: ["usr/lib/postfix"])
        let configuration = PostfixConfiguration(
            root: root, scratch: scratch.path, libraryPath: environment["LD_LIBRARY_PATH"] ?? "",
            ports: (port, tlsPort), certificate: certificate, delivery: delivery,
            authenticationSocket: logins?.authenticationSocket, settings: settings)
        try configuration.makeQueue(in: scratch)
        _ = unsafe mkdir(scratch.file("etc"), 0o755)
        let main = scratch.write(configuration.main, to: "etc/main.cf", mode: 0o644)
        // Postfix waits while main.cf is younger than two seconds, as somebody might be editing it.
        var longAgo = [timeval(tv_sec: 1_000_000_000, tv_usec: 0), timeval(tv_sec: 1_000_000_000, tv_usec: 0)]
        _ = unsafe utimes(main, &longAgo)
        scratch.write(configuration.master, to: "etc/master.cf", mode: 0o644)
        // timeout(1) is the last resort if this process is killed before it can clean up.
        server = try ServerProcess(
            [
                "timeout", "-k", "5", "900", "\(root)/usr/lib/postfix/sbin/master", "-c",
                scratch.file("etc"), "-d",
            ],
            environment: environment, logs: [scratch.file("master.log"), scratch.file("maillog")])
        try server.waitForPorts([port, tlsPort])
    }

    public var logs: String { server.logs }

    public func stop() { server.stop() }

    /// The master process, for measuring what it and its children use.
    public var pid: pid_t { server.pid }

    /// How to run this Postfix's sendmail: the command, and the environment that it needs.
    public var sendmail: (command: [String], environment: [String: String]) {
        (["\(root)/usr/sbin/sendmail", "-C", scratch.file("etc")], environment)
    }

    /// The names of the files in a part of the queue such as `incoming`, `active` or `deferred`.
    public func queued(in part: String) -> [String] {
        // A hashed part has folders named by one digit, with the files in them.
        let path = scratch.file("queue/\(part)")
        return ScratchDirectory.names(in: path).flatMap { name in
            name.utf8.count == 1 ? ScratchDirectory.names(in: "\(path)/\(name)") : [name]
        }
    }
}
