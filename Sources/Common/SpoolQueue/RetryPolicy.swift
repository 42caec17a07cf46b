// When to try again, when to warn, when to give up. Pure: the clock is passed in.

import Reporting

/// The retry rules of a queue. Times are seconds since 1970, lengths are seconds.
public struct RetryPolicy: Sendable, Hashable {
    /// The first delay; each further one is twice as long.
    public var firstDelay = 5 * 60
    public var longestDelay = 4 * 3600
    /// Delays vary by this share up or down, so that messages that failed together do not come back together.
    public var jitter = 0.1
    /// The age from which a recipient may be given up.
    public var lifetime = 5 * 86_400
    /// The fewest tries after which a recipient may be given up, whatever the age.
    public var minimumTries = 8
    /// The ages at which the sender is told of the delay, the lowest first.
    public var warnAfter = [4 * 3600]

    public init() {}

    /// - Parameter longestDelay: in seconds.
    public init(longestDelay: Int) { self.longestDelay = longestDelay }

    /// The time to wait after `tries` attempts (1: the first has just failed), in seconds.
    /// - Parameter chance: 0 to 1; 0.5 is no jitter.
    public func delay(afterTries tries: Int, chance: Double = .random(in: 0...1)) -> Int {
        var delay = firstDelay
        var further = tries - 1
        while further > 0, delay < longestDelay {
            delay *= 2
            further -= 1
        }
        return spread(min(delay, longestDelay), chance: chance)
    }

    /// `delay`, in seconds, shorter or longer by the jitter.
    /// - Parameter chance: as for ``delay(afterTries:chance:)``.
    public func spread(_ delay: Int, chance: Double = .random(in: 0...1)) -> Int {
        max(1, Int(Double(delay) * (1 + jitter * (2 * min(1, max(0, chance)) - 1))))
    }

    /// Whether a message marked with `notBefore` is due. A mark further ahead than the longest back-off was set by a
    /// wrong clock, and counts as due.
    public func isDue(_ notBefore: Int, now: Int) -> Bool {
        ClockSanity.hasCome(notBefore, now: now, longestWait: Int(Double(longestDelay) * (1 + jitter)) + 1)
    }

    /// The age in seconds of a message that arrived at `arrival`, counted from the first recorded result if the clock
    /// was not set when the message came in; `nil` when it cannot be known.
    /// - Parameter newestState: the latest time seen on disk; 0 where none is known.
    public func age(arrival: Int, firstResult: Int?, now: Int, newestState: Int) -> Int? {
        guard ClockSanity.trusts(now, newestState: newestState) else { return nil }
        if ClockSanity.trusts(arrival) { return max(0, now - arrival) }
        guard let firstResult, ClockSanity.trusts(firstResult) else { return nil }
        return max(0, now - firstResult)
    }

    /// Whether a recipient is to be given up: age and tries.
    public func isExpired(age: Int?, tries: Int) -> Bool {
        guard let age else { return false }
        return age >= lifetime && tries >= minimumTries
    }

    /// How many of the ages have passed at which the sender is told that the message is late.
    public func warnings(age: Int?, tries: Int) -> Int {
        guard let age, tries > 0 else { return 0 }
        return warnAfter.count { age >= $0 }
    }
}
