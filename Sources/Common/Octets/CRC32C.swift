// CRC-32C (Castagnoli, RFC 3720 appendix B.4): guards lines of the queue and of the journals against torn writes.

/// CRC-32C over octets.
public enum CRC32C {
    private static let table: [UInt32] = (0..<256).map { index in
        var value = UInt32(index)
        for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0x82F6_3B78 : value >> 1 }
        return value
    }

    /// The checksum of `octets`.
    public static func checksum(_ octets: ArraySlice<UInt8>) -> UInt32 {
        var value: UInt32 = 0xFFFF_FFFF
        for octet in octets {
            value = value >> 8 ^ table[Int((value ^ UInt32(octet)) & 0xFF)]
        }
        return ~value
    }

    /// The checksum of `octets`; see ``checksum(_:)-(ArraySlice<UInt8>)``.
    public static func checksum(_ octets: [UInt8]) -> UInt32 { checksum(octets[...]) }

    /// The checksum of `octets` as eight lower-case hexadecimal digits.
    public static func hex(_ octets: ArraySlice<UInt8>) -> String {
        let text = String(checksum(octets), radix: 16)
        return String(repeating: "0", count: 8 - text.count) + text
    }

    /// The checksum of `octets`; see ``hex(_:)-(ArraySlice<UInt8>)``.
    public static func hex(_ octets: [UInt8]) -> String { hex(octets[...]) }
}
