// A digest of a secret under a key: comparable in constant time, of no use to anyone without the key.

internal import COpenSSL

/// HMAC-SHA-256 (RFC 2104) of passwords.
public enum KeyedDigest {
    /// The 32 octets for `secret` under `key`; none when the library refuses, which equals nothing.
    public static func of(_ secret: Secret, under key: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        var count: UInt32 = 0
        let octets = secret.revealed
        let made = unsafe HMAC(EVP_sha256(), key, CInt(key.count), octets, octets.count, &digest, &count)
        return unsafe made != nil && count == 32 ? digest : []
    }

    /// Whether two digests are the same, in the same time whatever they are.
    public static func areEqual(_ one: [UInt8], _ other: [UInt8]) -> Bool {
        guard one.count == 32, other.count == 32 else { return false }
        return unsafe CRYPTO_memcmp(one, other, 32) == 0
    }
}
