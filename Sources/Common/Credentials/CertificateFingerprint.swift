// The SHA-256 digest of a certificate: what a person compares and pins.

import Octets

/// The SHA-256 digest of a certificate's DER form, as `openssl x509 -fingerprint -sha256` shows it.
public struct CertificateFingerprint: Sendable, Hashable, CustomStringConvertible {
    /// Octets of a SHA-256 digest.
    public static let octetCount = 32
    /// The digest, ``octetCount`` octets.
    public let octets: [UInt8]

    /// - Returns: `nil` unless `digest` has ``octetCount`` octets.
    public init?(digest: [UInt8]) {
        guard digest.count == Self.octetCount else { return nil }
        octets = digest
    }

    /// Reads 64 hexadecimal digits, with or without colons or blanks between octets, in either case.
    /// - Returns: `nil` for anything else, an MD5 or SHA-1 fingerprint included.
    public init?(_ text: String) {
        var digest: [UInt8] = []
        var high: UInt8?
        for octet in text.utf8 {
            if octet == Octet.colon || octet == Octet.space {
                guard high == nil else { return nil }
                continue
            }
            guard let value = Self.digit(octet), digest.count < Self.octetCount else { return nil }
            if let first = high {
                digest.append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        guard high == nil else { return nil }
        self.init(digest: digest)
    }

    /// `AA:BB:…`, as msmtp and mpop write it in `tls_fingerprint`.
    public var description: String {
        octets.map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }.joined(separator: ":")
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
