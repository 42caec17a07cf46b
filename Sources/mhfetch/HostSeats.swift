// How many connections a server allows to the accounts of one hub, where it has said that there are too many.

import Blocking
import Synchronization

/// The connections of `--idle` to one server. Once it has refused one while others stood, no more than those are opened:
/// whose turn comes gets the seat of the account that has waited longest for news, which then has its turns by the clock.
final class HostSeats: Sendable {
    /// For how long a refusal counts: the next one may allow more.
    private static let memory = Duration.seconds(3600)

    private struct State: Sendable {
        var limit: Int?
        var learned = Deadline.now
        var taken = 0
        var waiting = 0
        /// Seats that were asked for and are not given yet.
        var leaving = 0
        /// Those who only wait for news, the longest first.
        var idlers: [Alarm] = []
    }

    private let state = Monitor(State())

    /// Takes a seat, and waits for one if need be.
    /// - Returns: `false` when the order to stop has come first.
    func take() -> Bool {
        state.change { $0.waiting += 1 }
        defer { state.change { $0.waiting -= 1 } }
        return state.wait { state -> Bool? in
            if StopSignal.hasCome { return false }
            if state.limit != nil, state.learned.elapsed > Self.memory { state.limit = nil }
            guard let limit = state.limit, state.taken >= limit else {
                state.taken += 1
                return true
            }
            // As many leave as are waited for, those among them who have no seat by the limit.
            let wanted = state.waiting + state.taken - limit - state.leaving
            let asked = state.idlers.prefix(max(0, wanted))
            for alarm in asked { alarm.ring() }
            state.idlers.removeFirst(asked.count)
            state.leaving += asked.count
            return nil
        } ?? false
    }

    /// - Parameter isAsked: whether ``endIdle(_:)`` has said that it was asked for.
    func give(isAsked: Bool) {
        state.change { state in
            state.taken -= 1
            if isAsked { state.leaving -= 1 }
        }
    }

    /// Notes that a session only waits for news.
    /// - Returns: whether it may: not while somebody waits for its seat.
    func beginIdle(_ alarm: Alarm) -> Bool {
        state.change { state in
            guard state.limit == nil || state.waiting == 0 else { return false }
            state.idlers.append(alarm)
            return true
        }
    }

    /// - Returns: whether it may go on: not when its seat was asked for.
    func endIdle(_ alarm: Alarm) -> Bool {
        state.change { state in
            guard let index = state.idlers.firstIndex(where: { $0 === alarm }) else { return false }
            state.idlers.remove(at: index)
            return true
        }
    }

    /// Notes that the server has refused a connection of an account that has a seat.
    /// - Returns: whether others' connections may be why.
    func noteRefusal() -> Bool {
        state.change { state in
            guard state.taken > 1 else { return false }
            (state.limit, state.learned) = (min(state.limit ?? .max, state.taken - 1), .now)
            return true
        }
    }

    /// Lets those who wait look whether they are told to stop.
    func wake() { state.change { _ in } }
}
