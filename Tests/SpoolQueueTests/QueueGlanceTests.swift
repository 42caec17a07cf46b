// Whether a run would find anything to do, as the names of files tell.

import Glibc
import MailTestKit
import Testing

@testable import SpoolQueue

@Suite("A look at the queue before a run")
struct QueueGlanceTests {
    @Test("SE20: a name says the same at a glance as when it is read, and what is no message's name says nothing")
    func names() {
        var seen = 0
        for isHeld in [false, true] {
            for journal in [false, true] {
                for (notBefore, hop) in [(0, 0), (1_800_000_000, 0), (7, 1_800_000_060)] {
                    let entry = QueueEntry(
                        id: QueueID("1.a.hub")!, size: 12, notBefore: notBefore, hopNotBefore: hop, isHeld: isHeld,
                        hasJournal: journal, isTried: false)
                    for name in [entry.name, entry.name + ":2,S"] {
                        let octets = Array(name.utf8)
                        let times = QueueEntry.glance(octets.span)
                        #expect(
                            times == .init(isHeld: isHeld, notBefore: notBefore, hopNotBefore: hop), "\(name)")
                        seen += 1
                    }
                }
            }
        }
        #expect(seen == 24)
        for name in [
            "1.a.hub", ",S=1,R=0", "1.a.hub,S=1,R=0,X", "1.a.hub,S=1,R=0,P", "1.a.hub,S=1,R=", "1.a.hub,S=1,R=0,",
            "1.a.hub,S=1,R=0x", "1.a.hub,S=1,R=0,H1", "a letter", "1.a.hub,S=1,R=1234567890123456789",
        ] {
            let octets = Array(name.utf8)
            #expect(QueueEntry.glance(octets.span) == nil, "\(name)")
        }
    }

    @Test("SE20: nothing due is idle; a message that is due, a foreign file, one half accepted, and an hour are not")
    func idle() throws {
        let scratch = ScratchDirectory()
        let state = scratch.file("state")
        let now = Int(time(nil))
        func isIdle(at time: Int? = nil) throws -> Bool {
            try QueueGlance.isIdle(state: state, hasDrop: false, policy: RetryPolicy(), now: time ?? now)
        }
        #expect(throws: QueueError.self) { try isIdle() }
        let queue = try Queue(state: state)
        #expect(try !isIdle(), "no run has been")
        try QueueGlance.noteRun(in: queue.run)
        #expect(try isIdle())
        #expect(try !isIdle(at: now + 3700), "sweeping takes place each hour")
        #expect(try !isIdle(at: now - 60), "a clock that was set back")
        let file = "state/queue/new/1.a.hub,S=12,R="
        for (name, isQuiet) in [
            ("\(file)\(now + 60)", true), ("\(file)\(now - 1)", false), ("\(file)0", false), ("\(file)0,H,J", true),
            ("\(file)0,P=\(now + 60)", true), ("\(file)\(now + 90_000)", false), ("state/queue/cur/x", false),
            ("state/queue/cur/.x", true), ("state/queue/tmp/1.a.hub", false),
        ] {
            let path = scratch.write("", to: name)
            #expect(try isIdle() == isQuiet, "\(name)")
            _ = unsafe unlink(path)
        }
        #expect(try isIdle())
    }
}
