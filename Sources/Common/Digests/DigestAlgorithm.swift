// Digests and keyed digests of octets in memory.

internal import COpenSSL

/// How a digest is made.
public enum DigestAlgorithm: String, Sendable, Hashable {
    /// FIPS 180-4.
    case sha256 = "SHA-256"
    /// FIPS 180-4. For logins whose mechanism demands it (RFC 5802), and for nothing else.
    case sha1 = "SHA-1"
    /// RFC 1321. As ``sha1`` (RFC 2195).
    case md5 = "MD5"

    /// Octets of a digest.
    public var octetCount: Int {
        switch self {
        case .sha256: 32
        case .sha1: 20
        case .md5: 16
        }
    }

    /// The `EVP_MD *`, which lives as long as the library.
    var system: OpaquePointer? {
        switch self {
        case .sha256: unsafe EVP_sha256()
        case .sha1: unsafe EVP_sha1()
        case .md5: unsafe EVP_md5()
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

    /// A key made of a password: PBKDF2 with the HMAC of this digest (RFC 8018 §5.2), as long as a digest.
    /// - Parameter iterations: at least 1; the work grows with it.
    /// - Throws: ``DigestError/refused(_:)`` when OpenSSL fails.
    public func derivedKey(of password: [UInt8], salt: [UInt8], iterations: Int) throws(DigestError) -> [UInt8] {
        guard let count = CInt(exactly: iterations), count > 0, let saltCount = CInt(exactly: salt.count),
            let passwordCount = CInt(exactly: password.count)
        else { throw .refused(self) }
        var made = [UInt8](repeating: 0, count: octetCount)
        let given = password.map { CChar(bitPattern: $0) }
        ERR_clear_error()
        guard
            unsafe PKCS5_PBKDF2_HMAC(
                given, passwordCount, salt, saltCount, count, system, CInt(octetCount), &made) == 1
        else { throw .refused(self) }
        return made
    }
}
