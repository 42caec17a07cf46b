// The fetch state: what a journal says after any cut, and that it says the same when it is written anew.

import DurableFiles
import Glibc
import IMAPProtocol
import MailTestKit
import Octets
import RunControl
import Testing

@testable import mhfetch

/// A directory for one journal.
struct JournalScratch {
    let scratch = ScratchDirectory()

    func state(canWrite: Bool = true, faults: Faults? = nil) throws -> FetchState {
        try FetchState(in: try Directory(path: scratch.path, faults: faults), canWrite: canWrite)
    }

    var octets: [UInt8] { ScratchDirectory.read(scratch.file(Journal.name)) ?? [] }

    func write(_ octets: [UInt8]) { scratch.write(octets, to: Journal.name) }

    /// A line as the journal has it.
    static func line(_ text: String) -> [UInt8] { Array("\(text) \(CRC32C.hex(text.utf8))\n".utf8) }
}

/// Everything a state says.
struct Told: Equatable {
    let known: [MessageKey: FetchState.Known]
    let folders: [FetchState.Folder]
    let failed: [MessageKey: FetchState.Failure]
    let openBatch: FetchState.OpenBatch?
    let numbers: [Int?]
    let ending: FetchState.Ending?

    init(_ state: FetchState) {
        (known, folders, failed, openBatch) = (state.known, state.folders, state.failed, state.openBatch)
        numbers = [state.run, state.lastRun, state.lastSuccess]
        ending = state.lastEnding
    }
}

@Suite("The fetch state")
struct FetchStateTests {
    /// A state with something of everything.
    static func fill(_ state: FetchState) throws {
        try state.beginRun(at: 1_800_000_000)
        let keys = (0..<5).map { MessageKey.unique("id:\($0)", occurrence: $0 % 2) }
        try state.turn(from: nil, to: .init(nonce: "aaaa", time: 1_800_000_001, keys: keys))
        try state.turn(
            from: ("aaaa", [0, 1, 3]), to: .init(nonce: "bbbb", time: 1_800_000_002, keys: [keys[2], keys[4]]))
        try state.turn(from: ("bbbb", []), to: nil)
        try state.fail(keys[2], at: 1_800_000_003, "RETR was refused: \u{1}100 %\nnein")
        try state.markMissing([keys[0], keys[1]])
        try state.markBack([keys[0]])
        try state.markGone([keys[3]])
        let inbox = try state.folder(named: "INBOX", validity: 7)
        let odd = try state.folder(named: "Müll / ünd % so", validity: 4_294_967_295)
        let uids = [1, 2, 3, 9, 4_294_967_294].map { MessageKey.uid($0, folder: inbox) }
        try state.turn(from: nil, to: .init(nonce: "cccc", time: 1_800_000_010, keys: uids))
        try state.turn(from: ("cccc", [0, 1, 2, 3, 4]), to: nil)
        try state.setNext(10, of: inbox)
        try state.turn(from: nil, to: .init(nonce: "dddd", time: 1_800_200_000, keys: [.uid(12, folder: inbox)]))
        try state.turn(from: ("dddd", [0]), to: nil)
        try state.markGone(UIDSet([2, 3, 500]), of: inbox)
        try state.suspect([.uid(5, folder: odd), keys[2]], at: 1_800_000_020, "died")
        try state.endRun(at: 1_800_000_030, status: 0, "")
        try state.beginRun(at: 1_800_000_900)
        try state.endRun(at: 1_800_000_930, status: 75, "mail.example: timed out")
    }

    @Test("what is written is what is read")
    func roundTrip() throws {
        let scratch = JournalScratch()
        let state = try scratch.state()
        try Self.fill(state)
        #expect(Told(try scratch.state()) == Told(state))
        #expect(state.known.keys.map(\.text).sorted() == ["p0:id:0", "p1:id:1"])
        #expect(state.known[.unique("id:1", occurrence: 1)]?.isMissing == true)
        #expect(state.known[.unique("id:0", occurrence: 0)]?.isMissing == false)
        #expect(state.failed[.unique("id:2", occurrence: 0)]?.reason == "RETR was refused: \u{1}100 %\nnein")
        #expect(state.failed[.unique("id:2", occurrence: 0)]?.tries == 1, "a failure known is no new suspect")
        #expect(state.folders.map(\.name) == ["INBOX", "Müll / ünd % so"])
        #expect(
            state.folders[0].fetched.map(\.uids.octets).map { String(decoding: $0, as: UTF8.self) } == [
                "1,9,4294967294", "12",
            ])
        #expect(state.folders[0].next == 10)
        #expect(state.lastSuccess == 1_800_000_030)
        #expect(state.lastEnding?.words == "mail.example: timed out")
    }

    @Test("a journal cut at any octet says what its whole lines say, and can be written on")
    func tornTail() throws {
        let scratch = JournalScratch()
        try Self.fill(try scratch.state())
        let whole = scratch.octets
        // What the lines up to each end say, read by itself.
        var wanted: [Int: Told] = [:]
        for end in [0] + whole.indices.filter({ whole[$0] == Octet.lf }).map({ $0 + 1 }) {
            scratch.write(Array(whole[..<end]))
            wanted[end] = Told(try scratch.state())
        }
        var last = 0
        for cut in 0...whole.count {
            if wanted[cut] != nil { last = cut }
            scratch.write(Array(whole[..<cut]))
            #expect(Told(try scratch.state(canWrite: false)) == wanted[last], "looked at, cut at \(cut)")
            #expect(scratch.octets.count == cut, "a look changes nothing")
            let state = try scratch.state()
            #expect(Told(state) == wanted[last], "cut at \(cut)")
            guard cut % 7 == 0 else { continue }
            try state.beginRun(at: 1_900_000_000)
            #expect(try scratch.state().lastRun == 1_900_000_000, "written on after a cut at \(cut)")
        }
    }

    @Test("a journal that is no plain file, or that others may write, is not read")
    func strangeFile() throws {
        let open = JournalScratch()
        try Self.fill(try open.state())
        #expect(unsafe chmod(open.scratch.file(Journal.name), 0o666) == 0)
        #expect(throws: OwnershipFault.self) { _ = try open.state() }
        let pipe = JournalScratch()
        #expect(unsafe mkfifo(pipe.scratch.file(Journal.name), 0o600) == 0)
        #expect(throws: FetchError.stateNoFile(path: pipe.scratch.file(Journal.name))) { _ = try pipe.state() }
        let folder = JournalScratch()
        #expect(unsafe mkdir(folder.scratch.file(Journal.name), 0o700) == 0)
        #expect(throws: FetchError.stateNoFile(path: folder.scratch.file(Journal.name))) { _ = try folder.state() }
    }

    @Test("a damaged line before good ones is told with its number, and nothing is changed")
    func damagedMiddle() throws {
        let scratch = JournalScratch()
        try Self.fill(try scratch.state())
        let whole = scratch.octets
        let ends = whole.indices.filter { whole[$0] == Octet.lf }
        for (line, end) in ends.dropLast().enumerated() {
            var broken = whole
            broken[end - 12] ^= 0x01
            scratch.write(broken)
            #expect(throws: FetchError.stateDamaged(path: scratch.scratch.file(Journal.name), line: line + 1)) {
                _ = try scratch.state()
            }
            #expect(scratch.octets == broken)
        }
        // In the last line it is a torn tail.
        var broken = whole
        broken[ends[ends.count - 1] - 12] ^= 0x01
        scratch.write(broken)
        #expect(try scratch.state().run == 2)
    }

    @Test(
        "a whole line that makes no sense is damage wherever it stands",
        arguments: [
            "dance", "run x 1", "run 1", "done zzzz 0", "open n 1", "open n 1 q0:x", "have 1 2 i0:0", "folder 5 1 name",
            "next 3 1", "seen 0 1 1 0", "fail p0:x 1 1 %4", "end 1 2", "gone p0", "have 99999999999999999999 1 p0:x",
        ])
    func nonsense(_ text: String) throws {
        let scratch = JournalScratch()
        let octets = JournalScratch.line(FetchState.heading) + JournalScratch.line(text)
        scratch.write(octets)
        #expect(throws: FetchError.stateDamaged(path: scratch.scratch.file(Journal.name), line: 2)) {
            _ = try scratch.state()
        }
        #expect(scratch.octets == octets)
    }

    @Test("the journal of a newer release is refused and left as it is")
    func newer() throws {
        let scratch = JournalScratch()
        let octets = JournalScratch.line("mailhub-fetch 2") + JournalScratch.line("what we cannot know")
        scratch.write(octets)
        #expect(throws: FetchError.stateNewer(path: scratch.scratch.file(Journal.name))) { _ = try scratch.state() }
        #expect(scratch.octets == octets)
    }

    @Test("a compacted journal says the same, also when compacted again and written on")
    func compaction() throws {
        let scratch = JournalScratch()
        let state = try scratch.state()
        try Self.fill(state)
        let before = Told(state)
        try state.compact()
        #expect(Told(try scratch.state()) == before)
        let again = try scratch.state()
        try again.compact()
        #expect(Told(try scratch.state()) == before)
        try again.beginRun(at: 1_900_000_000)
        #expect(try scratch.state().run == 3)
        #expect(ScratchDirectory.names(in: scratch.scratch.path) == [Journal.name])
    }

    @Test("history is dropped by itself, and an open batch keeps it")
    func compactsWhenWorthwhile() throws {
        let scratch = JournalScratch()
        let state = try scratch.state()
        for time in 0..<300 { try state.beginRun(at: 1_800_000_000 + time) }
        try state.turn(from: nil, to: .init(nonce: "eeee", time: 1, keys: [.unique("x", occurrence: 0)]))
        try state.compactIfWorthwhile()
        #expect(try scratch.state().journal?.lines == 302)
        try state.turn(from: ("eeee", []), to: nil)
        try state.compactIfWorthwhile()
        #expect(try scratch.state().journal?.lines == 2)
        #expect(try scratch.state().run == 300)
    }

    @Test("a folder counted anew forgets its UIDs and failures, and no other folder's")
    func renumbering() throws {
        let scratch = JournalScratch()
        let state = try scratch.state()
        try Self.fill(state)
        try state.renumber(0, validity: 8)
        #expect(state.folders[0] == FetchState.Folder(name: "INBOX", validity: 8))
        #expect(state.failed[.uid(5, folder: 1)] != nil)
        try state.renumber(1, validity: 9)
        #expect(state.failed[.uid(5, folder: 1)] == nil)
        #expect(Told(try scratch.state()) == Told(state))
    }

    @Test("a write that fails half-way leaves a journal that can be read and written on")
    func failedWrites() throws {
        for number in 1...45 {
            for kind in [Faults.Kind.error(28), .tornCrash] {
                let scratch = JournalScratch()
                let faults = Faults(kind, at: number)
                // What a first attempt leaves must load, and take all that comes.
                do { try Self.fill(try scratch.state(faults: faults)) } catch {}
                let state = try scratch.state()
                if let batch = state.openBatch { try state.turn(from: (batch.nonce, []), to: nil) }
                try state.beginRun(at: 1_900_000_000)
                #expect(try scratch.state().lastRun == 1_900_000_000, "\(kind) at \(number)")
            }
        }
    }

    @Test("the first trouble in the midst of a message is noted, the second makes it a suspect, the third a failure")
    func noted() throws {
        let scratch = JournalScratch()
        let key = MessageKey.unique("x", occurrence: 0)
        for (time, tries) in [(1, 0), (2, 2), (3, 3), (4, 4)] {
            let state = try scratch.state()
            #expect(try state.note(key, at: 1_800_000_000 + time, "closed early") == tries)
            let read = try scratch.state(canWrite: false)
            #expect(read.isSuspect(key) == (tries > 0))
            #expect(read.failures.map(\.key) == (tries > 0 ? [key] : []))
            #expect(read.isLeftAlone(key, now: 1_800_000_000 + time) == (tries >= 3))
        }
        // A death makes what was only noted a suspect, as it does the others.
        let other = MessageKey.unique("y", occurrence: 0)
        let state = try scratch.state()
        try state.note(other, at: 1_800_000_000, "closed early")
        try state.suspect([other], at: 1_800_000_000, "died")
        #expect(state.isSuspect(other))
        #expect(try state.note(other, at: 1_800_000_000, "closed early") == 2)
    }

    @Test("runs that died since the last end are counted, also behind a compaction")
    func deaths() throws {
        let scratch = JournalScratch()
        let account = AccountSettings(name: "peer", place: Place(file: "rc", line: 1, column: 1))
        func report(_ state: FetchState, isUnderWay: Bool = false) -> StatusReport {
            StatusReport(account: account, state: state, now: 1_800_000_900, isUnderWay: isUnderWay)
        }
        var state = try scratch.state()
        try state.beginRun(at: 1_800_000_000)
        try state.endRun(at: 1_800_000_001, status: 0, "")
        #expect(report(state).isWell && !report(state).text.contains("died"))
        for number in 1...3 {
            try state.beginRun(at: 1_800_000_000 + number * 60)
            try state.compact()
            state = try scratch.state()
            let words = number == 1 ? "; the last run died;" : "; the last \(number) runs died;"
            #expect(report(state).text.contains(words), "\(report(state).text)")
            #expect(!report(state).isWell)
        }
        let during = report(state, isUnderWay: true).text
        #expect(during.contains("; the last 2 runs died; a run is under way, begun 12 min ago; 4 runs"), "\(during)")
        try state.endRun(at: 1_800_000_301, status: 0, "")
        #expect(report(state).isWell)
    }

    @Test("due is who would be half a minute later, by the start of the run, however late its turn comes")
    func due() throws {
        let state = try JournalScratch().state()
        let begun = 1_800_000_000
        #expect(state.isDue(every: .seconds(900), at: begun, now: begun))
        try state.beginRun(at: begun)
        // (start, now): cron is a second early after a quarter of an hour; a slow account went before.
        let cases: [(start: Int, now: Int, isDue: Bool)] = [
            (869, 869, false), (870, 870, true), (899, 899, true), (300, 5_000, false), (900, 5_000, true),
            (-60, 5_000, false), (-60, -60, true),
        ]
        for (start, now, isDue) in cases {
            #expect(
                state.isDue(every: .seconds(900), at: begun + start, now: begun + now) == isDue, "\(start), \(now)")
        }
        #expect(state.isDue(every: .seconds(60), at: begun + 30, now: begun + 30))
    }

    @Test("after three failures a message is left alone for a day, and no longer")
    func leftAlone() throws {
        let scratch = JournalScratch()
        let state = try scratch.state()
        let key = MessageKey.unique("x", occurrence: 0)
        for time in 1...3 {
            #expect(!state.isLeftAlone(key, now: 1_800_000_003))
            try state.fail(key, at: 1_800_000_000 + time, "no")
        }
        #expect(state.isLeftAlone(key, now: 1_800_000_004))
        #expect(!state.isLeftAlone(key, now: 1_800_000_003 + 86_400))
        #expect(!state.isLeftAlone(key, now: 1_700_000_000), "a clock set back hides nothing")
        try state.turn(from: nil, to: .init(nonce: "f", time: 1, keys: [key]))
        try state.turn(from: ("f", [0]), to: nil)
        #expect(state.failed.isEmpty)
    }

    @Test("sets of UIDs subtract as sets do", arguments: 1...20)
    func subtraction(_ seed: UInt64) {
        var random = SplitMix(seed: seed)
        func some() -> Set<UInt32> {
            Set((0..<Int.random(in: 0..<60, using: &random)).map { _ in UInt32.random(in: 1...80, using: &random) })
        }
        for _ in 0..<50 {
            let (one, other) = (some(), some())
            #expect(UIDSet(one).subtracting(UIDSet(other)) == UIDSet(one.subtracting(other)))
        }
        let all = UIDSet(ranges: [1...UInt32.max])
        #expect(all.subtracting(UIDSet([.max])) == UIDSet(ranges: [1...(UInt32.max - 1)]))
        #expect(all.subtracting(all).isEmpty)
    }

    @Test("a hundred thousand known messages are read in a time worth telling")
    func manyKeys() throws {
        let scratch = JournalScratch()
        var octets = JournalScratch.line(FetchState.heading)
        for number in 0..<100_000 {
            octets += JournalScratch.line("have 1800000000 7 p0:\(String(number, radix: 16))-0123456789abcdef")
        }
        scratch.write(octets)
        let begun = ContinuousClock.now
        #expect(try scratch.state().known.count == 100_000)
        print("100,000 known messages read in \(begun.duration(to: .now))")
    }
}

extension FetchError: Equatable {
    public static func == (one: FetchError, other: FetchError) -> Bool { "\(one)" == "\(other)" }
}
