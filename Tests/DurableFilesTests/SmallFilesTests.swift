// Small files: whole or not there, whatever fails and whenever.

import DurableFiles
import Glibc
import MailTestKit
import Testing

@Suite("Small files")
struct SmallFilesTests {
    private let scratch = ScratchDirectory()

    private func text(_ name: String) -> String? {
        ScratchDirectory.read(scratch.file(name)).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test("a file is added once, and stays as it is when added again")
    func add() throws {
        let directory = try Directory(path: scratch.path)
        try directory.add("key", with: Array("one".utf8))
        let error = #expect(throws: DurableError.self) { try directory.add("key", with: Array("two".utf8)) }
        #expect(error?.code == DurableError.exists)
        #expect(text("key") == "one")
        try directory.replace("key", with: Array("two".utf8))
        #expect(text("key") == "two")
        #expect(ScratchDirectory.names(in: scratch.path) == ["key"])
    }

    @Test(
        "the mode is the one asked for, not what the umask leaves of it", arguments: [0o600, 0o644, 0o666] as [UInt32])
    func mode(_ mode: UInt32) throws {
        try Directory(path: scratch.path).replace("f", with: [], mode: mode)
        let status = try #require(try Directory(path: scratch.path).status(of: "f"))
        #expect(status.mode & 0o7777 == mode)
    }

    @Test(
        "a disk that is full at any step leaves the old content or the new, and nothing else once there is room",
        arguments: [true, false])
    func faults(replacing: Bool) throws {
        var step = 0
        while true {
            step += 1
            let scratch = ScratchDirectory()
            if replacing { scratch.write("old", to: "f") }
            let faults = Faults(.error(ENOSPC), at: step)
            let directory = try Directory(path: scratch.path, faults: faults)
            let error = fault { () throws(DurableError) in
                try replacing ? directory.replace("f", with: [0x6E]) : directory.add("f", with: [0x6E])
            }
            #expect(error?.code == (faults.isHit ? ENOSPC : nil), "step \(step)")
            let content = ScratchDirectory.read(scratch.file("f"))
            #expect(content == [0x6E] || content == (replacing ? Array("old".utf8) : nil), "step \(step)")
            #expect(ScratchDirectory.names(in: scratch.path) == (content == nil ? [] : ["f"]), "step \(step)")
            guard faults.isHit else { break }
            #expect(content != [0x6E] || step == faults.calls, "step \(step): shown before it was whole")
        }
        #expect(step == 7)  // create, mode, write, synchronize, rename, synchronize the directory: six can fail
    }

    private func fault(_ body: () throws(DurableError) -> Void) -> DurableError? {
        do throws(DurableError) {
            try body()
            return nil
        } catch {
            return error
        }
    }

    @Test("a path is a directory and a name in it")
    func holding() throws {
        let (directory, name) = try Directory.holding(scratch.file("a.pem"))
        #expect(directory.path == scratch.path && name == "a.pem")
        #expect(try Directory.holding("/a").directory.path == "/")
        #expect(try Directory.holding("a").directory.path == ".")
    }
}
