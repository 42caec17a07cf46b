// The journal: torn at every octet, damaged in the middle, and what its records add up to.

import DurableFiles
import MailEnvelope
import MailTestKit
import Octets
import Testing

@testable import SpoolQueue

struct JournalTests {
    let scratch = ScratchDirectory(inMemory: true)
    let id = QueueID.make(seconds: noon)
    let mail = envelope(["a@x.example", "b@x.example", "c@x.example", "d@x.example"])

    private var records: [Record] {
        [
            .died(tag: noon + 1),
            .expansion(
                parent: 3,
                Expansion(
                    [
                        .init(
                            .address(address("e@y.example")), notify: .on(.failure),
                            originalRecipient: OriginalRecipient(type: "rfc822", address: "d"), identity: text("dora"),
                            alias: text("friends")),
                        .init(.local(text("|/bin/false a, b:c +"))),
                    ], known: [0, 1, 3])),
            .result(
                tag: noon + 2, at: noon, isLast: false, [result([0, 2], relayed), result([1], busy, next: noon + 300)]),
            .result(tag: noon + 2, at: noon, isLast: true, [result([4], gone)]),
            .intent(1, .failure, [4], stage: 1),
            .told(1),
            .hold("a person: wants it, so +"),
            .release,
            .next(noon + 9),
            .route(""),
            .route(nil),
            .failed([5], Verdict(.permanent, .permanent(4, 7), text: "")),
        ]
    }

    /// The lines of a journal with all of them.
    private var lines: [[UInt8]] { ([heading] + records.map(\.text)).map(line) }

    private var heading: [UInt8] { Array(MessageJournal.heading(of: id).utf8) }

    @Test("the age of mail that came in under a bad clock begins with its first result under a good one")
    func firstGoodResult() throws {
        let scratch = ScratchDirectory()
        let queue = try Queue(state: scratch.path)
        _ = try queue.add(envelope(), "x")
        for (round, time) in [100, noon, noon + 60].enumerated() {
            let message = try queue.lockOnly()
            try message.beginAttempt(next: noon + 600 + round)
            try message.record([result([0], busy, next: 1)], at: time)
            #expect(message.state.firstResult == (round == 0 ? 100 : noon))
            message.unlock()
        }
    }

    @Test("a copy in a mailbox here is written down with its place, and found by it")
    func places() throws {
        let inbox = try CopyPlace(mailbox: "alice")
        let junk = try CopyPlace(mailbox: "alice", folder: "Jünk: a, b")
        let record = Record.result(
            tag: 1, at: noon, isLast: true,
            [
                result([0, 1], .delivered(.copied(junk), text: "there")), result([2], taken),
            ])
        #expect(try Record(record.text[...]) == record)
        var state = MessageState(mail, ours)
        #expect(!state.hasCopy(in: junk))
        check(record, on: &state)
        #expect(state.hasCopy(in: junk) && !state.hasCopy(in: inbox))
        #expect(state.recipients.map(\.place) == [junk, junk, nil, nil])
        #expect(throws: EnvelopeTextError.self) {
            try CopyPlace(mailbox: String(repeating: "x", count: CopyPlace.limit))
        }
    }

    @Test("a place behind anything but a delivery was meant by a later release")
    func strangePlace() throws {
        let words = Array("result 1 1 0:t:5:4.2.0:-:busy:l:maildir+20alice".utf8)
        #expect(throws: Record.Failure.newerVersion) { try Record(words[...]) }
    }

    @Test("the room set aside holds the longest results")
    func longestResults() throws {
        let place = try CopyPlace(mailbox: String(repeating: ":", count: CopyPlace.limit - 8))
        let verdict = Verdict(
            .delivered(.copied(place)), .success(100, 100), from: String(repeating: ":", count: 255),
            text: String(repeating: ":", count: 500), isSMTP: true)
        let items = (0..<3).map { result([99_997 + $0 % 2], verdict, next: 999_999_999_999) }
        let record = Record.result(tag: 999_999_999_999, at: 999_999_999_999, isLast: true, items)
        #expect(record.text.count + JournalLine.overhead <= Record.resultLimit(recipients: 3))
    }

    @Test("every record reads as it was written")
    func roundTrip() throws {
        for record in records {
            #expect(record.text.allSatisfy { (0x20...0x7E).contains($0) })
            #expect(try Record(record.text[...]) == record)
        }
    }

    @Test("a host called - is a host, and no missing one")
    func hyphen() throws {
        let verdict = Verdict(.permanent, .permanent(1, 1), from: "-", text: "-")
        let record = Record.result(tag: 1, at: 1, isLast: true, [result([0], verdict)])
        #expect(try Record(record.text[...]) == record)
        let child = ExpandedRecipient(.local(text("-")), notify: .never, identity: text("-"), alias: text("-"))
        let expansion = Record.expansion(parent: 0, Expansion([child]))
        #expect(try Record(expansion.text[...]) == expansion)
    }

    @Test("results for nobody do not make a journal unreadable")
    func nobody() throws {
        for record in [
            Record.result(tag: 1, at: 1, isLast: true, [result([], taken)]),
            .intent(1, .delay, [], stage: 1), .failed([], gone),
        ] {
            #expect(try Record(record.text[...]) == record)
        }
    }

    @Test("ranges of one line are bounded together, so that it cannot fill the memory")
    func hostileRanges() {
        let parts = [String](repeating: "0-99999", count: 10_000).joined(separator: ",")
        let words = Array("failed \(parts) 5.1.1:-:old:l".utf8)
        #expect(throws: Record.Failure.newerVersion) { try Record(words[...]) }
    }

    @Test("a journal torn at any octet keeps its whole records, is cut there, and goes on")
    func torn() throws {
        let directory = try Directory(path: scratch.path)
        let lines = self.lines
        let whole = lines.flatMap { $0 }
        for cut in 0...whole.count {
            for tail in [[], [0, 0, 0], Array("0000".utf8)] as [[UInt8]] {
                scratch.write(Array(whole[..<cut]) + tail, to: id.text)
                var state = MessageState(mail, ours)
                let journal = try MessageJournal(in: directory, id: id, into: &state)
                var good = 0
                var count = 0
                while count < lines.count, good + lines[count].count <= cut {
                    good += lines[count].count
                    count += 1
                }
                #expect(ScratchDirectory.read(scratch.file(id.text))?.count == good, "cut before octet \(cut)")
                var expected = MessageState(mail, ours)
                for record in records.prefix(max(0, count - 1)) { check(record, on: &expected) }
                #expect(state.recipients == expected.recipients)
                guard cut % 37 == 0 else { continue }
                try journal.append([.hold("again")])
                var again = MessageState(mail, ours)
                _ = try MessageJournal(in: directory, id: id, into: &again)
                #expect(again.hold == "again", "cut before octet \(cut)")
            }
        }
    }

    @Test("damage before good lines is not mended silently")
    func damaged() throws {
        let directory = try Directory(path: scratch.path)
        let lines = self.lines
        var whole = lines.flatMap { $0 }
        whole[lines[0].count + 12] ^= 1
        scratch.write(whole, to: id.text)
        var state = MessageState(mail, ours)
        #expect(throws: QueueError.journalDamaged(path: scratch.file(id.text), line: 2)) {
            _ = try MessageJournal(in: directory, id: id, into: &state)
        }
        #expect(ScratchDirectory.read(scratch.file(id.text)) == whole)
    }

    @Test("another message's journal, and a verb of a later release, are refused")
    func foreign() throws {
        let directory = try Directory(path: scratch.path)
        var state = MessageState(mail, ours)
        scratch.write(line(Array(MessageJournal.heading(of: .make(seconds: 1)).utf8)), to: id.text)
        #expect(throws: QueueError.journalDamaged(path: scratch.file(id.text), line: 1)) {
            _ = try MessageJournal(in: directory, id: id, into: &state)
        }
        scratch.write(line(heading) + line(Array("sleep".utf8)), to: id.text)
        #expect(throws: QueueError.newerVersion(path: scratch.file(id.text))) {
            _ = try MessageJournal(in: directory, id: id, into: &state)
        }
    }

    @Test("records add up: states, tries, next time, notices owed")
    func fold() {
        var state = MessageState(mail, ours)
        #expect(state.tellsOfDeath(noon + 1))
        for record in records { check(record, on: &state) }
        #expect(state.recipients.map(\.progress) == [.delivered, .waiting, .delivered, .expanded, .failed, .failed])
        #expect(state.recipients[1].tries == 2)
        #expect(state.recipients[4].parent == 3)
        #expect(state.next == noon + 9)
        #expect(!state.tellsOfDeath(noon + 1) && !state.tellsOfDeath(noon + 2) && !state.tellsOfDeath(noon + 9))
        #expect(state.tellsOfDeath(noon + 3))
        #expect(state.owed(.failure) == [5])
        #expect(state.owed(.success).isEmpty)
        #expect(state.owed(.delay) == [1])
        #expect(!state.isComplete)
    }

    @Test("what is held by rule counts a try, is told once and not as late, and goes on at its next try")
    func heldByRule() throws {
        let held = said(.heldByRule, "550 5.7.1 not your address")
        func both(_ tag: Int, _ verdict: Verdict, next: Int = noon + 14_400) -> Record {
            .result(tag: tag, at: noon, isLast: true, [result([0, 1], verdict, next: next)])
        }
        #expect(try Record(both(1, held).text[...]) == both(1, held))
        var unwanted = mail
        unwanted.recipients[1].notify = .never
        unwanted.reversePath = .null
        var state = MessageState(unwanted, Acceptance(arrival: noon, source: .unixUser(1000)))
        check(both(1, held), on: &state)
        #expect(state.recipients.map(\.isHeld) == [true, true, false, false] && state.hold == nil)
        #expect(state.recipients[0].progress == .waiting && state.recipients[0].tries == 1)
        #expect(state.recipients[0].next == noon + 14_400)
        #expect(state.owed(.held) == [0], "without a return address, too, and not where NOTIFY=NEVER")
        check(.intent(1, .held, [0], stage: 1), on: &state)
        #expect(state.owed(.held).isEmpty && !state.isComplete)
        check(.told(1), on: &state)
        check(both(2, held), on: &state)
        #expect(state.owed(.held).isEmpty && state.recipients[0].tries == 2)

        var late = MessageState(mail, ours)
        check(both(1, held), on: &late)
        #expect(late.owed(.delay) == [2, 3], "it was told already")
        check(both(2, busy, next: 0), on: &late)
        #expect(late.owed(.delay) == [0, 1, 2, 3] && late.owed(.held).isEmpty && !late.recipients[0].isHeld)

        var notice = mail
        notice.reversePath = .null
        var own = MessageState(notice, ours)
        check(both(1, held), on: &own)
        #expect(own.owed(.held).isEmpty, "no notice about a notice")
    }

    @Test("a record that cannot follow is refused: nobody is delivered to twice")
    func impossible() {
        var state = MessageState(mail, ours)
        let done = Record.result(tag: 1, at: noon, isLast: true, [result([0], taken)])
        check(done, on: &state)
        for record in [
            done, .failed([9], gone), .expansion(parent: 0, Expansion([])),
            .expansion(parent: 1, Expansion([], known: [4])), .told(7),
        ] {
            let isTaken = state.apply(record)
            #expect(!isTaken)
        }
    }

    @Test("the longest verdict of a hostile server fits the room set aside for it")
    func hostileVerdict() {
        let verdict = Verdict(
            .permanent, .permanent(0, 0), from: "evil\r\nX: y", text: String(repeating: "é\n", count: 9000),
            isSMTP: true)
        #expect(Record.failed([0], verdict).text.count < Record.resultLimit(recipients: 1))
    }

    @Test("a record that cannot follow ends the process before it is written: nobody could read the journal any more")
    func impossibleIsNotWritten() async {
        let end = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            var scratch: ScratchDirectory? = ScratchDirectory(inMemory: true)
            let queue = try Queue(state: try #require(scratch).path)
            _ = try queue.add(envelope(), "x")
            let message = try queue.lockOnly()
            scratch = nil  // what stops here leaves nothing behind
            try message.write([.told(7)])
        }
        let words = String(decoding: end?.standardErrorContent ?? [], as: UTF8.self)
        #expect(words.contains("a record that cannot follow"))
    }

    @Test("a status that is none was meant by a later release")
    func strangeStatus() {
        #expect(throws: Record.Failure.newerVersion) { try Record(Array("failed 0 5.9999.1:-:old:l".utf8)[...]) }
    }
}

private func check(_ record: Record, on state: inout MessageState) {
    let isTaken = state.apply(record)
    #expect(isTaken)
}

/// A line as a journal has it.
private func line(_ text: [UInt8]) -> [UInt8] {
    var octets: [UInt8] = []
    JournalLine.append(text, to: &octets)
    return octets
}
