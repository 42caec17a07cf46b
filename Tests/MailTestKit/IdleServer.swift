// An IMAP server of many mailboxes that tells news in IDLE, counts who dials, and breaks off when a test wants it to.

import Blocking
import Glibc
import Synchronization

/// Mailboxes that nothing is deleted from, one for each user that logs in; any password will do.
public final class IdleServer: Sendable {
    /// What was seen so far.
    public struct Seen: Sendable {
        /// Who logged in, in that order.
        public var logins: [String] = []
        /// Connections that were refused as there were too many.
        public var refused = 0
        /// The most connections at once that had not logged in.
        public var mostDialing = 0
        /// The most connections at once.
        public var mostOpen = 0
        /// Users that wait for news now.
        public var idlers: Set<String> = []
        /// How often somebody has begun to wait.
        public var idles = 0
        var dialing = 0
        var open = 0
    }

    private struct State: Sendable {
        var seen = Seen()
        var messages: [String: Int] = [:]
        /// Connections before this number are to end.
        var ended = 0
        /// Whether nothing is answered any more.
        var isMute = false
        /// What is said in IDLE without reason.
        var lie: String?
        /// How many IDLEs are still to be refused.
        var refusals = 0
        /// Whose mailbox gets a message right behind the answer to the next end of IDLE.
        var lateFor: String?
    }

    public var port: UInt16 { server.port }
    private let server: TestServer
    private let state: Mailboxes

    private final class Mailboxes: Sendable { let shared = Mutex(State()) }

    /// - Parameters:
    ///   - limit: connections at once; further ones are refused.
    ///   - capabilities: what it can do.
    ///   - loginTime: how long it thinks about a login.
    ///   - refusing: users whose logins are refused for a reason of their own.
    ///   - tellsUIDNext: whether SELECT tells UIDNEXT.
    public init(
        limit: Int = .max, capabilities: String = "IMAP4rev1 IDLE UIDPLUS", loginTime: Duration = .zero,
        refusing: Set<String> = [], tellsUIDNext: Bool = true
    ) throws {
        let state = Mailboxes()
        self.state = state
        server = try TestServer("idle-server") { descriptor, number in
            var session = Session(
                end: SocketEnd(descriptor), number: number, capabilities: capabilities, loginTime: loginTime,
                refusing: refusing, tellsUIDNext: tellsUIDNext, shared: { body in state.shared.withLock { body(&$0) } })
            session.play(limit: limit)
        }
    }

    public var seen: Seen { state.shared.withLock(\.seen) }

    /// Puts a message into the mailbox of `user`, and tells those who wait for it.
    public func deliver(to user: String) { state.shared.withLock { $0.messages[user, default: 0] += 1 } }

    /// What a message is, as it is stored.
    public static func message(_ number: Int, of user: String) -> [UInt8] {
        Array("Subject: \(number) of \(user)\n\nbody\n".utf8)
    }

    /// Ends all connections; new ones are taken.
    public func dropAll() { state.shared.withLock { $0.ended = .max } }
    public func takeAgain() { state.shared.withLock { $0.ended = 0 } }

    /// Answers nothing any more, and ends nothing.
    public func fallSilent() { state.shared.withLock { $0.isMute = true } }

    /// Refuses the next IDLEs, though it can do them.
    public func refuseIdle(times: Int) { state.shared.withLock { $0.refusals = times } }

    /// Puts a message into the mailbox of `user` right behind the answer to its next end of IDLE, so that nobody is told.
    public func deliverLate(to user: String) { state.shared.withLock { $0.lateFor = user } }

    /// Says `line` in IDLE, again and again.
    public func lie(_ line: String?) { state.shared.withLock { $0.lie = line } }

    private struct Session {
        var end: SocketEnd
        let number: Int
        let capabilities: String
        let loginTime: Duration
        let refusing: Set<String>
        let tellsUIDNext: Bool
        let shared: ((inout State) -> Void) -> Void
        var user = ""
        /// How many messages the client knows of.
        var told = 0

        mutating func play(limit: Int) {
            var isTaken = false
            shared { state in
                isTaken = state.seen.open < limit
                guard isTaken else {
                    state.seen.refused += 1
                    return
                }
                state.seen.open += 1
                state.seen.dialing += 1
                state.seen.mostOpen = max(state.seen.mostOpen, state.seen.open)
                state.seen.mostDialing = max(state.seen.mostDialing, state.seen.dialing)
            }
            do throws(SessionEnd) {
                guard isTaken else { return try say("* BYE too many connections") }
                try converse()
            } catch {
                // The client has gone, or the test has ended.
            }
            let isLoggedIn = !user.isEmpty
            shared { state in
                guard isTaken else { return }
                state.seen.open -= 1
                if !isLoggedIn { state.seen.dialing -= 1 }
            }
        }

        private func say(_ text: String) throws(SessionEnd) {
            try end.write(Array("\(text)\r\n".utf8), until: Deadline(after: .seconds(10)))
        }

        private func read<Value: Sendable>(_ body: (State) -> Value) -> Value {
            var value: Value?
            shared { value = body($0) }
            return value!
        }

        private var isOver: Bool { read { $0.ended > 0 } }
        private var count: Int { read { [user] in $0.messages[user] ?? 0 } }

        private mutating func converse() throws(SessionEnd) {
            try say("* OK [CAPABILITY \(capabilities)] hello")
            while !isOver {
                guard end.hears(within: .milliseconds(20)) else { continue }
                let line = String(decoding: try end.line(until: Deadline(after: .seconds(10))), as: UTF8.self)
                while read(\.isMute) { try end.stall(.milliseconds(50)) }
                let words = line.split(separator: " ").map(String.init)
                guard words.count > 1 else { throw .gone }
                switch words[1].uppercased() {
                case "CAPABILITY": try say("* CAPABILITY \(capabilities)")
                case "LOGIN":
                    try end.stall(loginTime)
                    let name = words[2].filter { $0 != "\"" }
                    guard !refusing.contains(name) else {
                        try say("\(words[0]) NO [UNAVAILABLE] this mailbox is being moved")
                        throw .gone
                    }
                    user = name
                    shared { state in
                        state.seen.dialing -= 1
                        state.seen.logins.append(name)
                    }
                case "SELECT":
                    told = count
                    let count = told
                    try say("* \(count) EXISTS\r\n* OK [UIDVALIDITY 1] ok")
                    if tellsUIDNext { try say("* OK [UIDNEXT \(count + 1)] ok") }
                case "IDLE":
                    var isRefused = false
                    shared { state in
                        isRefused = state.refusals > 0
                        if isRefused { state.refusals -= 1 }
                    }
                    guard !isRefused else {
                        try say("\(words[0]) NO [UNAVAILABLE] not now")
                        continue
                    }
                    try idle()
                    try say("\(words[0]) OK done")
                    let user = user
                    shared { state in
                        guard state.lateFor == user else { return }
                        state.lateFor = nil
                        state.messages[user, default: 0] += 1
                    }
                    continue
                case "UID" where words[2].uppercased() == "FETCH": try fetch(words[3], line)
                case "LOGOUT":
                    try say("* BYE\r\n\(words[0]) OK done")
                    throw .gone
                default: break
                }
                try say("\(words[0]) OK done")
            }
        }

        private mutating func idle() throws(SessionEnd) {
            let user = user
            try say("+ idling")
            shared { state in
                state.seen.idlers.insert(user)
                state.seen.idles += 1
            }
            defer { shared { _ = $0.seen.idlers.remove(user) } }
            while !end.hears(within: .milliseconds(10)) {
                if isOver { throw .gone }
                if let lie = read(\.lie) { try say(lie) }
                guard count > told else { continue }
                told = count
                try say("* \(told) EXISTS")
            }
            while read(\.isMute) { try end.stall(.milliseconds(50)) }
            _ = try end.line(until: Deadline(after: .seconds(10)))
        }

        private func fetch(_ set: String, _ line: String) throws(SessionEnd) {
            for part in set.split(separator: ",") {
                let ends = part.split(separator: ":").map { $0 == "*" ? count : Int($0) ?? 0 }
                guard let low = ends.first, let high = ends.last, low > 0 else { continue }
                for uid in stride(from: low, through: min(high, count), by: 1) {
                    let text = String(decoding: IdleServer.message(uid, of: user), as: UTF8.self)
                    let wire = text.replacing("\n", with: "\r\n")
                    let body = line.contains("BODY.PEEK[]") ? " BODY[] {\(wire.utf8.count)}\r\n\(wire)" : ""
                    try say("* \(uid) FETCH (UID \(uid) RFC822.SIZE \(wire.utf8.count)\(body))")
                }
            }
        }
    }
}
