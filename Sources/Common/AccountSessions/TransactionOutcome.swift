// What the replies of a server come to for each recipient of a transaction.

import MailEnvelope
import SMTPProtocol

/// The verdicts on the recipients of one transaction, as they come in.
public struct TransactionOutcome: Sendable {
    /// What the client does next.
    public enum Step: Sendable {
        /// Sends what the engine has to send next.
        case proceed
        /// Sends the content.
        case content
        /// The transaction is over.
        case end
        /// The server ends the session (421).
        case goodbye(SMTPReply)
    }

    /// For each recipient, in order; `nil` as long as nothing settles it.
    public private(set) var verdicts: [Verdict?]
    /// Whether the server has taken the sender: what it says behind that may be about this message.
    public private(set) var isBegun = false
    private let host: String

    /// - Parameter host: the server, for the verdicts.
    public init(count: Int, at host: String) {
        verdicts = [Verdict?](repeating: nil, count: count)
        self.host = host
    }

    /// Whether nothing is left to be settled.
    public var isSettled: Bool { !verdicts.contains(nil) }

    /// Gives `verdict` to all that have none.
    public mutating func settle(_ verdict: Verdict?) {
        for at in verdicts.indices { verdicts[at] = verdicts[at] ?? verdict }
    }

    /// Takes an event of the transaction.
    /// - Parameter client: where the conversation stands.
    public mutating func take(_ event: SMTPClient.Event, from client: SMTPClient) -> Step {
        func verdict(_ reply: SMTPReply, _ stage: SMTPStage) -> Verdict? {
            reply.verdict(at: stage, from: host, offersDSN: client.capabilities.dsn)
        }
        switch event {
        case .impossible(let obstacle):
            settle(obstacle.verdict(at: host))
            return .end
        case .mail(let reply):
            isBegun = reply.code < 400
            settle(verdict(reply, .mail))
        case .rcpt(let at, let reply): settle(verdict(reply, .recipient), at: at)
        case .dataRefused(let reply): settle(verdict(reply, .data))
        case .contentBegin: return .content
        case .verdict(nil, let reply): settle(verdict(reply, .content))
        case .verdict(let at?, let reply): settle(verdict(reply, .content), at: at)
        case .transactionEnd: return .end
        case .closing(let reply): return .goodbye(reply)
        case .emptied, .greeting, .hello, .helloUnknown, .helloRefused, .startTLSReady, .startTLSRefused, .challenge,
            .initialResponseWanted, .authenticated, .authenticationRefused, .rset, .noop, .quit:
            break
        }
        return .proceed
    }

    private mutating func settle(_ verdict: Verdict?, at index: Int) {
        guard verdicts.indices.contains(index), verdicts[index] == nil else { return }
        verdicts[index] = verdict
    }

    /// Notes a reply that ends the session: behind the sender it may be the message's fault.
    public mutating func settle(goodbye reply: SMTPReply, from client: SMTPClient) {
        settle(reply.verdict(at: isBegun ? .content : .mail, from: host, offersDSN: client.capabilities.dsn))
    }

    /// Notes that the connection broke within the `verdict`. A positive reply that was cut off is one all the same: else the message would be
    /// sent twice.
    public mutating func settle(begun verdict: (index: Int?, reply: SMTPReply)?, from client: SMTPClient) {
        guard let (index, reply) = verdict else { return }
        let verdict = reply.verdict(at: .content, from: host, offersDSN: client.capabilities.dsn)
        if let index { settle(verdict, at: index) } else { settle(verdict) }
    }
}
