// A server that plays a script: well-behaved, late, octet by octet, without end, or closing in the middle of a line.

import Blocking
import Glibc
import Synchronization

/// A scripted TCP server on the loopback, for peers that behave worse than any real one (POP3, IMAP, SMTP, proxies).
public final class FakeServer: Sendable {
    public enum Step: Sendable {
        /// This line and CRLF.
        case line(String)
        /// These octets, unchanged.
        case octets([UInt8])
        /// These octets one at a time, this long apart.
        case drip([UInt8], every: Duration)
        /// `chunk` again and again until at least `octets` are sent.
        case flood(chunk: [UInt8], octets: Int)
        /// Reads a line, which must begin with this (whatever its case); else the session ends with
        /// ``Session/surprise``.
        case expect(String)
        /// Reads this many lines, whatever they say.
        case skip(lines: Int)
        /// Reads lines up to and including a lone dot.
        case content
        /// Sends this line, with the first word of the line last read in place of `@tag@` (IMAP).
        case tagged(String)
        /// Sends the line that this makes of the line last read.
        case answer(@Sendable (String) -> String)
        /// Sends nothing for so long; ends earlier when the client hangs up.
        case stall(Duration)
        /// Waits for so long; what the client says meanwhile is a ``Session/surprise``.
        case quiet(Duration)
        /// Does something at just this point, such as a signal to the client.
        case perform(@Sendable () -> Void)
        /// Reads and drops until the client closes.
        case drain
        /// Closes with a reset instead of an end of file.
        case reset
        /// Runs these steps so many times.
        indirect case times(Int, [Step])
    }

    /// What the server saw of one connection.
    public struct Session: Sendable, Hashable {
        /// The client's address.
        public var client = ""
        /// The lines read, without CRLF.
        public var lines: [String] = []
        /// The line that did not match a ``Step/expect(_:)``.
        public var surprise: String?
        /// Whether the script was played to its end.
        public var finished = false
        /// Whether the client hung up before the script was over.
        public var hungUp = false
    }

    public var port: UInt16 { server.port }
    private let server: TestServer
    private let seen: Seen

    private final class Seen: Sendable { let sessions = Mutex<[Session]>([]) }

    /// Plays `scripts[0]` to the first connection, and so on; further connections get the last one. A connection is
    /// closed after its script.
    /// - Parameters:
    ///   - port: 0 lets the kernel choose.
    ///   - patience: the longest wait for the client at any step.
    /// - Throws: ``KitError`` when it cannot listen, or the error of a thread that cannot be started.
    public init(
        _ scripts: [Step]..., at address: Loopback.Address = .v4, port: UInt16 = 0, patience: Duration = .seconds(20)
    ) throws {
        precondition(!scripts.isEmpty)
        let seen = Seen()
        self.seen = seen
        server = try TestServer("fake-server", at: address, port: port) { descriptor, number in
            seen.sessions.withLock { sessions in
                while sessions.count <= number { sessions.append(Session()) }
                sessions[number].client = Loopback.peer(of: descriptor)
            }
            var player = Player(end: SocketEnd(descriptor), patience: patience) { change in
                seen.sessions.withLock { change(&$0[number]) }
            }
            player.play(scripts[min(number, scripts.count - 1)])
        }
    }

    /// The sessions so far, in order of connecting; some may not have ended.
    public var sessions: [Session] { seen.sessions.withLock { $0 } }

    /// Ends all sessions at once, and returns them.
    public func stop() -> [Session] {
        server.stop()
        return sessions
    }
}

private struct Player {
    var end: SocketEnd
    let patience: Duration
    let note: ((inout FakeServer.Session) -> Void) -> Void
    private var last = ""

    private struct Surprise: Error {}

    init(
        end: SocketEnd, patience: Duration, note: @escaping ((inout FakeServer.Session) -> Void) -> Void
    ) {
        self.end = end
        self.patience = patience
        self.note = note
    }

    mutating func play(_ script: [FakeServer.Step]) {
        do {
            for step in script { try play(step) }
            note { $0.finished = true }
        } catch is Surprise {
            return
        } catch {
            note { $0.hungUp = true }
        }
    }

    private var deadline: Deadline { Deadline(after: patience) }

    private mutating func read() throws -> String {
        last = String(decoding: try end.line(until: deadline), as: UTF8.self)
        let line = last
        note { $0.lines.append(line) }
        return line
    }

    private mutating func play(_ step: FakeServer.Step) throws {
        switch step {
        case .line(let text): try end.write(Array(text.utf8) + [0x0D, 0x0A], until: deadline)
        case .octets(let octets): try end.write(octets, until: deadline)
        case .drip(let octets, let pause):
            for octet in octets {
                try end.write([octet], until: deadline)
                try end.stall(pause)
            }
        case .flood(let chunk, let octets):
            precondition(!chunk.isEmpty)
            var sent = 0
            while sent < octets {
                try end.write(chunk, until: deadline)
                sent += chunk.count
            }
        case .expect(let wanted):
            let line = try read()
            guard line.lowercased().hasPrefix(wanted.lowercased()) else {
                note { $0.surprise = line }
                throw Surprise()
            }
        case .skip(let lines): for _ in 0..<lines { _ = try read() }
        case .content: while try read() != "." {}
        case .tagged(let text):
            let tag = String(last.prefix { $0 != " " })
            let pieces = text.split(separator: "@tag@", omittingEmptySubsequences: false)
            try end.write(Array(pieces.joined(separator: tag).utf8) + [0x0D, 0x0A], until: deadline)
        case .answer(let line): try end.write(Array(line(last).utf8) + [0x0D, 0x0A], until: deadline)
        case .stall(let duration): try end.stall(duration)
        case .quiet(let duration):
            guard !end.hears(within: duration) else {
                let line = try read()
                note { $0.surprise = line }
                throw Surprise()
            }
        case .perform(let action): action()
        case .drain: do { try end.drain(until: deadline) } catch .gone {}
        case .reset:
            var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
            unsafe setsockopt(
                end.descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
        case .times(let count, let steps): for _ in 0..<count { for step in steps { try play(step) } }
        }
    }
}
