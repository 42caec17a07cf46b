// A hub that stops at every call that changes the disk, and the run after it: nothing lost, nothing twice.

import DurableFiles
import Glibc
import MailEnvelope
import MailFormat
import MailTestKit
import MessageContent
import Reporting
import Testing

@testable import SpoolQueue

/// What the world outside saw.
private final class World {
    var accepted = false
    /// Deliveries by recipient.
    var deliveries: [String: Int] = [:]
    /// Deliveries whose result was not yet known to be on disk when the run stopped: these may be repeated.
    var open: Set<String> = []
    /// Notices delivered, by the failed recipient they tell of.
    var notices = 0
}

struct CrashTests {
    private static let kinds: [Faults.Kind] = [.crash, .tornCrash, .error(EIO), .error(ENOSPC), .lasting(ENOSPC)]

    /// One run over the queue: `good` is delivered, `bad` is refused for good, `slow` is put off once, `kept` is held by
    /// rule until that is told.
    private func run(_ queue: Queue, _ world: World, noticesFirst: Bool) throws(QueueError) {
        var entries = try queue.list().entries
        entries.sort { noticesFirst == ($0.id.text.utf8.count > $1.id.text.utf8.count) }
        for entry in entries {
            do throws(QueueError) {
                if let message = try queue.lock(entry) { try work(message, world, queue) }
            } catch {
                // Another works on it, or on the message that this notice is about.
                if case .busy = error { continue }
                throw error
            }
        }
    }

    private func work(_ message: LockedMessage, _ world: World, _ queue: Queue) throws(QueueError) {
        let write = { (id: QueueID, kind: NoticeKind, about: [Int]) throws(QueueError) -> LockedMessage.Notice in
            try NoticeWriter(host: "hub.example").write(
                kind, about: about, of: .init(message), id: id, at: MailDate(seconds: noon), in: queue)
        }
        try message.resumeNotices(write: write)
        if !message.state.waiting.isEmpty {
            try message.beginAttempt(next: noon + 300)
            try message.reserve()
            for index in message.state.waiting {
                let name = message.state.recipients[index].destination.description
                let verdict: Verdict
                if name.hasPrefix("bad") {
                    verdict = gone
                } else if name.hasPrefix("slow"), message.state.recipients[index].tries == 0 {
                    verdict = busy
                } else if name.hasPrefix("kept"), !message.state.recipients[index].told.contains(.held) {
                    verdict = said(.heldByRule, "550 5.7.1 no")
                } else {
                    world.deliveries[name, default: 0] += 1
                    world.open.insert(name)
                    verdict = taken
                }
                let isLast = index == message.state.waiting.last
                _ = try message.record([result([index], verdict, next: noon + 300)], at: noon, isLast: isLast)
                world.open.remove(name)
                if message.isRemoved {
                    if message.id.text.hasSuffix("n1") { world.notices += 1 }
                    return
                }
            }
        }
        for kind in [NoticeKind.failure, .held] {
            _ = try message.sendNotice(kind, about: message.state.owed(kind), write: write)
        }
        _ = try message.finish()
    }

    private func accept(_ queue: Queue, _ world: World, size: Int) throws {
        let message = queue.scratch()
        for _ in 0..<(size / 1000) { try message.append([UInt8](repeating: 0x61, count: 999) + [0x0A]) }
        let envelope = envelope(["good@x.example", "bad@x.example", "slow@x.example", "kept@x.example"])
        try queue.add(Prepared(Message(envelope, message)), ours)
        world.accepted = true
    }

    @Test(
        "stopped at any call, the next run carries on", arguments: kinds, [1_000, 100_000])
    func everyCall(_ kind: Faults.Kind, size: Int) throws {
        for number in 1...1000 {
            let scratch = ScratchDirectory(inMemory: true)
            let world = World()
            let faults = Faults(kind, at: number)
            var windows: Set<String> = []
            do {
                let queue = try Queue(state: scratch.path, faults: faults)
                try accept(queue, world, size: size)
                for _ in 0..<4 { try run(queue, world, noticesFirst: false) }
            } catch {
                windows = world.open
            }
            let isHit = faults.isHit
            // What must be on disk by now is there whatever the crash was.
            let queue = try Queue(state: scratch.path)
            var rounds = 0
            let patience = Patience()
            while try rounds < 6 || !queue.list().entries.isEmpty, rounds < 6 || patience.lasts {
                try run(queue, world, noticesFirst: number % 2 == 0)
                rounds += 1
            }

            let place = "\(kind) at call \(number)"
            let good = world.deliveries["good@x.example", default: 0]
            let slow = world.deliveries["slow@x.example", default: 0]
            let told = world.deliveries["alice@example.org", default: 0]
            let postmaster = world.deliveries["postmaster@hub.example", default: 0]
            if world.accepted {
                #expect(postmaster >= 1, "\(place): held, and nobody was told")
                #expect(good >= 1 && slow >= 1 && told >= 1, "\(place): accepted and lost")
            }
            #expect(good <= (windows.contains("good@x.example") ? 2 : 1), "\(place): delivered twice")
            #expect(slow <= (windows.contains("slow@x.example") ? 2 : 1), "\(place): delivered twice")
            #expect(told <= (windows.contains("alice@example.org") ? 2 : 1), "\(place): told twice")
            #expect(postmaster <= (windows.contains("postmaster@hub.example") ? 2 : 1), "\(place): told twice")
            for part in ["new", "cur", "foreign"] {
                #expect(ScratchDirectory.names(in: scratch.file("queue/\(part)")).isEmpty, "\(place): left in \(part)")
            }
            if case .error = kind {
                #expect(world.accepted || good == 0, "\(place): refused, yet delivered")
            }
            let later = max(Int(time(nil)), ClockSanity.buildDate) + 40 * 3600
            _ = try queue.clean(now: later)
            for part in ["tmp", "log"] {
                #expect(ScratchDirectory.names(in: scratch.file("queue/\(part)")).isEmpty, "\(place): left in \(part)")
            }
            if !isHit {
                #expect(number > 30, "the scenario makes fewer calls than it must")
                return
            }
        }
        Issue.record("the scenario has no end")
    }

    @Test("no room for the results: no attempt, and the message stays due")
    func noRoom() throws {
        let scratch = ScratchDirectory(inMemory: true)
        _ = try Queue(state: scratch.path).add(envelope(), "x")
        // The rename is the first call, the journal's making the second, its room the third.
        let queue = try Queue(state: scratch.path, faults: Faults(.lasting(ENOSPC), at: 2))
        let message = try queue.lockOnly()
        try message.beginAttempt(next: noon + 300)
        let error = #expect(throws: QueueError.self) { try message.reserve() }
        #expect(error?.exitStatus == .temporaryFailure)
    }

    @Test("an accept that fails leaves nothing in tmp", arguments: [Faults.Kind.error(ENOSPC), .error(EIO)])
    func nothingLeft(_ kind: Faults.Kind) throws {
        for number in 1...100 {
            let scratch = ScratchDirectory(inMemory: true)
            _ = try Queue(state: scratch.path)
            let faults = Faults(kind, at: number)
            let queue = try Queue(state: scratch.path, faults: faults)
            do {
                let message = queue.scratch()
                try message.append([UInt8](repeating: 0x61, count: 100_000))
                try queue.add(Prepared(Message(envelope(), message)), ours)
            } catch {
                #expect(ScratchDirectory.names(in: scratch.file("queue/tmp")).isEmpty, "call \(number)")
                #expect(ScratchDirectory.names(in: scratch.file("queue/new")).isEmpty, "call \(number)")
            }
            if !faults.isHit {
                #expect(number > 5, "an accept makes fewer calls than it must")
                return
            }
        }
        Issue.record("an accept has no end")
    }

    @Test("a failed synchronization is final for this run, and only for it")
    func distrust() throws {
        let scratch = ScratchDirectory(inMemory: true)
        _ = try Queue(state: scratch.path).add(envelope(), "x")
        let queue = try Queue(state: scratch.path, faults: Faults(.error(EIO), at: 3))
        let entry = try #require(try queue.list().entries.first)
        let message = try #require(try queue.lockPatiently(entry.id))
        #expect(throws: QueueError.self) { try message.hold(because: "x") }
        #expect(throws: QueueError.self) { try message.hold(because: "x") }
        message.unlock()
        #expect(throws: QueueError.distrusted(path: scratch.file("queue/new/\(entry.name)"))) {
            _ = try queue.lock(entry)
        }
        #expect(try Queue(state: scratch.path).lockPatiently(entry.id) != nil)
    }
}
