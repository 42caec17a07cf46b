// The way to one server: where its name is resolved, where it is dialled from, and whom TLS must authenticate there.

import InternetAddress

/// A way to one port of one host. Only `AccountSessions.Paths` makes one, for a given purpose and from the rc.
public struct Path: Sendable {
    /// A name, an address without brackets, or the path of a socket of this machine, which begins with `/`.
    public let host: String
    /// Of no meaning for a socket.
    public let port: UInt16
    public var names = NameResolution.here(.system)
    public var family = AddressPreference.any
    /// The local address to connect from; `nil` leaves it to the system.
    public var source: IPAddress?
    /// Whom TLS must authenticate; `nil` for no TLS.
    public var demand: TLSDemand?
    /// Whether TLS begins with the first octet (RFC 8314 §3).
    public var beginsWithTLS = false
    /// How long the dial may take, and then the handshake.
    public var patience: Duration
    /// Readable when the order to stop has come.
    var stop = StopSignal.descriptor

    public init(to host: String, port: UInt16, patience: Duration) {
        self.host = host
        self.port = port
        self.patience = patience
    }

    /// Connects, and starts TLS if the service begins with it.
    ///
    /// Returns only when TCP has reached the far end: a refusal by whatever lies in between is thrown here. Later only
    /// ``TransportError/hopDied(peer:reason:)`` tells of what lies in between.
    /// - Returns: a wire that knows whom TLS must authenticate, whenever it starts.
    /// - Throws: ``TransportError``.
    public func open() throws(TransportError) -> Wire {
        let wire = try Dialer.connect(self, until: Deadline(after: patience))
        wire.demand = demand
        if beginsWithTLS { try wire.startTLS(until: Deadline(after: patience)) }
        return wire
    }
}

/// Who is asked for the address of a host. To ask the wrong one leaks the name, so that each path says whom.
public enum NameResolution: Sendable {
    /// This machine, by its files and its DNS.
    case here(HostLookup)
    /// A resolver that is reached over the path itself.
    case overPath(HostLookup)
    /// Whoever is at the far end of the path, and nobody before: the name itself is handed on.
    case farEnd
}
