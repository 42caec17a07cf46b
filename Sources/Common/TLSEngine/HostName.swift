// Names and addresses as certificates know them.

import Glibc
import Octets

/// Questions about the text of a host.
enum HostName {
    /// The octets of `text` when it is an IPv4 or IPv6 address; a zone (`%eth0`) does not count.
    static func address(_ text: String) -> [UInt8]? {
        guard !text.utf8.contains(0) else { return nil }
        var octets = [UInt8](repeating: 0, count: 16)
        if unsafe inet_pton(AF_INET, text, &octets) == 1 { return Array(octets[..<4]) }
        let bare = String(text.prefix { $0 != "%" })
        return unsafe inet_pton(AF_INET6, bare, &octets) == 1 ? octets : nil
    }

    /// `text` without the root's dot; `nil` when it cannot be a host name.
    static func normalized(_ text: String) -> String? {
        let name = text.hasSuffix(".") ? String(text.dropLast()) : text
        return isName(name) ? name : nil
    }

    /// Whether `name` is made of letters, digits, hyphens, underscores and dots, at most 253 (RFC 1035 §2.3.4).
    static func isName(_ name: String) -> Bool {
        let octets = Array(name.utf8)
        // A leading dot would make OpenSSL take any name below.
        guard !octets.isEmpty, octets.count <= 253, octets[0] != Octet.dot else { return false }
        return octets.allSatisfy {
            Octet.isDigit($0) || (0x61...0x7A).contains(Octet.lowercased($0)) || $0 == 0x2D || $0 == Octet.dot
                || $0 == 0x5F
        }
    }
}
