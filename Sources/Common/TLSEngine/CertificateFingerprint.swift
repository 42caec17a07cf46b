// The SHA-256 digest of a certificate: what a person compares and pins.

internal import COpenSSL
import Octets

/// The SHA-256 digest of a certificate's DER form, as `openssl x509 -fingerprint -sha256` shows it.
public struct CertificateFingerprint: Sendable, Hashable, CustomStringConvertible {
    /// Octets of a SHA-256 digest.
    public static let octetCount = 32
    /// The digest, ``octetCount`` octets.
    public let octets: [UInt8]

    init(digest: [UInt8]) { octets = digest }

    /// Reads 64 hexadecimal digits, with or without colons or blanks between octets, in either case.
    /// - Throws: ``TLSError/badFingerprint(_:)`` for anything else, an MD5 or SHA-1 fingerprint included.
    public init(parsing text: String) throws(TLSError) {
        var digest: [UInt8] = []
        var high: UInt8?
        for octet in text.utf8 {
            if octet == Octet.colon || octet == Octet.space {
                guard high == nil else { throw .badFingerprint(text) }
                continue
            }
            guard let value = Self.digit(octet) else { throw .badFingerprint(text) }
            if let first = high {
                digest.append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
            guard digest.count <= Self.octetCount else { throw .badFingerprint(text) }
        }
        guard high == nil, digest.count == Self.octetCount else { throw .badFingerprint(text) }
        octets = digest
    }

    /// `AA:BB:…`, as msmtp and mpop write it in `tls_fingerprint`.
    public var description: String {
        octets.map(Self.pair).joined(separator: ":").uppercased()
    }

    /// The digest as 64 lower-case hexadecimal digits.
    public var hex: String { octets.map(Self.pair).joined() }

    /// Whether both are the same digest, in a time that does not tell where they differ.
    public func matches(_ other: CertificateFingerprint) -> Bool {
        guard octets.count == other.octets.count else { return false }
        return unsafe CRYPTO_memcmp(octets, other.octets, octets.count) == 0
    }

    private static func pair(_ octet: UInt8) -> String {
        octet < 16 ? "0" + String(octet, radix: 16) : String(octet, radix: 16)
    }

    private static func digit(_ octet: UInt8) -> UInt8? {
        switch octet {
        case 0x30...0x39: octet - 0x30
        case 0x41...0x46: octet - 0x41 + 10
        case 0x61...0x66: octet - 0x61 + 10
        default: nil
        }
    }
}
