// CRC-32C (Castagnoli, RFC 3720 appendix B.4): guards lines of the queue and of the journals against torn writes.

/// CRC-32C over octets.
public enum CRC32C {
    /// Eight tables of 256 entries, to take eight octets at a time: table n tells what an octet does to the checksum n
    /// octets later.
    private static let tables: [UInt32] = {
        var tables = [UInt32](repeating: 0, count: 8 * 256)
        for index in 0..<256 {
            var value = UInt32(index)
            for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0x82F6_3B78 : value >> 1 }
            tables[index] = value
        }
        for index in 256..<tables.count {
            let before = tables[index - 256]
            tables[index] = before >> 8 ^ tables[Int(before & 0xFF)]
        }
        return tables
    }()

    /// The checksum of `octets`.
    /// - Parameter before: the checksum of what stands before them, if anything does.
    public static func checksum(_ octets: ArraySlice<UInt8>, after before: UInt32 = 0) -> UInt32 {
        let tables = tables
        return unsafe octets.withUnsafeBytes { bytes in
            func table(_ number: Int, _ octet: UInt32) -> UInt32 { tables[number << 8 | Int(octet & 0xFF)] }
            var value = ~before
            var at = 0
            while at + 8 <= bytes.count {
                let low = value ^ UInt32(littleEndian: unsafe bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self))
                let high = UInt32(littleEndian: unsafe bytes.loadUnaligned(fromByteOffset: at + 4, as: UInt32.self))
                value = table(7, low) ^ table(6, low >> 8) ^ table(5, low >> 16) ^ table(4, low >> 24)
                value ^= table(3, high) ^ table(2, high >> 8) ^ table(1, high >> 16) ^ table(0, high >> 24)
                at += 8
            }
            while at < bytes.count {
                value = value >> 8 ^ table(0, value ^ UInt32(unsafe bytes[at]))
                at += 1
            }
            return ~value
        }
    }

    /// The checksum of `octets`; see ``checksum(_:)-(ArraySlice<UInt8>)``.
    public static func checksum(_ octets: [UInt8]) -> UInt32 { checksum(octets[...]) }

    /// The checksum of `octets` as eight lower-case hexadecimal digits.
    public static func hex(_ octets: ArraySlice<UInt8>) -> String { hex(checksum(octets)) }

    /// A checksum as eight lower-case hexadecimal digits.
    public static func hex(_ checksum: UInt32) -> String {
        let text = String(checksum, radix: 16)
        return String(repeating: "0", count: 8 - text.utf8.count) + text
    }

    /// The checksum of `octets`; see ``hex(_:)-(ArraySlice<UInt8>)``.
    public static func hex(_ octets: [UInt8]) -> String { hex(octets[...]) }
}
