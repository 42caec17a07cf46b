// A network of IP addresses in CIDR form.

/// All addresses that share the first `prefix` bits of `base`, as in `192.168.0.0/16` (RFC 4632 §3.1).
public struct Network: Sendable, Hashable, CustomStringConvertible {
    /// The first address: the bits behind the prefix are zero.
    public let base: IPAddress
    /// In bits: 0 to 32 for IPv4, 0 to 128 for IPv6.
    public let prefix: Int

    /// The network of `address`; its bits behind the prefix are dropped.
    /// - Returns: `nil` when `prefix` does not fit the family.
    public init?(_ address: IPAddress, prefix: Int) {
        guard (0...address.octets.count * 8).contains(prefix) else { return nil }
        var octets = address.octets
        for index in octets.indices {
            let bits = min(max(prefix - index * 8, 0), 8)
            octets[index] &= UInt8(truncatingIfNeeded: 0xFF00 >> bits)
        }
        // Masking cannot leave an IPv6 address that reads as mapped IPv4: those are IPv4 by now.
        guard let base = IPAddress(octets: octets), base.family == address.family else { return nil }
        self.base = base
        self.prefix = prefix
    }

    /// Reads `192.0.2.0/24`, `2001:db8::/32`, or an address alone, which is a network of one.
    ///
    /// `::ffff:192.0.2.0/120` is `192.0.2.0/24`.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let address = IPAddress(first) else { return nil }
        guard parts.count == 2 else {
            self.init(address, prefix: address.octets.count * 8)
            return
        }
        let digits = Array(parts[1].utf8)
        guard digits.count <= 3, digits.count == 1 || digits.first != 0x30, var prefix = decimal(digits)
        else {
            return nil
        }
        if address.family == .v4, first.contains(":") {
            guard prefix >= 96 else { return nil }
            prefix -= 96
        }
        self.init(address, prefix: prefix)
    }

    /// The network that counts as one client: the address itself (IPv4), or its /64, which one home has to itself
    /// (IPv6).
    public init(home address: IPAddress) {
        base = address.family == .v4 ? address : address.cutTo64
        prefix = address.family == .v4 ? 32 : 64
    }

    public func contains(_ address: IPAddress) -> Bool {
        guard address.family == base.family else { return false }
        let whole = prefix / 8
        guard address.octets[..<whole] == base.octets[..<whole] else { return false }
        guard prefix % 8 > 0 else { return true }
        return (address.octets[whole] ^ base.octets[whole]) >> (8 - UInt8(prefix % 8)) == 0
    }

    /// Whether every address in it is private: RFC 1918, loopback, link-local, or unique local (RFC 4193).
    public var isPrivate: Bool {
        Self.privateNetworks.contains { $0.contains(base) && $0.prefix <= prefix }
    }

    private static let privateNetworks = [
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16", "::1/128", "fc00::/7",
        "fe80::/10",
    ].compactMap { Network($0) }

    /// As the rc writes it: a network of one is its address.
    public var description: String { prefix == base.octets.count * 8 ? "\(base)" : "\(base)/\(prefix)" }
}
