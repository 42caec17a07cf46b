// What a handshake agreed on, for the log and for trace fields.

import Credentials
import Octets

/// What both ends agreed on, and whom we met.
public struct TLSFacts: Sendable, Hashable {
    /// `TLSv1.2` or `TLSv1.3`.
    public let version: String
    /// OpenSSL's name of the cipher suite, such as `TLS_AES_256_GCM_SHA384`.
    public let cipher: String
    /// Whether an earlier session was resumed (on a server; a client never does).
    public let isResumed: Bool
    /// The name asked for by SNI. Foreign text on a server: show it through `printable`.
    public let serverName: String?
    /// The server's certificate, as its client met it; `nil` on a server.
    public let peerFingerprint: CertificateFingerprint?
    /// The digest of that certificate's key.
    public let peerKey: PublicKeyDigest?
    /// When that certificate ends, in seconds since 1970.
    public let peerValidUntil: Int?
    /// Foreign text: show it through `printable`.
    public let peerSubject: String?
    /// dNSNames and iPAddresses of the peer's certificate. Foreign text.
    public let peerNames: [String]
    /// What a login can be tied to this connection by; `nil` where the certificate's signature names no digest (RFC
    /// 5929 §4.1).
    public let channelBinding: ChannelBinding?
}
