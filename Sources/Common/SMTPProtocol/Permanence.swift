// Whether a refusal is for ever, and whose fault it is: a matter of the place as much as of the code.

/// What a negative reply means for the message and for the way it took.
public enum Permanence: Sendable, Hashable {
    /// Try again later.
    case temporary
    /// This recipient, or this message, will never be taken here.
    case permanent
    /// The sender's address is not accepted: another one, or another account, may help.
    case hold
    /// Our login, our set-up or the server: the message waits, the route backs off, the owner is told.
    case routeFault
}

/// Where in the conversation a reply came.
public enum SMTPStage: Sendable, Hashable {
    case greeting, hello, startTLS, authentication, mail, recipient, data, content
}

extension SMTPReply {
    /// What this negative reply at `stage` means.
    ///
    /// A refused login or a refused greeting never bounces mail; only an answer about the recipient or the content
    /// does.
    /// - Returns: `nil` for a reply that is not negative.
    public func permanence(at stage: SMTPStage) -> Permanence? {
        guard code >= 400 else { return nil }
        // 530 login needed, 534 mechanism too weak, 535 login wrong, 538 encryption needed (RFC 4954 §6): wherever they
        // come.
        if [530, 534, 535, 538].contains(code) { return .routeFault }
        if isTransient { return .temporary }
        switch stage {
        case .greeting, .hello, .startTLS, .authentication:
            return .routeFault
        case .mail:
            // 552 here is SIZE: the message is too big for this server (RFC 1870 §6.1).
            return code == 552 || enhanced == .permanent(3, 4) ? .permanent : .hold
        case .recipient:
            // RFC 5321 §4.5.3.1.10: 552 to RCPT is an old "too many recipients".
            if code == 552, enhanced == nil || enhanced == .permanent(5, 3) { return .temporary }
            return .permanent
        case .data, .content:
            return .permanent
        }
    }
}
