// Octets that nobody can guess.

/// The system's source of secure random numbers (getrandom(2)).
public enum Randomness {
    /// `count` octets fit for keys, nonces and names that must not be guessed.
    public static func octets(_ count: Int) -> [UInt8] {
        var source = SystemRandomNumberGenerator()
        var octets: [UInt8] = []
        octets.reserveCapacity(count + 8)
        while octets.count < count {
            unsafe withUnsafeBytes(of: source.next()) { unsafe octets.append(contentsOf: $0) }
        }
        octets.removeLast(octets.count - max(0, count))
        return octets
    }
}
