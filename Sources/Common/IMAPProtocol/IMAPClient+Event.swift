// What an IMAP server says, as its client hears it.

import Octets

/// One mailbox of LIST (RFC 3501 §7.2.2).
public struct IMAPMailbox: Hashable, Sendable {
    public let name: IMAPMailboxName
    /// What parts the levels of its name; `nil` for a flat name.
    public let delimiter: UInt8?
    /// Such as `\Noselect`, `\HasNoChildren`, `\Sent`; as the server writes them.
    public let attributes: [String]

    public init(name: IMAPMailboxName, delimiter: UInt8?, attributes: [String]) {
        self.name = name
        self.delimiter = delimiter
        self.attributes = attributes
    }

    /// Whether it can be selected.
    public var isSelectable: Bool {
        !attributes.contains { $0.utf8.equalsIgnoringCase("\\Noselect") || $0.utf8.equalsIgnoringCase("\\NonExistent") }
    }
}

/// What SELECT told of a mailbox.
public struct IMAPSelection: Hashable, Sendable {
    public internal(set) var messages = 0
    /// `nil` from a server without persistent UIDs: no state can be kept.
    public internal(set) var uidValidity: UInt32?
    public internal(set) var uidNext: UInt32?
    /// Whether UIDs last beyond this session (RFC 4315 §2).
    public internal(set) var hasStickyUIDs = true
    public internal(set) var highestModSeq: Int?
    public internal(set) var isReadOnly = false
    public internal(set) var permanentFlags: [String]?

    public init() {}
}

/// What one FETCH response told of a message. What it did not tell is `nil`.
public struct IMAPFetched: Hashable, Sendable {
    public enum Body: Hashable, Sendable {
        /// The response had none.
        case absent
        /// `NIL`: the server has the message no more. Never a delivery.
        case null
        /// No octets. Never a delivery by itself.
        case empty
        /// `octets` on the wire, told as content before this.
        case streamed(octets: Int, contentFaults: ContentFaults)
    }

    public let sequence: UInt32
    public internal(set) var uid: UInt32?
    public internal(set) var flags: [String]?
    /// RFC822.SIZE. Servers misreport it: a hint, no measure.
    public internal(set) var size: Int?
    /// INTERNALDATE as it came, such as `17-Jul-1996 02:44:25 -0700`.
    public internal(set) var internalDate: [UInt8]?
    public internal(set) var modSeq: Int?
    public internal(set) var body = Body.absent

    public init(sequence: UInt32) { self.sequence = sequence }
}

extension IMAPClient {
    /// What the server said.
    public enum Event: Hashable, Sendable {
        case greeting(IMAPStatus)
        /// Logged in already. STARTTLS is past then: a caller that asks for TLS must close.
        case preauthenticated(IMAPStatus)
        /// The server closes.
        case bye(IMAPStatus)
        /// From CAPABILITY or the code of another response.
        case capabilities(IMAPCapabilities)
        /// Start TLS now, then call ``IMAPClient/tlsEstablished()``.
        case startTLSReady
        /// A decoded challenge; answer with `.saslResponse` or `.saslCancel`.
        case challenge([UInt8])
        /// The server is ready for the rest of the command that was held back; answer with `.proceed`.
        case proceed
        /// IDLE has begun; `.idleEnd` ends it.
        case idling
        case mailbox(IMAPMailbox)
        /// What SELECT told; `.done` follows.
        case selected(IMAPSelection)
        /// The mailbox has so many messages now.
        case exists(Int)
        case expunged(UInt32)
        /// Some of the UIDs that SEARCH found; all of them once `.done` came.
        case searchResult([UInt32])
        /// Content of a message begins. `uid` is `nil` when the server tells it behind the content.
        case contentBegin(sequence: UInt32, uid: UInt32?, octets: Int)
        /// Content in file form: LF line ends. Never a whole message at once.
        case content([UInt8])
        /// A FETCH response is whole, and with it the content told before.
        case fetched(IMAPFetched)
        /// A status response outside of any command, such as `* NO [ALERT] …`.
        case notice(IMAPStatus)
        /// A command is finished.
        case done(IMAPRequest, IMAPStatus)
    }
}
