// What an IMAP server says, as its client hears it.

import Octets

/// One mailbox of LIST (RFC 3501 §7.2.2).
public struct IMAPMailbox: Hashable, Sendable {
    public let name: IMAPMailboxName
    /// The hierarchy delimiter; `nil` for a flat name.
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

/// What SELECT told about a mailbox (RFC 3501 §6.3.1).
public struct IMAPSelection: Hashable, Sendable {
    public internal(set) var messages = 0
    /// `nil` from a server without persistent UIDs: no state can be kept.
    public internal(set) var uidValidity: UInt32?
    public internal(set) var uidNext: UInt32?
    /// Whether UIDs last beyond this session (RFC 4315 §3).
    public internal(set) var hasStickyUIDs = true
    public internal(set) var highestModSeq: Int?
    public internal(set) var isReadOnly = false
    public internal(set) var permanentFlags: [String]?

    public init() {}
}

/// What one FETCH response told about a message (RFC 3501 §7.4.2). What it did not tell is `nil`.
public struct IMAPFetched: Hashable, Sendable {
    public enum Body: Hashable, Sendable {
        /// The response had none.
        case absent
        /// `NIL`: the server no longer has the message. Never to be delivered.
        case null
        /// No octets: by itself no reason to deliver.
        case empty
        /// `octets` on the wire, handed out as content before this.
        case streamed(octets: Int, contentFaults: ContentFaults)
    }

    public let sequence: UInt32
    public internal(set) var uid: UInt32?
    public internal(set) var flags: [String]?
    /// RFC822.SIZE, in octets on the wire. Servers misreport it: a hint, not a measure.
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
        /// Logged in already. STARTTLS is no longer possible: a caller that demands TLS must close.
        case preauthenticated(IMAPStatus)
        /// The server closes.
        case bye(IMAPStatus)
        /// From a CAPABILITY response, or from the code of another one.
        case capabilities(IMAPCapabilities)
        /// Start TLS now, then call ``IMAPClient/tlsEstablished()``.
        case startTLSReady
        /// Begin to compress now, then call ``IMAPClient/compressionBegun()``.
        case compressionReady
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
        /// By sequence number; higher ones go down by one (RFC 3501 §7.4.1).
        case expunged(UInt32)
        /// Some of the UIDs that UID SEARCH found; `.done` follows the last of them.
        case searchResult([UInt32])
        /// Content of a message begins. `uid` is `nil` when the server tells it after the content.
        case contentBegin(sequence: UInt32, uid: UInt32?, octets: Int)
        /// Content in file form: LF line ends. Never a whole message at once.
        case content([UInt8])
        /// A FETCH response is complete, and with it the content handed out before.
        case fetched(IMAPFetched)
        /// A status response outside of any command, such as `* NO [ALERT] …`.
        case notice(IMAPStatus)
        /// A command is finished.
        case done(IMAPRequest, IMAPStatus)
    }
}
