// What is known about a connection once it stands.

import InternetAddress
import TLSEngine

/// Names and addresses of one connection.
public struct WireFacts: Sendable {
    /// The peer as complaints and log lines name it, as in `mail.example.org:25`.
    public var peer: String
    /// The far end's address with its port; `nil` over a chain or a pipe.
    public var remoteAddress: Endpoint?
    /// Our own address with its port.
    public var localAddress: Endpoint?
    /// What the TLS handshake came to; `nil` in clear text.
    public var tls: TLSFacts?

    public init(peer: String, remoteAddress: Endpoint? = nil, localAddress: Endpoint? = nil) {
        (self.peer, self.remoteAddress, self.localAddress) = (peer, remoteAddress, localAddress)
    }
}
