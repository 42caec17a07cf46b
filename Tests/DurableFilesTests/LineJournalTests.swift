// The journal of lines: cut at every octet, under every fault of the disk, damaged, foreign; and the words of its lines.

import Glibc
import MailTestKit
import Octets
import Testing

@testable import DurableFiles

@Suite("A journal of lines")
struct LineJournalTests {
    let scratch = ScratchDirectory(inMemory: true)
    static let heading = "mailhub-test 1 of=me"
    static let texts = ["first 1", "second", "a third, longer than the others", "x", "fifth +20"]

    /// The journal `j` of `scratch`, and what it was read to say.
    static func open(
        _ scratch: ScratchDirectory, faults: Faults? = nil, limit: Int = 100_000
    ) throws -> (journal: LineJournal, said: [String]) {
        var said: [String] = []
        let directory = try Directory(path: scratch.path, faults: faults)
        let journal = try LineJournal("j", in: directory, heading: heading, limit: limit) { text in
            said.append(String(decoding: text, as: UTF8.self))
            return .taken
        }
        return (journal, said)
    }

    private func open(faults: Faults? = nil, limit: Int = 100_000) throws -> (journal: LineJournal, said: [String]) {
        try Self.open(scratch, faults: faults, limit: limit)
    }

    private var octets: [UInt8] { ScratchDirectory.read(scratch.file("j")) ?? [] }

    private static func line(_ text: String) -> [UInt8] {
        Array("\(CRC32C.hex(Array(text.utf8))) \(text)\n".utf8)
    }

    private static let whole = ([heading] + texts).flatMap(line)

    @Test("a line is its checksum, a blank, its text; the heading comes with the first of them")
    func format() throws {
        let (journal, _) = try open()
        #expect(journal.extent == LineJournal.Extent() && octets.isEmpty)
        try journal.append([])
        #expect(octets.isEmpty)
        try journal.append([Array("123456789".utf8)])
        #expect(String(decoding: octets, as: UTF8.self).hasSuffix("\ne3069283 123456789\n"))
        #expect(octets == Self.line(Self.heading) + Self.line("123456789"))
        try journal.append(Self.texts.map { Array($0.utf8) })
        #expect(try open().said == ["123456789"] + Self.texts)
        #expect(journal.extent.octets == octets.count && journal.extent.lines == 7)
        #expect(try open().journal.extent == journal.extent)
    }

    @Test("cut at any octet it says what its whole lines say, is cut there, and can be written on")
    func torn() throws {
        for cut in 0...Self.whole.count {
            for tail in [[], [0, 0, 0], Array("0000".utf8), Array("00000000 x\n\n".utf8)] as [[UInt8]] {
                scratch.write(Array(Self.whole[..<cut]) + tail, to: "j")
                var good = 0
                var said: [String] = []
                for (number, text) in ([Self.heading] + Self.texts).enumerated() {
                    guard good + Self.line(text).count <= cut else { break }
                    good += Self.line(text).count
                    if number > 0 { said.append(text) }
                }
                let torn = octets
                #expect(try look() == said, "looked at, cut before octet \(cut)")
                #expect(octets == torn, "a look changes nothing")
                let (journal, read) = try open()
                #expect(read == said, "cut before octet \(cut)")
                #expect(octets.count == good && journal.extent.octets == good, "cut before octet \(cut)")
                try journal.append([Array("again".utf8)])
                try journal.synchronize()
                #expect(try open().said == said + ["again"], "written on after a cut before octet \(cut)")
            }
        }
    }

    /// What a reader without the lock sees.
    private func look() throws -> [String]? {
        var said: [String] = []
        let directory = try Directory(path: scratch.path)
        return try LineJournal.read("j", in: directory, heading: Self.heading, limit: 100_000) { text in
            said.append(String(decoding: text, as: UTF8.self))
            return .taken
        }.map { _ in said }
    }

    @Test("damage before whole lines is told with its number, and nothing is changed")
    func damaged() throws {
        let ends = Self.whole.indices.filter { Self.whole[$0] == Octet.lf }
        for (line, end) in ends.enumerated() {
            var broken = Self.whole
            broken[end - 1] ^= 1
            scratch.write(broken, to: "j")
            if line == ends.count - 1 {
                #expect(try open().said == Self.texts.dropLast(), "in the last line it is a torn tail")
            } else {
                #expect(throws: JournalError.damaged(path: scratch.file("j"), line: line + 1)) { _ = try open() }
                #expect(octets == broken)
            }
        }
    }

    @Test("a whole line is never cut off, whatever its reader thinks of it")
    func meaning() throws {
        for (reading, error) in [
            (LineJournal.Reading.impossible, JournalError.damaged(path: scratch.file("j"), line: 6)),
            (.newer, .newerVersion(path: scratch.file("j"))),
        ] {
            scratch.write(Self.whole, to: "j")
            let directory = try Directory(path: scratch.path)
            #expect(throws: error) {
                _ = try LineJournal("j", in: directory, heading: Self.heading, limit: 100_000) { text in
                    text.elementsEqual(Self.texts[4].utf8) ? reading : .taken
                }
            }
            #expect(octets == Self.whole)
        }
    }

    @Test(
        "another owner's journal is damage, another version a newer release's",
        arguments: [
            ("mailhub-test 2 of=me", true), ("mailhub-test 2", true), ("mailhub-test 1 of=you", false),
            ("mailhub-test 1", false), ("mailhub-test", false), ("mailhub-tes 2 of=me", false), (" 1 of=me", false),
        ])
    func foreign(_ heading: String, isNewer: Bool) throws {
        let foreign = Self.line(heading) + Self.line("x")
        scratch.write(foreign, to: "j")
        let path = scratch.file("j")
        let error = isNewer ? JournalError.newerVersion(path: path) : .damaged(path: path, line: 1)
        #expect(throws: error) { _ = try open() }
        #expect(throws: error) { _ = try look() }
        #expect(octets == foreign)
    }

    @Test("what is no plain file, what others may write, and what is larger than may be is not read")
    func strangeFiles() throws {
        scratch.write(Self.whole, to: "j", mode: 0o666)
        #expect(throws: JournalError.notOurs(.othersMayWrite(path: scratch.file("j"), chmod: "go-w"))) {
            _ = try open()
        }
        scratch.write(Self.whole, to: "j")
        #expect(try open(limit: Self.whole.count).said == Self.texts)
        let large = JournalError.disk(DurableError(operation: "read", path: scratch.file("j"), code: EFBIG))
        #expect(throws: large) { _ = try open(limit: Self.whole.count - 1) }
        #expect(octets == Self.whole)
        removeFile(scratch.file("j"))
        #expect(unsafe mkfifo(scratch.file("j"), 0o600) == 0)
        #expect(throws: JournalError.noPlainFile(path: scratch.file("j"))) { _ = try open() }
        removeFile(scratch.file("j"))
        scratch.makeFolder("j")
        #expect(throws: JournalError.noPlainFile(path: scratch.file("j"))) { _ = try open() }
        #expect(unsafe rmdir(scratch.file("j")) == 0)
        #expect(unsafe symlink(scratch.file("elsewhere"), scratch.file("j")) == 0)
        #expect(throws: JournalError.noPlainFile(path: scratch.file("j"))) { _ = try open() }
    }

    @Test(
        "a fault at any call leaves what was synchronized, in order, and nothing by halves",
        arguments: [Faults.Kind.crash, .tornCrash, .error(EIO), .error(ENOSPC), .lasting(ENOSPC)])
    func everyFault(_ kind: Faults.Kind) throws {
        for number in 1...100 {
            let scratch = ScratchDirectory(inMemory: true)
            let faults = Faults(kind, at: number)
            var (written, safe, torn): ([String], [String], [String]?) = ([], [], nil)
            do {
                let (journal, _) = try Self.open(scratch, faults: faults)
                for round in 0..<4 {
                    // Whoever is refused something goes on, as after any trouble of the disk.
                    do {
                        try journal.reserve(100)
                        let texts = (0...round).map { "\(round) \($0)" }
                        if torn == nil { torn = written + texts }
                        try journal.append(texts.map { Array($0.utf8) })
                        torn = nil
                        written += texts
                        try journal.synchronize()
                        safe = written
                        if round == 2 { try journal.replace(with: written.map { Array($0.utf8) }) }
                    } catch {}
                }
            }
            let (journal, said) = try Self.open(scratch)
            #expect(said.starts(with: safe), "\(kind) at \(number)")
            // Whole lines of the write that a crash has torn may be there.
            let most = kind == .tornCrash ? torn ?? written : written
            #expect(most.starts(with: said), "\(kind) at \(number): \(said)")
            try journal.append([Array("more".utf8)])
            try journal.synchronize()
            #expect(try Self.open(scratch).said == said + ["more"], "\(kind) at \(number)")
            guard faults.isHit else {
                #expect(safe.count == 10 && number > 15, "the scenario makes calls to the disk")
                return
            }
        }
        Issue.record("the scenario has no end")
    }

    @Test("a failed synchronization is final, of the content and of the name", arguments: [3, 4])
    func finalFault(_ number: Int) throws {
        // The file is made, written, synchronized, its folder is.
        let (journal, _) = try open(faults: Faults(.error(EIO), at: number))
        try journal.append([Array("a".utf8)])
        let error = #expect(throws: DurableError.self) { try journal.synchronize() }
        let fault = try #require(error)
        #expect(fault.operation == "synchronize" && journal.fault == fault)
        #expect(throws: fault) { try journal.synchronize() }
        #expect(throws: fault) { try journal.append([Array("b".utf8)]) }
        #expect(throws: fault) { try journal.reserve(1) }
        #expect(throws: fault) { try journal.replace(with: []) }
        #expect(try open().said == ["a"])
    }

    @Test("a failed write is taken back; it is final where that fails too")
    func takenBack() throws {
        let (journal, _) = try open(faults: Faults(.error(ENOSPC), at: 3))
        try journal.append([Array("a".utf8)])
        #expect(throws: DurableError.self) { try journal.append([Array("b".utf8)]) }
        #expect(journal.fault == nil)
        try journal.append([Array("c".utf8)])
        #expect(try open().said == ["a", "c"])
        removeFile(scratch.file("j"))
        let (other, _) = try open(faults: Faults(.lasting(EIO), at: 3))
        try other.append([Array("a".utf8)])
        #expect(throws: DurableError.self) { try other.append([Array("b".utf8)]) }
        #expect(other.fault != nil)
        #expect(throws: DurableError.self) { try other.synchronize() }
    }

    @Test("the first synchronization makes the name durable too, also of a file that was there; later ones need not")
    func name() throws {
        for round in 0..<2 {
            let faults = Faults(.crash, at: 1000)
            let (journal, said) = try open(faults: faults)
            #expect(said.count == round * 2)
            try journal.synchronize()
            #expect(faults.calls == (round == 0 ? 0 : 2))
            try journal.append([Array("a".utf8)])
            var before = faults.calls
            try journal.synchronize()
            #expect(faults.calls - before == (round == 0 ? 2 : 1))
            try journal.append([Array("b".utf8)])
            before = faults.calls
            try journal.synchronize()
            #expect(faults.calls - before == 1)
        }
    }

    @Test("replaced, it is the new lines, and what follows goes behind them")
    func replaced() throws {
        scratch.write(Self.whole, to: "j")
        let (journal, _) = try open()
        try journal.replace(with: [Array("only".utf8)])
        #expect(octets == Self.line(Self.heading) + Self.line("only"))
        #expect(journal.extent.octets == octets.count && journal.extent.lines == 2)
        try journal.append([Array("more".utf8)])
        #expect(try open().said == ["only", "more"])
        #expect(ScratchDirectory.names(in: scratch.path) == ["j"])
        try journal.remove()
        #expect(try look() == nil)
        try journal.append([Array("anew".utf8)])
        #expect(try open().said == ["anew"])
    }
}

@Suite("Words of a journal")
struct JournalWordTests {
    @Test(
        "any text comes back from its word, which is printable ASCII without what parts words",
        arguments: [
            "", "-", "--", "+", "a b", "a,b:c=d<e>", "\u{0}\u{1}\n\r\t\u{7F}", "Müll / ünd % so", "+2D", "日本",
            String(repeating: ":", count: 1000),
        ])
    func roundTrip(_ text: String) {
        let word = JournalWord.encode(text)
        #expect(!word.isEmpty && word != "-" && word.utf8.allSatisfy { (0x21...0x7E).contains($0) })
        #expect(!word.contains { ",:=<".contains($0) })
        #expect(JournalWord.decode(word.utf8) == text)
    }

    @Test("words that are none of ours are refused", arguments: ["", "a+", "a+2", "+2d", "+GG", "+C3", "+FF"])
    func strange(_ word: String) { #expect(JournalWord.decode(word.utf8) == nil) }

    @Test("numbers are digits, at most eighteen")
    func numbers() {
        let cases: [(String, Int?)] = [
            ("0", 0), ("007", 7), ("999999999999999999", 999_999_999_999_999_999), ("1000000000000000000", nil),
            ("", nil), ("-1", nil), ("+1", nil), ("1 ", nil), ("٣", nil),
        ]
        for (word, number) in cases { #expect(JournalWord.number(word.utf8) == number, "\(word)") }
    }
}
