// Alerts: once for each episode, after the patience of the rc, and again when it was well in between.

import DurableFiles
import MailTestKit
import Testing

@testable import HubHealth

@Suite("Of which concerns somebody is told")
struct AlertListTests {
    private func concern(_ kind: Concern.Kind = .fetching, since: Int? = 1000) -> Concern {
        Concern(kind, of: "work", for: "alice", since: since, "not well")
    }

    private final class Teller {
        var list = AlertList()

        /// Whether somebody is told of what there is at `now`; it is noted.
        func tells(_ concerns: [Concern], _ now: Int) -> Bool {
            let due = list.review(concerns, after: .seconds(100), at: now)
            for item in due { list.noteTold(item.concern, at: now) }
            return !due.isEmpty
        }
    }

    @Test("OP4: once for each episode, and not before it has lasted")
    func once() {
        let teller = Teller()
        #expect(!teller.tells([concern()], 1099) && teller.tells([concern()], 1100))
        #expect(!teller.tells([concern()], 1101) && !teller.tells([concern()], 999_999))
        // Well, and not well again.
        #expect(!teller.tells([], 1_000_000))
        #expect(!teller.tells([concern(since: 1_000_010)], 1_000_020))
        #expect(teller.tells([concern(since: 1_000_010)], 1_000_110))
        // Well in between, which nobody looked at.
        #expect(!teller.tells([concern(since: 1_000_200)], 1_000_250))
        #expect(teller.tells([concern(since: 1_000_200)], 1_000_300))
    }

    @Test("where nobody knows since when, from the first look on; each kind and subject by itself")
    func unknown() {
        let teller = Teller()
        #expect(!teller.tells([concern(.disk, since: nil)], 5000) && !teller.tells([concern(.disk, since: nil)], 5099))
        #expect(teller.tells([concern(.disk, since: nil), concern(.login, since: 5090)], 5100))
        #expect(teller.tells([concern(.disk, since: nil), concern(.login, since: 5090)], 5190))
    }

    @Test("what could not be told is told by the next look; a clock that was ahead keeps nothing from being told")
    func again() {
        let teller = Teller()
        #expect(!teller.list.review([concern()], after: .seconds(100), at: 2000).isEmpty)
        #expect(!teller.list.review([concern()], after: .seconds(100), at: 2600).isEmpty)
        #expect(teller.tells([concern(since: 9_000_000)], 9_000_100))
        #expect(!teller.tells([concern(since: 3000)], 3050) && teller.tells([concern(since: 3000)], 3100))
    }

    @Test("what is written is read again, whatever it is about")
    func roundTrip() throws {
        let scratch = ScratchDirectory()
        let files = StateFiles<AlertList>(in: try Directory(path: scratch.path))
        let odd = Concern(.certificate, of: "/a b/c.pem", since: 5, "x\ny")
        let teller = Teller()
        _ = teller.tells([odd, concern(since: 7)], 2000)
        try files.changeLocked("alerts") { $0 = teller.list }
        #expect(try files.read("alerts") == teller.list)
    }

    @Test("a time ahead of the clock is none: what began then is told once it has lasted")
    func clockWasAhead() {
        let teller = Teller()
        func tells(_ since: Int, _ now: Int) -> Bool { teller.tells([concern(since: since)], now) }
        let ahead = 1_000_000
        #expect(!tells(ahead, ahead) && tells(ahead, ahead + 100))
        // The clock is right again, and the fault lasts.
        #expect(!tells(ahead, 1000) && !tells(ahead, 1099) && tells(ahead, 1100) && !tells(ahead, 5000))
    }
}
