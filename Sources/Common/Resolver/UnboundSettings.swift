// Whom the resolver asks, and what it trusts.

/// The settings of one ``UnboundResolver``.
public struct UnboundSettings: Sendable {
    /// Where questions go.
    public enum Upstream: Sendable, Hashable {
        /// The servers of /etc/resolv.conf.
        case system
        /// From the root servers down, by ourselves.
        case recursive
        /// These servers: `192.0.2.1` or `192.0.2.1@5353`. A chain's `resolver` arrives here as a loopback relay.
        case forwarders([String])
    }

    public var upstream: Upstream
    /// Whether to ask over TCP alone, as through a proxy chain, which carries no datagrams.
    public var overTCP = false
    /// A file with the root's trust anchor; `nil` for the usual place, or else the anchors known at release.
    public var trustAnchorFile: String?
    /// Trust anchors in zone file form that replace the root's; empty for the root's.
    public var trustAnchors: [String] = []
    /// Whether DNSSEC is checked; off means that no answer is ever secure.
    public var validates = true

    public init(upstream: Upstream = .system) { self.upstream = upstream }

    /// Where the package dns-root-data puts the root's key.
    static let usualAnchorFile = "/usr/share/dns/root.key"
    /// The root zone's key-signing keys of 2017 and 2024 (data.iana.org/root-anchors).
    static let rootAnchors = [
        ". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D",
        ". IN DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16",
    ]
}
