// The list of who is due next: what it says, when it is not to be believed, and what it survives.

import DurableFiles
import Glibc
import MailTestKit
import Testing

@testable import FetchCalendar

@Suite("The list of accounts that are due")
struct DueListTests {
    private let scratch = ScratchDirectory()

    private func file(_ now: Int = 1000, on clock: LocalClock = LocalClock { _ in 0 }) -> DueFile {
        DueFile(in: scratch.file("state"), watching: [scratch.file("rc")], on: clock, now: now)
    }

    @Test("what it is told it knows, and what it does not know is due")
    func roundTrip() throws {
        let file = file()
        #expect(file.read().next(of: "a", now: 1000) == 0)
        try file.change { list in
            list.note(["a": 5000, "b c": 6000], isAll: true, stamp: file.stamp, now: 1000)
            list.noteSent("b c", at: 1500)
        }
        let list = file.read()
        #expect(list.isCurrent(stamp: file.stamp, now: 1000))
        #expect(
            list.next(of: "a", now: 1000) == 5000 && list.next(of: "b c", now: 1000) == 6000
                && list.next(of: "d", now: 1000) == 0)
        #expect(list.hasSent("b c") && !list.hasSent("a"))
    }

    @Test("another rc, another zone, or a clock put back: it is not to be relied on")
    func stale() throws {
        scratch.write("one", to: "rc")
        let file = file()
        try file.change { $0.note(["a": 5000, "b": 1], isAll: true, stamp: file.stamp, now: 1000) }
        #expect(!file.read().isCurrent(stamp: file.stamp, now: 999))
        let elsewhere = self.file(on: LocalClock { _ in 3600 })
        #expect(!file.read().isCurrent(stamp: elsewhere.stamp, now: 1000))
        scratch.write("another", to: "rc")
        let changed = self.file()
        #expect(!changed.read().isCurrent(stamp: changed.stamp, now: 1000))
        // What a run notes then is all that is known.
        try changed.change { $0.note(["a": 7000], isAll: false, stamp: changed.stamp, now: 1000) }
        #expect(changed.read().next(of: "a", now: 1000) == 7000 && changed.read().next(of: "b", now: 1000) == 0)
    }

    @Test("what is further ahead than a turn can be is not believed")
    func farAhead() throws {
        let file = file()
        try file.change { $0.note(["a": 9_999_999_999, "b": 5000], isAll: true, stamp: file.stamp, now: 1000) }
        #expect(file.read().next(of: "a", now: 1000) == 0 && file.read().next(of: "b", now: 1000) == 5000)
    }

    @Test("mail that is sent while a run goes on asks for another one")
    func sentMeanwhile() throws {
        let file = file()
        for (sent, isLeft) in [(999, false), (1000, true), (1001, true), (5000, false)] {
            try file.change { list in
                list.noteSent("a", at: sent)
                list.noteRun(of: "a", from: 1000, now: 1002)
            }
            #expect(file.read().hasSent("a") == isLeft, "\(sent)")
        }
    }

    @Test(
        "a list that makes no sense is begun anew",
        arguments: ["", "mailhub-due 9\n", "\u{0}\u{0}", "mailhub-due 1\nx y z\n"])
    func damaged(_ content: String) throws {
        let file = file()
        try file.change { $0.note(["a": 1], isAll: true, stamp: file.stamp, now: 1) }
        scratch.write(content, to: "state/due")
        #expect(file.read().next(of: "a", now: 1000) == 0)
        try file.change { $0.note(["a": 5], isAll: true, stamp: file.stamp, now: 1) }
        #expect(file.read().next(of: "a", now: 1000) == 5)
    }
}
