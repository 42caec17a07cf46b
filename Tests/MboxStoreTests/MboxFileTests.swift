// Mboxes: what is appended, who is waited for, and what an append that died has left.

import Blocking
import DurableFiles
import Glibc
import MailTestKit
import Testing

@testable import MboxStore

@Suite("An mbox")
struct MboxFileTests {
    private let scratch = ScratchDirectory()
    private var path: String { scratch.file("mbox") }

    private func text() -> String { String(decoding: ScratchDirectory.read(path) ?? [], as: UTF8.self) }

    private func entry(_ pieces: String...) -> MboxFile.Entry {
        { body in for piece in pieces { try body(Array(piece.utf8)) } }
    }

    private func append(_ pieces: String...) throws {
        let mbox = try MboxFile.open(path)
        try mbox.append { body in for piece in pieces { try body(Array(piece.utf8)) } }
        try mbox.close()
    }

    @Test("it is made for its owner alone, and no lock is left")
    func made() async throws {
        try await onThread {
            try append("From a\n", "x\n\n")
            try append("From b\n\n")
            #expect(text() == "From a\nx\n\nFrom b\n\n")
            #expect(try FileStatus.at(path)?.mode == 0o600)
            #expect(ScratchDirectory.names(in: scratch.path) == ["mbox"])
        }
    }

    @Test(
        "an empty line stands before an entry, whatever the end of the file",
        arguments: [("", ""), ("a", "\n\n"), ("a\n", "\n"), ("a\n\n", ""), ("\n", "\n"), ("\n\n", "")])
    func separators(_ before: String, _ separator: String) async throws {
        try await onThread {
            scratch.write(before, to: "mbox")
            let mbox = try MboxFile.open(path)
            #expect(try mbox.separator(at: mbox.length) == Array(separator.utf8))
        }
    }

    @Test("what cannot be written whole is taken back")
    func takenBack() async throws {
        struct Broken: Error {}
        try await onThread {
            try append("From a\n\n")
            let mbox = try MboxFile.open(path)
            #expect(throws: Broken.self) {
                try mbox.append { body in
                    try body(Array("From b\n".utf8))
                    throw Broken()
                }
            }
            try mbox.append(entry("From c\n\n"))
            #expect(text() == "From a\n\nFrom c\n\n" && mbox.length == text().utf8.count)
        }
    }

    @Test(
        "whatever call of the disk fails, or wherever it ends: what was there stays, and the message comes once",
        arguments: [Faults.Kind.error(ENOSPC), .error(EIO), .crash, .tornCrash])
    func faults(_ kind: Faults.Kind) async throws {
        try await onThread {
            let before = "From a\n\n"
            let new = entry("From b\n", "hello\n\n")
            var call = 0
            while true {
                call += 1
                scratch.write(before, to: "mbox")
                let faults = Faults(kind, at: call)
                do {
                    let mbox = try MboxFile.open(path, faults: faults)
                    try mbox.append(new)
                    try mbox.close()
                } catch is MboxError {
                    let isDead = kind == .crash || kind == .tornCrash
                    #expect(isDead || [before, before + "From b\nhello\n\n"].contains(text()), "call \(call)")
                }
                removeFile(scratch.file("mbox.lock"))
                let mbox = try MboxFile.open(path)
                if try mbox.settle(new, at: before.utf8.count) != .whole { try mbox.append(new) }
                try mbox.close()
                #expect(text() == before + "From b\nhello\n\n", "call \(call)")
                guard faults.isHit else { break }
            }
            #expect(call > 4)
        }
    }

    /// Calls that change the disk while `work` is done with an mbox that holds `content`.
    private func calls(_ content: String, _ work: (MboxFile) throws -> Void) throws -> Int {
        scratch.write(content, to: "mbox")
        let faults = Faults(.crash, at: 0)
        let mbox = try MboxFile.open(path, faults: faults)
        let before = faults.calls
        try work(mbox)
        return faults.calls - before
    }

    @Test("with the first entry the file's name is made durable: appended, found whole, or appended after a torn one")
    func directory() async throws {
        try await onThread {
            let new = entry("From b\n", "hello\n\n")
            let first = "From a\n\n"
            let whole = "From b\nhello\n\n"
            let append: (MboxFile) throws -> Void = { try $0.append(new) }
            let appended = try (calls("", append), calls(first, append))
            #expect(appended.0 == appended.1 + 1)
            var traces: [MboxFile.Trace] = []
            let found = try (
                calls(whole) { traces.append(try $0.settle(new, at: 0)) },
                calls(first + whole) { traces.append(try $0.settle(new, at: first.utf8.count)) }
            )
            #expect(found.0 == found.1 + 1)
            let cut = try calls("From b\nhel") { traces.append(try $0.settle(new, at: 0)) }
            let both = try calls("From b\nhel") { mbox in
                traces.append(try mbox.settle(new, at: 0))
                try mbox.append(new)
            }
            #expect(both - cut == appended.0)
            #expect(traces == [.whole, .whole, .torn, .torn])
        }
    }

    @Test("a record lock of another program, and its lock file, are waited for, and then told")
    func locked() async throws {
        try await onThread {
            try append("From a\n\n")
            let path = path
            // A lock of a process, as fcntl(2) has it, that is given back when its standard input ends.
            var ends: [Int32] = [-1, -1]
            var told: [Int32] = [-1, -1]
            try #require(unsafe pipe(&ends) == 0 && pipe(&told) == 0)
            let holder = try ChildProcess(
                [
                    "python3", "-c",
                    "import fcntl,os,sys; f=open(sys.argv[1],'r+'); fcntl.lockf(f, fcntl.LOCK_EX); os.write(1, b'x'); os.read(0, 1)",
                    path,
                ], descriptors: (ends[0], told[1], 2))
            defer { for end in [ends[0], told[0], told[1]] { close(end) } }
            var octet: UInt8 = 0
            try #require(unsafe read(told[0], &octet, 1) == 1)
            #expect(throws: MboxError.busy(path: path)) { try MboxFile.open(path, within: .milliseconds(300)) }
            #expect(ScratchDirectory.names(in: scratch.path) == ["mbox"], "no lock file while the other is not had")
            close(ends[1])
            try MboxFile.open(path, within: .seconds(20)).close()
            #expect(holder.wait(until: Deadline(after: .seconds(20)))?.status == 0)
            scratch.write("\(getpid())\n", to: "mbox.lock")
            #expect(throws: MboxError.busy(path: path)) { try MboxFile.open(path, within: .milliseconds(300)) }
            #expect(ScratchDirectory.names(in: scratch.path) == ["mbox", "mbox.lock"])
        }
    }

    @Test("a lock file that nobody holds any more is no hindrance: by its process, or by its age")
    func leftOver() async throws {
        try await onThread {
            let dead = try ChildProcess(["true"], descriptors: (0, 1, 2))
            #expect(dead.wait(until: Deadline(after: .seconds(20)))?.status == 0)
            scratch.write("\(dead.pid)\n", to: "mbox.lock")
            try MboxFile.open(path, within: .seconds(5)).close()
            for content in ["", "0", "0:elsewhere"] {
                scratch.write(content, to: "mbox.lock")
                #expect(throws: MboxError.busy(path: path)) { try MboxFile.open(path, within: .milliseconds(150)) }
                let file = try #require(try Directory(path: scratch.path).open("mbox.lock", for: .readingAndWriting))
                try file.setModified(time(nil) - MboxLock.leftoverAge - 10)
                try MboxFile.open(path, within: .seconds(5)).close()
                #expect(ScratchDirectory.names(in: scratch.path) == ["mbox"], "\(content)")
            }
        }
    }

    @Test("while we hold it, other programs find both locks, also when another descriptor of the file is closed")
    func held() async throws {
        try await onThread {
            let mbox = try MboxFile.open(path)
            #expect(ScratchDirectory.read(scratch.file("mbox.lock")) == Array("\(getpid())\n".utf8))
            _ = ScratchDirectory.read(path)
            let other = try runProgram([
                "python3", "-c",
                "import fcntl,sys; f=open(sys.argv[1],'r+'); fcntl.lockf(f, fcntl.LOCK_EX|fcntl.LOCK_NB)", path,
            ])
            #expect(other.errorText.contains("BlockingIOError"), "\(other)")
            try mbox.close()
            #expect(ScratchDirectory.names(in: scratch.path) == ["mbox"])
        }
    }

    @Test("links, folders, fifos, files with a second name and files that all may write are refused")
    func odd() async throws {
        try await onThread {
            scratch.write("", to: "there")
            #expect(unsafe symlink(scratch.file("there"), path) == 0)
            #expect(throws: MboxError.self) { try MboxFile.open(path) }
            removeFile(path)
            #expect(unsafe mkfifo(path, 0o600) == 0)
            #expect(throws: MboxError.notPlain(path: path)) { try MboxFile.open(path) }
            removeFile(path)
            #expect(unsafe link(scratch.file("there"), path) == 0)
            #expect(throws: MboxError.notPlain(path: path)) { try MboxFile.open(path) }
            removeFile(path)
            scratch.makeFolder("mbox")
            #expect(throws: MboxError.self) { try MboxFile.open(path) }
            unsafe rmdir(path)
            scratch.write("", to: "mbox")
            unsafe chmod(path, 0o602)
            #expect(throws: MboxError.notOurs(.othersMayWrite(path: path, chmod: "o-w"))) { try MboxFile.open(path) }
        }
    }

    @Test("after an append that died: what is whole is not repeated, what is torn goes, what is foreign stays")
    func recovery() async throws {
        try await onThread {
            let whole = "\nFrom b\nhello\n\n"
            let entry = entry("\n", "From b\n", "hello\n", "\n", "")
            func settle(_ stored: String) throws -> MboxFile.Trace {
                scratch.write("From a\n" + stored, to: "mbox")
                let mbox = try MboxFile.open(path)
                let trace = try mbox.settle(entry, at: 7)
                #expect(mbox.length == text().utf8.count)
                try mbox.close()
                return trace
            }
            for cut in 1..<whole.utf8.count {
                #expect(try settle(String(whole.prefix(cut))) == .torn && text() == "From a\n", "cut at \(cut)")
                #expect(try settle(String(whole.prefix(cut)) + "\0\0") == .torn && text() == "From a\n")
                #expect(try settle(String(whole.prefix(cut)) + "From c\n") == .none, "cut at \(cut)")
                #expect(text() == "From a\n" + whole.prefix(cut) + "From c\n")
            }
            #expect(try settle(whole) == .whole && settle(whole + "From c\n") == .whole)
            #expect(text() == "From a\n" + whole + "From c\n")
            #expect(try settle("") == .none && settle("From c\n") == .none && text() == "From a\nFrom c\n")
            // Rewritten meanwhile, and shorter.
            scratch.write("Fr", to: "mbox")
            let mbox = try MboxFile.open(path)
            #expect(try mbox.settle(entry, at: 7) == .none && text() == "Fr")
        }
    }
}
