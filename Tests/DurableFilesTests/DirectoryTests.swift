// Entries of a directory: made, renamed, listed, replaced as a whole.

import Glibc
import MailTestKit
import Testing

@testable import DurableFiles

struct DirectoryTests {
    let scratch = ScratchDirectory()

    @Test("an exclusive file is made once")
    func exclusive() throws {
        let directory = try Directory(path: scratch.path)
        _ = try directory.createExclusive("a")
        let error = #expect(throws: DurableError.self) { _ = try directory.createExclusive("a") }
        #expect(error?.code == EEXIST)
    }

    @Test("a file without a name can be written and read, and is never seen", arguments: [true, false])
    func unnamed(_ isTheKernels: Bool) throws {
        let scratch = ScratchDirectory()
        let directory = try Directory(path: scratch.path)
        let file = try isTheKernels ? directory.createUnnamed() : directory.createUnlinked(mode: 0o600)
        try file.write([1, 2, 3])
        #expect(try file.read(atMost: 10, at: 1) == [2, 3])
        #expect(try file.status().mode & 0o777 == 0o600)
        #expect(ScratchDirectory.names(in: scratch.path).isEmpty)
        let full = try Directory(path: scratch.path, faults: Faults(.error(ENOSPC), at: 1))
        #expect(throws: DurableError.self) { try full.createUnnamed() }
    }

    @Test("a rename without replacing leaves what stands there")
    func noReplace() throws {
        let directory = try Directory(path: scratch.path)
        scratch.write("old", to: "old")
        scratch.write("new", to: "new")
        #expect(try directory.renameWithoutReplacing("new", to: "old") == false)
        #expect(ScratchDirectory.read(scratch.file("old")) == Array("old".utf8))
        #expect(try directory.renameWithoutReplacing("new", to: "other"))
        #expect(ScratchDirectory.names(in: scratch.path) == ["old", "other"])
    }

    @Test("names that leave the directory are refused", arguments: ["", ".", "..", "a/b", "/etc/passwd", "a\0b"])
    func names(_ name: String) throws {
        let directory = try Directory(path: scratch.path)
        #expect(throws: DurableError.self) { _ = try directory.createExclusive(name) }
        #expect(throws: DurableError.self) { try directory.unlink(name) }
        #expect(ScratchDirectory.names(in: scratch.path).isEmpty)
    }

    @Test("a symbolic link is not followed, a fifo does not block")
    func links() throws {
        let directory = try Directory(path: scratch.path)
        scratch.write("x", to: "target")
        unsafe symlink(scratch.file("target"), scratch.file("link"))
        unsafe mkfifo(scratch.file("fifo"), 0o600)
        let error = #expect(throws: DurableError.self) { _ = try directory.open("link") }
        #expect(error?.code == ELOOP)
        #expect(try directory.open("fifo")?.status().isRegular == false)
        #expect(try directory.open("missing") == nil)
    }

    @Test("a listing shows every name, octets that are no UTF-8 included, and never the dots")
    func listing() throws {
        let directory = try Directory(path: scratch.path)
        for number in 0..<300 { scratch.write("", to: "file\(number)") }
        let strange: [CChar] = Array(scratch.path.utf8CString.dropLast()) + [0x2F, 0x61, -1, 0]
        close(unsafe open(strange, O_CREAT | O_WRONLY, 0o600))
        var seen: [[UInt8]] = []
        try directory.forEachName { name in seen.append(name.indices.map { name[$0] }) }
        #expect(seen.count == 301)
        #expect(seen.contains([0x61, 0xFF]))
        #expect(try directory.names().count == 301)
        unsafe unlink(strange)
    }

    @Test("a replacement that fails anywhere leaves the old file whole", arguments: [Faults.Kind.error(EIO), .crash])
    func replacing(_ kind: Faults.Kind) throws {
        for number in 1... {
            let faults = Faults(kind, at: number)
            let directory = try Directory(path: scratch.path, faults: faults)
            scratch.write("old", to: "file")
            do {
                try directory.replace("file", with: Array("new".utf8))
            } catch {
                let content = ScratchDirectory.read(scratch.file("file"))
                #expect(content == Array("old".utf8) || content == Array("new".utf8), "call \(number)")
                continue
            }
            #expect(!faults.isHit)
            #expect(ScratchDirectory.read(scratch.file("file")) == Array("new".utf8))
            return
        }
    }

    @Test("a temporary directory is local, and the table knows NFS")
    func kinds() throws {
        #expect(try Directory(path: scratch.path).networkFileSystem() == nil)
        #expect(Directory.networkMagics[0x6969] == "nfs")
        #expect(!Directory.localFUSE.contains("fuse.sshfs"))
    }

    @Test("the device of a mount is found in the mount table")
    func mounts() throws {
        let device = try Directory(path: "/proc").status().device
        #expect(try Directory.mountKind(of: device) == "proc")
    }

    @Test("names are unique, begin with the time, and tell nothing of the machine they were made on")
    func uniqueNames() {
        let names = Set((0..<1000).map { _ in UniqueName.make(seconds: 1_800_000_000) })
        #expect(names.count == 1000)
        #expect(names.allSatisfy { $0.hasPrefix("1800000000.") && $0.hasSuffix(".hub") && $0.utf8.count == 35 })
    }
}
