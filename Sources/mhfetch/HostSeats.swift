// How many connections a server allows to the accounts of one hub, where it has said that there are too many.

import Blocking
import Synchronization

/// The connections of `--idle` to one server. Once it has refused one while others stood, no more than those are opened:
/// whose turn comes gets the seat of the account that has waited longest for news, which comes back when there is room.
final class HostSeats: Sendable {
    /// For how long a refusal counts, as the next one may allow more: twice as long each time that it comes again soon.
    static let memory = Duration.seconds(600)
    static let longestMemory = Duration.seconds(3600)

    private struct State: Sendable {
        var limit: Int?
        var learned: Deadline?
        var memory: Duration
        var taken = 0
        /// Those of them whom the server has let in.
        var open = 0
        var waiting = 0
        /// Seats that were asked for and are not given yet.
        var leaving = 0
        /// Those who only wait for news, the longest first.
        var idlers: [Alarm] = []
        /// Those who have left their seats to others and would have one again, the longest first.
        var absent: [Alarm] = []

        /// How many seats are free; `nil` where there is no limit, or no longer.
        mutating func room() -> Int? {
            if let learned, learned.elapsed > memory { limit = nil }
            return limit.map { max(0, $0 - taken) }
        }
    }

    private let state: Monitor<State>
    private let memory: Duration

    init(memory: Duration = HostSeats.memory) {
        (self.memory, state) = (memory, Monitor(State(memory: memory)))
    }

    /// Takes a seat, and waits for one if need be.
    /// - Returns: `false` when the order to stop has come first.
    fileprivate func take() -> Bool {
        state.change { $0.waiting += 1 }
        defer { state.change { $0.waiting -= 1 } }
        return state.wait { state -> Bool? in
            if StopSignal.hasCome { return false }
            guard state.room() == 0, let limit = state.limit else {
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

    /// - Parameters:
    ///   - isOpen: whether the server had let it in.
    ///   - isAsked: whether ``endIdle(_:)`` has said that it was asked for.
    fileprivate func give(isOpen: Bool, isAsked: Bool) {
        state.change { state in
            state.taken -= 1
            if isOpen { state.open -= 1 }
            if isAsked { state.leaving -= 1 }
            guard state.waiting == 0 else { return }
            // One at a time where there are few: it may be that the seat is somebody's a moment later.
            let back = state.absent.prefix(state.room().map { min($0, 1) } ?? state.absent.count)
            for alarm in back { alarm.ring() }
            state.absent.removeFirst(back.count)
        }
    }

    /// Notes that the server has let one more in.
    fileprivate func noteOpen() {
        state.change { state in
            state.open += 1
            // It allows what it has allowed: who was on the way when another was refused counts too.
            if let limit = state.limit { state.limit = max(limit, state.open) }
        }
    }

    /// - Returns: whether it may wait for news: not while somebody waits for its seat.
    fileprivate func beginIdle(_ alarm: Alarm) -> Bool {
        state.change { state in
            guard state.room() == nil || state.waiting == 0 else { return false }
            state.idlers.append(alarm)
            return true
        }
    }

    /// - Returns: whether it may go on: not when its seat was asked for.
    fileprivate func endIdle(_ alarm: Alarm) -> Bool { state.change { Self.remove(alarm, from: &$0.idlers) } }

    /// Notes that `alarm` is to be rung when there is room, or rings it.
    fileprivate func beginAbsence(_ alarm: Alarm) {
        state.change { state in
            guard state.waiting > 0 || state.room() == 0 else { return alarm.ring() }
            state.absent.append(alarm)
        }
    }

    /// - Returns: whether there was room.
    fileprivate func endAbsence(_ alarm: Alarm) -> Bool { state.change { !Self.remove(alarm, from: &$0.absent) } }

    private static func remove(_ alarm: Alarm, from alarms: inout [Alarm]) -> Bool {
        guard let index = alarms.firstIndex(where: { $0 === alarm }) else { return false }
        alarms.remove(at: index)
        return true
    }

    /// Whether somebody waits for a seat, and there is none.
    fileprivate var isWanted: Bool { state.change { $0.waiting > 0 && $0.room() == 0 } }

    /// Whether the server has let somebody in who still is.
    fileprivate var hasGuests: Bool { state.read { $0.open > 0 } }

    /// Notes that the server has refused one who has a seat.
    /// - Parameters:
    ///   - isLasting: whether it was refused several times in a row: it takes a server a moment to see that another
    ///     connection has ended.
    ///   - wasLetIn: whether it was let in before.
    /// - Returns: whether others' connections may be why: one that is refused again and again, with fewer of them than the
    ///   server is known to allow, and that was never let in, is refused for other reasons.
    fileprivate func noteRefusal(isLasting: Bool, wasLetIn: Bool) -> Bool {
        state.change { [memory] state in
            if let limit = state.limit {
                guard isLasting, state.open < limit else { return true }
                guard wasLetIn, state.open > 0 else { return false }
                state.limit = state.open
                return true
            }
            guard state.open > 0 else { return false }
            let comesSoon = state.learned.map { $0.elapsed < state.memory * 2 } ?? false
            state.memory = comesSoon ? min(state.memory * 2, Self.longestMemory) : memory
            (state.limit, state.learned) = (state.open, .now)
            return true
        }
    }

    /// Lets those who wait look whether they are told to stop.
    func wake() { state.change { _ in } }
}

/// The seat of one account. Used by one thread.
final class Seat {
    private let seats: HostSeats
    private let dials: DialGate
    private let alarm: Alarm
    private var isTaken = false
    private var isOpen = false
    /// Whether another account has asked for it.
    private(set) var isAsked = false
    private var wasLetIn = false
    /// Refusals in a row, and how many make a lasting one.
    private var refusals = 0
    private static let lastingRefusal = 3

    /// - Parameters:
    ///   - dials: where logins wait for those of other accounts.
    ///   - alarm: is rung when the seat is asked for, and when there is one again.
    init(at seats: HostSeats, by dials: DialGate = DialGate(), alarm: Alarm) {
        (self.seats, self.dials, self.alarm) = (seats, dials, alarm)
    }

    /// Takes the seat, and waits for it if need be.
    /// - Returns: `false` when the order to stop has come first.
    func take() -> Bool {
        if !isTaken { isTaken = seats.take() }
        return isTaken
    }

    /// Gives it to others: its connection has ended.
    func give() {
        guard isTaken else { return }
        seats.give(isOpen: isOpen, isAsked: isAsked)
        (isTaken, isOpen, isAsked) = (false, false, false)
    }

    /// Opens the connection of the seat.
    func dial<Value>(_ open: () throws -> Value) rethrows -> Value {
        let value = try dials.pass(open)
        if isTaken, !isOpen {
            isOpen = true
            seats.noteOpen()
        }
        (wasLetIn, refusals) = (true, 0)
        return value
    }

    /// Whether another account waits for a seat, and there is none.
    var isWanted: Bool { isTaken && seats.isWanted }

    /// Notes that the server has refused the connection.
    /// - Parameter isTold: whether it has said so. A connection that ends without a word may do so for many reasons, and says
    ///   something when the next one does so, too.
    /// - Returns: whether others' connections may be why.
    func noteRefusal(isTold: Bool = true) -> Bool {
        refusals += 1
        if !isTold, refusals == 1 { return seats.hasGuests }
        let isLasting = refusals >= Self.lastingRefusal
        defer { if isLasting { wasLetIn = false } }
        return seats.noteRefusal(isLasting: isLasting, wasLetIn: wasLetIn)
    }

    /// Does `wait`, which ends at the alarm; `nil` where that cannot be done as others wait for the seat.
    func idle<Value>(_ wait: () throws -> Value) rethrows -> Value? {
        guard !isAsked, seats.beginIdle(alarm) else { return nil }
        defer { isAsked = !seats.endIdle(alarm) }
        return try wait()
    }

    /// Does `wait` without a seat; it ends at the alarm.
    /// - Returns: also whether there is room again.
    func stayAway<Value>(_ wait: () -> Value) -> (Value, hasRoom: Bool) {
        seats.beginAbsence(alarm)
        let value = wait()
        return (value, seats.endAbsence(alarm))
    }
}
