// An engine lent to a connection, event by event: the collector asks for the next one when it has room for it.

import AccountSessions
import Blocking
import Octets
import Reporting
import RunControl
import Transport

/// A conversation under way. Blocks only here.
///
/// What a command asked for, and nothing else, gives the server its time again: a server that says something now and
/// then, and never that, is left at the account's timeout (DECISIONS 21).
final class Exchange<E: ClientEngine> {
    var engine: E
    let wire: Wire
    private let timeout: Duration
    private let listingLimit: Duration
    /// The end of the wait for what the last command asked for.
    private var deadline: Deadline
    /// The end of a listing, however steadily its entries come.
    private var listingEnd: Deadline
    /// Whether the wire was looked at once more behind the deadline.
    private var hadLastLook = false

    /// - Parameters:
    ///   - timeout: the longest wait for an answer, or for the next part of one.
    ///   - listingLimit: the longest that a listing may take: a million entries come in minutes.
    init(_ engine: E, on wire: Wire, timeout: Duration, listingLimit: Duration = .seconds(3600)) {
        self.engine = engine
        self.wire = wire
        self.timeout = timeout
        self.listingLimit = listingLimit
        deadline = Deadline(after: timeout)
        listingEnd = Deadline(after: listingLimit)
    }

    deinit { wire.close() }

    /// What the server says next.
    /// - Throws: `TransportError/closed(peer:)` when it says no more; what the engine throws.
    func next() throws -> E.Event {
        while true {
            if let event = try engine.nextEvent() { return event }
            // One look behind the deadline takes what is there already, as after a suspend; a second would let a server
            // that never stops talking hold us for ever.
            guard !hadLastLook else {
                throw TransportError.timedOut(peer: wire.facts.peer, doing: "waiting for what it was asked for")
            }
            hadLastLook = deadline.hasPassed
            try hear()
        }
    }

    private func hear() throws {
        let octets = try wire.read(until: deadline)
        guard !octets.isEmpty else { throw TransportError.closed(peer: wire.facts.peer) }
        engine.receive(octets)
    }

    /// The first words of `server`.
    func greeting(from server: AccountServer?) throws -> E.Event {
        guard let server else { return try next() }
        deadline = deadline.earlier(of: Deadline(after: Greeting.patience(for: server, timeout: timeout)))
        do {
            return try next()
        } catch let error as TransportError {
            throw Greeting.explained(error, from: server)
        }
    }

    func say(_ command: E.Command) throws {
        // A reply that no command asked for ends the session first.
        if engine.awaits == .nothing, wire.bufferedCount > 0 { try hear() }
        try wire.write(engine.send(command), until: Deadline(after: timeout))
        listingEnd = Deadline(after: listingLimit)
        renew()
    }

    /// Gives the server its time again, since a part of what was asked for has come. To be called right before the wait
    /// for the next part: what our own disk takes is never laid at the server's door.
    func renew() {
        deadline = Deadline(after: timeout)
        hadLastLook = false
    }

    /// As ``renew()``, for an entry of a listing, which has an end of its own.
    func renewInListing() {
        deadline = Deadline(after: timeout).earlier(of: listingEnd)
        if !listingEnd.hasPassed { hadLastLook = false }
    }
}
