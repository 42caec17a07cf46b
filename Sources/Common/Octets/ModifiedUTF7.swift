// Modified UTF-7 (RFC 3501 §5.1.3): how IMAP and Maildir++ write the names of mailboxes.

/// Printable ASCII stands for itself, `&` is `&-`, all else is UTF-16 in base64, with `,` for `/`, between `&` and `-`.
public enum ModifiedUTF7 {
    private static let ampersand: UInt8 = 0x26
    private static let hyphen: UInt8 = 0x2D

    /// The octets for `text`.
    /// - Parameter special: a printable ASCII character that is encoded as if it were outside ASCII, such as the dot
    ///   that separates the folders of Maildir++.
    public static func encode(_ text: String, shifting special: UInt8? = nil) -> [UInt8] {
        var octets: [UInt8] = []
        var waiting: [UInt8] = []
        func shift() {
            guard !waiting.isEmpty else { return }
            let base64 = Base64.encode(waiting).filter { $0 != 0x3D }.map { $0 == 0x2F ? 0x2C : $0 }
            octets += [ampersand] + base64 + [hyphen]
            waiting = []
        }
        for unit in text.utf16 {
            if isPlain(unit, special) {
                shift()
                octets.append(UInt8(unit))
                if unit == UInt16(ampersand) { octets.append(hyphen) }
            } else {
                waiting += [UInt8(unit >> 8), UInt8(unit & 0xFF)]
            }
        }
        shift()
        return octets
    }

    /// The text that `octets` encode.
    /// - Returns: `nil` for octets outside printable ASCII, an unterminated shift, bad base64, an unpaired surrogate,
    ///   or printable ASCII hidden in base64, which would give one mailbox two names; `special` may stand there.
    public static func decode(_ octets: [UInt8], shifting special: UInt8? = nil) -> String? {
        var units: [UInt16] = []
        var rest = octets[...]
        while let octet = rest.popFirst() {
            guard octet >= 0x20, octet <= 0x7E else { return nil }
            guard octet == ampersand else {
                units.append(UInt16(octet))
                continue
            }
            guard let end = rest.firstIndex(of: hyphen) else { return nil }
            let shifted = rest[..<end]
            rest = rest[(end + 1)...]
            if shifted.isEmpty {
                units.append(UInt16(ampersand))
                continue
            }
            guard let more = Self.units(of: shifted), !more.contains(where: { isPlain($0, special) }) else {
                return nil
            }
            units += more
        }
        return String(validating: units, as: UTF16.self)
    }

    private static func isPlain(_ unit: UInt16, _ special: UInt8?) -> Bool {
        (0x20...0x7E).contains(unit) && unit != special.map(UInt16.init)
    }

    private static func units(of shifted: ArraySlice<UInt8>) -> [UInt16]? {
        guard !shifted.contains(0x2F), !shifted.contains(0x3D) else { return nil }
        let text = shifted.map { $0 == 0x2C ? 0x2F : $0 }
        let padding = [UInt8](repeating: 0x3D, count: (4 - text.count % 4) % 4)
        guard padding.count < 3, let octets = Base64.decode(text + padding), octets.count % 2 == 0 else { return nil }
        return stride(from: 0, to: octets.count, by: 2).map { UInt16(octets[$0]) << 8 | UInt16(octets[$0 + 1]) }
    }
}
