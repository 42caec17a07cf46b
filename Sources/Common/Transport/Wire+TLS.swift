// TLS on a wire: as the client or as the server, and once more where a hop's TLS lies below.

import TLSEngine

extension Wire {
    /// Starts TLS as the path demands, after the peer has agreed to STARTTLS or STLS.
    /// - Throws: as ``startTLS(_:until:)``.
    public func startTLS(until deadline: Deadline) throws(TransportError) {
        guard let demand else { preconditionFailure("the path to \(facts.peer) knows of no TLS") }
        try startTLS(demand, until: deadline)
    }

    /// Starts TLS as the client.
    /// - Parameter demand: whom TLS must authenticate.
    /// - Throws: ``TransportError/injected(peer:octets:)`` when clear text is still waiting to be read: somebody put it
    ///   there to have it taken for text protected by TLS (RFC 3207 §6). ``TransportError/tls(_:)`` when the handshake
    ///   fails. The wire is of no use after either.
    public func startTLS(_ demand: TLSDemand, until deadline: Deadline) throws(TransportError) {
        try add(until: deadline) { () throws(TLSError) in
            try TLSConnection(client: demand.context, to: demand.name)
        }
    }

    /// Starts TLS as the server; as ``startTLS(_:until:)`` otherwise.
    public func acceptTLS(context: TLSContext, until deadline: Deadline) throws(TransportError) {
        let peer = facts.peer
        try add(until: deadline) { () throws(TLSError) in try TLSConnection(server: context, from: peer) }
    }

    private func add(
        until deadline: Deadline, _ make: () throws(TLSError) -> TLSConnection
    ) throws(TransportError) {
        precondition(facts.tls == nil, "TLS stands; a second one is for the far end of a hop")
        let connection: TLSConnection
        do throws(TLSError) { connection = try make() } catch { throw .tls(error) }
        try add(connection, until: deadline)
        facts.tls = connection.facts
    }

    /// The hop at the other end has connected us to `peer`, whose octets follow. TLS with the hop stays below and says
    /// nothing about `peer`: until TLS is started once more, ``facts`` know of none.
    public func arrive(at peer: String) {
        facts.peer = peer
        (facts.remoteAddress, facts.tls) = (nil, nil)
    }
}

/// Whom a TLS client must authenticate before it sends anything.
public struct TLSDemand: Sendable {
    /// Made by `TLSContext.client(trust:)`.
    public let context: TLSContext
    /// The host name, or the address, that the certificate must be for.
    public let name: String

    public init(context: TLSContext, name: String) {
        self.context = context
        self.name = name
    }
}
