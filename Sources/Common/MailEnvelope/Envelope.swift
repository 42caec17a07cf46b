// The envelope of a message: who sends it, to whom, and what was asked for.

import MailFormat

/// An envelope (RFC 5321 §2.3.1) with the parameters of its extensions that travel from hop to hop.
public struct Envelope: Sendable, Hashable {
    /// The longest ENVID, decoded (RFC 3461 §4.4).
    public static let envelopeIDLimit = 100

    /// One forward-path with what the sender requested for it.
    public struct Recipient: Sendable, Hashable {
        public var forwardPath: ForwardPath
        public var notify: Notify
        public var originalRecipient: OriginalRecipient?

        public init(
            _ forwardPath: ForwardPath, notify: Notify = .unspecified, originalRecipient: OriginalRecipient? = nil
        ) {
            self.forwardPath = forwardPath
            self.notify = notify
            self.originalRecipient = originalRecipient
        }

        public init(_ address: Address, notify: Notify = .unspecified, originalRecipient: OriginalRecipient? = nil) {
            self.init(ForwardPath(address), notify: notify, originalRecipient: originalRecipient)
        }
    }

    public var reversePath: ReversePath
    public var recipients: [Recipient]
    /// What the sender declared the content to be; what it really is, ``ContentFacts`` tells.
    public var bodyType = BodyType.sevenBit
    /// Whether header or addresses may hold UTF-8 (RFC 6531 §3.4).
    public var smtpUTF8 = false
    public var returnContent: ReturnContent?
    /// ENVID, decoded (RFC 3461 §4.4).
    public var envelopeID: EnvelopeText?

    public init(reversePath: ReversePath, recipients: [Recipient] = []) {
        self.reversePath = reversePath
        self.recipients = recipients
    }

    /// Whether one of its addresses needs SMTPUTF8.
    public var hasInternationalAddress: Bool {
        reversePath.address?.isInternational == true || recipients.contains { $0.forwardPath.address.isInternational }
    }
}

/// BODY (RFC 6152 §2). BINARYMIME is not supported: binary content cannot be stored with our line ends.
public enum BodyType: String, Sendable, Hashable {
    case sevenBit = "7BIT"
    case eightBitMIME = "8BITMIME"
}

/// RET: how much of the message a failure notice brings back (RFC 3461 §4.3).
public enum ReturnContent: String, Sendable, Hashable {
    case full = "FULL"
    case headers = "HDRS"
}
