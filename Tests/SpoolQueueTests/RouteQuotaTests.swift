import DurableFiles
import MailRouting
import MailTestKit
import Testing

@testable import SpoolQueue

@Suite("What a route with a limit has carried")
struct RouteQuotaTests {
    private let limit = RateLimit(100, in: 3600)
    private let noon = 1_800_000_000

    @Test(
        "SE19: in no hour are there more than the limit allows, whenever the hour begins",
        arguments: [60, 3600, 86_400])
    func window(seconds: Int) {
        let limit = RateLimit(100, in: seconds)
        var quota = RouteQuota()
        var sent: [(time: Int, count: Int)] = []
        // One who asks for more at each moment, with steps that no slice of time has.
        var now = noon
        for step in 0..<2000 {
            now += step % 7 == 0 ? max(1, seconds / 97) : max(1, seconds / 1009)
            let granted = quota.spend(16, by: limit, now: now)
            if granted > 0 { sent.append((now, granted)) }
        }
        for first in sent {
            let within = sent.filter { (first.time..<first.time + seconds).contains($0.time) }
            #expect(within.reduce(0) { $0 + $1.count } <= 100)
        }
        // Nor is it far less: what was counted is forgotten a slice of time later than need be, or a second.
        let total = sent.reduce(0) { $0 + $1.count }
        let whole = 100 * (now - noon) / (seconds + max(1, seconds / 60) + max(1, seconds / 97))
        #expect(total >= whole, "\(total) of \(whole)")
        #expect(quota.counted.count <= RouteQuota.slices + 2)
    }

    @Test("SE19: what is there is given, then nothing, and it says until when")
    func spent() {
        var quota = RouteQuota()
        #expect(quota.spend(16, by: limit, now: noon) == 16)
        #expect(quota.spend(90, by: limit, now: noon + 30) == 84)
        #expect(quota.spend(1, by: limit, now: noon + 31) == 0)
        #expect(quota.room(by: limit, now: noon + 31) == 0)
        let next = quota.nextRoom(by: limit, now: noon + 31)
        #expect(next == noon + 60 + 3600)
        #expect(quota.room(by: limit, now: next - 1) == 0)
        #expect(quota.room(by: limit, now: next) == 100)
        #expect(quota.spend(-1, by: limit, now: next) == 0)
    }

    @Test("SE19: a clock of 2099 that was set back holds nothing up for longer than the limit's time")
    func wrongClock() {
        var quota = RouteQuota()
        let wrong = 4_070_908_800
        #expect(quota.spend(100, by: limit, now: wrong) == 100)
        #expect(quota.spend(1, by: limit, now: noon) == 0, "it may have been sent just now")
        #expect(quota.nextRoom(by: limit, now: noon) == noon + 60 + 3600)
        #expect(quota.spend(1, by: limit, now: noon + 3660) == 1)
    }

    @Test("a rc that changes the limit counts by the new one; numbers of a file too large to add stay a limit")
    func changed() {
        var quota = RouteQuota()
        #expect(quota.spend(100, by: limit, now: noon) == 100)
        #expect(quota.room(by: RateLimit(150, in: 3600), now: noon) == 50)
        #expect(quota.room(by: RateLimit(10, in: 60), now: noon + 200) == 10)
        #expect(quota.take("until", "\(noon + 60):999999999999999") == true)
        #expect(quota.room(by: limit, now: noon) == 0)
        #expect(quota.take("until", "1") == false)
        #expect(quota.take("since", "1:1") == false)
    }

    @Test("SE19: what is counted is there for the next process, and all or none where it must be whole")
    func kept() throws {
        let scratch = ScratchDirectory()
        let quotas = try RouteQuotas(in: Directory(path: scratch.path))
        #expect(try quotas.spend(60, of: "a/b", by: limit, now: noon) == 60)
        #expect(try quotas.spend(60, of: "a/b", by: limit, now: noon, isWhole: true) == 0)
        #expect(try quotas.nextRoom(of: "a/b", by: limit, now: noon) == nil)
        let others = try RouteQuotas(in: Directory(path: scratch.path))
        #expect(try others.spend(60, of: "a/b", by: limit, now: noon) == 40)
        #expect(try others.nextRoom(of: "a/b", by: limit, now: noon) == noon + 3660)
        #expect(try others.spend(100, of: "other", by: limit, now: noon, isWhole: true) == 100)
    }
}
