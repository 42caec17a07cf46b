// The transaction of a server session and the only function that changes it.

import MailEnvelope

/// A mail transaction: none, or one with an envelope (RFC 5321 §3.3).
struct SMTPTransaction: Sendable {
    enum Change {
        case begin(Envelope, MailParameters)
        case add(Envelope.Recipient)
        /// Content begins; in chunks, no recipient and no DATA may follow (RFC 3030 §3).
        case content(inChunks: Bool)
        case end
    }

    /// What the policy has accepted of it so far.
    private(set) var envelope: Envelope?
    private(set) var parameters = MailParameters()
    /// Whether BDAT has begun.
    private(set) var isChunked = false

    /// Every step of a transaction, and the only way to take one.
    mutating func apply(_ change: Change) {
        switch change {
        case .begin(let envelope, let parameters):
            self = SMTPTransaction()
            self.envelope = envelope
            self.parameters = parameters
        case .add(let recipient):
            envelope?.recipients.append(recipient)
        case .content(let inChunks):
            isChunked = inChunks
        case .end:
            self = SMTPTransaction()
        }
    }
}
