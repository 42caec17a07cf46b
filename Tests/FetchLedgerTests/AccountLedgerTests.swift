// The ledger of an account: what its journal says after any cut, and that it says the same when it is written anew.

import Digests
import DurableFiles
import Glibc
import IMAPProtocol
import MailTestKit
import MaildirStore
import Octets
import POP3Protocol
import Testing

@testable import FetchLedger

/// A directory for one ledger.
struct LedgerScratch {
    let scratch = ScratchDirectory()
    static let name = LedgerFolder.journalName

    func ledger(faults: Faults? = nil) throws -> AccountLedger {
        try AccountLedger(in: try Directory(path: scratch.path, faults: faults))
    }

    /// What a reader without the lock sees.
    func look() throws -> FetchState { try AccountLedger.read(try Directory(path: scratch.path)).state }

    var path: String { scratch.file(Self.name) }

    var octets: [UInt8] { ScratchDirectory.read(path) ?? [] }

    func write(_ octets: [UInt8]) { scratch.write(octets, to: Self.name) }

    /// Writes a journal of these lines, the heading before them.
    func write(_ texts: [String]) { write(([AccountLedger.heading] + texts).flatMap(Self.line)) }

    /// A line as the journal has it.
    static func line(_ text: String) -> [UInt8] {
        var octets: [UInt8] = []
        JournalLine.append(Array(text.utf8), to: &octets)
        return octets
    }
}

@Suite("The ledger of an account")
struct AccountLedgerTests {
    /// A state with something of everything.
    static func fill(_ ledger: AccountLedger) throws {
        try ledger.beginRun(at: 1_800_000_000)
        let keys = (0..<5).map { MessageKey.unique("id:\($0)", occurrence: $0 % 2) }
        try ledger.turn(beginning: .init(nonce: "aaaa", time: 1_800_000_001, keys: keys))
        try ledger.turn(
            ending: [.init(nonce: "aaaa", delivered: [0: nil, 1: nil, 3: nil])],
            beginning: .init(nonce: "bbbb", time: 1_800_000_002, keys: [keys[2], keys[4]]))
        try ledger.turn(ending: [.init(nonce: "bbbb")])
        try ledger.fail(keys[2], at: 1_800_000_003, "RETR was refused: \u{1}100 %\nnein")
        try ledger.markMissing([keys[0], keys[1]])
        try ledger.markBack([keys[0]])
        try ledger.markGone([keys[3]])
        let inbox = try ledger.folder(named: "INBOX", validity: 7)
        let odd = try ledger.folder(named: "Müll / ünd % so", validity: 4_294_967_295)
        let uids = [1, 2, 3, 9, 4_294_967_294].map { MessageKey.uid($0, folder: inbox) }
        try ledger.turn(beginning: .init(nonce: "cccc", time: 1_800_000_010, keys: uids))
        try ledger.turn(ending: [.init(nonce: "cccc", delivered: [0: nil, 1: nil, 2: nil, 3: nil, 4: nil])])
        try ledger.setNext(10, of: inbox)
        try ledger.turn(beginning: .init(nonce: "dddd", time: 1_800_200_000, keys: [.uid(12, folder: inbox)]))
        try ledger.turn(ending: [.init(nonce: "dddd", delivered: [0: nil])])
        try ledger.markGone(UIDSet([2, 3, 500]), of: inbox)
        try ledger.suspect([.uid(5, folder: odd), keys[2]], at: 1_800_000_020, "died")
        try ledger.endRun(at: 1_800_000_030, status: 0, "")
        try ledger.beginRun(at: 1_800_000_900)
        try ledger.endRun(at: 1_800_000_930, status: 75, "mail.example: timed out")
    }

    @Test("what is written is what is read")
    func roundTrip() throws {
        let scratch = LedgerScratch()
        let ledger = try scratch.ledger()
        try Self.fill(ledger)
        #expect(try scratch.ledger().state == ledger.state)
        #expect(ledger.state.known.keys.map(\.text).sorted() == ["p0:id:0", "p1:id:1"])
        #expect(ledger.state.known[.unique("id:1", occurrence: 1)]?.isMissing == true)
        #expect(ledger.state.known[.unique("id:0", occurrence: 0)]?.isMissing == false)
        #expect(ledger.state.failed[.unique("id:2", occurrence: 0)]?.reason == "RETR was refused: \u{1}100 %\nnein")
        #expect(ledger.state.failed[.unique("id:2", occurrence: 0)]?.tries == 1, "a failure known is no new suspect")
        #expect(ledger.state.folders.map(\.name) == ["INBOX", "Müll / ünd % so"])
        #expect(
            ledger.state.folders[0].fetched.map(\.uids.octets).map { String(decoding: $0, as: UTF8.self) } == [
                "1,9,4294967294", "12",
            ])
        #expect(ledger.state.folders[0].next == 10)
        #expect(ledger.state.lastSuccess == 1_800_000_030)
        #expect(ledger.state.lastEnding?.words == "mail.example: timed out")
    }

    @Test("a journal cut at any octet says what its whole lines say, and can be written on")
    func tornTail() throws {
        let scratch = LedgerScratch()
        try Self.fill(try scratch.ledger())
        let whole = scratch.octets
        // What the lines up to each end say, read by itself.
        var wanted: [Int: FetchState] = [:]
        for end in [0] + whole.indices.filter({ whole[$0] == Octet.lf }).map({ $0 + 1 }) {
            scratch.write(Array(whole[..<end]))
            wanted[end] = try scratch.ledger().state
        }
        var last = 0
        for cut in 0...whole.count {
            if wanted[cut] != nil { last = cut }
            scratch.write(Array(whole[..<cut]))
            #expect(try scratch.look() == wanted[last], "looked at, cut at \(cut)")
            #expect(scratch.octets.count == cut, "a look changes nothing")
            let ledger = try scratch.ledger()
            #expect(ledger.state == wanted[last], "cut at \(cut)")
            guard cut % 7 == 0 else { continue }
            try ledger.beginRun(at: 1_900_000_000)
            #expect(try scratch.look().lastRun == 1_900_000_000, "written on after a cut at \(cut)")
        }
    }

    @Test("what is wrong with a journal is told with what to do")
    func strangeFile() throws {
        let scratch = LedgerScratch()
        try Self.fill(try scratch.ledger())
        #expect(unsafe chmod(scratch.path, 0o666) == 0)
        let open = JournalError.notOurs(.othersMayWrite(path: scratch.path, chmod: "go-w"))
        #expect(throws: LedgerError.journal(open)) { _ = try scratch.ledger() }
        #expect(
            "\(LedgerError.journal(.damaged(path: "j", line: 7)))"
                == "j: line 7 is damaged though good lines follow; check the disk, then restore the file or remove it "
                + "(all mail of the account is fetched again then)")
        #expect(
            "\(LedgerError.journal(.noPlainFile(path: "j")))"
                == "j: is not a plain file, and the hub did not make it; find out who did, and remove it")
        #expect("\(LedgerError.journal(.newerVersion(path: "j")))" == "j: was written by a newer release; run that one")
    }

    @Test("a damaged line before good ones is told with its number, and nothing is changed")
    func damagedMiddle() throws {
        let scratch = LedgerScratch()
        try Self.fill(try scratch.ledger())
        let whole = scratch.octets
        let ends = whole.indices.filter { whole[$0] == Octet.lf }
        for (line, end) in ends.dropLast().enumerated() {
            var broken = whole
            broken[end - 1] ^= 0x01
            scratch.write(broken)
            #expect(throws: LedgerError.journal(.damaged(path: scratch.path, line: line + 1))) {
                _ = try scratch.ledger()
            }
            #expect(scratch.octets == broken)
        }
        // In the last line it is a torn tail.
        var broken = whole
        broken[ends[ends.count - 1] - 1] ^= 0x01
        scratch.write(broken)
        #expect(try scratch.look().run == 2)
    }

    @Test(
        "a whole line that makes no sense is damage wherever it stands",
        arguments: [
            "dance", "run x 1", "run 1", "done zzzz 0", "open n 1", "open n 1 q0:x", "have 1 2 i0:0", "folder 5 1 name",
            "next 3 1", "seen 0 1 1 0", "fail p0:x 1 1 +4", "end 1 2", "gone p0", "have 99999999999999999999 1 p0:x",
            "gone :x", "have 1 2 i0:7", "open n 1 i0:7", "dele", "dele p0", "stay i0:0", "have 1 2 p0:x short",
            "have 1 2 p0:x ",
        ])
    func nonsense(_ text: String) throws {
        let scratch = LedgerScratch()
        scratch.write([text])
        let octets = scratch.octets
        #expect(throws: LedgerError.journal(.damaged(path: scratch.path, line: 2))) { _ = try scratch.ledger() }
        #expect(scratch.octets == octets)
    }

    @Test("the journal of a newer release is refused and left as it is")
    func newer() throws {
        let scratch = LedgerScratch()
        let octets = LedgerScratch.line("mailhub-fetch 2") + LedgerScratch.line("what we cannot know")
        scratch.write(octets)
        #expect(throws: LedgerError.journal(.newerVersion(path: scratch.path))) { _ = try scratch.ledger() }
        #expect(scratch.octets == octets)
    }

    @Test("FE4: a compacted journal says the same, also when compacted again and written on")
    func compaction() throws {
        let scratch = LedgerScratch()
        let ledger = try scratch.ledger()
        try Self.fill(ledger)
        let before = ledger.state
        try ledger.compact()
        #expect(try scratch.ledger().state == before)
        let again = try scratch.ledger()
        try again.compact()
        #expect(try scratch.ledger().state == before)
        try again.beginRun(at: 1_900_000_000)
        #expect(try scratch.look().run == 3)
        #expect(ScratchDirectory.names(in: scratch.scratch.path) == [LedgerScratch.name])
    }

    @Test(
        "a header alone is no message: its batch makes it no known one; and all that is kept stays when it is made short"
    )
    func largeMessages() throws {
        let scratch = LedgerScratch()
        let ledger = try scratch.ledger()
        try ledger.beginRun(at: 1_800_000_000)
        let (header, left) = (MessageKey.unique("h", occurrence: 0), MessageKey.unique("s", occurrence: 0))
        try ledger.note(header, .headerAsked)
        try ledger.note(left, .skipped)
        // Died before the end of its batch: the header is asked for again.
        #expect(try scratch.look().large == [header: .headerAsked, left: .skipped])
        try ledger.turn(beginning: .init(nonce: "aaaa", time: 1_800_000_000, keys: [header]))
        try ledger.turn(ending: [.init(nonce: "aaaa", delivered: [0: nil])])
        #expect(ledger.state.large[header] == .headerHere && !ledger.state.isKnown(header))
        try ledger.serve(.init(moment: 1_800_000_000, minute: 30_000_000))
        try ledger.add(.init(messages: 3, octets: 4000))
        try ledger.add(.init(messages: 2, octets: 1000))
        try ledger.endRun(at: 1_800_000_009, status: 75, "no network")
        try ledger.noteAway()
        let before = ledger.state
        #expect(before.total == .init(messages: 5, octets: 5000) && before.since == 1_800_000_000 && before.isAway)
        try ledger.compact()
        #expect(try scratch.look() == before)
        // It comes whole, and is known then; a run that comes to its end was there.
        try ledger.note(header, .skipped)
        try ledger.turn(beginning: .init(nonce: "bbbb", time: 1_800_000_010, keys: [header]))
        try ledger.turn(ending: [.init(nonce: "bbbb", delivered: [0: nil])])
        try ledger.endRun(at: 1_800_000_019, status: 0, "")
        #expect(ledger.state.large == [left: .skipped] && ledger.state.isKnown(header) && !ledger.state.isAway)
        try ledger.markGone([left])
        #expect(try scratch.look().large.isEmpty)
    }

    @Test("history is dropped by itself, and an open batch keeps it")
    func compactsWhenWorthwhile() throws {
        let scratch = LedgerScratch()
        let ledger = try scratch.ledger()
        for time in 0..<300 { try ledger.beginRun(at: 1_800_000_000 + time) }
        try ledger.turn(beginning: .init(nonce: "eeee", time: 1, keys: [.unique("x", occurrence: 0)]))
        try ledger.compactIfWorthwhile()
        #expect(try scratch.ledger().kept.extent.lines == 302)
        try ledger.turn(ending: [.init(nonce: "eeee")])
        try ledger.compactIfWorthwhile()
        #expect(try scratch.ledger().kept.extent.lines == 3)
        #expect(try scratch.look().run == 300)
    }

    @Test("FE4: a journal of many known messages is written anew when that makes it short, and not again")
    func compactsKnown() throws {
        let scratch = LedgerScratch()
        let digest = "A" + String(repeating: "b", count: 42)
        // 300 batches of two lines, as a first run leaves them; half of their messages are to be deleted some day.
        scratch.write(
            (0..<300).flatMap { number in
                let keys = (0..<64).map { "p0:\(number)-\($0)" }.joined(separator: " ")
                let done = (0..<64).map { number < 2 ? "\($0):\(digest)" : "\($0)" }.joined(separator: " ")
                return ["open n\(number) 1800000000 \(keys)", "done n\(number) \(done)"]
            })
        let ledger = try scratch.ledger()
        let before = ledger.state
        try ledger.compactIfWorthwhile()
        let lines = ledger.kept.extent.lines
        #expect((128..<300).contains(lines), "128 have a digest, the others stand together")
        #expect(try scratch.look().known == before.known && before.known.count == 19_200)
        try ledger.compactIfWorthwhile()
        try ledger.endRun(at: 1_800_000_000, status: 0, "")
        try ledger.compactIfWorthwhile()
        #expect(ledger.kept.extent.lines == lines + 1)
    }

    @Test("two batches are open at most and end in their order, one by one or both at once, also when read again")
    func twoBatches() throws {
        let scratch = LedgerScratch()
        let ledger = try scratch.ledger()
        func batch(_ nonce: String) -> FetchState.OpenBatch {
            .init(nonce: nonce, time: 1_800_000_000, keys: ["x", "y"].map { .unique(nonce + $0, occurrence: 0) })
        }
        func isKnown(_ id: String) -> Bool { ledger.state.isKnown(.unique(id, occurrence: 0)) }
        try ledger.turn(beginning: batch("a"))
        try ledger.turn(beginning: batch("b"))
        #expect(try scratch.look().openBatches == [batch("a"), batch("b")])
        try ledger.turn(ending: [.init(nonce: "a", delivered: [1: nil])], beginning: batch("c"))
        #expect(try scratch.look() == ledger.state)
        #expect(ledger.state.openBatches == [batch("b"), batch("c")])
        #expect(isKnown("ay") && !isKnown("ax") && !isKnown("by"))
        try ledger.turn(ending: [.init(nonce: "b", delivered: [0: nil]), .init(nonce: "c", delivered: [1: nil])])
        #expect(try scratch.look() == ledger.state)
        #expect(ledger.state.openBatches.isEmpty && isKnown("bx") && isKnown("cy") && !isKnown("by"))
        // Nothing to say, nothing written.
        let octets = ledger.kept.extent.octets
        try ledger.turn()
        #expect(ledger.kept.extent.octets == octets)
    }

    @Test(
        "a journal with a third open batch, or with ends out of order, is damaged",
        arguments: ["open c 1 p0:z", "done b 0"])
    func outOfOrder(_ line: String) {
        let scratch = LedgerScratch()
        scratch.write(["open a 1 p0:x", "open b 1 p0:y", line, "run 1 1"])
        #expect(throws: LedgerError.self) { try scratch.look() }
    }

    @Test("a batch that ends before the one that was begun before it ends the process")
    func wrongEnd() async {
        let end = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            var scratch: LedgerScratch? = LedgerScratch()
            let ledger = try #require(scratch).ledger()
            try ledger.turn(beginning: .init(nonce: "a", time: 1, keys: [.unique("x", occurrence: 0)]))
            try ledger.turn(beginning: .init(nonce: "b", time: 1, keys: [.unique("y", occurrence: 0)]))
            scratch = nil  // what stops here leaves nothing behind
            try ledger.turn(ending: [.init(nonce: "b")])
        }
        let words = String(decoding: end?.standardErrorContent ?? [], as: UTF8.self)
        #expect(words.contains("or not first"))
    }

    @Test("a third batch beside two open ones ends the process: recovery would not ask for it")
    func thirdBatch() async {
        let end = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            var scratch: LedgerScratch? = LedgerScratch()
            let ledger = try #require(scratch).ledger()
            try ledger.turn(beginning: .init(nonce: "c", time: 1, keys: [.unique("z", occurrence: 0)]))
            try ledger.turn(beginning: .init(nonce: "a", time: 1, keys: [.unique("x", occurrence: 0)]))
            scratch = nil  // what stops here leaves nothing behind
            try ledger.turn(beginning: .init(nonce: "b", time: 1, keys: [.unique("y", occurrence: 0)]))
        }
        let words = String(decoding: end?.standardErrorContent ?? [], as: UTF8.self)
        #expect(words.contains("more batches than may be open"))
    }

    @Test("a folder counted anew forgets its UIDs and failures, and no other folder's")
    func renumbering() throws {
        let scratch = LedgerScratch()
        let ledger = try scratch.ledger()
        try Self.fill(ledger)
        try ledger.renumber(0, validity: 8)
        #expect(ledger.state.folders[0] == FetchState.Folder(name: "INBOX", validity: 8))
        #expect(ledger.state.failed[.uid(5, folder: 1)] != nil)
        try ledger.renumber(1, validity: 9)
        #expect(ledger.state.failed[.uid(5, folder: 1)] == nil)
        #expect(try scratch.ledger().state == ledger.state)
    }

    @Test("a write that fails half-way leaves a journal that can be read and written on")
    func failedWrites() throws {
        for number in 1...45 {
            for kind in [Faults.Kind.error(28), .tornCrash] {
                let scratch = LedgerScratch()
                let faults = Faults(kind, at: number)
                // What a first attempt leaves must load, and take all that comes.
                do { try Self.fill(try scratch.ledger(faults: faults)) } catch {}
                let ledger = try scratch.ledger()
                try ledger.turn(ending: ledger.state.openBatches.map { .init(nonce: $0.nonce) })
                try ledger.beginRun(at: 1_900_000_000)
                #expect(try scratch.look().lastRun == 1_900_000_000, "\(kind) at \(number)")
            }
        }
    }

    @Test("the first trouble in the midst of a message is noted, the second makes it a suspect, the third a failure")
    func noted() throws {
        let scratch = LedgerScratch()
        let key = MessageKey.unique("x", occurrence: 0)
        for (time, tries) in [(1, 0), (2, 2), (3, 3), (4, 4)] {
            let ledger = try scratch.ledger()
            #expect(try ledger.note(key, at: 1_800_000_000 + time, "closed early") == tries)
            let read = try scratch.look()
            #expect(read.isSuspect(key) == (tries > 0))
            #expect(read.failures.map(\.key) == (tries > 0 ? [key] : []))
            #expect(read.isLeftAlone(key, now: 1_800_000_000 + time) == (tries >= 3))
        }
        // A death makes what was only noted a suspect, as it does the others.
        let other = MessageKey.unique("y", occurrence: 0)
        let ledger = try scratch.ledger()
        try ledger.note(other, at: 1_800_000_000, "closed early")
        try ledger.suspect([other], at: 1_800_000_000, "died")
        #expect(ledger.state.isSuspect(other))
        #expect(try ledger.note(other, at: 1_800_000_000, "closed early") == 2)
    }

    @Test("what is written of deletions is what is read, and a compacted journal says the same")
    func deletions() throws {
        let scratch = LedgerScratch()
        let ledger = try scratch.ledger()
        let keys = (0..<4).map { MessageKey.unique("\($0)", occurrence: $0 % 2) }
        let digest = MessageDigest(try DigestAlgorithm.sha256.digest(of: Array("some message\n".utf8)))
        try ledger.turn(beginning: .init(nonce: "n", time: 1_800_000_000, keys: keys))
        try ledger.turn(ending: [.init(nonce: "n", delivered: [0: digest, 1: nil, 3: digest])])
        try ledger.markDeleted([keys[0], keys[1]])
        let found = MessageDigest(try DigestAlgorithm.sha256.digest(of: Array("another message\n".utf8)))
        try ledger.markStaying(keys[1], found)
        var listing = UniqueIDListing()
        for number in 1...2 { listing.append(number: UInt32(number), id: [0x31]) }  // keys[1] is the second of them
        _ = try ledger.noteListing(listing)
        #expect(ledger.state.known[keys[0]]?.deletion == .acknowledged && ledger.state.known[keys[0]]?.digest == digest)
        #expect(ledger.state.known[keys[1]]?.deletion == .ignored && ledger.state.known[keys[1]]?.digest == found)
        #expect(ledger.state.known[keys[3]]?.deletion == nil && ledger.state.known[keys[3]]?.digest == digest)
        #expect(try scratch.look() == ledger.state)
        try ledger.compact()
        #expect(try scratch.look() == ledger.state)
        let lines = ledger.kept.extent.lines
        try ledger.compactIfWorthwhile()
        #expect(ledger.kept.extent.lines == lines)
    }

    @Test("runs are counted up to a bound, and no further: a journal that says so is read again")
    func countedRuns() throws {
        let scratch = LedgerScratch()
        let ledger = try scratch.ledger()
        var state = FetchState()
        for text in ["run 1099511627776 5", "run -1 5"] {
            let isTaken = state.apply(Array(text.utf8)[...])
            #expect(!isTaken, "\(text)")
        }
        try ledger.kept.append([Array("run 1099511627775 5".utf8)])
        for _ in 1...2 {
            let again = try scratch.ledger()
            try again.beginRun(at: 6)
            #expect(again.state.run == 1_099_511_627_775)
        }
    }

    @Test("FE12: after three failures a message is left alone for a day, and no longer")
    func leftAlone() throws {
        let scratch = LedgerScratch()
        let ledger = try scratch.ledger()
        let key = MessageKey.unique("x", occurrence: 0)
        for time in 1...3 {
            #expect(!ledger.state.isLeftAlone(key, now: 1_800_000_003))
            try ledger.fail(key, at: 1_800_000_000 + time, "no")
        }
        #expect(ledger.state.isLeftAlone(key, now: 1_800_000_004))
        #expect(!ledger.state.isLeftAlone(key, now: 1_800_000_003 + 86_400))
        #expect(!ledger.state.isLeftAlone(key, now: 1_700_000_000), "a clock set back hides nothing")
        try ledger.turn(beginning: .init(nonce: "f", time: 1, keys: [key]))
        try ledger.turn(ending: [.init(nonce: "f", delivered: [0: nil])])
        #expect(ledger.state.failed.isEmpty)
    }

    @Test("a hundred thousand known messages are read in a time worth telling")
    func manyKeys() throws {
        let scratch = LedgerScratch()
        scratch.write((0..<100_000).map { "have 1800000000 7 p0:\(String($0, radix: 16))-0123456789abcdef" })
        let begun = ContinuousClock.now
        #expect(try scratch.look().known.count == 100_000)
        print("100,000 known messages read in \(begun.duration(to: .now))")
    }

    @Test("messages that are passed over stay known with run 0, whatever was fetched on the same day, also compacted")
    func passed() throws {
        let scratch = ScratchDirectory()
        let ledger = try AccountLedger(in: try Directory(path: scratch.path))
        try ledger.beginRun(at: 1_800_000_000)
        let folder = try ledger.folder(named: "A", validity: 1)
        func fetch(_ keys: [MessageKey], _ nonce: String) throws {
            let open = FetchState.OpenBatch(nonce: nonce, time: 1_800_000_000, keys: keys)
            try ledger.turn(beginning: open)
            let delivered = Dictionary(uniqueKeysWithValues: keys.indices.map { ($0, MessageDigest?.none) })
            try ledger.turn(ending: [FetchState.BatchEnd(nonce: nonce, delivered: delivered)])
        }
        try fetch([.unique("a", occurrence: 0), .uid(1, folder: folder)], "one")
        try ledger.fail(.unique("b", occurrence: 0), at: 1_800_000_000, "no")
        try ledger.pass(
            [.unique("b", occurrence: 0), .unique("b", occurrence: 1), .uid(2, folder: folder)], at: 1_800_000_000)
        try fetch([.unique("c", occurrence: 0), .uid(3, folder: folder)], "two")
        func check(_ state: FetchState) {
            #expect(["a", "b", "c"].map { state.known[.unique($0, occurrence: 0)]?.run } == [1, 0, 1])
            #expect(state.known[.unique("b", occurrence: 1)]?.run == 0 && state.failed.isEmpty)
            let days = state.folders[folder].fetched
            #expect(Set(days.filter { $0.run == 0 }.flatMap { $0.uids.ranges.joined() }) == [2])
            #expect(Set(days.filter { $0.run == 1 }.flatMap { $0.uids.ranges.joined() }) == [1, 3])
        }
        check(ledger.state)
        try ledger.compact()
        check(try AccountLedger.read(try Directory(path: scratch.path)).state)
    }

    @Test("a rehearsal begins with what is known and keeps nothing")
    func rehearsal() throws {
        let scratch = ScratchDirectory()
        let first = try #require(try AccountLedger.open("peer", in: scratch.path))
        try first.pass([.unique("a", occurrence: 0)], at: 1)
        let octets = first.kept.extent.octets
        let rehearsal = try AccountLedger.rehearsal(of: "peer", in: scratch.path)
        #expect(rehearsal.state.isKnown(.unique("a", occurrence: 0)))
        try rehearsal.pass([.unique("b", occurrence: 0)], at: 1)
        try rehearsal.synchronize()
        try rehearsal.compactIfWorthwhile()
        #expect(rehearsal.state.isKnown(.unique("b", occurrence: 0)))
        #expect(try AccountReport.read("peer", in: scratch.path).octets == octets)
        #expect(try AccountLedger.rehearsal(of: "other", in: scratch.path).state == FetchState())
    }
}

extension AccountLedger {
    /// The journal, which every ledger has but a rehearsal's.
    var kept: LineJournal {
        guard let journal else { preconditionFailure("a rehearsal has no journal") }
        return journal
    }
}
