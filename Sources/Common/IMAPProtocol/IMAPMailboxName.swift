// Mailbox names and their modified UTF-7 (RFC 3501 §5.1.3).

import Octets

/// A mailbox name as the server writes it; a name that is no proper modified UTF-7 can be used all the same.
public struct IMAPMailboxName: Hashable, Sendable {
    /// The name on the wire, neither quoted nor decoded.
    public let encoded: [UInt8]

    public init(encoded: [UInt8]) { self.encoded = encoded }

    /// The name that a person writes as `name`.
    public init(_ name: String) { encoded = Self.encode(name) }

    public static let inbox = IMAPMailboxName(encoded: [UInt8]("INBOX"))

    /// The name as a person reads it; `nil` when it is no proper modified UTF-7.
    public var decoded: String? { Self.decode(encoded) }

    private static let ampersand: UInt8 = 0x26
    private static let hyphen: UInt8 = 0x2D

    /// Printable ASCII stands for itself, `&` is `&-`, all else is UTF-16 in base64 between `&` and `-`.
    static func encode(_ name: String) -> [UInt8] {
        var octets: [UInt8] = []
        var waiting: [UInt8] = []
        func shift() {
            guard !waiting.isEmpty else { return }
            let text = Base64.encode(waiting).filter { $0 != 0x3D }.map { $0 == 0x2F ? 0x2C : $0 }
            octets += [ampersand] + text + [hyphen]
            waiting = []
        }
        for unit in name.utf16 {
            if unit >= 0x20, unit <= 0x7E {
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

    /// - Returns: `nil` for octets outside printable ASCII, an unterminated shift, bad base64, half a character, or
    ///   printable ASCII hidden in base64 (which would give one mailbox two names).
    static func decode(_ octets: [UInt8]) -> String? {
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
            guard let more = Self.units(of: shifted) else { return nil }
            units += more
        }
        var text = ""
        var decoder = UTF16()
        var source = units.makeIterator()
        while true {
            switch decoder.decode(&source) {
            case .scalarValue(let scalar): text.unicodeScalars.append(scalar)
            case .emptyInput: return text
            case .error: return nil
            }
        }
    }

    private static func units(of shifted: ArraySlice<UInt8>) -> [UInt16]? {
        guard !shifted.contains(0x2F), !shifted.contains(0x3D) else { return nil }
        let text = shifted.map { $0 == 0x2C ? 0x2F : $0 }
        let padding = [UInt8](repeating: 0x3D, count: (4 - text.count % 4) % 4)
        guard padding.count < 3, let octets = Base64.decode(text + padding), octets.count % 2 == 0 else { return nil }
        let units = stride(from: 0, to: octets.count, by: 2).map { UInt16(octets[$0]) << 8 | UInt16(octets[$0 + 1]) }
        return units.contains { $0 >= 0x20 && $0 <= 0x7E } ? nil : units
    }
}
