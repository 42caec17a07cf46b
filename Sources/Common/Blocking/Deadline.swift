// An absolute point in time by which a step must be done: time asleep counts, changes of the date do not.

import Glibc

/// A moment on CLOCK_BOOTTIME, which a suspended machine does not stop. Values compare; the earlier one binds.
public struct Deadline: Sendable, Hashable, Comparable {
    /// Nanoseconds since boot, time asleep included.
    private let instant: Int64

    private init(instant: Int64) { self.instant = instant }

    /// `duration` from now; a moment already past when `duration` is negative.
    public init(after duration: Duration) {
        let (sum, overflow) = Self.clock().addingReportingOverflow(Self.nanoseconds(duration))
        instant = overflow ? .max : sum
    }

    /// A deadline that does not pass.
    public static let never = Deadline(instant: .max)
    /// Now: for checks that must not wait.
    public static var now: Deadline { Deadline(instant: clock()) }

    public static func < (left: Deadline, right: Deadline) -> Bool { left.instant < right.instant }

    /// The one of the two that passes first.
    public func earlier(of other: Deadline) -> Deadline { min(self, other) }

    /// What is left; never below zero.
    public var remaining: Duration {
        guard instant != .max else { return .nanoseconds(Int64.max) }
        return .nanoseconds(max(0, instant - Self.clock()))
    }

    /// How long ago this moment was; zero while it lies ahead.
    public var elapsed: Duration { .nanoseconds(max(0, Self.clock() - instant)) }

    public var hasPassed: Bool { instant != .max && Self.clock() >= instant }

    /// A timeout for poll(2) in milliseconds, rounded up, so that waking finds the deadline past.
    ///
    /// At most 15 seconds: poll's own timer stands still while the machine sleeps, so the caller must look at the clock
    /// again and go on waiting when poll returns nothing early.
    public var pollTimeout: Int32 {
        guard instant != .max else { return Self.longestPoll }
        let left = max(0, instant - Self.clock())
        return Int32(clamping: min(left / 1_000_000 + (left % 1_000_000 == 0 ? 0 : 1), Int64(Self.longestPoll)))
    }

    /// For an absolute timer on CLOCK_BOOTTIME; `nil` for one that does not pass.
    var timerValue: timespec? {
        guard instant != .max else { return nil }
        // 0 would mean "never" there.
        let moment = max(1, instant)
        return timespec(tv_sec: Int(moment / 1_000_000_000), tv_nsec: Int(moment % 1_000_000_000))
    }

    private static let longestPoll: Int32 = 15_000

    private static func clock() -> Int64 {
        var now = timespec()
        unsafe clock_gettime(CLOCK_BOOTTIME, &now)
        return Int64(now.tv_sec) &* 1_000_000_000 &+ Int64(now.tv_nsec)
    }

    static func nanoseconds(_ duration: Duration) -> Int64 {
        let (seconds, attoseconds) = duration.components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, tooFar) = whole.addingReportingOverflow(attoseconds / 1_000_000_000)
        return tooFar ? (seconds < 0 ? .min : .max) : sum
    }
}
