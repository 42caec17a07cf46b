// An open session with a provider: greeted, secured, logged in; then one transaction after another.

import AccountSessions
import Blocking
import MailEnvelope
import MessageContent
import Reporting
import RunControl
import SMTPProtocol
import Transport

/// Why a provider is of no use now. The message waits; the route backs off; nothing bounces (SE10).
struct RouteFault: Error, CustomStringConvertible {
    let words: String
    var description: String { words }
    /// Whether no connection was to be had at all.
    let isUnreachable: Bool

    init(_ words: String, isUnreachable: Bool = false) {
        self.words = words
        self.isUnreachable = isUnreachable
    }

    init(_ stage: String, _ reply: SMTPReply) { self.init("\(stage) was refused: \(printable(reply.description))") }
}

/// One connection to the `send` server of an account. For one thread at a time.
final class Provider {
    /// What came of one transaction.
    struct Transaction {
        /// For each recipient, in order; `nil` where we were told to stop before a verdict.
        var verdicts: [Verdict?]
        /// Whether the connection ended, or came to nothing, before a verdict.
        var isBroken = false
    }

    let account: AccountSettings
    let host: String
    private let session: SMTPSession
    private var exchange: Exchange<SMTPClient> { session.exchange }
    private var client: SMTPClient { session.exchange.engine }
    private var wire: Wire { session.exchange.wire }
    private var transactions = 0
    private(set) var isUsable = true
    /// What the server said when it closed the session in the middle of a transaction (421).
    private(set) var goodbye: SMTPReply?
    /// How long the start of a session, and each transaction, may take at most: a run must give back its place.
    private static let sessionLimit = Duration.seconds(3600)
    /// How long a transaction under way may take to its end when we are told to stop.
    private static let stopGrace = Duration.seconds(30)

    /// Begins a session.
    /// - Throws: ``RouteFault``.
    init(
        account: AccountSettings, server: AccountServer, over paths: Paths, hostname: String
    ) throws(RouteFault) {
        self.account = account
        host = server.host
        let wire: Wire
        do {
            wire = try paths.wire(of: account, to: server, within: Self.sessionLimit)
        } catch {
            throw RouteFault(sentence(error), isUnreachable: error is TransportError)
        }
        do {
            session = try SMTPSession(on: wire, of: account, at: server, as: account.heloName ?? hostname)
        } catch {
            throw RouteFault(sentence(error))
        }
    }

    /// The most recipients of one transaction: what the server says, else the least that it must take.
    var recipientLimit: Int { max(1, min(SMTPLimits.recipients, client.capabilities.recipientLimit ?? .max)) }

    /// Whether another transaction may begin.
    func isReady() -> Bool {
        guard isUsable else { return false }
        wire.sessionLimit = Deadline(after: Self.sessionLimit)
        if session.isQuiet() { return true }
        isUsable = false
        wire.close()
        return false
    }

    /// Hands `message` over to the recipients of its envelope.
    func send(_ message: Prepared) -> Transaction {
        wire.sessionLimit = Deadline(after: Self.sessionLimit)
        wire.stopGrace = Self.stopGrace
        var hasContent = false
        var settled = [Verdict?](repeating: nil, count: message.envelope.recipients.count)
        func settle(_ verdict: Verdict?) { for at in settled.indices { settled[at] = settled[at] ?? verdict } }
        func verdict(_ reply: SMTPReply, at stage: SMTPStage) -> Verdict? {
            reply.verdict(at: stage, from: host, offersDSN: client.capabilities.dsn)
        }
        var isStopped = false
        var end = "\(host) gave no verdict"
        do {
            try exchange.say(.transaction(message.envelope, of: message.facts))
            try talk { event in
                switch event {
                case .impossible(let obstacle):
                    settle(obstacle.verdict(at: host))
                    return nil
                case .sender(let reply):
                    settle(verdict(reply, at: .mail))
                case .recipient(let at, let reply):
                    if settled.indices.contains(at) { settled[at] = settled[at] ?? verdict(reply, at: .recipient) }
                case .dataRefused(let reply): settle(verdict(reply, at: .data))
                case .readyForContent:
                    hasContent = true
                    try stream(message)
                    return .contentEnd
                case .verdict(_, let reply): settle(verdict(reply, at: .content))
                case .transactionEnd: return nil
                case .closing(let reply):
                    isUsable = false
                    goodbye = reply
                    settle(verdict(reply, at: hasContent ? .content : .mail))
                    return nil
                case .emptied, .greeting, .hello, .helloUnknown, .helloRefused, .startTLS, .startTLSRefused, .challenge,
                    .authenticated, .authenticationRefused, .reset, .noop, .quit:
                    break
                }
                return .proceed
            }
        } catch {
            isUsable = false
            // A yes that was cut off is a yes: else the message would be there twice.
            settle(client.begunVerdict.flatMap { verdict($0, at: .content) })
            if case TransportError.stopped = error { isStopped = true }
            end = sentence(error)
        }
        transactions += 1
        if let limit = client.capabilities.transactionLimit, transactions >= limit { quit() }
        if isStopped { return Transaction(verdicts: settled) }
        let isBroken = settled.contains(nil)
        settle(.temporary(4, 2, from: host, text: end))
        return Transaction(verdicts: settled, isBroken: isBroken)
    }

    /// Says goodbye; a server that does not answer is left at once.
    func quit() {
        guard isUsable else { return }
        isUsable = false
        session.quit(within: min(account.timeout, .seconds(10)))
    }

    // MARK: The wire

    /// Answers each event, until `answer` has no more to say.
    private func talk(_ answer: (SMTPClient.Event) throws -> SMTPClient.Command?) throws {
        while let command = try answer(try exchange.next()) { try exchange.say(command) }
    }

    /// The message in chunks.
    private func stream(_ message: Prepared) throws {
        try message.forEachChunk { chunk in
            try exchange.say(.content(chunk), .content)
            // Nothing was asked: it is a goodbye, or an error that the engine throws.
            if case .closing(let reply)? = try exchange.overheard() {
                goodbye = reply
                throw RouteFault("the session", reply)
            }
        }
    }
}
