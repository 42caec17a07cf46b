// SMTP and LMTP as a server sees them (RFC 5321, RFC 6409, RFC 2033). Knows no clock, no socket, no file.

import MailEnvelope
import MailFormat
import Octets

/// One conversation with a client. The engine owns grammar, order and the transaction; the policy behind it says yes or
/// no.
///
/// Each event but ``Event/content(_:)``, ``Event/refusedContent(octets:)`` and ``Event/close`` waits for one command,
/// and until that is sent no further command of the client is begun: pipelined ones wait. What the policy leaves
/// undecided (``Command/proceed`` to an event that needs a verdict) is refused for now, so that nothing is accepted by
/// accident.
public struct SMTPServer: Engine, Sendable {
    public typealias Failure = Never

    public enum Event: Sendable, Hashable {
        /// The connection is new: `.proceed` greets, a refusal closes.
        case greeting
        /// HELO, EHLO or LHLO, which ends any transaction. Default: accept.
        case ehlo(String)
        /// Answer `.challenge`, `.accept` or `.refuse`.
        case auth(mechanism: String, initialResponse: [UInt8]?)
        /// The client's answer to a challenge, decoded.
        case saslResponse([UInt8])
        /// MAIL: the envelope has no recipients yet.
        case mail(Envelope, MailParameters)
        case rcpt(Envelope.Recipient)
        /// DATA, or the first BDAT: `.accept` when there is somewhere to put the message.
        case contentBegin
        /// Content as our files have it: LF line ends, dots unstuffed. Needs no answer.
        case content([UInt8])
        /// So many octets came of content that will be refused at its end for a fault of the client's; they are read
        /// only so that the client gets the reply, and dropped. Needs no answer.
        case refusedContent(octets: Int)
        /// A chunk of BDAT other than the last is over. Default: accept.
        case chunkEnd
        /// The message is complete: its `octets` in file form, and its faults. `.accept` only once it is durable.
        case contentEnd(octets: Int, contentFaults: ContentFaults)
        /// RSET. The transaction is over already. Default: accept.
        case rset
        /// Default: neither yes nor no (252).
        case vrfy(String)
        case help(String)
        case noop
        /// Default: accept. The shell then does the handshake and calls ``SMTPServer/tlsEstablished()``.
        case startTLS
        case quit
        /// A fault of the client's; answer `.proceed`. If `envelope` is `nil` now, drop what was spooled.
        case fault(ServerFault)
        /// Nothing more will be read or written.
        case close
    }

    public enum Command: Sendable, Hashable {
        /// The engine's own answer.
        case proceed
        case accept(String)
        /// A code of 400 to 599; another counts as 451. 421 closes.
        case refuse(Int, EnhancedStatus, String)
        /// 334 with `octets` in base64.
        case challenge([UInt8])
        /// The verdict on a whole message, for all of its recipients.
        case settle(Verdict)
        /// LMTP: a verdict for each recipient of the envelope, in order.
        case perRecipient([Verdict])
        /// 421 and close, at any time: time is up, or the server stops. In the middle of content that will be refused,
        /// the refusal and close: after a 421 the client would send it again for days.
        case shutDown(String)
    }

    enum State {
        case greeting, commands, sasl
        /// Between DATA's 354 and CRLF.CRLF.
        case data
        /// Within the octets of a chunk.
        case chunk(left: Int, last: Bool)
        /// Content is complete; its event is due.
        case contentOver(last: Bool)
        /// Within the octets of a chunk that has had its reply.
        case skip(left: Int)
        case handshake, closing, closed
    }

    /// What waits for the policy's command.
    enum Pending {
        case greeting
        case ehlo(String, extended: Bool)
        case auth
        case mail(Envelope, MailParameters)
        case rcpt(Envelope.Recipient)
        case data
        case firstChunk(octets: Int, last: Bool)
        case chunkEnd
        case contentEnd
        case rset, vrfy, help, noop, startTLS, quit
        /// A reply of the engine's own, ready to go.
        case own([UInt8], errors: Int, closes: Bool)
    }

    public let options: SMTPServerOptions
    /// The name that the client gave; `nil` before EHLO and after STARTTLS.
    public internal(set) var clientName: String?
    /// Whether it said EHLO (or LHLO), not HELO.
    public internal(set) var isExtended = false
    public internal(set) var isTLS: Bool
    public internal(set) var isAuthenticated = false

    /// Whether the greeting was 554: no command but QUIT is accepted then (RFC 5321 §3.1).
    var isTurnedAway = false
    var transaction = SMTPTransaction()
    var state = State.greeting
    var awaited: Pending?
    var lines: LineFramer
    var content = ContentReader(limit: nil, lineEnds: .refuse)
    /// Octets of chunks so far.
    var chunkOctets = 0
    var errorCount = 0
    /// Since the last message accepted: commands that lead nowhere, recipients asked for and not accepted.
    var idleCommands = 0
    var refusedRecipients = 0

    /// - Parameter isTLS: whether the connection began with TLS, as on port 465.
    public init(_ options: SMTPServerOptions, isTLS: Bool = false) {
        self.options = options
        self.isTLS = isTLS
        lines = Self.framer(options)
    }

    private static func framer(_ options: SMTPServerOptions) -> LineFramer {
        LineFramer(
            limit: SMTPLimits.authenticationLine, bareLineFeed: options.lineEnds == .repair ? .accepted : .refused)
    }

    /// The transaction's envelope: what the policy accepted so far; `nil` when there is no transaction.
    public var envelope: Envelope? { transaction.envelope }
    /// The size that MAIL announced for it, in octets on the wire (RFC 1870 §3); `nil` without SIZE.
    public var announcedSize: Int? { transaction.parameters.size }
    /// Whether an event waits for its command.
    public var awaitingReply: Bool { awaited != nil }
    /// Octets received and not yet read.
    public var backlog: Int { lines.count }
    /// Whether the conversation is over, but for what `send` returned last.
    public var isClosed: Bool {
        switch state {
        case .closing, .closed: true
        case .greeting, .commands, .sasl, .data, .chunk, .contentOver, .skip, .handshake: false
        }
    }

    /// The protocol's name for a Received field (RFC 3848, RFC 6531 §4.3).
    public var withProtocol: String {
        let security = (isTLS ? "S" : "") + (isAuthenticated ? "A" : "")
        let isInternational = envelope?.smtpUTF8 == true
        switch options.mode {
        case .lmtp: return (isInternational ? "UTF8LMTP" : "LMTP") + security
        case .mail, .submission, .local:
            if isInternational { return "UTF8SMTP" + security }
            return isExtended || !security.isEmpty ? "ESMTP" + security : "SMTP"
        }
    }

    /// Empty: a server sends none.
    public var secret: Range<Int> { 0..<0 }

    public mutating func receive(_ octets: [UInt8]) {
        if case .closed = state { return }
        lines.append(octets)
    }

    /// TLS is established: all that was said in clear text is forgotten (RFC 3207 §4.2).
    public mutating func tlsEstablished() {
        isTLS = true
        clientName = nil
        isExtended = false
        isAuthenticated = false
        transaction.apply(.end)
        lines = Self.framer(options)
        awaited = nil
        state = .commands
    }

    public mutating func nextEvent() -> Event? {
        while awaited == nil {
            switch state {
            case .greeting:
                return ask(.greeting, .greeting)
            case .commands:
                let before = lines.count
                if let event = nextCommand() { return event }
                guard lines.count < before else { return nil }
            case .sasl:
                return nextResponse()
            case .data:
                let before = lines.count
                if let event = nextContent() { return event }
                guard before > 0 else { return nil }
            case .chunk(let left, let last):
                let before = lines.count
                if let event = nextChunk(left: left, last: last) { return event }
                guard before > 0 || left == 0 else { return nil }
            case .contentOver(let last):
                return contentEvent(last: last)
            case .skip(0):
                state = .commands
            case .skip(let left):
                return skip(left)
            case .handshake:
                return lines.isEmpty ? nil : refuse(.injectionAfterSTARTTLS)
            case .closing:
                transaction.apply(.end)
                lines = Self.framer(options)
                state = .closed
                return .close
            case .closed:
                return nil
            }
        }
        return nil
    }

    /// Hands `event` out and waits for its command.
    mutating func ask(_ awaited: Pending, _ event: Event) -> Event {
        self.awaited = awaited
        return event
    }

    /// Hands out `fault` with the engine's own reply.
    /// - Parameter copies: replies to give; LMTP gives one for each recipient after the content.
    mutating func refuse(_ fault: ServerFault, endsTransaction: Bool = false, copies: Int = 1) -> Event {
        if endsTransaction || fault.closes { transaction.apply(.end) }
        let reply = Array(repeatElement(fault.reply.octets, count: max(copies, 1)).joined())
        awaited = .own(reply, errors: fault.reply.isPermanent ? 1 : 0, closes: fault.closes)
        return .fault(fault)
    }
}
