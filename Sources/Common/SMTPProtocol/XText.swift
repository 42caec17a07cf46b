// xtext: parameter values in which blanks, "+" and "=" are coded (RFC 3461 §4).

import Octets

/// Reads and writes xtext.
public enum XText {
    private static let digits = [UInt8]("0123456789ABCDEF")

    /// xtext = *( xchar / hexchar )
    ///
    /// xchar = any ASCII CHAR between "!" (33) and "~" (126) inclusive, except for "+" and "="; hexchar = "+" and two
    /// hexadecimal digits. UTF-8 is accepted, for SMTPUTF8 (RFC 6533 §3).
    /// - Returns: `nil` for octets that are not xtext, or that decode to a control character or broken UTF-8.
    public static func decode(_ octets: some Collection<UInt8>) -> String? {
        var text: [UInt8] = []
        var rest = octets.makeIterator()
        while let octet = rest.next() {
            switch octet {
            case 0x2B:
                guard let high = rest.next().flatMap(value), let low = rest.next().flatMap(value) else { return nil }
                text.append(high << 4 | low)
            case 0x3D: return nil
            case 0x21...0x7E, 0x80...0xFF: text.append(octet)
            default: return nil
            }
        }
        guard text.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { return nil }
        return String(validating: text, as: UTF8.self)
    }

    /// The xtext that means `text`.
    public static func encode(_ text: String) -> [UInt8] {
        var octets: [UInt8] = []
        for octet in text.utf8 {
            if (0x21...0x7E).contains(octet), octet != 0x2B, octet != 0x3D {
                octets.append(octet)
            } else {
                octets.append(contentsOf: [0x2B, digits[Int(octet >> 4)], digits[Int(octet & 15)]])
            }
        }
        return octets
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        digits.firstIndex(of: Octet.uppercased(digit)).map { UInt8($0) }
    }
}
