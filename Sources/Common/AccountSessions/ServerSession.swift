// A session that takes mail, from the dial to the goodbye, and the octets of a transaction.

import Blocking
import MessageContent
import Reporting
import RunControl
import SMTPProtocol
import Transport

/// One connection to a server that takes mail, by SMTP or LMTP: greeted, secured, logged in. For one thread at a time.
public final class ServerSession {
    public let account: AccountSettings
    public let host: String
    private let session: SMTPSession
    private var exchange: Exchange<SMTPClient> { session.exchange }
    private var wire: Wire { session.exchange.wire }
    /// Whether more may be sent.
    public private(set) var isUsable = true
    /// How long the start of a session, and each transaction, may take at most: a run must give back its slot.
    private static let sessionLimit = Duration.seconds(3600)
    /// How long a server may take to say what became of a message when we are told to stop. Who leaves before the end of
    /// the content leaves nothing in doubt, and goes at once.
    private static let stopGrace = Duration.seconds(30)
    /// Messages whose end was sent, or leaves with the next that is sent, and of which the server has still to say what became.
    private var ended = 0 { didSet { wire.stopGrace = ended > 0 ? Self.stopGrace : .zero } }

    /// Begins a session.
    /// - Parameter hostname: our name in EHLO, where the account has none for that.
    public init(
        account: AccountSettings, server: AccountServer, over paths: Paths, hostname: String
    ) throws(AccountError) {
        self.account = account
        host = server.host
        let login = try AccountLogin(of: account, at: server, recordedBy: paths.logins)
        let wire = try paths.wire(of: account, to: server, within: Self.sessionLimit)
        session = try SMTPSession(on: wire, of: account, at: server, as: account.heloName ?? hostname, login)
    }

    /// What the server offers, and where the conversation stands.
    public var client: SMTPClient { exchange.engine }

    /// The most recipients of one transaction: as many as every server must accept (RFC 5321 §4.5.3.1.8), or fewer
    /// where it says so.
    public var recipientLimit: Int { max(1, min(SMTPLimits.recipients, client.capabilities.recipientLimit ?? .max)) }

    /// What the server has sent or done unasked, for which the session is closed; `nil` when a transaction may begin.
    public func unasked() -> String? {
        wire.sessionLimit = Deadline(after: Self.sessionLimit)
        let words = session.unasked()
        if words != nil { close() }
        return words
    }

    /// Begins a transaction: now, or with the end of data that was held for it.
    public func begin(_ message: Prepared) throws {
        wire.sessionLimit = Deadline(after: Self.sessionLimit)
        try exchange.say(.transaction(message.envelope, of: message.facts))
    }

    /// The next event from the server. What its replies repeat of a secret is masked, as they reach notices and logs.
    public func next() throws -> SMTPClient.Event {
        let event = try exchange.next()
        if event == .transactionEnd { ended = max(0, ended - 1) }
        return event.withReply(masked)
    }

    /// The verdict that the server had begun when the connection broke, as ``next()`` would give it.
    public var begunVerdict: (index: Int?, reply: SMTPReply)? {
        client.begunVerdict.map { ($0, masked($1)) }
    }

    private func masked(_ reply: SMTPReply) -> SMTPReply {
        SMTPReply(code: reply.code, enhanced: reply.enhanced, lines: reply.lines.map(wire.masked)) ?? reply
    }

    /// Sends what the engine has to send next.
    public func proceed() throws { try exchange.say(.proceed) }

    /// Sends the content in chunks, without the end of data.
    /// - Parameter isHeld: whether the last chunk is held back to leave with what is sent after it.
    /// - Returns: a reply of the server that came unasked meanwhile; nothing more is sent then.
    public func stream(_ message: Prepared, isHeld: () -> Bool) throws -> SMTPReply? {
        var last: [UInt8] = []
        var goodbye: SMTPReply?
        func send(isHeld: Bool) throws {
            guard !last.isEmpty, goodbye == nil else { return }
            try exchange.say(.content(last), .content, isHeld: isHeld)
            // No reply is due: one that comes is a goodbye (421), or an error that the engine throws.
            if case .closing(let reply)? = try exchange.overheard() { goodbye = masked(reply) }
        }
        try message.forEachChunk { chunk in
            try send(isHeld: false)
            last = chunk
        }
        try send(isHeld: isHeld())
        return goodbye
    }

    /// Ends the content.
    /// - Parameter isHeld: whether the end is held back to leave with the next transaction.
    public func endContent(isHeld: Bool) throws {
        ended += 1
        try exchange.say(.contentEnd, isHeld: isHeld)
    }

    /// Closes the connection at once.
    public func close() {
        isUsable = false
        wire.close()
    }

    /// Says goodbye (QUIT), and waits ten seconds at most for the answer.
    public func quit() {
        guard isUsable else { return }
        isUsable = false
        session.quit(within: min(account.timeout, .seconds(10)))
    }
}

extension SMTPClient.Event {
    /// The same with its reply changed, if it is one of a transaction.
    fileprivate func withReply(_ change: (SMTPReply) -> SMTPReply) -> SMTPClient.Event {
        switch self {
        case .mail(let reply): .mail(change(reply))
        case .rcpt(let index, let reply): .rcpt(index: index, change(reply))
        case .dataRefused(let reply): .dataRefused(change(reply))
        case .verdict(let index, let reply): .verdict(index: index, change(reply))
        case .closing(let reply): .closing(change(reply))
        default: self
        }
    }
}
