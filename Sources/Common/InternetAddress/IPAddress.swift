// An IP address as a value: read strictly, printed in one form only.

/// An IPv4 or IPv6 address. IPv4 within IPv6 (`::ffff:192.0.2.1`) is IPv4, so that one rule matches both.
public struct IPAddress: Sendable, Hashable, CustomStringConvertible {
    public enum Family: Sendable, Hashable { case v4, v6 }

    /// 4 or 16, in network order.
    public let octets: [UInt8]

    public var family: Family { octets.count == 4 ? .v4 : .v6 }

    /// - Returns: `nil` unless there are 4 or 16 octets.
    public init?(octets: [UInt8]) {
        guard octets.count == 4 || octets.count == 16 else { return nil }
        let mapped = Self.mappedPrefix
        self.octets = octets.count == 16 && octets.starts(with: mapped) ? Array(octets[12...]) : octets
    }

    /// 0.0.0.0 and `::`: any address of this machine, to a socket that listens.
    public static let anyV4 = IPAddress(unchecked: [UInt8](repeating: 0, count: 4))
    public static let anyV6 = IPAddress(unchecked: [UInt8](repeating: 0, count: 16))

    /// ::ffff:0:0/96 (RFC 4291 §2.5.5.2).
    static let mappedPrefix = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF]

    /// Reads `192.0.2.1` or `2001:db8::1` (RFC 4291 §2.2).
    ///
    /// No brackets, no zone, no octal, no leading zeros in IPv4, no short forms such as `127.1`: what programs do not
    /// all read in the same way is not read here at all.
    public init?(_ text: some StringProtocol) { self.init(reading: Array(text.utf8)) }

    /// Reads an address literal without its brackets: `192.0.2.1` or `IPv6:2001:db8::1` (RFC 5321 §4.1.3).
    public init?(literal text: [UInt8]) {
        let isTagged = String(decoding: text.prefix(5), as: UTF8.self).lowercased() == "ipv6:"
        let address = isTagged ? text[5...] : text[...]
        guard address.contains(UInt8(ascii: ":")) == isTagged else { return nil }  // no [IPv6:192.0.2.1]
        self.init(reading: Array(address))
    }

    private init?(reading text: [UInt8]) {
        guard let octets = text.contains(UInt8(ascii: ":")) ? Self.ipv6(text) : Self.ipv4(text[...]) else { return nil }
        self.init(octets: octets)
    }

    /// The address literal (RFC 5321 §4.1.3) without its brackets.
    public var literal: String { family == .v4 ? description : "IPv6:\(description)" }

    /// An IPv6 address with its interface identifier, the last 64 bits, set to zero.
    var cutTo64: IPAddress { IPAddress(unchecked: Array(octets[..<8]) + [UInt8](repeating: 0, count: 8)) }

    private init(unchecked octets: [UInt8]) { self.octets = octets }

    /// 127.0.0.0/8 and ::1.
    public var isLoopback: Bool {
        family == .v4 ? octets[0] == 127 : octets.dropLast().allSatisfy { $0 == 0 } && octets[15] == 1
    }

    public var description: String {
        family == .v4 ? octets.map(String.init).joined(separator: ".") : Self.text(ofV6: octets)
    }

    /// IPv4address = dec-octet "." dec-octet "." dec-octet "." dec-octet (RFC 3986 §3.2.2)
    private static func ipv4(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        let parts = text.split(separator: UInt8(ascii: "."), maxSplits: 4, omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var address: [UInt8] = []
        for part in parts {
            guard part.count <= 3, part.count == 1 || part.first != 0x30, let value = decimal(part),
                let octet = UInt8(exactly: value)
            else { return nil }
            address.append(octet)
        }
        return address
    }

    /// Eight groups of 1*4HEXDIG; "::" stands once for one group of zeros or more; the last 32 bits may be IPv4.
    private static func ipv6(_ text: [UInt8]) -> [UInt8]? {
        guard text.count <= 45 else { return nil }
        guard let gap = doubleColon(in: text) else {
            let groups = Self.groups(text[...])
            return groups?.count == 16 ? groups : nil
        }
        guard doubleColon(in: Array(text[(gap + 1)...])) == nil else { return nil }  // ":::" and a second "::"
        guard let head = groups(text[..<gap]), let tail = groups(text[(gap + 2)...]) else { return nil }
        guard head.count + tail.count <= 14, !text[..<gap].contains(UInt8(ascii: ".")) else { return nil }
        return head + [UInt8](repeating: 0, count: 16 - head.count - tail.count) + tail
    }

    private static func doubleColon(in text: [UInt8]) -> Int? {
        text.indices.dropLast().first { text[$0] == UInt8(ascii: ":") && text[$0 + 1] == UInt8(ascii: ":") }
    }

    private static func groups(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        if text.isEmpty { return [] }
        var address: [UInt8] = []
        let parts = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if part.contains(UInt8(ascii: ".")) {
                guard index == parts.count - 1, let last = ipv4(part) else { return nil }
                address += last
            } else {
                guard (1...4).contains(part.count),
                    let value = UInt16(String(decoding: part, as: UTF8.self), radix: 16),
                    part.first != 0x2B, part.first != 0x2D
                else { return nil }
                address += [UInt8(value >> 8), UInt8(value & 0xFF)]
            }
        }
        return address
    }

    /// The canonical text of an IPv6 address (RFC 5952 §4): lower case, no leading zeros, the longest run of zero
    /// groups as `::`.
    private static func text(ofV6 octets: [UInt8]) -> String {
        let groups = stride(from: 0, to: 16, by: 2).map { UInt16(octets[$0]) << 8 | UInt16(octets[$0 + 1]) }
        var longest = 0..<0
        var at = 0
        while at < groups.count {
            let end = groups[at...].firstIndex { $0 != 0 } ?? groups.count
            if end - at > max(longest.count, 1) { longest = at..<end }
            at = max(end, at) + 1
        }
        func hex(_ part: ArraySlice<UInt16>) -> String {
            part.map { String($0, radix: 16) }.joined(separator: ":")
        }
        guard !longest.isEmpty else { return hex(groups[...]) }
        return hex(groups[..<longest.lowerBound]) + "::" + hex(groups[longest.upperBound...])
    }
}

/// The number that `digits` spell; `Int.init` would accept a sign, too.
///
/// Written here so that this module imports no other: it stands at the end of the longest chain of imports.
func decimal(_ digits: some Collection<UInt8>) -> Int? {
    digits.allSatisfy { (0x30...0x39).contains($0) } ? Int(String(decoding: digits, as: UTF8.self)) : nil
}
