// What ties a login to the TLS connection it is made on (RFC 5056).

/// Octets that both ends of one TLS connection know, and that an attacker between two connections cannot make equal on
/// both.
public struct ChannelBinding: Sendable, Hashable {
    /// The name in the registry of RFC 5056 §7 and in SCRAM's `p=`. `tls-unique` is never used (RFC 9266 §1).
    public enum Kind: String, Sendable, Hashable {
        /// For TLS 1.3 (RFC 9266).
        case tlsExporter = "tls-exporter"
        /// For TLS 1.2: the digest of the server's certificate (RFC 5929 §4).
        case tlsServerEndPoint = "tls-server-end-point"
    }

    public let kind: Kind
    public let data: [UInt8]

    public init(_ kind: Kind, data: [UInt8]) {
        self.kind = kind
        self.data = data
    }
}
