// What a server's reply means for a message and for the hop: a matter of the stage as much as of the code.

import MailEnvelope
import Reporting

/// Where in the conversation a reply came.
public enum SMTPStage: Sendable, Hashable {
    case greeting, hello, startTLS, authentication, mail, recipient, data, content
}

extension SMTPReply {
    /// The verdict that this reply of `host` at `stage` is.
    ///
    /// A refused login or a refused greeting never bounces mail; only a reply about the recipient or the content does.
    /// - Parameter offersDSN: whether the server offers DSN, and so sends notices of success itself.
    /// - Returns: `nil` for a positive reply before the content: it settles nothing.
    public func verdict(at stage: SMTPStage, from host: String, offersDSN: Bool = true) -> Verdict? {
        guard let kind = kind(at: stage, offersDSN: offersDSN) else { return nil }
        return Verdict(kind, enhanced ?? Self.status(of: kind), from: host, text: printable(description), isSMTP: true)
    }

    private func kind(at stage: SMTPStage, offersDSN: Bool) -> Verdict.Kind? {
        guard code >= 400 else { return stage == .content ? .delivered(offersDSN ? .passedOn : .relayed) : nil }
        // 530 login needed, 534 mechanism too weak, 535 login wrong, 538 encryption needed (RFC 4954 §6), wherever they
        // come; 421: the server closes (RFC 5321 §3.8). After the content this message may be the cause: it is
        // temporary then, or the message could hold up all others for ever.
        if [421, 530, 534, 535, 538].contains(code) { return stage == .content ? .temporary : .faultOfHop }
        if isTransient { return .temporary }
        switch stage {
        case .greeting, .hello, .startTLS, .authentication:
            return .faultOfHop
        case .mail:
            // Another sender, or another account, may help; but 552 here is SIZE: the message is too big for this
            // server (RFC 1870 §6.1).
            return code == 552 || enhanced == .permanent(3, 4) ? .permanent : .heldByRule
        case .recipient:
            // RFC 5321 §4.5.3.1.10: 552 to RCPT is an old "too many recipients".
            if code == 552, enhanced == nil || enhanced == .permanent(5, 3) { return .temporary }
            return .permanent
        case .data, .content:
            return .permanent
        }
    }

    /// The status of a reply that has none of its own.
    private static func status(of kind: Verdict.Kind) -> EnhancedStatus {
        switch kind {
        case .delivered: .success(0, 0)
        case .temporary, .faultOfHop: .transient(0, 0)
        case .permanent: .permanent(0, 0)
        case .heldByRule: .permanent(1, 8)  // bad sender's system address
        }
    }
}
