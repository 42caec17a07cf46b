// Decimal numbers from a peer: checked, never wrapped, never trapped on.

/// Unsigned decimal numbers as protocols write them.
public enum Decimal {
    /// The number that `digits` spell.
    /// - Returns: `nil` when there is no digit, anything but digits (a sign too), or more than an `Int` holds.
    public static func value(of digits: Span<UInt8>) -> Int? {
        guard !digits.isEmpty else { return nil }
        var value = 0
        for at in digits.indices {
            guard Octet.isDigit(digits[at]) else { return nil }
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tens.addingReportingOverflow(Int(digits[at] & 0x0F))
            guard !overflow, !carry else { return nil }
            value = sum
        }
        return value
    }

    /// The number that `digits` spell; see ``value(of:)-(Span<UInt8>)``.
    public static func value(of digits: ArraySlice<UInt8>) -> Int? { value(of: digits.span) }

    /// The number that `digits` spell; see ``value(of:)-(Span<UInt8>)``.
    public static func value(of digits: [UInt8]) -> Int? { value(of: digits.span) }
}
