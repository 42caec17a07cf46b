// POP3 as its client sees it (RFC 1939, 2449, 2595, 5034). Knows no clock, no socket, no file.

import Octets

/// The client's side of a POP3 session.
///
/// Several commands may be sent before the first is answered (RFC 2449 §6.6, where the server lists PIPELINING);
/// replies are matched in order, and one too many ends the session. After an error every further call throws it again.
public struct POP3Client: Engine, Sendable {
    public typealias Command = POP3Command
    public typealias Failure = POP3Error

    /// What the server said.
    public enum Event: Hashable, Sendable {
        /// `+OK` on connecting; see ``stamp``.
        case greeting(text: [UInt8])
        /// `+OK` to a command without a result of its own. After `pass`, `apop` and `auth` the session is logged in.
        case ok(POP3Request, text: [UInt8])
        case err(POP3Request, code: POP3ResponseCode?, text: [UInt8])
        case capabilities(POP3Capabilities)
        /// Start TLS now, then call ``POP3Client/tlsEstablished()``.
        case startTLSReady
        /// A decoded challenge; answer with `.saslResponse` or `.saslCancel`.
        case challenge([UInt8])
        /// The server is ready for the initial response that did not fit its line; answer with `.proceed`.
        case proceed
        case stat(messages: Int, octets: Int)
        /// One message of LIST. Servers misreport sizes: a hint, not a measure; `nil` for what can be no size.
        case size(message: Int, octets: Int?)
        /// The end of a LIST of all messages.
        case listEnd
        /// The answer to a UIDL of one message; `id` is 1 to 255 octets from `!` to `~`.
        case uniqueID(message: Int, id: [UInt8])
        /// The next entries of a UIDL of all messages: at least one.
        case uniqueIDs(UniqueIDListing)
        /// The end of a UIDL of all messages.
        case uidlEnd
        /// RETR or TOP was accepted: content follows.
        case contentBegin(message: Int)
        /// Content in file form: LF line ends, dots removed. Never a whole message at once.
        case content([UInt8])
        /// The closing line was read: the content is complete.
        case contentEnd(ContentFaults)
    }

    /// Commands that may wait for their replies at once: more than a fetch pipelines.
    public static let outstandingLimit = 256
    /// The longest line of a reply, line end included. RFC 1939 §3 allows 512 octets; servers exceed that in greetings
    /// and UIDL, so eight times as much.
    public static let replyLimit = 4_096
    /// Entries of one LIST or UIDL: ten times the maildrop that the hub is made for.
    public static let listLimit = 1_000_000
    /// Lines of one CAPA; RFC 2449 and its followers define some 15.
    public static let capabilityLimit = 64
    /// Challenges of one AUTH; SCRAM needs two.
    public static let challengeLimit = 32

    enum State { case greeting, authorization, handshake, transaction, closed }
    /// What the next octets are.
    enum Reading { case status, capabilities, sizes, uniqueIDs, content }

    /// The most octets taken from one LIST or UIDL; more is ``POP3Error/tooMany(what:limit:)``.
    public let listOctetLimit: Int
    /// What the server last listed; `nil` before CAPA, and again after STLS (RFC 2595 §4) and after a login (RFC 2449
    /// §5).
    public internal(set) var capabilities: POP3Capabilities?

    /// What the greeting gives for APOP, with its angle brackets (RFC 1939 §7); `nil` when it gives nothing.
    public internal(set) var stamp: [UInt8]?

    var state = State.greeting
    var reading = Reading.status
    var lines = LineFramer(limit: POP3Command.saslLineLimit + 2, overlong: .givenUp)
    var outstanding: [POP3Request] = []
    var listed = POP3Capabilities()
    var entries = 0
    var entryOctets = 0
    var challenges = 0
    /// Whether the server waits for a line of AUTH.
    var challengeIsOpen = false
    /// The initial response, in base64, that did not fit the AUTH line.
    var heldBack: [UInt8]?
    public private(set) var secret = 0..<0
    private var decoder = DotDecoder()
    private var failure: POP3Error?

    /// - Parameter listOctetLimit: the default has room for ``listLimit`` entries with ids of 70 octets (RFC 1939 §7).
    public init(listOctetLimit: Int = 80_000_000) { self.listOctetLimit = listOctetLimit }

    /// Commands sent and not yet answered.
    public var outstandingCount: Int { outstanding.count }

    /// Replies, challenges, entries of listings and pieces of content that have come.
    public internal(set) var progress = 0
    public var mayHearContent: Bool {
        reading == .content
            || outstanding.contains { request in
                switch request {
                case .retr, .top: true
                default: false
                }
            }
    }
    public var awaits: Awaited {
        switch reading {
        case .content: .content
        case .sizes, .uniqueIDs: entries > 0 ? .listing : .reply
        case .capabilities: .reply
        case .status: state == .greeting || !outstanding.isEmpty ? .reply : .nothing
        }
    }

    /// Whether a reply is awaited or half read, so that the end of input would mean a cut connection.
    public var isWaiting: Bool { state == .greeting || !outstanding.isEmpty || reading != .status || !lines.isEmpty }

    /// Whether the server has accepted a login.
    public var isAuthenticated: Bool { state == .transaction }

    public mutating func receive(_ octets: [UInt8]) { lines.append(octets) }

    /// TLS is established: what was said in clear text no longer counts (RFC 2595 §4).
    public mutating func tlsEstablished() {
        guard state == .handshake else { return }
        if !lines.isEmpty { failure = failure ?? .injectionAfterSTLS }
        capabilities = nil
        state = .authorization
    }

    /// The next event, or `nil` until more octets arrive.
    /// - Throws: why the session is lost, again at every later call: what the server did wrong, or why the last command
    ///   could not be sent.
    public mutating func nextEvent() throws(POP3Error) -> Event? {
        if let failure { throw failure }
        do throws(POP3Error) {
            return try readEvent()
        } catch {
            failure = error
            throw error
        }
    }

    /// Octets that have come while no reply was due would be taken for the reply to the next command, and every later
    /// reply for that to the command after its own.
    /// - Returns: ``POP3Error/unsolicitedReply(_:)``, or ``POP3Error/disconnected(text:)``; `nil` when nothing has come.
    private mutating func surplus() -> POP3Error? {
        guard outstanding.isEmpty, reading == .status, state == .authorization || state == .transaction,
            !lines.isEmpty
        else { return nil }
        do throws(POP3Error) {
            _ = try readEvent()  // a complete line throws its own error
            return .unsolicitedReply(lines.takeRest())
        } catch {
            return error
        }
    }

    private mutating func readEvent() throws(POP3Error) -> Event? {
        switch state {
        case .handshake:
            guard lines.isEmpty else { throw .injectionAfterSTLS }
            return nil
        case .closed:
            _ = lines.takeRest()  // whatever a server adds after its reply to QUIT
            return nil
        case .greeting, .authorization, .transaction:
            break
        }
        while true {
            switch reading {
            case .content: return contentEvent()
            case .uniqueIDs: return try uniqueIDsEvent()
            case .status, .capabilities, .sizes:
                guard let line = try nextLine() else { return nil }
                if let event = try event(of: line) { return event }
            }
        }
    }

    /// The entries of a UIDL of all messages that have come; at last its end. Not line by line: there may be 100,000.
    private mutating func uniqueIDsEvent() throws(POP3Error) -> Event? {
        var listing = UniqueIDListing()
        do throws(POP3Error) {
            let isOver = try take(into: &listing)
            if isOver, listing.isEmpty { return end(.uidlEnd) }
        } catch {
            guard !listing.isEmpty else { throw error }
            failure = error  // thrown after the good entries
        }
        return listing.isEmpty ? nil : .uniqueIDs(listing)
    }

    /// Moves the entries that have come into `listing`.
    /// - Returns: whether the end of the listing follows them; it is taken only when there are none.
    private mutating func take(into listing: inout UniqueIDListing) throws(POP3Error) -> Bool {
        let (block, range) = lines.waiting
        var at = range.lowerBound
        defer { lines.drop(through: at) }
        while let lf = block.firstIndex(of: Octet.lf, in: at..<range.upperBound) {
            let end = lf > at && block[lf - 1] == Octet.cr ? lf - 1 : lf
            if end == at + 1, block[at] == Octet.dot {
                if listing.isEmpty { at = lf + 1 }
                return true
            }
            try countEntry(end - at)
            guard listing.append(line: at..<end, of: block) else {
                throw .malformed(reply: Array(block[at..<end]), to: "UIDL")
            }
            progress += 1
            at = lf + 1
        }
        guard range.upperBound - at < Self.replyLimit else { throw .lineTooLong(limit: Self.replyLimit) }
        return false
    }

    private mutating func nextLine() throws(POP3Error) -> [UInt8]? {
        do throws(LineError) {
            return try lines.nextLine()
        } catch {
            throw .lineTooLong(limit: Self.replyLimit)
        }
    }

    /// The next piece of content; at last its end.
    private mutating func contentEvent() -> Event? {
        if !decoder.isFinished, !lines.isEmpty {
            let (wire, range) = lines.waiting
            var file: [UInt8] = []
            file.reserveCapacity(range.count)
            lines.drop(through: decoder.decode(wire, in: range, into: &file))
            if !file.isEmpty {
                progress += 1
                return .content(file)
            }
        }
        guard decoder.isFinished else { return nil }
        reading = .status
        progress += 1
        return .contentEnd(decoder.contentFaults)
    }

    mutating func beginContent() {
        decoder = DotDecoder()
        reading = .content
    }

    /// The octets that say `command`.
    ///
    /// A command that cannot be sent (values with line ends, too long, out of turn) gives no octets, and the next
    /// ``nextEvent()`` throws ``POP3Error/cannotSend(command:reason:)``: the session is lost. It is lost as well when
    /// the server has sent something unasked.
    public mutating func send(_ command: Command) -> [UInt8] {
        secret = 0..<0
        if failure == nil { failure = surplus() }
        guard failure == nil else { return [] }
        if let reason = obstacle(to: command) {
            failure = .cannotSend(command: command.verb, reason: reason)
            return []
        }
        return octets(for: command)
    }

    private mutating func octets(for command: Command) -> [UInt8] {
        var line = command.line
        switch command {
        case .auth(_, let initialResponse):
            challenges = 0
            challengeIsOpen = false
            heldBack = nil
            if let initialResponse {
                let text = initialResponse.isEmpty ? [UInt8]("=") : Base64.encode(initialResponse)
                if line.count + 1 + text.count + 2 <= POP3Command.lineLimit {
                    line += [Octet.space] + text
                } else {
                    heldBack = text
                }
            }
        case .proceed:
            line = heldBack ?? []
            heldBack = nil
            challengeIsOpen = false
        case .saslResponse, .saslCancel:
            challengeIsOpen = false
        default:
            break
        }
        if let request = command.request { outstanding.append(request) }
        secret = command.secret(in: line)
        return line + [Octet.cr, Octet.lf]
    }

    /// Why `command` cannot be sent now; `nil` when it can.
    private func obstacle(to command: Command) -> String? {
        switch state {
        case .greeting: return "the server has not greeted yet"
        case .handshake: return "the TLS handshake is not done"
        case .closed: return "the session is over"
        case .authorization, .transaction: break
        }
        if outstanding.count >= Self.outstandingLimit { return "\(Self.outstandingLimit) commands wait for replies" }
        switch command {
        case .saslResponse, .saslCancel:
            guard challengeIsOpen else { return "the server has sent no challenge" }
        case .proceed:
            guard challengeIsOpen, heldBack != nil else { return "no initial response was held back" }
        default:
            switch outstanding.last {
            case .stls: return "STLS must be answered first"
            case .auth: return "AUTH must be answered first"
            case .quit: return "QUIT was sent"
            default: break
            }
        }
        if command == .stls, !outstanding.isEmpty { return "other commands wait for replies" }
        return fault(inWordsOf: command)
    }

    private func fault(inWordsOf command: Command) -> String? {
        var limit = POP3Command.lineLimit - 2
        switch command {
        case .user(""), .apop("", _): return "the user name is empty"
        case .apop(let name, _) where name.utf8.contains(Octet.space): return "the user name has a blank"
        case .auth(let mechanism, _):
            let allowed = mechanism.utf8.allSatisfy { $0 > Octet.space && $0 < 0x7F }
            guard !mechanism.isEmpty, allowed else { return "the mechanism's name is malformed" }
        case .saslResponse, .proceed: limit = POP3Command.saslLineLimit - 2
        case .list(.some(...0)), .uidl(.some(...0)), .retr(...0), .dele(...0), .top(...0, _):
            return "message numbers begin with 1"
        case .top(_, lines: ..<0): return "a count of lines is not negative"
        default: break
        }
        let line = command == .proceed ? heldBack ?? [] : command.line
        if line.count > limit { return "it would be longer than \(limit) octets" }
        if line.contains(where: { $0 == Octet.cr || $0 == Octet.lf || $0 == Octet.nul }) {
            return "it holds a line end or a zero octet"
        }
        return nil
    }
}
