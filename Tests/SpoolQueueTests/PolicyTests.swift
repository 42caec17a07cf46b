// Back-off, expiry and clocks that lie; the state of routes.

import Glibc
import MailTestKit
import MessageContent
import Testing

@testable import SpoolQueue

struct PolicyTests {
    let policy = RetryPolicy()
    let scratch = ScratchDirectory()

    @Test("SE10: delays double up to four hours, a tenth up or down")
    func delays() {
        let plain = (1...9).map { policy.delay(afterTries: $0, chance: 0.5) }
        #expect(plain == [300, 600, 1200, 2400, 4800, 9600, 14_400, 14_400, 14_400])
        #expect(policy.delay(afterTries: 1, chance: 0) == 270)
        #expect(policy.delay(afterTries: 1, chance: 1) == 330)
        #expect(policy.delay(afterTries: 0, chance: 0.5) == 300)
        #expect(policy.delay(afterTries: .max, chance: 0.5) == 14_400)
        for _ in 0..<100 { #expect((270...330).contains(policy.delay(afterTries: 1))) }
    }

    @Test("a mark beyond the longest back-off tells of a wrong clock and counts as due")
    func due() {
        #expect(policy.isDue(0, now: noon))
        #expect(policy.isDue(noon, now: noon))
        #expect(!policy.isDue(noon + 1, now: noon))
        #expect(!policy.isDue(noon + 15_840, now: noon))
        #expect(policy.isDue(noon + 20_000, now: noon))
        #expect(policy.isDue(.max, now: 0))
    }

    @Test("SE10: expiry needs age and tries, and a clock that can be believed")
    func expiry() {
        let age = policy.age(arrival: noon, firstResult: nil, now: noon + 5 * 86_400, newestState: 0)
        #expect(policy.isExpired(age: age, tries: 8))
        #expect(!policy.isExpired(age: age, tries: 7))
        #expect(!policy.isExpired(age: 5 * 86_400 - 1, tries: 100))
        #expect(policy.age(arrival: 100, firstResult: nil, now: noon, newestState: noon) == nil, "accepted in 1970")
        #expect(policy.age(arrival: 100, firstResult: noon - 60, now: noon, newestState: noon) == 60)
        #expect(
            policy.age(arrival: noon, firstResult: nil, now: 1000, newestState: 0) == nil, "the clock is in 1970 now")
        #expect(policy.age(arrival: noon, firstResult: nil, now: noon, newestState: noon + 1) == nil)
        #expect(!policy.isExpired(age: nil, tries: 1000))
        #expect(policy.warnings(age: 4 * 3600, tries: 1) == 1 && policy.warnings(age: 4 * 3600 - 1, tries: 1) == 0)
        #expect(policy.warnings(age: 4 * 3600, tries: 0) == 0 && policy.warnings(age: nil, tries: 9) == 0)
        var chosen = policy
        chosen.warnAfter = [3600, 86_400, 259_200]
        #expect([3599, 3600, 86_400, 300_000].map { chosen.warnings(age: $0, tries: 1) } == [0, 1, 2, 3])
    }

    @Test("the state of a next hop survives, under a name that cannot leave its directory")
    func hops() throws {
        let queue = try Queue(state: scratch.path)
        let states = try HopStates(in: queue.state)
        let evil = NextHop.account("../../etc/passwd é.lock")
        #expect(try states.read(evil) == HopState())
        try states.change(evil) {
            $0.fault = "login refused: 535 no\nway"
            $0.since = noon
            $0.nextProbe = noon + 60
            $0.told = 2
        }
        let read = try states.read(evil)
        #expect(read.fault == "login refused: 535 no way")
        #expect(read.nextProbe == noon + 60 && read.told == 2)
        #expect(ScratchDirectory.names(in: scratch.path) == ["hop", "queue", "run"])
        #expect(ScratchDirectory.names(in: scratch.file("hop")).count == 2)
        #expect(HopStates.fileName(.account("a")) != HopStates.fileName(.account("a.lock")))
        #expect(HopStates.fileName(.account("a")) != HopStates.fileName(.mailbox("a")))
        let long = String(repeating: "x", count: 90)
        #expect(HopStates.fileName(.account(long + "a")) != HopStates.fileName(.account(long + "b")))
        #expect(HopStates.fileName(.account(String(repeating: "/", count: 9000))).utf8.count < 255)
        scratch.write("mailhub-hop 2\n", to: "hop/account-newer")
        #expect(throws: QueueError.newerVersion(path: scratch.file("hop/account-newer"))) {
            _ = try states.read(.account("newer"))
        }
    }

    @Test(
        "a state that cannot be read is no account that is well",
        arguments: [
            "fault +GG", "fault", "fault a b", "since", "since x", "probe -1", "told 1 2",
            "good", " ",
        ])
    func damagedHop(_ line: String) throws {
        let states = try HopStates(in: try Queue(state: scratch.path).state)
        try states.change(.account("a")) { $0.fault = "login refused" }
        #expect(try states.read(.account("a")).fault == "login refused")
        scratch.write("mailhub-hop 1\n\(line)\n", to: "hop/account-a")
        #expect(throws: QueueError.hopDamaged(path: scratch.file("hop/account-a"))) {
            _ = try states.read(.account("a"))
        }
        #expect(throws: QueueError.self) { try states.change(.account("a")) { $0.told = 1 } }
        #expect(ScratchDirectory.read(scratch.file("hop/account-a")) == Array("mailhub-hop 1\n\(line)\n".utf8))
    }

    @Test("SE7: what is known of strangers' domains and hosts is gone a week after its last change, of accounts never")
    func strangers() throws {
        let states = try HopStates(in: try Queue(state: scratch.path).state)
        let account = NextHop.account("host-a")
        for hop in [account, .domain("a.example", route: "r"), .domain("b.example", route: "r")] {
            try states.change(hop) { $0.fault = "down" }
        }
        try states.change(host: "MX.example") { $0.missingSince = 7 }
        #expect(try states.read(host: "mx.EXAMPLE").missingSince == 7)
        #expect(try states.read(.domain("a.example", route: "other")).fault == "down", "whichever route leads there")
        var old = [timeval(tv_sec: noon, tv_usec: 0), timeval(tv_sec: noon, tv_usec: 0)]
        for name in ScratchDirectory.names(in: scratch.file("hop")) where !name.contains("b%2E") {
            _ = unsafe utimes(scratch.file("hop/\(name)"), &old)
        }
        let now = noon + 7 * 86_400
        try states.sweep(now: now)
        #expect(try states.read(host: "mx.example").missingSince == 7)
        try states.sweep(now: now + 1)
        #expect(try states.read(host: "mx.example") == HopState())
        #expect(try states.read(.domain("a.example", route: "r")) == HopState())
        #expect(try states.read(account).fault == "down")
        #expect(
            ScratchDirectory.names(in: scratch.file("hop")).filter { $0.hasSuffix(".lock") }
                == ["account-host-a.lock", "strangers.lock"], "none that would have to be removed")
        // A clock that was ahead when it was written.
        #expect(try states.read(.domain("b.example", route: "r")) == HopState())
    }

    @Test("a next hop has as many connections as it may have, over all processes")
    func connections() throws {
        let queue = try Queue(state: scratch.path)
        let states = try HopStates(in: queue.state)
        let first = try states.connection(.account("gmail"), atMost: 2)
        let second = try states.connection(.account("gmail"), atMost: 2)
        #expect(first != nil && second != nil)
        #expect(try HopStates(in: queue.state).connection(.account("gmail"), atMost: 2) == nil)
        first?.release()
        #expect(try states.connection(.account("gmail"), atMost: 2) != nil)
    }
}
