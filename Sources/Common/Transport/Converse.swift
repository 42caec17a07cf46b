// Lends an engine to a connection: what arrives becomes events, answers become octets. Every decision stays outside.

import Octets

/// What follows an event.
public enum Turn<Command> {
    /// Send this, then go on.
    case say(Command)
    /// Nothing to say: on to the next event.
    case listen
    /// The conversation is over.
    case done
}

/// Lends `engine` to the network until `answer` has no more to say.
///
/// `answer` may use `wire` itself: to start TLS between two commands, or to send content.
/// - Parameter timeout: the time for each single read and write; the wire's own limits hold besides.
/// - Throws: ``TransportError/closed(peer:)`` when the peer ends the conversation first; what the engine or `answer` throws.
public func converse<E: Engine>(
    _ engine: inout E, on wire: Wire, timeout: Duration, answer: (E.Event) throws -> Turn<E.Command>
) throws {
    while true {
        while let event = try engine.nextEvent() {
            switch try answer(event) {
            case .say(let command):
                let octets = engine.send(command)
                try wire.write(octets, .words(secret: engine.secret), until: Deadline(after: timeout))
            case .listen: break
            case .done: return try wire.flush(until: Deadline(after: timeout))
            }
        }
        let octets = try wire.read(until: Deadline(after: timeout))
        guard !octets.isEmpty else { throw TransportError.closed(peer: wire.facts.peer) }
        engine.receive(octets)
    }
}
