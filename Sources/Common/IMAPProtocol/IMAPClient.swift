// IMAP as a client that collects mail sees it (what RFC 3501 and 9051 share). Knows no clock, no socket, no file.

import Octets

/// The client's side of an IMAP session.
///
/// Several commands may be sent before the first is completed; completions are matched by tag. Content is handed out in
/// pieces and never held. After an error every further call throws it again.
public struct IMAPClient: Engine, Sendable {
    public typealias Command = IMAPCommand
    public typealias Failure = IMAPError

    /// Commands that may wait for completion at once.
    public static let outstandingLimit = 64
    /// The longest line, content aside: eight times the 8,000 octets of RFC 2683 §3.2.1.5, which flags and LIST may
    /// exceed.
    public static let lineLimit = 65_536
    /// Octets of one response: all its lines and small literals.
    public static let responseLimit = 262_144
    /// Octets of a literal other than content: mailbox names and the like.
    public static let smallLiteralLimit = 8_192
    /// Literals of one response.
    public static let literalLimit = 64
    /// Challenges of one AUTHENTICATE; SCRAM needs two.
    public static let challengeLimit = 32

    /// A message on its way to the server.
    struct Appending: Sendable {
        /// Octets on the wire that are still to come.
        var left: Int
        /// Whether the server is ready for them.
        var isOpen = false
        var encoder = LineEndEncoder()
    }

    /// `switching`: the server has agreed to compress, and so is all that follows.
    enum State { case greeting, notAuthenticated, handshake, authenticated, switching, closed }
    /// What the next octets are.
    enum Reading {
        case line
        case literal(left: Int)
        case content(left: Int)
        case search(SearchReader)
    }

    /// The longest content taken from one message, in octets; more is ``IMAPError/literalTooLarge(octets:limit:)``.
    public var contentLimit: Int
    /// What the server last listed; `nil` before that, after STARTTLS, and after a login that told nothing new.
    public internal(set) var capabilities: IMAPCapabilities?

    var state = State.greeting
    var reading = Reading.line
    var lines = LineFramer(limit: lineLimit, overlong: .givenUp)
    /// Events that are ready: one response may give several.
    var ready: [Event] = []
    /// Commands sent and not completed, oldest first.
    var outstanding: [(tag: [UInt8], request: IMAPRequest)] = []
    /// What of a message the content commands under way have asked for.
    var askedContent: IMAPItems = []
    /// The parts of the last command that wait for the server's `+`.
    var unsent: [IMAPCommandText.Piece] = []
    public private(set) var secret = 0..<0
    /// Whether that `+` has come.
    var proceedIsOpen = false
    var challengeIsOpen = false
    var challenges = 0
    var isIdling = false
    /// The message that APPEND has announced, as far as it is not sent; `nil` when none is under way.
    var appending: Appending?
    /// Whether the capabilities were told before the login that is under way.
    var capabilitiesAreOld = false
    /// What the SELECT under way has told so far.
    var selecting: IMAPSelection?
    /// UIDVALIDITY of the selected mailbox.
    var validity: UInt32?

    /// The response being read, up to its last literal.
    var response: [UInt8] = []
    var literals = 0
    var decoder = LineEndDecoder()
    /// The content of the response being read: its UID as told before, and what became of it.
    var content: (uid: UInt32?, body: IMAPFetched.Body)?

    /// Octets of lines, small literals and searches that were taken.
    public internal(set) var wordCount = 0
    /// Completions, continuations, pieces of content, and parts of the answer under way that were not told before.
    public internal(set) var progress = 0
    /// Whether parts of the answer to the last command have come.
    var hasParts = false
    /// The messages that the FETCH under way has told of.
    var told = NumbersTold()

    private var lastTag = 0
    private var failure: IMAPError?

    /// - Parameter contentLimit: octets of one message; the default, 4 GiB, is more than any server accepts.
    public init(contentLimit: Int = 1 << 32) { self.contentLimit = contentLimit }

    /// Commands sent and not yet completed.
    public var outstandingCount: Int { outstanding.count }

    public var mayHearContent: Bool { outstanding.contains { $0.request == .uidFetchContent } }
    public var awaits: Awaited {
        if state == .greeting { return .reply }
        guard let request = outstanding.first?.request else { return .nothing }
        guard hasParts else { return .reply }
        switch request {
        case .uidFetch, .uidSearch: return .listing
        case .uidFetchContent: return .content
        case .list, .uidExpunge, .uidMove: return .parts
        case .capability, .startTLS, .compress, .login, .authenticate, .id, .create, .select, .uidStore, .uidCopy,
            .idle, .noop, .logout:
            return .reply
        case .append: return appending == nil ? .verdict : .reply
        }
    }

    /// Notes that a part of what `requests` ask for has come.
    mutating func notePart(of requests: IMAPRequest...) {
        guard let request = outstanding.first?.request, requests.contains(request) else { return }
        hasParts = true
        progress += 1
    }

    /// Whether a completion is awaited or a response half read, so that the end of input would mean a cut connection.
    public var isWaiting: Bool {
        if case .line = reading, state != .greeting, response.isEmpty, lines.isEmpty {
            !outstanding.isEmpty
        } else {
            true
        }
    }

    /// Whether the server has accepted a login.
    public var isAuthenticated: Bool { state == .authenticated }

    public mutating func receive(_ octets: [UInt8]) { lines.append(octets) }

    /// TLS is established: what was said in clear text no longer counts (RFC 3501 §6.2.1).
    public mutating func tlsEstablished() {
        guard state == .handshake else { return }
        if !lines.isEmpty { failure = failure ?? .injectionAfterSTARTTLS }
        capabilities = nil
        state = .notAuthenticated
    }

    /// Compression has begun: what follows is compressed, and comes here when it is plain.
    /// - Returns: what has come already behind the server's consent, as it came.
    public mutating func compressionBegun() -> [UInt8] {
        guard state == .switching else { return [] }
        state = .authenticated
        return Array(lines.takeRest())
    }

    /// The next event, or `nil` until more octets arrive.
    /// - Throws: why the session is lost, again at every later call: what the server did wrong, or why the last command
    ///   could not be sent.
    public mutating func nextEvent() throws(IMAPError) -> Event? {
        if let failure { throw failure }
        do throws(IMAPError) {
            while ready.isEmpty {
                guard try step() else { return nil }
            }
            return ready.removeFirst()
        } catch {
            failure = error
            throw error
        }
    }

    /// Takes the next line, or part of a literal or of a SEARCH response; `false` until more octets arrive.
    private mutating func step() throws(IMAPError) -> Bool {
        switch state {
        case .handshake:
            guard lines.isEmpty else { throw .injectionAfterSTARTTLS }
            return false
        case .switching: return false
        case .closed:
            _ = lines.takeRest()
            return false
        case .greeting, .notAuthenticated, .authenticated: break
        }
        switch reading {
        case .line:
            if response.isEmpty {
                guard let isSearch = lines.begins(with: "* SEARCH") else { return false }
                if isSearch {
                    try beginSearch()
                    return true
                }
            }
            guard let line = try nextLine() else { return false }
            wordCount += line.count + 2
            try take(line)
            return true
        case .literal(let left): return takeLiteral(left)
        case .content(let left): return takeContent(left)
        case .search(var reader):
            let part = lines.take(atMost: Self.lineLimit, through: Octet.lf)
            guard !part.isEmpty else { return false }
            wordCount += part.count
            var found: [UInt32] = []
            try reader.read(part, into: &found)
            reading = reader.isFinished ? .line : .search(reader)
            guard !found.isEmpty else { return true }
            notePart(of: .uidSearch)
            ready.append(.searchResult(found))
            return true
        }
    }

    private mutating func beginSearch() throws(IMAPError) {
        let word = lines.take(atMost: "* SEARCH".utf8.count)
        guard outstanding.contains(where: { $0.request == .uidSearch }) else { throw .unsolicitedResponse(word) }
        reading = .search(SearchReader())
    }

    private mutating func nextLine() throws(IMAPError) -> [UInt8]? {
        do throws(LineError) {
            return try lines.nextLine()
        } catch {
            throw .responseTooLong(limit: Self.lineLimit)
        }
    }

    /// The octets that say `command`; of one with literals, those that go before the server's first `+`.
    ///
    /// A command that cannot be sent (values with line ends, too long, out of turn, not known to the server) gives no
    /// octets, and the next ``nextEvent()`` throws why: the session is lost.
    public mutating func send(_ command: Command) -> [UInt8] {
        secret = 0..<0
        if let obstacle = obstacle(to: command) {
            failure = failure ?? obstacle
            return []
        }
        switch command {
        case .saslCancel:
            challengeIsOpen = false
            return [UInt8]("*\r\n")
        case .saslResponse(let octets):
            challengeIsOpen = false
            let text = Base64.encode(octets)
            secret = text.indices
            return text + [Octet.cr, Octet.lf]
        case .idleEnd:
            isIdling = false
            return [UInt8]("DONE\r\n")
        case .proceed:
            proceedIsOpen = false
            return say(unsent.removeFirst())
        case .appendContent(let octets):
            var wire: [UInt8] = []
            wire.reserveCapacity(octets.count + octets.count / 32)
            appending?.encoder.encode(octets, in: octets.indices, into: &wire)
            return append(wire)
        case .appendEnd:
            let isWhole = appending?.encoder.atLineStart ?? true
            let rest = append(isWhole ? [] : [Octet.cr, Octet.lf])
            if let left = appending?.left, left > 0 {
                failure = .cannotSend(command: "APPEND", reason: "\(left) octets fewer came than were announced")
                return []
            }
            appending = nil
            return rest + [Octet.cr, Octet.lf]
        default: return begin(command)
        }
    }

    /// Counts octets of the message under way.
    private mutating func append(_ wire: [UInt8]) -> [UInt8] {
        guard let left = appending?.left, left >= wire.count else {
            failure = .cannotSend(command: "APPEND", reason: "more octets came than were announced")
            return []
        }
        appending?.left = left - wire.count
        return wire
    }

    private mutating func begin(_ command: Command) -> [UInt8] {
        guard let request = command.request else { return [] }
        let tag = "a\(lastTag + 1)"
        let text = IMAPCommandText(command, tag: tag, capabilities: capabilities)
        if let reason = text.obstacle {
            failure = failure ?? .cannotSend(command: request.rawValue, reason: reason)
            return []
        }
        lastTag += 1
        outstanding.append((Array(tag.utf8), request))
        unsent = Array(text.pieces.dropFirst())
        proceedIsOpen = false
        if outstanding.count == 1 {
            hasParts = false
            told = NumbersTold()
        }
        switch request {
        case .login, .authenticate:
            capabilitiesAreOld = true
            challengeIsOpen = false
            challenges = 0
        case .select: selecting = IMAPSelection()
        case .append: if case .append(_, _, _, let octets) = command { appending = Appending(left: octets) }
        case .uidFetchContent:
            if !outstanding.dropLast().contains(where: { $0.request == .uidFetchContent }) { askedContent = [] }
            if case .uidFetch(_, let items, _) = command { askedContent.formUnion(items.content) }
        default: break
        }
        guard request != .authenticate || unsent.isEmpty else {
            return say(text.pieces[0]) + [Octet.cr, Octet.lf]  // what waits is a line of its own, not a literal
        }
        return say(text.pieces[0])
    }

    private mutating func say(_ piece: IMAPCommandText.Piece) -> [UInt8] {
        secret = piece.secret
        return piece.octets
    }

    /// Why `command` cannot be sent now; `nil` when it can.
    private func obstacle(to command: Command) -> IMAPError? {
        func no(_ reason: String) -> IMAPError {
            .cannotSend(command: command.request?.rawValue ?? "continuation", reason: reason)
        }
        switch state {
        case .greeting: return no("the server has not greeted yet")
        case .handshake: return no("the TLS handshake is not done")
        case .switching: return no("compression is about to begin")
        case .closed: return no("the session is over")
        case .notAuthenticated, .authenticated: break
        }
        switch command {
        case .saslResponse(let octets):
            guard challengeIsOpen else { return no("the server has sent no challenge") }
            return octets.count > IMAPCommandText.saslLineLimit / 4 * 3 - 2 ? no("the response is too long") : nil
        case .saslCancel: return challengeIsOpen ? nil : no("the server has sent no challenge")
        case .proceed: return proceedIsOpen && !unsent.isEmpty ? nil : no("no part of a command was held back")
        case .idleEnd: return isIdling ? nil : no("IDLE has not begun")
        case .appendContent, .appendEnd:
            return appending?.isOpen == true ? nil : no("the server is not ready for the message")
        default: break
        }
        if outstanding.count >= Self.outstandingLimit { return no("\(Self.outstandingLimit) commands are outstanding") }
        if !unsent.isEmpty || appending != nil { return no("the previous command has not been sent in full") }
        switch outstanding.last?.request {
        case .startTLS, .compress, .authenticate, .login, .idle, .logout:
            return no("the previous command must be completed first")
        default: break
        }
        if command == .compress, state != .authenticated { return no("there was no login") }
        if command == .startTLS || command == .compress, !outstanding.isEmpty {
            return no("other commands are outstanding")
        }
        if case .login = command, capabilities?.has("LOGINDISABLED") == true { return .loginDisabled }
        return nil
    }
}
