// The parameters of MAIL and RCPT that we know: SIZE, BODY, SMTPUTF8, AUTH and those of delivery notices.

import MailFormat
import Octets

/// What may follow the reverse-path in MAIL.
public struct MailParameters: Sendable, Hashable {
    /// RFC 6152 §2.
    public enum Body: String, Sendable, Hashable {
        case sevenBit = "7BIT"
        case eightBitMIME = "8BITMIME"
    }

    /// RET: how much of the message a failure notice brings back (RFC 3461 §4.3).
    public enum Return: String, Sendable, Hashable {
        case full = "FULL"
        case headers = "HDRS"
    }

    /// The size that the client announces, in octets of the wire (RFC 1870 §6.1); `Int.max` when it is beyond that.
    public var size: Int?
    public var body: Body?
    /// RFC 6531 §3.4.
    public var smtpUTF8 = false
    public var ret: Return?
    /// ENVID, decoded (RFC 3461 §4.4).
    public var envelopeID: String?
    /// AUTH: who submitted the message first, `.null` for unknown (RFC 4954 §5). Worth no more than the peer is.
    public var auth: ReversePath?

    public init(
        size: Int? = nil, body: Body? = nil, smtpUTF8: Bool = false, ret: Return? = nil, envelopeID: String? = nil,
        auth: ReversePath? = nil
    ) {
        self.size = size
        self.body = body
        self.smtpUTF8 = smtpUTF8
        self.ret = ret
        self.envelopeID = envelopeID
        self.auth = auth
    }
}

/// NOTIFY: when the sender wants a notice (RFC 3461 §4.1). The empty set is NEVER.
public struct NotifyConditions: OptionSet, Sendable, Hashable, CustomStringConvertible {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let never: NotifyConditions = []
    public static let success = NotifyConditions(rawValue: 1)
    public static let failure = NotifyConditions(rawValue: 2)
    public static let delay = NotifyConditions(rawValue: 4)

    /// The value as it stands in RCPT.
    public var description: String {
        let words = [(Self.success, "SUCCESS"), (.failure, "FAILURE"), (.delay, "DELAY")]
        return isEmpty ? "NEVER" : words.filter { contains($0.0) }.map(\.1).joined(separator: ",")
    }
}

/// ORCPT: the recipient as the sender wrote it (RFC 3461 §4.2).
public struct OriginalRecipient: Sendable, Hashable, CustomStringConvertible {
    /// `rfc822` or `utf-8` in practice; an atom.
    public let type: String
    /// Decoded; no control characters.
    public let address: String

    /// - Returns: `nil` when `type` is no atom, or `address` is empty or has control characters.
    public init?(type: String, address: String) {
        guard !type.isEmpty, type.utf8.allSatisfy({ Octet.isDigit($0) || $0 == 0x2D || isLetter($0) }) else {
            return nil
        }
        guard !address.isEmpty, address.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { return nil }
        self.type = type
        self.address = address
    }

    /// The value as it stands in RCPT.
    public var description: String { type + ";" + String(decoding: XText.encode(address), as: UTF8.self) }
}

/// What may follow the forward-path in RCPT.
public struct RecipientParameters: Sendable, Hashable {
    public var notify: NotifyConditions?
    public var originalRecipient: OriginalRecipient?

    public init(notify: NotifyConditions? = nil, originalRecipient: OriginalRecipient? = nil) {
        self.notify = notify
        self.originalRecipient = originalRecipient
    }
}

func isLetter(_ octet: UInt8) -> Bool { (0x61...0x7A).contains(Octet.lowercased(octet)) }
