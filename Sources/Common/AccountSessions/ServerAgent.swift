// Delivery to a server of the house, by SMTP or LMTP.

import DurableFiles
import MailEnvelope
import MessageContent
import Reporting
import RunControl
import SMTPProtocol
import Transport

/// Hands messages to one server, one after the other over one connection. Used by one thread.
///
/// The server is asked for no notices (NOTIFY=NEVER, RFC 3461 §4.1): what is queued the hub tells of itself, and mail that
/// was fetched has found its reader, so that none may go to whoever wrote it. Where the server cannot be asked, it is not
/// told the sender of fetched mail.
public final class ServerAgent: DeliveryAgent {
    private let account: AccountSettings
    private let server: AccountServer
    private let paths: Paths
    private let hostname: String
    private let isFetched: Bool
    private var session: ServerSession?
    private var transactions = 0

    /// - Parameters:
    ///   - hostname: our name in EHLO.
    ///   - isFetched: whether it is mail that was fetched.
    public init(
        to server: AccountServer, of account: AccountSettings, over paths: Paths, hostname: String, isFetched: Bool
    ) {
        (self.account, self.server, self.paths, self.hostname) = (account, server, paths, hostname)
        self.isFetched = isFetched
    }

    deinit { close() }

    public func deliver(_ message: Prepared) -> [Verdict] {
        var verdicts: [Verdict] = []
        while verdicts.count < message.envelope.recipients.count {
            let session: ServerSession
            do throws(AccountError) { session = try usable() } catch {
                let verdict = Verdict.faultOfHop(4, 1, text: sentence(error))
                return verdicts + message.envelope.recipients.dropFirst(verdicts.count).map { _ in verdict }
            }
            let part = message.envelope.recipients.dropFirst(verdicts.count).prefix(session.recipientLimit)
            verdicts += deliver(message, to: Array(part), over: session)
        }
        return verdicts
    }

    /// Says goodbye, where there is a session.
    public func close() {
        session?.quit()
        session = nil
    }

    /// The session that stands, if the server takes more in it, else a new one.
    private func usable() throws(AccountError) -> ServerSession {
        if let session {
            let isFull = session.client.capabilities.transactionLimit.map { transactions >= $0 } ?? false
            if session.isUsable, !isFull, session.unasked() == nil { return session }
            close()
        }
        let made = try ServerSession(account: account, server: server, over: paths, hostname: hostname)
        (session, transactions) = (made, 0)
        return made
    }

    private func deliver(
        _ message: Prepared, to recipients: [Envelope.Recipient], over session: ServerSession
    ) -> [Verdict] {
        let isSenderTold = !isFetched || session.client.capabilities.dsn
        let message = message.withoutNotices(to: recipients, tellingSender: isSenderTold)
        if let obstacle = session.client.obstacle(to: message.envelope, of: message.facts) {
            return recipients.map { _ in obstacle.verdict(at: session.host) }
        }
        transactions += 1
        var outcome = TransactionOutcome(count: recipients.count, at: session.host)
        var hasContent = false
        do {
            try session.begin(message)
            var isOver = false
            while !isOver {
                let event = try session.next()
                switch outcome.take(event, from: session.client) {
                case .proceed: try session.proceed()
                case .content:
                    hasContent = true
                    if let reply = try session.stream(message, isHeld: { false }) {
                        outcome.settle(goodbye: reply, from: session.client)
                        session.close()
                        isOver = true
                    } else {
                        try session.endContent(isHeld: false)
                    }
                case .end: isOver = true
                case .goodbye(let reply):
                    outcome.settle(goodbye: reply, from: session.client)
                    session.close()
                    isOver = true
                }
            }
        } catch {
            session.close()
            outcome.settle(begun: session.begunVerdict, from: session.client)
            outcome.settle(Self.verdict(on: error, behindContent: hasContent, at: session.host))
        }
        return outcome.verdicts.map {
            $0 ?? .temporary(5, 0, from: session.host, text: "the server said nothing of it")
        }
    }

    /// A connection that breaks behind the content may break for this message; before it, the server is at fault.
    private static func verdict(on error: any Error, behindContent: Bool, at host: String) -> Verdict {
        if error is DurableError { return .temporary(3, 0, text: sentence(error)) }
        if case TransportError.stopped = error { return .faultOfHop(3, 2, text: sentence(error)) }
        return behindContent
            ? .temporary(4, 2, from: host, text: sentence(error))
            : .faultOfHop(4, 2, from: host, text: sentence(error))
    }
}

extension Prepared {
    /// The same for `recipients`, and such that no notice can come of it.
    fileprivate func withoutNotices(to recipients: [Envelope.Recipient], tellingSender: Bool) -> Prepared {
        var envelope = envelope
        envelope.recipients = recipients.map { recipient in
            var recipient = recipient
            recipient.notify = .never
            return recipient
        }
        envelope.returnContent = nil
        envelope.envelopeID = nil
        if !tellingSender { envelope.reversePath = .null }
        return with(envelope)
    }
}
