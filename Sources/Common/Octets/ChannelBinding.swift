// What ties a login to the secured channel it is made in (RFC 5056).

/// Octets that both ends of one TLS connection know, and that nobody between two connections can make equal.
public struct ChannelBinding: Sendable, Hashable {
    /// As the registry of RFC 5056 §7 and SCRAM's `p=` write it. `tls-unique` is never used (RFC 9266 §1).
    public enum Kind: String, Sendable, Hashable {
        /// RFC 9266, of TLS 1.3.
        case tlsExporter = "tls-exporter"
        /// RFC 5929 §4, of TLS 1.2: the digest of the server's certificate.
        case tlsServerEndPoint = "tls-server-end-point"
    }

    public let kind: Kind
    public let data: [UInt8]

    public init(_ kind: Kind, data: [UInt8]) {
        self.kind = kind
        self.data = data
    }
}
