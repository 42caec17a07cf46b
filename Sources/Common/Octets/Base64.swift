// Base64 (RFC 4648 §4): strict on reading, bounded by its input.

/// Base64 with padding, as SASL and MIME use it.
public enum Base64 {
    private static let alphabet = [UInt8]("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    private static let values: [UInt8] = {
        var table = [UInt8](repeating: 0xFF, count: 256)
        for (value, octet) in alphabet.enumerated() { table[Int(octet)] = UInt8(value) }
        return table
    }()

    /// The base64 form of `octets`, in one line.
    public static func encode(_ octets: [UInt8]) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity((octets.count + 2) / 3 * 4)
        var at = 0
        while at < octets.count {
            let left = octets.count - at
            let group =
                UInt32(octets[at]) << 16 | UInt32(left > 1 ? octets[at + 1] : 0) << 8
                | UInt32(left > 2 ? octets[at + 2] : 0)
            text.append(alphabet[Int(group >> 18)])
            text.append(alphabet[Int(group >> 12 & 63)])
            text.append(left > 1 ? alphabet[Int(group >> 6 & 63)] : 0x3D)
            text.append(left > 2 ? alphabet[Int(group & 63)] : 0x3D)
            at += 3
        }
        return text
    }

    /// The octets that `text` encodes.
    /// - Returns: `nil` for a length that is no multiple of 4, an octet outside the alphabet, padding not at the end,
    ///   or unused bits that are not zero.
    public static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        let text = Array(text)
        guard text.count % 4 == 0 else { return nil }
        var octets: [UInt8] = []
        octets.reserveCapacity(text.count / 4 * 3)
        var at = 0
        while at < text.count {
            var padding = 0
            if at + 4 == text.count {
                if text[at + 3] == 0x3D { padding = text[at + 2] == 0x3D ? 2 : 1 }
            }
            var group: UInt32 = 0
            for offset in 0..<4 {
                let value: UInt8 = offset >= 4 - padding ? 0 : values[Int(text[at + offset])]
                guard value != 0xFF else { return nil }
                group = group << 6 | UInt32(value)
            }
            if padding == 1, group & 0xFF != 0 { return nil }
            if padding == 2, group & 0xFFFF != 0 { return nil }
            octets.append(UInt8(truncatingIfNeeded: group >> 16))
            if padding < 2 { octets.append(UInt8(truncatingIfNeeded: group >> 8)) }
            if padding < 1 { octets.append(UInt8(truncatingIfNeeded: group)) }
            at += 4
        }
        return octets
    }
}
