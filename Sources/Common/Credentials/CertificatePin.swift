// What a server is pinned by: its certificate, or the key that outlives the certificate.

import Octets

/// One value of `tls_fingerprint`.
public enum CertificatePin: Sendable, Hashable, CustomStringConvertible {
    /// The certificate itself: another one at each renewal.
    case certificate(CertificateFingerprint)
    /// Its public key, which a renewal may keep.
    case publicKey(PublicKeyDigest)

    /// - Returns: `nil` for what is neither.
    public init?(_ text: String) {
        if let digest = PublicKeyDigest(text) {
            self = .publicKey(digest)
        } else if let fingerprint = CertificateFingerprint(text) {
            self = .certificate(fingerprint)
        } else {
            return nil
        }
    }

    public var description: String {
        switch self {
        case .certificate(let fingerprint): "\(fingerprint)"
        case .publicKey(let digest): "\(digest)"
        }
    }
}

/// The SHA-256 digest of a certificate's SubjectPublicKeyInfo in DER (RFC 7469 §2.4).
public struct PublicKeyDigest: Sendable, Hashable, CustomStringConvertible {
    /// The digest, ``CertificateFingerprint/octetCount`` octets.
    public let octets: [UInt8]

    /// - Returns: `nil` unless `digest` has ``CertificateFingerprint/octetCount`` octets.
    public init?(digest: [UInt8]) {
        guard digest.count == CertificateFingerprint.octetCount else { return nil }
        octets = digest
    }

    /// Reads `sha256//` and base64, as curl(1) takes it for `--pinnedpubkey`; one slash will do.
    public init?(_ text: String) {
        guard let prefix = ["sha256//", "sha256/"].first(where: text.hasPrefix),
            let digest = Base64.decode(Array(text.utf8.dropFirst(prefix.utf8.count)))
        else { return nil }
        self.init(digest: digest)
    }

    /// As curl(1) takes it.
    public var description: String { "sha256//" + String(decoding: Base64.encode(octets), as: UTF8.self) }
}
