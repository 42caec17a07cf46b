// What the queue knows of a message besides its octets: who sends it, to whom, and what was asked for.

import MailFormat
import MailRouting

/// The envelope of a queued message (RFC 5321 §2.3.1) with the parameters of its extensions.
public struct Envelope: Sendable, Hashable {
    /// The most recipients of one queued message.
    public static let recipientLimit = 10_000
    /// The longest ENVID, decoded (RFC 3461 §4.4).
    public static let envelopeIDLimit = 100

    /// One forward-path with what the sender asked for it.
    public struct Recipient: Sendable, Hashable {
        public var forwardPath: Address
        public var notify: Notify
        /// ORCPT, decoded, as `rfc822;joe@example.org` (RFC 3461 §4.2).
        public var originalRecipient: EnvelopeText?

        public init(_ forwardPath: Address, notify: Notify = [], originalRecipient: EnvelopeText? = nil) {
            self.forwardPath = forwardPath
            self.notify = notify
            self.originalRecipient = originalRecipient
        }
    }

    /// NOTIFY (RFC 3461 §4.1). Empty: the sender said nothing, which means failures and delays.
    public struct Notify: OptionSet, Sendable, Hashable {
        public let rawValue: UInt8
        public init(rawValue: UInt8) { self.rawValue = rawValue }
        public static let success = Notify(rawValue: 1)
        public static let failure = Notify(rawValue: 2)
        public static let delay = Notify(rawValue: 4)
        /// Stands alone.
        public static let never = Notify(rawValue: 8)

        public var wantsFailure: Bool { isEmpty || contains(.failure) && !contains(.never) }
        public var wantsDelay: Bool { isEmpty || contains(.delay) && !contains(.never) }
        public var wantsSuccess: Bool { contains(.success) && !contains(.never) }
    }

    /// How the message came in.
    public enum Source: Sendable, Hashable {
        /// Standard input or the drop directory, from a process of this Unix user.
        case unixUser(UInt32)
        /// A session, told as `[192.0.2.1]:25 helo.example`.
        case peer(EnvelopeText)
        /// The hub itself: notices, forwarded mail.
        case hub
    }

    /// BODY (RFC 6152).
    public enum Body: Sendable, Hashable { case sevenBit, eightBitMIME }

    /// RET (RFC 3461 §4.3).
    public enum Return: Sendable, Hashable { case full, headers }

    public var reversePath: ReversePath
    public var recipients: [Recipient]
    /// When the hub took the message, in seconds since 1970.
    public var arrival: Int
    /// Who submitted it, by mailbox: the login's, or that of the Unix user; `nil` for mail from strangers. A notice bears
    /// that of the message it tells of.
    public var identity: EnvelopeText?
    public var source: Source
    public var body: Body = .sevenBit
    public var smtpUTF8 = false
    public var returned: Return?
    /// ENVID, decoded (RFC 3461 §4.4).
    public var envelopeID: EnvelopeText?
    /// The address of the From field, where routes ask for it.
    public var headerFrom: Address?
    /// Choices made for this message alone, such as a route or a privacy word; names of letters, digits and `-`.
    public var options: [String: EnvelopeText] = [:]

    public init(
        reversePath: ReversePath, recipients: [Recipient], arrival: Int, identity: EnvelopeText? = nil, source: Source
    ) {
        self.reversePath = reversePath
        self.recipients = recipients
        self.arrival = arrival
        self.identity = identity
        self.source = source
    }

    /// Whether this is a notice of the hub's own.
    public var isNotice: Bool { source == .hub && reversePath == .null }

    /// Whose mail it is, which decides which accounts carry it (DECISIONS 48).
    /// - Parameter hubUser: the Unix user whose queue this is.
    public func submitter(hubUser: UInt32) -> Submitter {
        switch source {
        case .hub: isNotice ? .notice : .hubUser
        case .unixUser(let user) where user == hubUser || user == 0: .hubUser
        case .unixUser, .peer: identity.map { .mailbox($0.description) } ?? .unknown
        }
    }
}
