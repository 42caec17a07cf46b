// SMTP and LMTP as a client sees them (RFC 5321, RFC 2033, RFC 2920). Knows no clock, no socket, no file.

import MailEnvelope
import MailFormat
import Octets

/// One conversation with a server.
///
/// Every reply is one that was asked for: they are counted, and a surplus one is an error. A caller answers each event
/// with a command: ``Command/proceed`` where nothing new is wanted, which also writes what the engine has to say next.
public struct SMTPClient: Engine, Sendable {
    public typealias Failure = SMTPError

    public enum Dialect: Sendable, Hashable { case smtp, lmtp }

    public enum Event: Sendable, Hashable {
        /// The server's first words. Unless 220, only `.quit` makes sense.
        case greeting(SMTPReply)
        /// EHLO, LHLO or HELO was accepted.
        case hello(Capabilities)
        /// EHLO is not known here: answer `.helo`.
        case helloUnknown(SMTPReply)
        /// The server does not want us.
        case helloRefused(SMTPReply)
        /// Do the handshake now, then call `tlsEstablished()` and say EHLO again.
        case startTLS
        case startTLSRefused(SMTPReply)
        /// 334: answer `.response` or `.cancelAuthentication`. `nil` when the server's words are no base64.
        case challenge([UInt8]?)
        case authenticated(SMTPReply)
        case authenticationRefused(SMTPReply)
        /// Nothing was said to the server.
        case impossible(TransactionObstacle)
        /// The answer to MAIL. Refused, it stands for all recipients, and `.transactionEnd` follows.
        case sender(SMTPReply)
        /// The answer to RCPT of the recipient at `index`.
        case recipient(index: Int, SMTPReply)
        /// DATA was refused.
        case dataRefused(SMTPReply)
        /// 354, and someone is there to receive: `.content` as often as needed, then `.contentEnd`.
        case readyForContent
        /// 354 though all recipients were refused: the engine ends the empty message by itself (RFC 2920 §3.1).
        case emptied
        /// The verdict on the message: for all that were accepted (SMTP), or for the recipient at `index` (LMTP).
        case verdict(index: Int?, SMTPReply)
        /// All answers to the transaction are in.
        case transactionEnd
        case reset(SMTPReply)
        case noop(SMTPReply)
        case quit(SMTPReply)
        /// 421, to whatever: what has no answer by now will have none.
        case closing(SMTPReply)
    }

    public enum Command: Sendable, Hashable {
        /// Whatever the engine has to say next.
        case proceed
        /// EHLO, or LHLO in LMTP, with our name.
        case hello(String)
        case helo(String)
        case startTLS
        case auth(mechanism: String, initial: [UInt8]?)
        case response([UInt8])
        case cancelAuthentication
        /// MAIL, RCPT and DATA: at once where PIPELINING is offered. There it may be said right behind `.contentEnd`, too
        /// (RFC 2920 §3.1): its answers come behind the verdict.
        case transaction(Envelope, of: ContentFacts)
        /// Octets of the message as our files have it.
        case content([UInt8])
        case contentEnd
        case reset
        case noop
        case quit
    }

    /// What the next reply answers.
    enum Expectation: Hashable {
        case greeting, ehlo, helo, startTLS, auth, mail
        case rcpt(Int)
        case data
        case verdict(Int?)
        case emptyVerdict, reset, silentReset
        case noop, quit
    }

    public let dialect: Dialect
    /// What the server offers; nothing before EHLO and after STARTTLS.
    public internal(set) var capabilities = Capabilities()
    /// Whether the server has answered EHLO since the connection, or TLS, began.
    var areOffersTold = false
    public internal(set) var isTLS: Bool
    public internal(set) var isAuthenticated = false
    public internal(set) var secret = 0..<0

    var lines = LineFramer(limit: SMTPLimits.replyLine, overlong: .givenUp)
    var reader = ReplyReader()
    var verdictReader = VerdictReader()
    /// FIFO of replies owed to us; `expected[answered...]` are open.
    var expected: [Expectation] = [.greeting]
    var answered = 0
    /// Events that one reply made besides its own.
    var queued: [Event] = []
    /// Commands to write with the next `send`.
    var unsent: [UInt8] = []
    var transaction: ClientTransaction?
    /// The one that was begun behind the end of data of `transaction`, whose verdict is still to come.
    var following: ClientTransaction?
    /// Whether the server may still hold a transaction that failed.
    var needsReset = false
    var inHandshake = false
    /// Challenges of the login under way.
    var challenges = 0
    /// Whether something was there to be read when a command should have gone out that nothing could answer yet.
    var hasSurplus = false
    /// Whether the login under way was given up with `*`.
    var isCancelling = false
    var isClosed = false

    public init(_ dialect: Dialect = .smtp, isTLS: Bool = false) {
        self.dialect = dialect
        self.isTLS = isTLS
    }

    /// Replies that the server owes us.
    public var outstandingReplies: Int { expected.count - answered }
    /// Replies that have come.
    public internal(set) var progress = 0
    public var mayHearContent: Bool { false }
    public var awaits: Awaited {
        if isClosed { return .nothing }
        if isSendingContent { return .content }
        if isVerdictNext { return .verdict }
        return outstandingReplies > 0 ? .reply : .nothing
    }
    /// Whether the engine waits for `.content` or `.contentEnd`.
    public var isSendingContent: Bool { transaction?.isSendingContent == true }

    /// Whether another `.transaction` may be said now: none is under way, or its end of data is said, and the server takes
    /// what comes behind it.
    public var mayBeginTransaction: Bool {
        guard transaction != nil else { return true }
        return capabilities.pipelining && isVerdictNext && following == nil
    }

    /// What stands against handing a message to this server; `nil` when nothing does.
    public func obstacle(to envelope: Envelope, of content: ContentFacts) -> TransactionObstacle? {
        ClientTransaction(envelope, of: content).obstacle(capabilities)
    }

    /// Octets received and not yet understood.
    public var backlog: Int { lines.count }
    /// What the server has said of the whole message, before its reply was complete: for a connection that ends there.
    public var begunVerdict: SMTPReply? { isVerdictNext ? verdictReader.begun : nil }

    var isVerdictNext: Bool {
        if answered < expected.count, case .verdict = expected[answered] { true } else { false }
    }

    public mutating func receive(_ octets: [UInt8]) {
        if !isClosed { lines.append(octets) }
    }

    /// The TLS handshake is done: what the server said in clear is forgotten (RFC 3207 §4.2).
    public mutating func tlsEstablished() {
        isTLS = true
        inHandshake = false
        isAuthenticated = false
        capabilities = Capabilities()
        areOffersTold = false
        lines = LineFramer(limit: SMTPLimits.replyLine, overlong: .givenUp)
        reader = ReplyReader()
        verdictReader = VerdictReader()
    }

    /// - Throws: when the server does not keep to the protocol; the connection is of no more use then.
    public mutating func nextEvent() throws(SMTPError) -> Event? {
        while true {
            if !queued.isEmpty { return queued.removeFirst() }
            if isClosed { return nil }
            if inHandshake {
                guard lines.isEmpty else { throw fail(.injectionAfterSTARTTLS) }
                return nil
            }
            guard let reply = try nextReply() else {
                guard !hasSurplus else { throw fail(.surplusOctets) }
                return nil
            }
            if reply.code == 421 {
                isClosed = true
                dropTransactions()
                return .closing(reply)
            }
            guard answered < expected.count, !hasSurplus else { throw fail(.surplusReply(reply)) }
            let what = expected[answered]
            answered += 1
            progress += 1
            if answered == expected.count {
                expected.removeAll(keepingCapacity: true)
                answered = 0
            }
            if let event = try take(reply, for: what) { return event }
        }
    }

    private mutating func nextReply() throws(SMTPError) -> SMTPReply? {
        if isVerdictNext, !hasSurplus { return try nextVerdict() }
        while true {
            let line: [UInt8]
            do throws(LineError) {
                guard let next = try lines.nextLine() else { return nil }
                line = next
            } catch {
                throw fail(.replyLineTooLong(limit: SMTPLimits.replyLine))
            }
            do {
                if let reply = try reader.take(line) { return reply }
            } catch {
                throw fail(error)
            }
        }
    }

    private mutating func nextVerdict() throws(SMTPError) -> SMTPReply? {
        while !lines.isEmpty {
            let piece = lines.take(atMost: SMTPLimits.replyLine, through: Octet.lf)
            do {
                if let reply = try verdictReader.take(piece) { return reply }
            } catch {
                throw fail(error)
            }
        }
        return nil
    }

    /// Notes that nothing more is to be had from this connection.
    mutating func fail(_ error: SMTPError) -> SMTPError {
        isClosed = true
        dropTransactions()
        return error
    }

    mutating func dropTransactions() {
        transaction = nil
        following = nil
    }
}
