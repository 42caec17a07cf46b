// ORCPT: the recipient as the sender wrote it (RFC 3461 §4.2).

import Octets

/// The original recipient, decoded: xtext is for the wire only.
public struct OriginalRecipient: Sendable, Hashable, CustomStringConvertible {
    /// `rfc822` or `utf-8` in practice; an atom.
    public let type: String
    /// No control characters.
    public let address: String

    /// - Returns: `nil` when `type` is no atom, or `address` is empty or has control characters.
    public init?(type: String, address: String) {
        guard !type.isEmpty, type.utf8.allSatisfy(Self.isAtomText) else { return nil }
        guard !address.isEmpty, address.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { return nil }
        self.type = type
        self.address = address
    }

    /// Reads what ``description`` writes; `nil` for anything else.
    public init?(_ text: String) {
        guard let semicolon = text.firstIndex(of: ";") else { return nil }
        self.init(type: String(text[..<semicolon]), address: String(text[text.index(after: semicolon)...]))
    }

    private static func isAtomText(_ octet: UInt8) -> Bool {
        Octet.isDigit(octet) || octet == 0x2D || Octet.isLetter(octet)
    }

    /// `rfc822;joe@example.org`
    public var description: String { "\(type);\(address)" }
}
