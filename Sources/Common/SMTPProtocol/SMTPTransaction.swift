// The envelope of a message and the only function that changes it.

import MailFormat

/// Who a message is from and for, as the policy accepted it.
public struct SMTPEnvelope: Sendable, Hashable {
    public struct Recipient: Sendable, Hashable {
        public let path: ForwardPath
        public let parameters: RecipientParameters
    }

    public let reversePath: ReversePath
    public let parameters: MailParameters
    public internal(set) var recipients: [Recipient] = []
}

/// A mail transaction: none, or one with an envelope (RFC 5321 §3.3).
struct SMTPTransaction: Sendable {
    enum Change {
        case begin(ReversePath, MailParameters)
        case add(ForwardPath, RecipientParameters)
        /// Content begins; in chunks, no recipient and no DATA may follow (RFC 3030 §3).
        case content(inChunks: Bool)
        case end
    }

    private(set) var envelope: SMTPEnvelope?
    /// Whether BDAT has begun.
    private(set) var isChunked = false

    /// Every step of a transaction, and the only way to take one.
    mutating func apply(_ change: Change) {
        switch change {
        case .begin(let path, let parameters):
            envelope = SMTPEnvelope(reversePath: path, parameters: parameters)
            isChunked = false
        case .add(let path, let parameters):
            envelope?.recipients.append(.init(path: path, parameters: parameters))
        case .content(let inChunks):
            isChunked = inChunks
        case .end:
            envelope = nil
            isChunked = false
        }
    }
}
