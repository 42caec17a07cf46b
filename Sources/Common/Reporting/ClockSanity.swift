// Whether the machine's clock can be believed. Pure: the clock is passed in.

/// Judges moments of the wall clock, in seconds since 1970. A machine without a battery starts in 1970, and one whose
/// clock was wrong may have written times that lie in the future.
public enum ClockSanity {
    /// 2026-11-01: a clock that shows less has not been set.
    public static let buildDate = 1_793_491_200

    /// Whether ages can be told by a clock that shows `now`.
    /// - Parameter newestState: the latest time seen on disk: a clock behind that is wrong, or was.
    public static func trusts(_ now: Int, newestState: Int = 0) -> Bool { now >= buildDate && now >= newestState }

    /// Whether what was deferred to `notBefore` may be done. A moment further ahead than `longestWait`, the longest
    /// deferral there is, comes from a clock that was wrong, and counts as come.
    /// - Parameter longestWait: in seconds.
    public static func hasCome(_ notBefore: Int, now: Int, longestWait: Int) -> Bool {
        notBefore <= now || notBefore - now > longestWait
    }
}
