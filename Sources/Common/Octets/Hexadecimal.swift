// Octets as hexadecimal digits.

/// Two digits for each octet.
public enum Hexadecimal {
    private static let digits = Array("0123456789abcdef".utf8)

    /// In lower case, as digests stand on the wire.
    public static func text(of octets: [UInt8]) -> String {
        String(decoding: octets.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
