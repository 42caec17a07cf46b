// Logins of many accounts, a few at a time.

import Blocking

/// Lets a few through at once, in the order in which they came: 50 handshakes together, as when a machine wakes up, are a
/// burden to both ends.
final class DialGate: Sendable {
    /// How many at once.
    static let limit = 4
    /// How long a dial counts: a server that says nothing, or a password that a person is asked for, keeps nobody waiting
    /// for longer.
    static let patience = Duration.seconds(5)

    private struct State: Sendable {
        var tickets = 0
        /// Tickets of those who wait, in their order.
        var queue: [Int] = []
        /// When those who dial have begun, by their tickets.
        var dials: [Int: Deadline] = [:]
    }

    private let state = Monitor(State())
    private let patience: Duration

    init(patience: Duration = DialGate.patience) { self.patience = patience }

    /// Does `dial` when its turn has come. An order to stop lets everybody through, as whoever dials hears of it.
    func pass<Value>(_ dial: () throws -> Value) rethrows -> Value {
        let ticket = state.change { state in
            state.tickets += 1
            state.queue.append(state.tickets)
            return state.tickets
        }
        while !mayBegin(ticket) {}
        defer { state.change { _ = $0.dials.removeValue(forKey: ticket) } }
        return try dial()
    }

    /// Waits until `ticket` has its turn, or until a dial may have become too old to count.
    private func mayBegin(_ ticket: Int) -> Bool {
        state.wait(until: Deadline(after: patience / Self.limit)) { [patience] state -> Bool? in
            let hasTurn =
                state.queue.first == ticket
                && state.dials.values.count(where: { $0.elapsed < patience }) < Self.limit
            guard hasTurn || StopSignal.hasCome else { return nil }
            state.queue.removeAll { $0 == ticket }
            state.dials[ticket] = .now
            return true
        } ?? false
    }

    /// Lets those who wait look whether they are told to stop.
    func wake() { state.change { _ in } }
}
