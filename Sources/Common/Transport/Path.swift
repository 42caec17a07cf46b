// The way to the outside: direct today, over a chain of hops for accounts that say so.

import InternetAddress

/// Something that can open a connection to a host.
///
/// A dial returns only when the far TCP stands: whatever a hop below can refuse is thrown here (DECISIONS 18). Later only
/// ``TransportError/hopDied(peer:reason:)`` is possible.
public protocol Path: Sendable {
    func dial(host: String, port: UInt16, until deadline: Deadline) throws(TransportError) -> Wire
}

/// Straight from this machine.
public struct DirectPath: Path {
    public var inet: AddressPreference
    public var sourceAddress: IPAddress?
    var lookup = HostLookup.system

    /// - Parameter sourceAddress: the local address to come from; `nil` leaves it to the system.
    public init(inet: AddressPreference = .any, sourceAddress: IPAddress? = nil) {
        (self.inet, self.sourceAddress) = (inet, sourceAddress)
    }

    public func dial(host: String, port: UInt16, until deadline: Deadline) throws(TransportError) -> Wire {
        try Dialer.connect(
            host: host, port: port, inet: inet, sourceAddress: sourceAddress, until: deadline, lookup: lookup)
    }
}
