// SMTP and LMTP as a client sees them (RFC 5321, RFC 2033, RFC 2920). Knows no clock, no socket, no file.

import MailEnvelope
import MailFormat
import Octets

/// One conversation with a server.
///
/// Replies are matched to commands in order, and one too many is an error. A caller answers each event with a command:
/// ``Command/proceed`` where nothing new is wanted, which also writes what the engine has to say next.
public struct SMTPClient: Engine, Sendable {
    public typealias Failure = SMTPError

    public enum Dialect: Sendable, Hashable { case smtp, lmtp }

    public enum Event: Sendable, Hashable {
        /// The greeting. Unless it is 220, only `.quit` makes sense.
        case greeting(SMTPReply)
        /// EHLO, LHLO or HELO was accepted.
        case hello(SMTPCapabilities)
        /// The server does not know EHLO: answer `.helo`.
        case helloUnknown(SMTPReply)
        /// The server does not want us.
        case helloRefused(SMTPReply)
        /// Do the handshake now, then call `tlsEstablished()` and say EHLO again.
        case startTLSReady
        case startTLSRefused(SMTPReply)
        /// 334: answer `.saslResponse` or `.saslCancel`. `nil` when the server's words are no base64.
        case challenge([UInt8]?)
        /// 334 for the initial response that was held back: answer `.proceed`.
        case initialResponseWanted
        case authenticated(SMTPReply)
        case authenticationRefused(SMTPReply)
        /// The transaction cannot be made; nothing of it was sent.
        case impossible(TransactionObstacle)
        /// The answer to MAIL. A refusal stands for all recipients, and `.transactionEnd` follows.
        case mail(SMTPReply)
        /// The answer to RCPT of the recipient at `index`.
        case rcpt(index: Int, SMTPReply)
        /// DATA was refused.
        case dataRefused(SMTPReply)
        /// 354, and a recipient was accepted: `.content` as often as needed, then `.contentEnd`.
        case contentBegin
        /// 354 though all recipients were refused: the engine ends the empty message by itself (RFC 2920 §3.1).
        case emptied
        /// The verdict on the message: for all that were accepted (SMTP), or for the recipient at `index` (LMTP).
        case verdict(index: Int?, SMTPReply)
        /// All replies to the transaction have come.
        case transactionEnd
        case rset(SMTPReply)
        case noop(SMTPReply)
        case quit(SMTPReply)
        /// 421, whatever it answers: what has no reply by now will have none.
        case closing(SMTPReply)
    }

    public enum Command: Sendable, Hashable {
        /// Nothing new: sends what the engine has to say next.
        case proceed
        /// EHLO, or LHLO in LMTP, with our name.
        case hello(String)
        case helo(String)
        case startTLS
        case auth(mechanism: String, initialResponse: [UInt8]?)
        case saslResponse([UInt8])
        case saslCancel
        /// MAIL, RCPT and DATA: at once where PIPELINING is offered. There it may also be sent right after
        /// `.contentEnd` (RFC 2920 §3.1): its replies follow the verdict.
        case transaction(Envelope, of: ContentFacts)
        /// Content in file form: LF line ends, no dots stuffed.
        case content([UInt8])
        case contentEnd
        case rset
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
    public internal(set) var capabilities = SMTPCapabilities()
    /// Whether the server has answered EHLO since the connection, or TLS, began.
    var areOffersTold = false
    public internal(set) var isTLS: Bool
    public internal(set) var isAuthenticated = false
    public internal(set) var secret = 0..<0

    var lines = LineFramer(limit: SMTPLimits.replyLine, overlong: .givenUp)
    var reader = ReplyReader()
    var verdictReader = VerdictReader()
    /// What the replies answer, in order; `expected[answered...]` are still to come.
    var expected: [Expectation] = [.greeting]
    var answered = 0
    /// Events that one reply made besides its own.
    var ready: [Event] = []
    /// Commands to write with the next `send`.
    var unsent: [UInt8] = []
    var transaction: ClientTransaction?
    /// The transaction begun right after the end of data of `transaction`, whose verdict is still to come.
    var following: ClientTransaction?
    /// Whether the server may still hold a transaction that failed.
    var needsReset = false
    var inHandshake = false
    /// Challenges of the login under way.
    var challenges = 0
    /// Whether octets that answer nothing were there when a command was to be sent.
    var hasUnsolicited = false
    /// An initial response, in base64, that did not fit the AUTH line: said when the server asks for it.
    var heldBack: [UInt8]?
    /// Whether the login under way was given up with `*`.
    var isCancelling = false
    var isClosed = false

    public init(_ dialect: Dialect = .smtp, isTLS: Bool = false) {
        self.dialect = dialect
        self.isTLS = isTLS
    }

    /// Replies that the server owes us.
    public var outstandingCount: Int { expected.count - answered }
    /// Replies that have come.
    public internal(set) var progress = 0
    public var mayHearContent: Bool { false }
    public var awaits: Awaited {
        if isClosed { return .nothing }
        if isSendingContent { return .content }
        if isVerdictNext { return .verdict }
        return outstandingCount > 0 ? .reply : .nothing
    }
    /// Whether the engine waits for `.content` or `.contentEnd`.
    public var isSendingContent: Bool { transaction?.isSendingContent == true }

    /// Whether another `.transaction` may be sent now: none is under way, or the one under way only waits for its
    /// verdict, none follows it yet, and the server offers PIPELINING.
    public var mayBeginTransaction: Bool {
        guard transaction != nil else { return true }
        return capabilities.pipelining && isVerdictNext && following == nil
    }

    /// Why a message cannot be handed to this server; `nil` when it can.
    public func obstacle(to envelope: Envelope, of content: ContentFacts) -> TransactionObstacle? {
        ClientTransaction(envelope, of: content).obstacle(capabilities)
    }

    /// Octets received and not yet read.
    public var backlog: Int { lines.count }
    /// A positive reply to the whole message of which only the beginning has come, for a connection that ends there;
    /// `nil` when there is none. It is that on the recipient at `index`, or on all that were accepted.
    public var begunVerdict: (index: Int?, reply: SMTPReply)? {
        guard answered < expected.count, case .verdict(let index) = expected[answered] else { return nil }
        return verdictReader.begun.map { (index, $0) }
    }

    var isVerdictNext: Bool {
        if answered < expected.count, case .verdict = expected[answered] { true } else { false }
    }

    public mutating func receive(_ octets: [UInt8]) {
        if !isClosed { lines.append(octets) }
    }

    /// TLS is established: what the server said in clear text is forgotten (RFC 3207 §4.2).
    public mutating func tlsEstablished() {
        isTLS = true
        inHandshake = false
        isAuthenticated = false
        capabilities = SMTPCapabilities()
        areOffersTold = false
        lines = LineFramer(limit: SMTPLimits.replyLine, overlong: .givenUp)
        reader = ReplyReader()
        verdictReader = VerdictReader()
    }

    /// The next event, or `nil` until more octets arrive.
    /// - Throws: when the server breaks the protocol; the connection is of no more use then.
    public mutating func nextEvent() throws(SMTPError) -> Event? {
        while true {
            if !ready.isEmpty { return ready.removeFirst() }
            if isClosed { return nil }
            if inHandshake {
                guard lines.isEmpty else { throw fail(.injectionAfterSTARTTLS) }
                return nil
            }
            guard let reply = try nextReply() else {
                guard !hasUnsolicited else { throw fail(.unsolicitedOctets) }
                return nil
            }
            if reply.code == 421 {
                isClosed = true
                dropTransactions()
                return .closing(reply)
            }
            // The answer to the last one expected cannot come before that command is sent.
            let isEarly = !unsent.isEmpty && outstandingCount == 1
            guard answered < expected.count, !hasUnsolicited, !isEarly else { throw fail(.unsolicitedReply(reply)) }
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
        if isVerdictNext, !hasUnsolicited { return try nextVerdict() }
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
