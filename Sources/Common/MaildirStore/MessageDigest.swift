// The SHA-256 of messages as they are stored, and of names too long or too strange to be a UIDL.

import Octets

/// The SHA-256 of a message as its file has it.
public struct MessageDigest: Hashable, Sendable, CustomStringConvertible {
    /// 32 octets in base64url without padding (RFC 4648 §5).
    public let description: String

    private static let length = 43

    /// - Parameter octets: what `RunningDigest` made of the message.
    public init(_ octets: [UInt8]) { description = String(decoding: Self.base64URL(octets), as: UTF8.self) }

    /// Reads what ``description`` says; `nil` for anything else.
    public init?(parsing word: ArraySlice<UInt8>) {
        guard word.count == Self.length, word.allSatisfy(Self.isDigit) else { return nil }
        description = String(decoding: word, as: UTF8.self)
    }

    private static func isDigit(_ octet: UInt8) -> Bool {
        switch octet {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x5F: true
        default: false
        }
    }

    private static func base64URL(_ octets: [UInt8]) -> [UInt8] {
        Base64.encode(octets).compactMap { octet in
            switch octet {
            case 0x2B: 0x2D
            case 0x2F: 0x5F
            case 0x3D: nil
            default: octet
            }
        }
    }
}
