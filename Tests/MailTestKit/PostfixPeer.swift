// Postfix as a peer: accepts mail by SMTP, submission or its sendmail, and hands it on, drops it, or only queues it.

import Blocking
import Glibc

/// A private Postfix with queue and configuration of its own, gone with all its files when released.
///
/// Needs root (its master insists); the users it wants are played by `news` and `uucp`, which every Debian has, so that
/// no user is created. What it hands on to a ``SinkServer`` can be compared octet for octet below its `Received` field.
public final class PostfixPeer: Sendable {
    /// What becomes of accepted mail.
    public enum Delivery: Sendable {
        case discard
        /// All of it goes by SMTP to this port on the loopback, such as a ``SinkServer``'s or our mhserve's.
        case smtp(UInt16)
        case lmtp(UInt16)
        /// It is written and synced into the queue, and stays there: for measuring acceptance alone.
        case queueOnly
    }

    /// SMTP with STARTTLS offered.
    public let port: UInt16
    /// SMTP in TLS from the start.
    public let tlsPort: UInt16
    public let certificate: TestCertificate
    private let root: String
    private let scratch: ScratchDirectory
    private let server: ServerProcess
    private let environment: [String: String]

    /// - Parameters:
    ///   - logins: whom to ask about log-ins, which are then demanded, in TLS only; without it anybody may send.
    ///   - settings: further lines of main.cf, the last word on each setting.
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
        // Postfix waits while main.cf is younger than two seconds: somebody might be editing it.
        var longAgo = [timeval(tv_sec: 1_000_000_000, tv_usec: 0), timeval(tv_sec: 1_000_000_000, tv_usec: 0)]
        _ = unsafe utimes(main, &longAgo)
        scratch.write(configuration.master, to: "etc/master.cf", mode: 0o644)
        // timeout(1): the last resort, should this process be killed before it can clean up.
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

    /// The process at the head, for measuring what it and its children use.
    public var pid: pid_t { server.pid }

    /// How to run this Postfix's sendmail: command, and the environment it needs.
    public var sendmail: (command: [String], environment: [String: String]) {
        (["\(root)/usr/sbin/sendmail", "-C", scratch.file("etc")], environment)
    }

    /// The names of the files in a part of the queue such as `incoming`, `active` or `deferred`.
    public func queued(in part: String) -> [String] {
        // A hashed part has folders of one digit with the files below.
        let path = scratch.file("queue/\(part)")
        return ScratchDirectory.names(in: path).flatMap { name in
            name.utf8.count == 1 ? ScratchDirectory.names(in: "\(path)/\(name)") : [name]
        }
    }
}
