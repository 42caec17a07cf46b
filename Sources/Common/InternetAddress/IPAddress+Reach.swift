// Which addresses the whole internet can reach, by the registries of special-purpose addresses.

extension IPAddress {
    /// Whether it is an address of one host that every network can reach: "Globally Reachable" in the IANA registries of
    /// special-purpose addresses (RFC 6890, RFC 8190), and neither multicast nor broadcast.
    ///
    /// An IPv6 address that carries an IPv4 one (6to4, NAT64, IPv4-compatible) reaches as far as that.
    public var isGloballyReachable: Bool {
        if let inner = carriedV4 { return inner.isGloballyReachable }
        if family == .v6, !Self.unicastV6.contains(self) { return false }
        return Self.reachableExceptions.contains { $0.contains(self) }
            || !Self.unreachable.contains { $0.contains(self) }
    }

    /// The IPv4 address within an IPv6 one that stands for it.
    private var carriedV4: IPAddress? {
        guard family == .v6 else { return nil }
        if octets.starts(with: [0x20, 0x02]) { return IPAddress(octets: Array(octets[2..<6])) }  // 6to4, RFC 3056
        let isNAT64 = octets.starts(with: [0x00, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0])  // RFC 6052 §2.1
        let isCompatible = octets[..<12].allSatisfy { $0 == 0 } && octets[12] != 0  // RFC 4291 §2.5.5.1
        return isNAT64 || isCompatible ? IPAddress(octets: Array(octets[12...])) : nil
    }

    /// Global unicast (RFC 4291 §2.4); nothing outside it is given to hosts of the internet.
    private static let unicastV6 = networks("2000::/3")[0]

    private static let unreachable = networks(
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/3",
        "2001::/23", "2001:db8::/32", "3fff::/20")

    /// Within these some are reachable all the same.
    private static let reachableExceptions = networks(
        "192.0.0.9", "192.0.0.10", "2001:1::1", "2001:1::2", "2001:3::/32", "2001:4:112::/48", "2001:20::/28",
        "2001:30::/28")

    private static func networks(_ texts: String...) -> [Network] {
        texts.map { text in
            guard let network = Network(text) else { preconditionFailure("no network: \(text)") }
            return network
        }
    }
}
