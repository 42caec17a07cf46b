// Deadlines pass, compare and round the way poll needs it.

import Blocking
import Testing

@Suite struct DeadlineTests {
    @Test("a deadline in the past has passed, and has nothing left")
    func past() {
        let past = Deadline(after: .seconds(-5))
        #expect(past.hasPassed)
        #expect(past.remaining == .zero)
        #expect(past.pollTimeout == 0)
        #expect(past.elapsed >= .seconds(5))
    }

    @Test("the earlier of two binds")
    func earlier() {
        let soon = Deadline(after: .seconds(1))
        let late = Deadline(after: .seconds(100))
        #expect(soon.earlier(of: late) == soon)
        #expect(late.earlier(of: soon) == soon)
        #expect(late.earlier(of: .never) == late)
    }

    @Test("a poll never waits longer than 15 seconds, and never returns before a near deadline")
    func polling() {
        #expect(Deadline(after: .seconds(3600)).pollTimeout == 15_000)
        #expect(Deadline.never.pollTimeout == 15_000)
        #expect((1...2).contains(Deadline(after: .microseconds(1500)).pollTimeout))
    }

    @Test("durations beyond the clock neither trap nor wrap", arguments: [Int64.max, Int64.max / 2, 10_000_000_000])
    func huge(seconds: Int64) {
        #expect(!Deadline(after: .seconds(seconds)).hasPassed)
        #expect(Deadline(after: .seconds(-seconds)).hasPassed)
    }

    @Test("never does not pass")
    func never() {
        #expect(!Deadline.never.hasPassed)
        #expect(Deadline.never.remaining > .seconds(1_000_000))
    }
}
