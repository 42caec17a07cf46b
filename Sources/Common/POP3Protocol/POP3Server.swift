// POP3 as its server sees it (RFC 1939, 2449, 2595, 5034, 6856). Knows no clock, no socket, no maildrop.

import Octets

/// The server's side of a POP3 session.
///
/// It reads one command, hands it out as an event, and reads no further until the answer has been sent: pipelined
/// commands wait in order, and the caller bounds what waits (``backlog``) and what is unsent. Every decision about
/// logins and messages is the caller's; order and syntax are decided here.
public struct POP3Server: Engine, Sendable {
    public typealias Command = Reply
    public typealias Failure = Never

    enum State { case greeting, authorization, handshake, transaction, closed }
    /// What the next reply answers.
    enum Owed {
        case nothing
        case user([UInt8])
        case login, stls, quit, other
    }

    /// Lines refused and commands answered with -ERR so far, for the caller's limit.
    public private(set) var errorCount = 0
    /// Whether the connection is encrypted.
    public private(set) var isTLS: Bool
    /// The name of the last accepted USER, until a login ends it.
    private(set) var user: [UInt8]?

    private var state = State.greeting
    private var owed = Owed.nothing
    /// Whether the next line is an answer to a challenge.
    private var isInAuth = false
    private var lines = LineFramer(limit: POP3Command.saslLineLimit, bareLineFeed: .refused)
    private var dots = DotEncoder()

    /// - Parameter isTLS: the connection began with TLS (port 995).
    public init(isTLS: Bool = false) { self.isTLS = isTLS }

    /// Whether an event waits for its answer; nothing more is read until then.
    public var awaitingReply: Bool { if case .nothing = owed { false } else { true } }
    /// Octets received and not yet read.
    public var backlog: Int { lines.count }
    /// Whether a login was accepted.
    public var isAuthenticated: Bool { if case .transaction = state { true } else { false } }
    /// Whether the session is over: after the answer to QUIT, and after an injection.
    public var isClosed: Bool { if case .closed = state { true } else { false } }

    /// Empty: a server sends none.
    public var secret: Range<Int> { 0..<0 }

    public mutating func receive(_ octets: [UInt8]) {
        if !isClosed { lines.append(octets) }
    }

    /// TLS is established: a user name sent in clear text no longer counts (RFC 2595 §4).
    public mutating func tlsEstablished() {
        guard case .handshake = state, lines.isEmpty else { return }
        isTLS = true
        user = nil
        state = .authorization
    }

    public mutating func nextEvent() -> Event? {
        if waitsForTLS, !lines.isEmpty { return injection() }
        guard !awaitingReply else { return nil }
        switch state {
        case .greeting, .handshake, .closed: return nil
        case .authorization, .transaction: break
        }
        guard let event = readEvent() else { return nil }
        owe(event)
        if waitsForTLS, !lines.isEmpty { return injection() }
        return event
    }

    private mutating func readEvent() -> Event? {
        do throws(LineError) {
            guard let line = try lines.nextLine() else { return nil }
            return isInAuth ? saslEvent(of: line) : event(of: line)
        } catch {
            switch error {
            case .tooLong: return .fault(.lineTooLong)
            case .bareLineFeed: return .fault(.bareLineFeed)
            }
        }
    }

    /// Whether the next octets must belong to TLS.
    private var waitsForTLS: Bool {
        if case .stls = owed { return true }
        if case .handshake = state { return true }
        return false
    }

    private mutating func injection() -> Event {
        state = .closed
        owed = .nothing
        _ = lines.takeRest()
        return .injectionAfterSTLS
    }

    /// Notes what the answer to `event` will decide.
    private mutating func owe(_ event: Event) {
        switch event {
        case .user(let name): owed = .user(name)
        case .pass, .auth, .saslResponse: owed = .login
        case .stls: owed = .stls
        case .quit: owed = .quit
        case .injectionAfterSTLS: owed = .nothing
        case .fault, .saslCancelled, .capa, .utf8, .stat, .list, .uidl, .retr, .top, .dele, .noop, .rset: owed = .other
        }
    }

    /// The octets that say `reply`. After the last part of an answer the next command is read.
    public mutating func send(_ reply: Reply) -> [UInt8] {
        switch reply {
        case .greeting: state = .authorization
        case .challenge:
            isInAuth = true
            owed = .nothing
        case .err, .fault:
            errorCount += 1
            settle(accepted: false)
        case .ok, .capabilities, .stat, .size, .uniqueID, .listEnd, .contentEnd: settle(accepted: true)
        case .listBegin, .sizes, .uniqueIDs, .contentBegin, .content: break
        }
        return Self.octets(of: reply, dots: &dots)
    }

    private mutating func settle(accepted: Bool) {
        isInAuth = false
        switch owed {
        case .user(let name): user = accepted ? name : nil
        case .login:
            user = nil
            if accepted { state = .transaction }
        case .stls: if accepted { state = .handshake }
        case .quit:
            state = .closed
            _ = lines.takeRest()
        case .nothing, .other: break
        }
        owed = .nothing
    }
}
