// The way to one server: where its name is resolved, from where it is dialled, whom TLS must meet there.

import InternetAddress

/// A way to one port of one host. `Paths` makes it from the rc for what the connection is for, and nobody else does.
public struct Path: Sendable {
    /// A name, or an address without brackets.
    public let host: String
    public let port: UInt16
    public var names = NameResolution.here(.system)
    public var family = AddressPreference.any
    /// The address of ours to come from; `nil` leaves it to the system.
    public var source: IPAddress?
    /// Whom TLS must meet; `nil` where there is none.
    public var demand: TLSDemand?
    /// Whether TLS comes before the first word (RFC 8314 §3).
    public var beginsWithTLS = false
    /// For the dial, and for the handshake.
    public var patience: Duration
    /// Readable when the order to stop has come.
    var stop = StopSignal.descriptor

    public init(to host: String, port: UInt16, patience: Duration) {
        self.host = host
        self.port = port
        self.patience = patience
    }

    /// Connects; TLS stands already when the service begins with it.
    ///
    /// Returns only when the far TCP stands: whatever lies in between can refuse is thrown here. Later only
    /// ``TransportError/hopDied(peer:reason:)`` is possible.
    /// - Returns: a wire that knows whom TLS must meet, whenever it starts.
    public func open() throws(TransportError) -> Wire {
        let wire = try Dialer.connect(self, until: Deadline(after: patience))
        wire.demand = demand
        if beginsWithTLS { try wire.startTLS(until: Deadline(after: patience)) }
        return wire
    }
}

/// Who is asked for the address of a host. A name that the wrong one is asked for is a leak, so that a path says it.
public enum NameResolution: Sendable {
    /// This machine, by its files and its DNS.
    case here(HostLookup)
    /// A resolver that is reached over the path itself.
    case overPath(HostLookup)
    /// Whoever is at the far end of the path, and nobody before: the name itself is handed on.
    case farEnd
}
