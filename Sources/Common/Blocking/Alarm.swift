// What wakes a thread that waits for a socket as well: a moment that has come, or another thread.

internal import CMHSys
import Glibc
import Synchronization

/// A descriptor that becomes readable when its moment has come, or when another thread rings.
///
/// Nobody wakes before that, as a wait by poll(2) alone must, whose timer stands still while the machine sleeps: a
/// process that waits on 50 of them for hours costs nothing.
public final class Alarm: Sendable {
    private struct State {
        var isRung = false
        var deadline = Deadline.never
    }

    /// For poll(2); -1, which it ignores, where the system grants none: whoever waits then looks every now and then.
    public let descriptor: Int32
    private let state = Mutex(State())

    public init() { descriptor = timerfd_create(Int32(CLOCK_BOOTTIME), mh_TFD_FLAGS()) }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Sets the moment. A ring that nobody has taken stays.
    public func set(_ deadline: Deadline) {
        state.withLock { state in
            state.deadline = deadline
            arm(state)
        }
    }

    /// Wakes whoever waits, now or the next time.
    public func ring() {
        state.withLock { state in
            state.isRung = true
            arm(state)
        }
    }

    /// Whether it was rung since this was last asked.
    public func takeRing() -> Bool {
        state.withLock { state in
            defer {
                state.isRung = false
                arm(state)
            }
            return state.isRung
        }
    }

    /// Whether the moment has come, or somebody has rung.
    public var hasCome: Bool { state.withLock { $0.isRung || $0.deadline.hasPassed } }

    /// How long poll(2) may wait beside ``descriptor``, in milliseconds; -1 for as long as it takes.
    public var pollTimeout: Int32 {
        guard descriptor < 0 else { return -1 }
        return state.withLock { $0.isRung ? 0 : $0.deadline.pollTimeout }
    }

    /// Waits.
    /// - Returns: `false` when the order to stop has come (``StopSignal``), at once.
    public func wait() -> Bool {
        while !hasCome {
            var watched = [
                pollfd(fd: StopSignal.descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
            ]
            _ = unsafe poll(&watched, nfds_t(watched.count), pollTimeout)
            if watched[0].revents != 0 { return false }
        }
        return !StopSignal.hasCome
    }

    private func arm(_ state: State) {
        guard descriptor >= 0 else { return }
        let moment = state.isRung ? timespec(tv_sec: 0, tv_nsec: 1) : state.deadline.timerValue
        var timer = itimerspec()
        timer.it_value = moment ?? timespec()
        _ = unsafe timerfd_settime(descriptor, mh_TFD_TIMER_ABSTIME(), &timer, nil)
    }
}
