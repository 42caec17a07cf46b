// The queue as its users see it: add, list, lock, attempt, record.

import DurableFiles
import Glibc
import MailEnvelope
import MailFormat
import MailTestKit
import MessageContent
import Reporting
import Synchronization
import Testing

@testable import SpoolQueue

struct QueueTests {
    let scratch = ScratchDirectory()

    private func names(_ part: String) -> [String] { ScratchDirectory.names(in: scratch.file("queue/\(part)")) }

    @Test(
        "the message comes back octet for octet, whatever it begins with",
        arguments: [
            "", "\n", " folded\n", "X-Mailhub-Envelope: 1 0 00000000\nX-Mailhub-To: <x@y>\n\n", "From alice\n\nx",
            "a\0b\r\nno end", String(repeating: "0123456789abcde\n", count: 10_000),
        ])
    func fidelity(_ content: String) throws {
        let queue = try Queue(state: scratch.path)
        let id = try queue.add(envelope(), content, top: "Received: x\n")
        #expect(names("tmp").isEmpty)
        let entry = try #require(try queue.list().entries.first)
        #expect(entry.id == id)
        #expect(!entry.isTried && !entry.isHeld && !entry.hasJournal && entry.notBefore == 0)
        let queued = try #require(try queue.peek(entry))
        #expect(queued.envelope == envelope())
        #expect(try queued.content.all() == Array("Received: x\n\(content)".utf8))
        var status = stat()
        #expect(unsafe stat(scratch.file("queue/new/\(entry.name)"), &status) == 0)
        #expect(Int(status.st_size) == entry.size)
        #expect(status.st_mode & 0o777 == 0o600)
    }

    @Test(
        "a message comes whole out of a scratch in memory and out of one in a file, from any content",
        arguments: [10, 40])
    func staging(_ pieces: Int) throws {
        let queue = try Queue(state: scratch.path)
        let message = queue.scratch()
        for number in 0..<pieces { try message.append([UInt8](repeating: UInt8(number), count: 4_000)) }
        let all = try message.read(atMost: .max, at: 0)
        #expect(all.count == pieces * 4_000)
        _ = try queue.add(Prepared(Message(envelope(), message)), ours)
        let first = try queue.lockOnly()
        #expect(try first.content.all() == all)
        try first.remove()
        _ = try queue.add(Prepared(Message(envelope(), ContentInMemory(all)), top: [0x54, 0x3A, 0x0A]), ours)
        #expect(try queue.lockOnly().content.all() == [0x54, 0x3A, 0x0A] + all)
        #expect(names("tmp").isEmpty)
    }

    @Test("delivered at once: file and journal are gone")
    func delivered() throws {
        let queue = try Queue(state: scratch.path)
        try _ = queue.add(envelope(), "x")
        let message = try queue.lockOnly()
        try message.beginAttempt(next: noon + 300)
        #expect(names("new").isEmpty)
        #expect(names("cur") == ["\(message.id),S=\(message.entry.size),R=\(noon + 300)"])
        try message.reserve()
        #expect(try message.record([result([0], taken)], at: noon) == .removed)
        #expect(message.isRemoved)
        #expect(names("cur").isEmpty && names("log").isEmpty)
        #expect(throws: QueueError.self) { try message.tryNow() }
    }

    @Test("a died attempt counts as a try, also when it had recorded a part")
    func died() throws {
        let queue = try Queue(state: scratch.path)
        _ = try queue.add(envelope(["a@x.example", "b@x.example"]), "x")
        try queue.lockOnly().beginAttempt(next: noon + 300)
        do {
            let message = try queue.lockOnly()
            #expect(message.hasDied)
            #expect(message.state.recipients.map(\.tries) == [1, 1])
            #expect(message.state.diedInARow == 1)
            #expect(message.state.next == noon + 300)
            try message.beginAttempt(next: noon + 300)
            #expect(message.entry.notBefore == noon + 301, "each attempt bears a time of its own")
            try message.record([result([0], busy, next: noon + 999)], at: noon, isLast: false)
        }
        let message = try queue.lockOnly()
        #expect(message.hasDied)
        #expect(message.state.diedInARow == 2)
        #expect(message.state.recipients.map(\.tries) == [2, 2])
        #expect(message.state.recipients[0].next == noon + 999)
        try message.beginAttempt(next: noon + 600)
        try message.record([result([0, 1], said(.faultOfHop, "421 4.4.1 down"), next: noon + 700)], at: noon)
        #expect(message.state.recipients.map(\.tries) == [2, 2])
        message.unlock()
        let entry = try #require(try queue.list().entries.first)
        #expect(entry.notBefore == noon + 700)
        #expect(entry.hasJournal)
        #expect(try queue.lockOnly().hasDied == false)
    }

    @Test("a person's orders stand in name and journal")
    func orders() throws {
        let queue = try Queue(state: scratch.path)
        let id = try queue.add(envelope(), "x")
        let message = try #require(try queue.lockPatiently(id))
        try message.hold(because: "look at it\nfirst")
        try message.setNext(noon + 50)
        try message.setRoute(text("abroad"))
        #expect(names("new") == ["\(id),S=\(message.entry.size),R=\(noon + 50),H,J"])
        #expect(throws: QueueError.busy(id: id.text, holder: getpid())) { _ = try queue.lock(id: id) }
        message.unlock()
        #expect(throws: QueueError.self) { try message.release() }
        let again = try #require(try queue.lockPatiently(id))
        #expect(again.state.hold == "look at it first")
        #expect(again.state.route == "abroad")
        try again.release()
        try again.tryNow()
        #expect(names("new") == ["\(id),S=\(message.entry.size),R=0,J"])
        try again.remove()
        #expect(names("new").isEmpty && names("log").isEmpty)
        #expect(try queue.lock(id: id) == nil)
    }

    @Test("an expansion is written once, without those who are recipients already")
    func expansion() throws {
        let queue = try Queue(state: scratch.path)
        _ = try queue.add(envelope(["team@x.example", "bob@x.example"]), "x")
        let message = try queue.lockOnly()
        let children = ["bob@x.example", "joe@x.example", "team@x.example", "joe@x.example"]
            .map { ExpandedRecipient(.address(address($0)), identity: text("team"), alias: text("all")) }
        #expect(try message.recordExpansions([(0, Expansion(children)), (0, Expansion(children))]).isEmpty)
        #expect(message.state.recipients.count == 4, "only once")
        message.unlock()
        let again = try queue.lockOnly()
        #expect(again.state.waiting == [1, 2, 3])
        #expect(again.state.recipients[0].known == [1])
        #expect(again.state.recipients[3].destination == .address(address("team@x.example")))
        #expect(again.state.recipients[3].alias == text("all"))
        #expect(again.submitter(for: 3, hubUser: 1) == .mailbox("team"), "what a mailbox forwards is its own mail")
        #expect(again.submitter(for: 1, hubUser: 1) == .hubUser)
    }

    @Test(
        "the announced size is that of the wire", arguments: ["", "a", "a\n", "a\nb", "\n\n\n"], ["", "Received: x\n"])
    func sizes(_ text: String, _ top: String) throws {
        let queue = try Queue(state: scratch.path)
        let id = try queue.add(envelope(), text, top: top)
        let queued = try #require(try queue.find(id).flatMap { try queue.peek($0) })
        var wire = Oddity.wire(fromFile: Array((top + text).utf8))
        if !text.isEmpty, !text.hasSuffix("\n") { wire += [13, 10] }
        #expect(queued.content.facts == ContentFacts(wireSize: wire.count))
    }

    @Test("what is counted does not depend on who appends it, nor on whether it stays in memory")
    func counted() throws {
        let queue = try Queue(state: scratch.path)
        let message = queue.scratch()
        for _ in 0..<3 { try message.append([UInt8](repeating: 0x61, count: 60_000) + [0x0A]) }
        try message.append([0xE9, 0x0D, 0x0A])
        message.note(isSigned: true)
        let id = try queue.add(Prepared(Message(envelope(), message), top: Array("T: x\n".utf8)), ours)
        let queued = try #require(try queue.find(id).flatMap { try queue.peek($0) })
        #expect(
            queued.content.facts
                == ContentFacts(
                    wireSize: 6 + 3 * 60_002 + 4, is8Bit: true, hasStrays: true, hasLongLines: true, isSigned: true))
    }

    @Test("a hop at fault is a hint in the name: nothing is written, no try is counted, an attempt takes it away")
    func hopAtFault() throws {
        let queue = try Queue(state: scratch.path)
        let id = try queue.add(envelope(), "x")
        let message = try queue.lockOnly()
        try message.postpone(untilHopMayAnswer: noon)
        #expect(names("new") == ["\(id),S=\(message.entry.size),R=0,P=\(noon)"] && names("log").isEmpty)
        message.unlock()
        let again = try queue.lockOnly()
        #expect(!again.hasDied && again.state.tries == 0 && again.entry.hopNotBefore == noon)
        try again.beginAttempt(next: noon + 300)
        #expect(again.entry.hopNotBefore == 0)
        #expect(names("cur") == ["\(id),S=\(again.entry.size),R=\(noon + 300)"])
    }

    @Test("foreign and damaged files go aside loudly, newer ones stay")
    func foreign() throws {
        let queue = try Queue(state: scratch.path)
        let id = try queue.add(envelope(), "x")
        let name = names("new")[0]
        let path = scratch.file("queue/new/\(name)")
        let good = try #require(ScratchDirectory.read(path))
        // A copy under another id would be sent twice.
        let copy = "\(QueueID.make(seconds: 1))\(name.dropFirst(id.text.utf8.count))"
        scratch.write(good, to: "queue/new/\(copy)")
        scratch.write("Subject: not ours\n\nx", to: "queue/new/1.x.y,S=20,R=0")
        scratch.write("hello", to: "queue/cur/msg.mbox")
        scratch.write("X-Mailhub-Envelope: 2 1 00000000\n", to: "queue/new/2.x.y,S=33,R=0")
        let listing = try queue.list()
        #expect(listing.foreign == ["msg.mbox"])
        try queue.setAside("msg.mbox")
        var errors: [QueueError] = []
        for entry in listing.entries where entry.id != id {
            do { _ = try queue.lock(entry) } catch { errors.append(error) }
        }
        #expect(errors.count == 3)
        #expect(errors.contains(.newerVersion(path: scratch.file("queue/new/2.x.y,S=33,R=0"))))
        #expect(names("foreign").sorted() == ["1.x.y,S=20,R=0", copy, "msg.mbox"].sorted())
        #expect(names("new").sorted() == [name, "2.x.y,S=33,R=0"].sorted())
        // Cut short: the size in the name tells.
        scratch.write(Array(good.dropLast()), to: "queue/new/\(name)")
        let cut = try #require(try queue.find(id))
        #expect(throws: QueueError.self) { _ = try queue.lock(cut) }
        #expect(names("new") == ["2.x.y,S=33,R=0"])
    }

    @Test("of many threads that want a message one gets it, and none gets a finished one")
    func contention() throws {
        let queue = try Queue(state: scratch.path)
        for _ in 0..<60 { _ = try queue.add(envelope(), "x") }
        let delivered = Mutex<[String: Int]>([:])
        let failures = Mutex<[String]>([])
        let path = scratch.path
        onThreads(4) {
            do {
                let own = try Queue(state: path)
                for entry in try own.list().entries {
                    guard let message = try own.lock(entry) else { continue }
                    try message.beginAttempt(next: noon + 300)
                    try message.reserve()
                    delivered.withLock { $0[message.id.text, default: 0] += 1 }
                    _ = try message.record([result([0], taken)], at: noon)
                }
            } catch {
                failures.withLock { $0.append("\(error)") }
            }
        }
        #expect(failures.withLock { $0 } == [])
        #expect(delivered.withLock { $0.values.allSatisfy { $0 == 1 } && $0.count == 60 })
        #expect(names("cur").isEmpty && names("new").isEmpty && names("log").isEmpty)
    }

    @Test("ten thousand entries are listed without opening one")
    func large() throws {
        let queue = try Queue(state: scratch.path)
        for number in 0..<10_000 {
            close(unsafe open(scratch.file("queue/new/1.\(number).h,S=1,R=\(number)"), O_CREAT | O_WRONLY, 0))
        }
        let listing = try queue.list()
        #expect(listing.entries.count == 10_000)
        #expect(Set(listing.entries.map(\.notBefore)).count == 10_000)
        #expect(listing.foreign.isEmpty)
    }

    @Test("old leftovers and orphan journals are swept, young ones and others stay")
    func cleaning() throws {
        let queue = try Queue(state: scratch.path)
        let id = try queue.add(envelope(), "x")
        try #require(try queue.lockPatiently(id)).hold(because: "x")
        scratch.write("x", to: "queue/tmp/old")
        scratch.write("x", to: "queue/log/1.orphan.h")
        var now = Int(time(nil))
        #expect(try queue.clean(now: now) == .init())
        #expect(try queue.clean(now: ClockSanity.buildDate - 1) == .init())
        now = max(now, ClockSanity.buildDate) + 37 * 3600
        let sweep = try queue.clean(now: now)
        #expect(sweep.leftovers == ["old"])
        #expect(sweep.orphans == ["1.orphan.h"])
        #expect(names("log") == [id.text])
    }

    @Test("an accept changes the wake mark; three runs have a slot, a fourth has none")
    func runs() throws {
        let queue = try Queue(state: scratch.path)
        let before = try WakeMark.read(in: queue.run)
        #expect(try WakeMark.read(in: queue.run) == before)
        _ = try queue.add(envelope(), "x")
        let after = try WakeMark.read(in: queue.run)
        #expect(after != before)
        _ = try queue.add(envelope(), "x")
        #expect(try WakeMark.read(in: queue.run) != after)
        var slots = try (0..<3).map { _ in try RunSlot.tryAcquire(in: queue.run) }
        #expect(slots.allSatisfy { $0 != nil })
        #expect(try RunSlot.tryAcquire(in: queue.run) == nil)
        slots[1] = nil
        #expect(try RunSlot.tryAcquire(in: queue.run) != nil)
    }
}

/// Runs `body` on `count` threads of its own and waits for them.
func onThreads(_ count: Int, _ body: @escaping @Sendable () -> Void) {
    final class Work: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var threads: [pthread_t] = []
    for _ in 0..<count {
        var thread = pthread_t()
        let work = unsafe Unmanaged.passRetained(Work(body))
        let result = unsafe pthread_create(
            &thread, nil,
            { raw in
                guard let raw = unsafe raw else { return nil }
                unsafe Unmanaged<Work>.fromOpaque(raw).takeRetainedValue().body()
                return nil
            }, work.toOpaque())
        precondition(result == 0)
        threads.append(thread)
    }
    for thread in threads { pthread_join(thread, nil) }
}
