// When an account is to be fetched from, by what the rc says and what was done. Pure: the clocks are passed in.

import Octets
import Reporting

/// What the rc says of when an account is fetched from; with nothing said, whenever somebody looks.
public struct FetchPlan: Sendable, Hashable {
    /// The time from the start of one run to the start of the next.
    public var every: Duration?
    /// Minutes of the local day.
    public var times: [Int]
    /// Whether it is fetched from only when mail was sent through it.
    public var isOnlyWhenSending: Bool
    /// The most that a turn is put off, so that not all of the world asks at the same second.
    public var jitter: Duration
    /// What tells this account from those of others, whose turns are put off by other times.
    public var name: String

    /// Whether whoever asks does so by the clock, and a little early or late: cron. An account that would be due half a
    /// minute later is due then, or it might wait for the next run each time.
    public var isAskedByTimer = true

    public init(
        every: Duration? = nil, times: [Int] = [], isOnlyWhenSending: Bool = false, jitter: Duration = .zero,
        name: String = ""
    ) {
        (self.every, self.times, self.isOnlyWhenSending) = (every, times, isOnlyWhenSending)
        (self.jitter, self.name) = (jitter, name)
    }

    /// The last time of `times` that a run has served.
    public struct Served: Sendable, Hashable {
        /// When that run began, in seconds since 1970.
        public let moment: Int
        /// The local minute of that time.
        public let minute: Int

        public init(moment: Int, minute: Int) { (self.moment, self.minute) = (moment, minute) }
    }

    /// What was done so far.
    public struct Past: Sendable, Hashable {
        /// The number of runs.
        public var runs: Int
        /// When the last one began, in seconds since 1970.
        public var lastRun: Int
        public var served: Served?
        /// Whether the last run did not come to the server.
        public var isAway: Bool

        public init(runs: Int, lastRun: Int, served: Served?, isAway: Bool = false) {
            (self.runs, self.lastRun, self.served, self.isAway) = (runs, lastRun, served, isAway)
        }
    }

    private static let slack = 30
    /// How soon a turn is tried again that did not come to the server: a machine that wakes up has no network yet.
    private static let retryPause = 600

    /// When the account's turn comes, in seconds since 1970: now where that has passed, and 0 for at once, whatever else is
    /// asked for.
    /// - Parameter now: seconds since 1970.
    public func next(after past: Past, now: Int, on clock: LocalClock) -> Int {
        // The clock was ahead, or nothing was done yet.
        guard past.runs > 0, past.lastRun <= now else { return 0 }
        let byInterval = every.map { every in
            let pause = Int(clamping: every.components.seconds) + shift(past.runs)
            return past.lastRun + (past.isAway ? min(pause, Self.retryPause) : pause)
                - (isAskedByTimer ? Self.slack : 0)
        }
        let byTime = times.isEmpty ? nil : nextTime(after: past, now: now, on: clock)
        return [byInterval, byTime].compactMap(\.self).min() ?? past.lastRun
    }

    /// Whether a run that begins at `start` is to fetch from the account.
    /// - Parameters:
    ///   - next: see ``next(after:now:on:)``.
    ///   - hasSent: whether mail was sent through it that no run has followed.
    public func isDue(_ next: Int, hasSent: Bool, at start: Int) -> Bool {
        next == 0 || next <= start && (hasSent || !isOnlyWhenSending)
    }

    /// What a run at `now` serves: the last of `times` that has come; `nil` where no run is the wiser for it, as one that
    /// the clock on the wall shows again.
    public func timeServed(after past: Past, now: Int, on clock: LocalClock) -> Served? {
        guard let come = lastTime(now: now, on: clock), come > served(past, now) else { return nil }
        return Served(moment: now, minute: come)
    }

    /// Noted while the clock was ahead it says nothing.
    private func served(_ past: Past, _ now: Int) -> Int {
        past.served.flatMap { $0.moment <= now ? $0.minute : nil } ?? .min
    }

    private func lastTime(now: Int, on clock: LocalClock) -> Int? {
        slots(around: now, on: clock).last { moment(of: $0, on: clock) <= now }
    }

    /// When the next of `times` is due: once for each local date, whatever the clock on the wall does.
    private func nextTime(after past: Past, now: Int, on clock: LocalClock) -> Int {
        let served = served(past, now)
        guard let come = lastTime(now: now, on: clock), come > served else {
            let ahead = slots(around: now, on: clock).first { $0 > served && moment(of: $0, on: clock) > now }
            return ahead.map { moment(of: $0, on: clock) } ?? now + 60 * LocalClock.minutesOfDay
        }
        let due = moment(of: come, on: clock)
        return past.lastRun < due ? due : past.lastRun + Self.retryPause
    }

    /// The local minutes of `times` from the day before to the day after tomorrow, in order.
    private func slots(around now: Int, on clock: LocalClock) -> [Int] {
        let day = LocalClock.day(of: clock.minute(at: now))
        let times = Set(times).sorted()
        return (-1...2).flatMap { number in times.map { day + number * LocalClock.minutesOfDay + $0 } }
    }

    private func moment(of slot: Int, on clock: LocalClock) -> Int { clock.firstMoment(of: slot) + shift(slot) }

    /// By how much the turn `number` is put off, in seconds: another time each turn, and the same for each question.
    private func shift(_ number: Int) -> Int {
        let jitter = Int(clamping: jitter.components.seconds)
        guard jitter > 0 else { return 0 }
        return Int(CRC32C.checksum(Array("\(name) \(number)".utf8))) % (jitter + 1)
    }
}
