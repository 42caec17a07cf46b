// What the hub notes of a message when it accepts it, besides the envelope: whose it is, and how it came.

import MailEnvelope
import MailFormat
import MailRouting

/// How a message came to the hub, when, and from whom.
public struct Acceptance: Sendable, Hashable {
    public enum Source: Sendable, Hashable {
        /// Standard input or the drop directory, from a process of this Unix user.
        case unixUser(UInt32)
        /// A client's session, described as `[192.0.2.1]:25 helo.example`.
        case peer(EnvelopeText)
        /// The hub itself: notices, forwarded mail.
        case hub
    }

    /// When the hub accepted the message, in seconds since 1970.
    public var arrival: Int
    public var source: Source
    /// The mailbox that submitted it: the login's, or that of the Unix user; `nil` for mail from strangers. A notice
    /// has that of the message it is about.
    public var identity: EnvelopeText?
    /// The address of the From field, where routes ask for it.
    public var headerFrom: Address?
    /// The account chosen for this message alone.
    public var account: EnvelopeText?

    public init(
        arrival: Int, source: Source, identity: EnvelopeText? = nil, headerFrom: Address? = nil,
        account: EnvelopeText? = nil
    ) {
        self.arrival = arrival
        self.source = source
        self.identity = identity
        self.headerFrom = headerFrom
        self.account = account
    }

    /// Whether nobody with a mailbox here has submitted it.
    public func isUnowned(_ envelope: Envelope) -> Bool { identity == nil && !isNotice(envelope) }

    /// Whether the message with this envelope is a notice of the hub's own.
    public func isNotice(_ envelope: Envelope) -> Bool { source == .hub && envelope.reversePath == .null }

    /// Whose mail it is, which decides which accounts carry it.
    /// - Parameters:
    ///   - recipient: the recipient in question: what a mailbox forwards is that mailbox's mail.
    ///   - hubUser: the Unix user whose queue this is.
    public func submitter(of envelope: Envelope, for recipient: RecipientState, hubUser: UInt32) -> Submitter {
        recipient.identity.map { .mailbox($0.description) } ?? submitter(of: envelope, hubUser: hubUser)
    }

    /// Whose mail it is for the recipients that it came for.
    public func submitter(of envelope: Envelope, hubUser: UInt32) -> Submitter {
        switch source {
        case .hub: isNotice(envelope) ? .notice : .hubUser
        case .unixUser(let user):
            Submitter(ofUnixUser: user, mailbox: identity?.description, hubUser: hubUser)
        case .peer: identity.map { .mailbox($0.description) } ?? .unknown
        }
    }
}
