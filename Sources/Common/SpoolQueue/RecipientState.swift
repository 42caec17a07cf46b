// How far delivery to one recipient has come.

import MailEnvelope
import MailFormat

/// What came of an attempt for some recipients, and when the next may be.
public struct AttemptResult: Sendable, Hashable {
    /// Indexes into the recipients of the state.
    public let recipients: [Int]
    public let verdict: Verdict
    /// Not before this time, in seconds since 1970; of no weight for a verdict that is final.
    public let next: Int

    public init(recipients: [Int], _ verdict: Verdict, next: Int = 0) {
        self.recipients = recipients
        self.verdict = verdict
        self.next = next
    }
}

/// A child of a recipient: what it stands for, by alias or by a mailbox's `forward`.
public struct ExpandedRecipient: Sendable, Hashable {
    public let destination: RecipientState.Destination
    public let notify: Notify
    public let originalRecipient: OriginalRecipient?
    /// The mailbox that forwards: to this child the mail is its own.
    public let identity: EnvelopeText?
    /// The alias that named it.
    public let alias: EnvelopeText?

    public init(
        _ destination: RecipientState.Destination, notify: Notify = .unspecified,
        originalRecipient: OriginalRecipient? = nil, identity: EnvelopeText? = nil, alias: EnvelopeText? = nil
    ) {
        self.destination = destination
        self.notify = notify
        self.originalRecipient = originalRecipient
        self.identity = identity
        self.alias = alias
    }
}

/// One recipient: of the envelope, or a child of one by alias or `.forward`.
public struct RecipientState: Sendable, Hashable {
    /// Where it goes.
    public enum Destination: Sendable, Hashable {
        case address(Address)
        /// What only local delivery understands: a program, a file, with whose right. The queue keeps it as it is.
        case local(EnvelopeText)

        public var description: String {
            switch self {
            case .address(let address): address.description
            case .local(let text): text.description
            }
        }
    }

    public enum Progress: Sendable, Hashable {
        case waiting
        case delivered
        case failed
        /// Replaced by its children.
        case expanded
    }

    public let destination: Destination
    public let notify: Notify
    public let originalRecipient: OriginalRecipient?
    /// The mailbox that forwards to it, or nobody.
    public let identity: EnvelopeText?
    /// The alias that it was expanded from, if one was.
    public let alias: EnvelopeText?
    /// The index of the recipient it was expanded from.
    public let parent: Int?
    public internal(set) var progress = Progress.waiting
    /// Attempts that counted.
    public internal(set) var tries = 0
    /// Not before this time, in seconds since 1970.
    public internal(set) var next = 0
    /// The last that was said of it.
    public internal(set) var verdict: Verdict?
    /// The mailbox here that holds the copy for it.
    public var place: CopyPlace? {
        if case .delivered(.copied(let place)) = verdict?.kind { place } else { nil }
    }
    /// Held by rule at its last try; a person's hold is of the message, see ``MessageState/hold``.
    public var isHeld: Bool { progress == .waiting && verdict?.kind == .heldByRule }
    /// Whether the hub owes the sender a notice of success, if one is wanted: nobody else will tell.
    var endsWithUs: Bool {
        switch verdict?.kind {
        case .delivered(.copied), .delivered(.relayed): true
        case .delivered(.passedOn), .temporary, .permanent, .heldByRule, .faultOfHop, nil: false
        }
    }
    /// The attempt that its last result came from.
    var attempt = 0
    /// Notices about it that were queued.
    var told: Set<NoticeKind> = []

    init(_ recipient: Envelope.Recipient) {
        self.init(
            ExpandedRecipient(
                .address(recipient.forwardPath.address), notify: recipient.notify,
                originalRecipient: recipient.originalRecipient), parent: nil)
    }

    init(_ child: ExpandedRecipient, parent: Int?) {
        destination = child.destination
        notify = child.notify
        originalRecipient = child.originalRecipient
        identity = child.identity
        alias = child.alias
        self.parent = parent
    }
}

/// What a notice says (RFC 3464 §2.3.3).
public enum NoticeKind: String, Sendable, Hashable, CaseIterable {
    case failure, delay, success
    /// Held by rule: for whoever can mend it, here.
    case held
}
