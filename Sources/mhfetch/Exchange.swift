// An engine lent to a connection, event by event: the collector asks for the next one when it has room for it.

import Blocking
import Octets
import Reporting
import Transport

/// A conversation under way. Blocks only here, and never past the account's timeout.
final class Exchange<E: Engine> {
    var engine: E
    let wire: Wire
    private let timeout: Duration

    init(_ engine: E, on wire: Wire, timeout: Duration) {
        self.engine = engine
        self.wire = wire
        self.timeout = timeout
    }

    deinit { wire.close() }

    /// What the server says next. The timeout is for the whole of it, lest a server drip a line for hours
    /// (DECISIONS 21).
    /// - Throws: `TransportError/closed(peer:)` when it says no more; what the engine throws.
    func next() throws -> E.Event {
        let deadline = Deadline(after: timeout)
        while true {
            if let event = try engine.nextEvent() { return event }
            let octets = try wire.read(until: deadline)
            guard !octets.isEmpty else { throw TransportError.closed(peer: wire.facts.peer) }
            engine.receive(octets)
        }
    }

    func say(_ command: E.Command) throws {
        try wire.write(engine.send(command), until: Deadline(after: timeout))
    }
}
