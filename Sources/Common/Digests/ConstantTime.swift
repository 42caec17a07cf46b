// Comparing what must not be guessed octet by octet.

internal import COpenSSL

/// Comparisons whose time does not tell where the difference is.
public enum ConstantTime {
    /// Whether both are the same; only their lengths show in the time taken.
    public static func areEqual(_ one: [UInt8], _ other: [UInt8]) -> Bool {
        guard one.count == other.count else { return false }
        return unsafe CRYPTO_memcmp(one, other, one.count) == 0
    }
}
