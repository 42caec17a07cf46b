// SHA-256: of messages as they are stored, and for names too long or too strange to be a UIDL.

internal import COpenSSL
import Octets

/// The SHA-256 of a message as its file has it.
public struct MessageDigest: Hashable, Sendable, CustomStringConvertible {
    /// 32 octets in base64url without padding (RFC 4648 §5).
    public let description: String

    private static let length = 43

    fileprivate init(_ octets: [UInt8]) { description = String(decoding: Self.base64URL(octets), as: UTF8.self) }

    /// Reads what ``description`` says; `nil` for anything else.
    public init?(parsing word: ArraySlice<UInt8>) {
        guard word.count == Self.length, word.allSatisfy(Self.isDigit) else { return nil }
        description = String(decoding: word, as: UTF8.self)
    }

    /// The SHA-256 of `octets` in base64url without padding: 43 characters.
    static func sha256(_ octets: [UInt8]) throws(MaildirError) -> [UInt8] {
        var digest = RunningDigest()
        digest.update(octets)
        return Array(try digest.finish().description.utf8)
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

/// A SHA-256 that is fed piece by piece (`EVP_MD_CTX`).
@safe public struct RunningDigest: ~Copyable {
    private let context: OpaquePointer?
    private var isGood: Bool

    public init() {
        ERR_clear_error()
        unsafe context = EVP_MD_CTX_new()
        isGood = unsafe context != nil && EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1
    }

    deinit { unsafe EVP_MD_CTX_free(context) }

    public mutating func update(_ octets: [UInt8]) {
        guard isGood else { return }
        isGood = unsafe EVP_DigestUpdate(context, octets, octets.count) == 1
    }

    /// The digest of all that was fed; nothing may be fed behind it.
    /// - Throws: ``MaildirError/noDigest`` when OpenSSL failed at any step.
    public mutating func finish() throws(MaildirError) -> MessageDigest {
        var octets = [UInt8](repeating: 0, count: 32)
        var length: UInt32 = 0
        isGood = unsafe isGood && EVP_DigestFinal_ex(context, &octets, &length) == 1
        guard isGood, length == 32 else { throw .noDigest }
        isGood = false
        return MessageDigest(octets)
    }
}
