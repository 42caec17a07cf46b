// Logins of many accounts, a few at a time.

import Blocking

/// Lets a few through at once: 50 handshakes together, as when a machine wakes up, are a burden to both ends.
final class DialGate: Sendable {
    /// How many at once.
    static let limit = 4

    private let free = Monitor(DialGate.limit)

    /// Does `dial` when its turn has come. An order to stop lets everybody through, as whoever dials hears of it.
    func pass<Value>(_ dial: () throws -> Value) rethrows -> Value {
        free.wait { free -> Void? in
            guard free > 0 || StopSignal.hasCome else { return nil }
            free -= 1
        }
        defer { free.change { $0 += 1 } }
        return try dial()
    }

    /// Lets those who wait look whether they are told to stop.
    func wake() { free.change { _ in } }
}
