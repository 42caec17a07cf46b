// An SMTP or LMTP server that records what it is sent, and misbehaves on request.

import Blocking
import Glibc
import Synchronization

/// A recording SMTP (or LMTP) server in clear text on the loopback; ``TLSFront`` puts TLS before it.
///
/// It shares no code with the hub: what it records is what was on the wire.
public final class SinkServer: Sendable {
    /// One transaction that came as far as the final dot.
    public struct Message: Sendable, Hashable {
        /// What followed `MAIL FROM:`, parameters and all: `<a@example.org> BODY=8BITMIME`.
        public var reversePath: String
        /// What followed each `RCPT TO:` that was accepted.
        public var forwardPaths: [String]
        /// The content without the added dots, its line ends as on the wire, the last CRLF included.
        public var content: [UInt8]
        /// The argument of EHLO, HELO or LHLO.
        public var client: String
        /// The user of AUTH PLAIN or LOGIN.
        public var user: String?
        /// Whether the reply to the final dot was 2yz (for one recipient at least, in LMTP).
        public var acknowledged = false
        /// The number of the connection; the first is 0.
        public var connection: Int
    }

    /// The points at which the sink asks what to do.
    public enum Moment: Sendable, Hashable {
        case greeting, hello, auth, mail, recipient, data
        /// After the final dot, when the message is recorded; in LMTP once for each recipient.
        case endOfData
        case quit
    }

    public enum Reaction: Sendable, Hashable {
        /// This line, or several with `\r\n` between them.
        case reply(String)
        /// Nothing for so long, then the usual reply.
        case stall(Duration)
        /// This line, an octet at a time.
        case drip(String, every: Duration)
        /// The connection is closed without a reply.
        case close
    }

    public enum Language: Sendable { case smtp, lmtp }

    public var port: UInt16 { server.port }
    private let server: TestServer
    private let kept: Kept

    final class Kept: Sendable {
        struct Shared {
            var messages: [Message] = []
            var commands: [[String]] = []
        }
        let shared = Mutex(Shared())
    }

    /// - Parameters:
    ///   - extensions: the lines after the first of the EHLO reply.
    ///   - port: 0 for a free one.
    ///   - react: asked at each moment, with the client's line (at the end of data: the recipient's path); `nil` for
    ///     the usual reply.
    /// - Throws: ``KitError`` when it cannot listen, or the error of a thread that cannot be started.
    public init(
        _ language: Language = .smtp,
        extensions: [String] = [
            "PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE", "DSN", "ENHANCEDSTATUSCODES",
        ],
        patience: Duration = .seconds(60), port: UInt16 = 0,
        react: @escaping @Sendable (Moment, String) -> Reaction? = { _, _ in nil }
    ) throws {
        let kept = Kept()
        self.kept = kept
        server = try TestServer("sink", port: port) { descriptor, number in
            kept.shared.withLock { shared in
                while shared.commands.count <= number { shared.commands.append([]) }
            }
            var session = SinkSession(
                end: SocketEnd(descriptor), number: number, language: language, extensions: extensions,
                patience: patience, kept: kept, react: react)
            session.run()
        }
    }

    /// The messages so far, in order of their final dots.
    public var messages: [Message] { kept.shared.withLock { $0.messages } }

    /// The command lines of each connection so far.
    public var commands: [[String]] { kept.shared.withLock { $0.commands } }

    /// Waits until there are `count` messages. Blocks: call it inside ``onThread(_:)``.
    /// - Throws: ``KitError`` when there are fewer after `patience`.
    public func waitForMessages(_ count: Int, patience: Duration = .seconds(20)) throws(KitError)
        -> [Message]
    {
        let deadline = Deadline(after: patience)
        while !deadline.hasPassed {
            let here = messages
            if here.count >= count { return here }
            usleep(10_000)
        }
        throw KitError("the sink has \(messages.count) messages after \(patience), not \(count)")
    }

    public func stop() { server.stop() }
}
