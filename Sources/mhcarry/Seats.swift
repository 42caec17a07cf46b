// Sessions with strangers at once: their domains are many, and each has a lane.

import Blocking

/// The sessions that a run may have by one route at the same time. Lanes that get none wait in a row, without a thread.
final class Seats: Sendable {
    private struct State {
        var free: Int
        var waiting: [Lane] = []
    }

    private let state: Monitor<State>

    init(_ count: Int) { state = Monitor(State(free: count)) }

    /// Takes one for `lane`.
    /// - Returns: `false` when there is none: the lane grows when one is given back.
    func take(for lane: Lane) -> Bool {
        state.change { state in
            guard state.free > 0 else {
                state.waiting.append(lane)
                return false
            }
            state.free -= 1
            return true
        }
    }

    /// Gives one back; whoever waits for it grows.
    func give() {
        state.change { $0.free += 1 }
        while let lane = state.change({ $0.free > 0 && !$0.waiting.isEmpty ? $0.waiting.removeFirst() : nil }) {
            lane.grow()
        }
    }
}
