// Clocks that were never set, and clocks that were wrong.

import Reporting
import Testing

struct ClockSanityTests {
    private let now = ClockSanity.buildDate + 1000

    @Test("a clock before this release, or behind what stands on disk, is not believed")
    func trusts() {
        #expect(ClockSanity.trusts(now))
        #expect(ClockSanity.trusts(ClockSanity.buildDate))
        #expect(!ClockSanity.trusts(ClockSanity.buildDate - 1))
        #expect(!ClockSanity.trusts(0))
        #expect(ClockSanity.trusts(now, newestState: now))
        #expect(!ClockSanity.trusts(now, newestState: now + 1))
    }

    @Test("what was put off comes when its time has, and at once when that is further ahead than anything waits")
    func hasCome() {
        #expect(ClockSanity.hasCome(now, now: now, longestWait: 60))
        #expect(ClockSanity.hasCome(now - 1, now: now, longestWait: 60))
        #expect(!ClockSanity.hasCome(now + 1, now: now, longestWait: 60))
        #expect(!ClockSanity.hasCome(now + 60, now: now, longestWait: 60))
        #expect(ClockSanity.hasCome(now + 61, now: now, longestWait: 60))
    }
}
