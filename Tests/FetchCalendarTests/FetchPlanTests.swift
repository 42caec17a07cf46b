// When an account is due: intervals, times of the day, nights when the clock is moved, journeys, and clocks that were wrong.

import Testing

@testable import FetchCalendar

@Suite("when an account is due")
struct FetchPlanTests {
    /// 2026-11-22 00:00 UTC.
    private static let today = 1_795_305_600
    private static let hour = 3600
    private static let day = 86_400

    private static let utc = LocalClock { _ in 0 }

    /// A zone an hour east whose summer lasts from `begin` to `end`.
    private static func zone(summer begin: Int, to end: Int) -> LocalClock {
        LocalClock { (begin..<end).contains($0) ? 2 * hour : hour }
    }

    /// The moments at which a look each minute finds the account due, where each run is at the server at once.
    private static func runs(
        of plan: FetchPlan, from start: Int, to end: Int, on clock: LocalClock, clocks: [Int: LocalClock] = [:]
    ) -> [Int] {
        var past = FetchPlan.Past(
            runs: 1, lastRun: start,
            served: plan.timeServed(
                after: FetchPlan.Past(runs: 0, lastRun: 0, served: nil), now: start, on: clock))
        var clock = clock
        return stride(from: start + 60, to: end, by: 60).filter { now in
            clock = clocks[now] ?? clock
            guard plan.isDue(plan.next(after: past, now: now, on: clock), hasSent: false, at: now) else { return false }
            past = FetchPlan.Past(
                runs: past.runs + 1, lastRun: now,
                served: plan.timeServed(after: past, now: now, on: clock) ?? past.served)
            return true
        }
    }

    @Test("who asks at the very second gets the interval to the second, and cron half a minute before")
    func precise() {
        var plan = FetchPlan(every: .seconds(40))
        let past = FetchPlan.Past(runs: 1, lastRun: Self.today, served: nil)
        #expect(plan.next(after: past, now: Self.today + 1, on: Self.utc) == Self.today + 10)
        plan.isAskedByTimer = false
        #expect(plan.next(after: past, now: Self.today + 1, on: Self.utc) == Self.today + 40)
    }

    @Test(
        "SC1: every: who would be due half a minute later is due, by the start of the run, however late its turn comes")
    func interval() {
        let plan = FetchPlan(every: .seconds(900))
        func isDue(_ start: Int, _ now: Int) -> Bool {
            let past = FetchPlan.Past(runs: 1, lastRun: Self.today, served: nil)
            let next = plan.next(after: past, now: Self.today + now, on: Self.utc)
            return plan.isDue(next, hasSent: false, at: Self.today + start)
        }
        // (start, now): cron is a second early after a quarter of an hour; a slow account went before.
        let cases: [(start: Int, now: Int, isDue: Bool)] = [
            (869, 869, false), (870, 870, true), (899, 899, true), (300, 5_000, false), (900, 5_000, true),
            (-60, 5_000, false), (-60, -60, true),
        ]
        for (start, now, expected) in cases { #expect(isDue(start, now) == expected, "\(start), \(now)") }
        let never = FetchPlan.Past(runs: 0, lastRun: 0, served: nil)
        #expect(plan.next(after: never, now: Self.today, on: Self.utc) == 0, "nothing was fetched yet")
        #expect(FetchPlan().isDue(Self.today, hasSent: false, at: Self.today), "with nothing said, each time")
    }

    @Test("at: once a day at each time, to the minute; missed asleep it is due at the next look")
    func times() {
        let plan = FetchPlan(times: [18 * 60, 6 * 60 + 30])
        let runs = Self.runs(of: plan, from: Self.today, to: Self.today + 2 * Self.day, on: Self.utc)
        let expected = [6.5, 18, 30.5, 42].map { Self.today + Int($0 * 3600) }
        #expect(runs == expected, "\(runs.map { Double($0 - Self.today) / 3600 })")
        // Asleep from five to nine, and over two times: one run.
        let past = FetchPlan.Past(
            runs: 1, lastRun: Self.today, served: .init(moment: Self.today, minute: Self.today / 60 - 6 * 60))
        for asleep in [9, 20, 33] {
            let now = Self.today + asleep * Self.hour
            #expect(plan.isDue(plan.next(after: past, now: now, on: Self.utc), hasSent: false, at: now), "\(asleep)")
        }
    }

    @Test(
        "SC1: at: in the night of the lost hour at the first minute after it, in that of the doubled hour at the first")
    func nightsOfChange() {
        let plan = FetchPlan(times: [150, 6 * 60])  // 02:30 and 06:00
        // The clock goes from 02:00 to 03:00, which is 01:00 UTC.
        let spring = Self.zone(summer: Self.today + Self.hour, to: .max)
        let first = Self.runs(
            of: plan, from: Self.today - 6 * Self.hour, to: Self.today + 18 * Self.hour, on: spring)
        #expect(first == [Self.today + Self.hour, Self.today + 4 * Self.hour], "\(first.map { $0 - Self.today })")
        // From 03:00 to 02:00, which is 01:00 UTC as well: 02:30 is 00:30 UTC, and again 01:30 UTC.
        let autumn = Self.zone(summer: .min, to: Self.today + Self.hour)
        let second = Self.runs(
            of: plan, from: Self.today - 6 * Self.hour, to: Self.today + 18 * Self.hour, on: autumn)
        #expect(
            second == [Self.today + Self.hour / 2, Self.today + 5 * Self.hour], "\(second.map { $0 - Self.today })")
    }

    @Test("SC1: at: a journey to the west brings no second run on a date, one to the east leaves none out")
    func journeys() {
        let plan = FetchPlan(times: [6 * 60 + 30])
        let (berlin, newYork) = (LocalClock { _ in Self.hour }, LocalClock { _ in -5 * Self.hour })
        let noon = Self.today + 12 * Self.hour
        let west = Self.runs(
            of: plan, from: Self.today, to: Self.today + 36 * Self.hour, on: berlin, clocks: [noon: newYork])
        // 05:30 UTC in Berlin; in New York 06:30 of that date is over, and the next one is at 11:30 UTC.
        #expect(west == [Self.today + 11 * 1800, Self.today + 71 * 1800], "\(west.map { $0 - Self.today })")
        let before = Self.today + 4 * Self.hour
        let early = Self.runs(
            of: plan, from: Self.today + 6 * Self.hour, to: Self.today + 36 * Self.hour, on: newYork,
            clocks: [before + 4 * Self.hour: berlin])
        // 06:30 of Berlin was over when we came there at 08:00 UTC, and is due then.
        #expect(early == [Self.today + 8 * Self.hour, Self.today + 59 * 1800], "\(early.map { $0 - Self.today })")
    }

    @Test("SC1: at: a clock that was ten years ahead stops nothing")
    func clockAhead() {
        let plan = FetchPlan(every: nil, times: [6 * 60 + 30])
        let future = Self.today + 3650 * Self.day
        let past = FetchPlan.Past(
            runs: 5, lastRun: future,
            served: plan.timeServed(
                after: FetchPlan.Past(runs: 0, lastRun: 0, served: nil), now: future, on: Self.utc))
        #expect(past.served != nil)
        let now = Self.today + 3 * Self.hour
        #expect(plan.next(after: past, now: now, on: Self.utc) == 0, "the clock was ahead: at once")
        // A run by hand since, which served nothing as it did not come to the server.
        let later = FetchPlan.Past(runs: 6, lastRun: now, served: past.served)
        let next = plan.next(after: later, now: now + 60, on: Self.utc)
        #expect(next <= now + 600, "\(next - now)")
        let served = plan.timeServed(after: later, now: now + 700, on: Self.utc)
        #expect(served?.minute == Self.today / 60 - 17 * 60 - 30)
    }

    @Test(
        "at: where the server was not reached it is tried again after ten minutes, as after a wake-up without network")
    func unreached() {
        let plan = FetchPlan(times: [6 * 60 + 30])
        let served = FetchPlan.Served(moment: Self.today - Self.day, minute: Self.today / 60 - 17 * 60 - 30)
        let due = Self.today + 13 * 1800
        let early = FetchPlan.Past(runs: 2, lastRun: due - 60, served: served)
        #expect(plan.next(after: early, now: due - 30, on: Self.utc) == due)
        let every = FetchPlan(every: .seconds(3600))
        let away = FetchPlan.Past(runs: 3, lastRun: due, served: nil, isAway: true)
        #expect(every.next(after: away, now: due + 1, on: Self.utc) == due + 570)
        let often = FetchPlan(every: .seconds(60))
        #expect(often.next(after: away, now: due + 1, on: Self.utc) == due + 30)
        let failed = FetchPlan.Past(runs: 3, lastRun: due, served: served)
        #expect(plan.next(after: failed, now: due + 60, on: Self.utc) == due + 600)
    }

    @Test("only when sending: after mail was sent, and no more often than every")
    func whenSending() {
        let past = FetchPlan.Past(runs: 1, lastRun: Self.today, served: nil)
        let plan = FetchPlan(isOnlyWhenSending: true)
        let next = plan.next(after: past, now: Self.today + 9, on: Self.utc)
        #expect(
            !plan.isDue(next, hasSent: false, at: Self.today + 9) && plan.isDue(next, hasSent: true, at: Self.today + 9)
        )
        let slow = FetchPlan(every: .seconds(3600), isOnlyWhenSending: true)
        let later = slow.next(after: past, now: Self.today + 9, on: Self.utc)
        #expect(!slow.isDue(later, hasSent: true, at: Self.today + 9))
        #expect(slow.isDue(later, hasSent: true, at: Self.today + 3600))
        let never = FetchPlan.Past(runs: 0, lastRun: 0, served: nil)
        #expect(plan.isDue(plan.next(after: never, now: 9, on: Self.utc), hasSent: false, at: 9), "the first time")
    }

    @Test("SC1, ask 9: jitter puts turns off by less than it says, by other times each, and for others by others")
    func jitter() {
        let plan = FetchPlan(every: .seconds(900), jitter: .seconds(600), name: "alice@a.example")
        func shifts(_ plan: FetchPlan) -> [Int] {
            (1...200).map { run in
                let past = FetchPlan.Past(runs: run, lastRun: Self.today, served: nil)
                return plan.next(after: past, now: Self.today, on: Self.utc) - Self.today - 870
            }
        }
        let mine = shifts(plan)
        #expect(mine.allSatisfy { (0...600).contains($0) } && Set(mine).count > 100, "\(mine)")
        #expect(mine.min() ?? 600 < 60 && mine.max() ?? 0 > 540, "\(mine)")
        #expect(mine == shifts(plan), "asked again, the same")
        var other = plan
        other.name = "bob@a.example"
        #expect(mine != shifts(other))
        let daily = FetchPlan(times: [6 * 60], jitter: .seconds(600), name: "alice@a.example")
        let runs = Self.runs(of: daily, from: Self.today, to: Self.today + 20 * Self.day, on: Self.utc)
        #expect(runs.count == 20)
        for (number, run) in runs.enumerated() {
            let late = run - Self.today - number * Self.day - 6 * Self.hour
            #expect((0...660).contains(late), "\(number): \(late)")
        }
    }
}
