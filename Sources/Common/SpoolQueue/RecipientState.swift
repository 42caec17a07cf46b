// How far delivery to one recipient has come.

import MailFormat

/// What a server, a program or a disk answered, bounded and without control characters.
public struct Reply: Sendable, Hashable {
    /// Enhanced status code (RFC 3463) as `5.1.1`.
    public let status: String
    /// The host that answered, if one did.
    public let remote: String?
    /// Its words, as `550 5.1.1 no such user`, or ours.
    public let text: String
    /// Whether `text` came by SMTP, so that a notice may call it `smtp;`.
    public let isSMTP: Bool

    /// The most octets kept of a host's name and of an answer.
    public static let remoteLimit = 255
    public static let textLimit = 500

    /// - Parameter status: anything but `2.x.x`, `4.x.x`, `5.x.x` becomes `x.0.0` by its first digit, else `5.0.0`.
    public init(status: String, remote: String? = nil, text: String, isSMTP: Bool = false) {
        self.status = Self.isStatus(status) ? status : "\(status.first.map { "24".contains($0) ? $0 : "5" } ?? "5").0.0"
        self.remote = remote.map { EnvelopeText(cleaning: $0, limit: Self.remoteLimit).description }
        self.text = EnvelopeText(cleaning: text, limit: Self.textLimit).description
        self.isSMTP = isSMTP
    }

    private static func isStatus(_ text: String) -> Bool {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 3 && ["2", "4", "5"].contains(parts[0])
            && parts.dropFirst().allSatisfy { (1...3).contains($0.utf8.count) && Word.number($0.utf8) != nil }
    }
}

/// How one attempt for one recipient ended.
public enum Outcome: Sendable, Hashable {
    /// Delivered; `relayed` when the next server does not speak DSN, so that a success notice is ours to send; `place`
    /// for a copy in a mailbox here.
    case delivered(Reply, relayed: Bool = false, place: CopyPlace? = nil)
    /// For good: a failure notice is owed, unless the sender wants none.
    case failed(Reply)
    /// Not now: counts as a try.
    case deferred(Reply, next: Int)
    /// The route was not to be had: counts for nothing (DECISIONS 17, SE10).
    case postponed(Reply, next: Int)
    /// Our side keeps it from leaving, by the rc or by a provider that takes no such sender: counts as a try, and is told
    /// at once (DECISIONS 49).
    case held(Reply, next: Int)
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
    public let notify: Envelope.Notify
    public let originalRecipient: EnvelopeText?
    /// The index of the recipient it was expanded from.
    public let parent: Int?
    public internal(set) var progress = Progress.waiting
    /// Attempts that counted.
    public internal(set) var tries = 0
    /// Not before this time, in seconds since 1970.
    public internal(set) var next = 0
    public internal(set) var reply: Reply?
    /// The mailbox here that holds the copy for it.
    public internal(set) var place: CopyPlace?
    /// Held by rule at its last try; a person's hold is of the message, see ``MessageState/hold``.
    public internal(set) var isHeld = false
    /// Delivered to a server without DSN.
    public internal(set) var isRelayed = false
    /// Delivered by the hub itself, so that nobody else will tell the sender.
    public var isDeliveredHere: Bool { progress == .delivered && place != nil }
    /// The attempt that its last result came from.
    var attempt = 0
    /// Notices about it that were queued.
    var told: Set<NoticeKind> = []

    init(_ destination: Destination, notify: Envelope.Notify, originalRecipient: EnvelopeText?, parent: Int?) {
        self.destination = destination
        self.notify = notify
        self.originalRecipient = originalRecipient
        self.parent = parent
    }
}

/// What a notice says (RFC 3464 §2.3.3).
public enum NoticeKind: String, Sendable, Hashable, CaseIterable {
    case failure, delay, success
    /// Held by rule: for whoever can mend it, here.
    case held
}
