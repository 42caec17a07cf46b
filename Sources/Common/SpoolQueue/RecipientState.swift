// How far delivery to one recipient has come.

import MailEnvelope
import MailFormat

/// The verdict of an attempt on some recipients, and when the next attempt may be.
public struct AttemptResult: Sendable, Hashable {
    /// Indexes into the recipients of the state.
    public let recipients: [Int]
    public let verdict: Verdict
    /// No further attempt before this time, in seconds since 1970; without meaning for a final verdict.
    public let next: Int

    public init(recipients: [Int], _ verdict: Verdict, next: Int = 0) {
        self.recipients = recipients
        self.verdict = verdict
        self.next = next
    }
}

/// One recipient: of the envelope, or a child of one by an alias or a mailbox's `forward`.
public struct RecipientState: RecipientNode, Hashable {
    public enum Progress: Sendable, Hashable {
        case waiting
        case delivered
        case failed
        /// Replaced by its children.
        case expanded
    }

    public internal(set) var recipient: ExpandedRecipient
    public var destination: RecipientDestination { recipient.destination }
    public var notify: Notify { recipient.notify }
    public var originalRecipient: OriginalRecipient? { recipient.originalRecipient }
    /// The mailbox that forwards to it; `nil` when none does.
    public var identity: EnvelopeText? { recipient.identity }
    /// The alias that it was expanded from, if one was.
    public var alias: EnvelopeText? { recipient.alias }
    /// The accounts that it leaves through, where the alias names them.
    public var via: [String] { recipient.via }
    /// The index of the recipient it was expanded from.
    public let parent: Int?
    public internal(set) var progress = Progress.waiting
    public var isExpanded: Bool { progress == .expanded }
    public internal(set) var known: [Int] = []
    /// Attempts that counted as tries; one that ended in a fault of the hop does not.
    public internal(set) var tries = 0
    /// Not to be tried before this time, in seconds since 1970.
    public internal(set) var next = 0
    /// The last verdict on it; `nil` before the first.
    public internal(set) var verdict: Verdict?
    /// The mailbox of this hub that holds the copy for it, if one does.
    public var place: CopyPlace? {
        if case .delivered(.copied(let place)) = verdict?.kind { place } else { nil }
    }
    /// Whether a rule held it at its last try; a person's hold is on the whole message, see ``MessageState/hold``.
    public var isHeld: Bool { progress == .waiting && verdict?.kind == .heldByRule }
    /// Whether the hub owes the sender a notice of success, if one is wanted: nobody else will send it.
    var endsWithUs: Bool {
        switch verdict?.kind {
        case .delivered(.copied), .delivered(.relayed): true
        case .delivered(.passedOn), .temporary, .permanent, .heldByRule, .faultOfHop, nil: isFannedOut
        }
    }
    /// Whether it was replaced by several: nobody further on is asked for a notice of success then (RFC 3461 §5.2.7.3).
    var isFannedOut = false
    /// The tag of the attempt that its last result came from.
    var attempt = 0
    /// The kinds of the notices about it that were queued.
    var told: Set<NoticeKind> = []
    /// How many of the ages for a notice of delay its sender has been told of.
    var warnings = 0

    init(_ recipient: Envelope.Recipient) {
        self.init(
            ExpandedRecipient(
                .address(recipient.forwardPath.address), notify: recipient.notify,
                originalRecipient: recipient.originalRecipient), parent: nil)
    }

    init(_ child: ExpandedRecipient, parent: Int?) {
        recipient = child
        self.parent = parent
    }
}

extension ExpandedRecipient {
    private static let sentMark = ":sent:"

    /// The copy in the folder of the mailbox that sent a message.
    public static func sentCopy(of mailbox: String) -> ExpandedRecipient {
        ExpandedRecipient(.local(EnvelopeText(cleaning: sentMark + mailbox)), notify: .never)
    }

    /// The mailbox whose copy of what it sent this is; `nil` for any other recipient. What an alias says is never one.
    public var mailboxOfSentCopy: String? {
        guard case .local(let text) = destination, alias == nil, text.description.hasPrefix(Self.sentMark) else {
            return nil
        }
        return String(text.description.dropFirst(Self.sentMark.count))
    }
}

/// What a notice reports (RFC 3464 §2.3.3).
public enum NoticeKind: String, Sendable, Hashable, CaseIterable {
    case failure, delay, success
    /// Held by rule: for somebody at this hub, who can change that.
    case held
}
