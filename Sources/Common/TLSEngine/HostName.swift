// Names as certificates know them.

import Octets

/// Questions about the text of a host.
enum HostName {
    /// `text` without the root's dot; `nil` when it cannot be a host name.
    static func normalized(_ text: String) -> String? {
        let name = text.hasSuffix(".") ? String(text.dropLast()) : text
        return isName(name) ? name : nil
    }

    /// Whether `name` is made of letters, digits, hyphens, underscores and dots, at most 253 (RFC 1035 §2.3.4).
    static func isName(_ name: String) -> Bool {
        let octets = Array(name.utf8)
        // A leading dot would make OpenSSL accept any subdomain.
        guard !octets.isEmpty, octets.count <= 253, octets[0] != Octet.dot else { return false }
        return octets.allSatisfy {
            Octet.isDigit($0) || (0x61...0x7A).contains(Octet.lowercased($0)) || $0 == 0x2D || $0 == Octet.dot
                || $0 == 0x5F
        }
    }
}
