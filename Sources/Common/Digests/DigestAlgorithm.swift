// Digests and keyed digests of octets in memory.

internal import COpenSSL

/// How a digest is made.
public enum DigestAlgorithm: Sendable, Hashable {
    /// SHA-256 (FIPS 180-4).
    case sha256

    /// Octets of a digest.
    public var octetCount: Int {
        switch self {
        case .sha256: 32
        }
    }

    /// The `EVP_MD *`, which lives as long as the library.
    var system: OpaquePointer? {
        switch self {
        case .sha256: unsafe EVP_sha256()
        }
    }

    /// The digest of `octets`.
    /// - Throws: ``DigestError/refused(_:)`` when OpenSSL fails.
    public func digest(of octets: [UInt8]) throws(DigestError) -> [UInt8] {
        var running = RunningDigest(self)
        running.update(octets)
        return try running.finish()
    }

    /// The HMAC of `octets` under `key` (RFC 2104): of no use to anyone without the key.
    /// - Throws: ``DigestError/refused(_:)`` when OpenSSL fails.
    public func hmac(of octets: [UInt8], under key: [UInt8]) throws(DigestError) -> [UInt8] {
        guard let keyCount = CInt(exactly: key.count) else { throw .refused(self) }
        var made = [UInt8](repeating: 0, count: octetCount)
        var count: CUnsignedInt = 0
        ERR_clear_error()
        guard unsafe HMAC(system, key, keyCount, octets, octets.count, &made, &count) != nil,
            Int(count) == octetCount
        else { throw .refused(self) }
        return made
    }
}
