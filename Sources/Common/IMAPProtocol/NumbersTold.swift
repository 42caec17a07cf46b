// Which messages the answer to one FETCH has told of, one bit each.

/// A set of message sequence numbers.
struct NumbersTold: Sendable {
    private var bits: [UInt64] = []

    /// - Returns: whether `number` was not there yet; `false` above ``MessageNumbers/limit``.
    mutating func insert(_ number: UInt32) -> Bool {
        guard number <= MessageNumbers.limit else { return false }
        let (word, bit) = (Int(number / 64), UInt64(1) << (number % 64))
        if word >= bits.count { bits += [UInt64](repeating: 0, count: max(word + 1 - bits.count, bits.count)) }
        guard bits[word] & bit == 0 else { return false }
        bits[word] |= bit
        return true
    }
}
