// An open file: writes, reads, room, copies, locks, and the faults that tests force.

import Glibc
import MailTestKit
import Testing

@testable import DurableFiles

struct FileTests {
    let scratch = ScratchDirectory()

    @Test("octets written are octets read, at any offset")
    func roundTrip() throws {
        let file = try Directory(path: scratch.path).createExclusive("f")
        let octets = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        try file.write(octets, in: 0..<100_000)
        try file.write(octets, in: 100_000..<200_000)
        try file.synchronize()
        #expect(try file.read(atMost: 300_000, at: 0) == octets)
        #expect(try file.read(atMost: 10, at: 199_995) == Array(octets.suffix(5)))
        #expect(try file.read(atMost: 10, at: 200_000).isEmpty)
    }

    @Test("room set aside does not move the end")
    func reserve() throws {
        let file = try Directory(path: scratch.path).createExclusive("f")
        try file.write([1, 2, 3])
        try file.reserve(10_000)
        #expect(try file.status().size == 3)
        try file.write([4])
        #expect(try file.read(atMost: 10, at: 0) == [1, 2, 3, 4])
    }

    @Test("a copy appends a part of another file")
    func copy() throws {
        let directory = try Directory(path: scratch.path)
        let source = try directory.createExclusive("s")
        let octets = (0..<150_000).map { UInt8(truncatingIfNeeded: $0) }
        try source.write(octets)
        let target = try directory.createExclusive("t")
        try target.write([9])
        try target.copy(100_000, from: source, at: 10)
        #expect(try target.read(atMost: 200_000, at: 0) == [9] + octets[10..<100_010])
        let error = #expect(throws: DurableError.self) { try target.copy(10, from: source, at: 150_000) }
        #expect(error?.code == EIO)
    }

    @Test("a lock is one holder's, tells its holder, and goes with the file")
    func locks() throws {
        let directory = try Directory(path: scratch.path)
        scratch.write("x", to: "f")
        let first = try #require(try directory.open("f", for: .readingAndWriting))
        let second = try #require(try directory.open("f", for: .readingAndWriting))
        #expect(try first.tryLock())
        #expect(try !second.tryLock())
        #expect(FileLock.holder(of: try first.status()) == getpid())
        try first.close()
        // A child that another test starts in this very moment has all descriptors until it becomes its program.
        var isLocked = try second.tryLock()
        for _ in 0..<5000 where !isLocked {
            usleep(1000)
            isLocked = try second.tryLock()
        }
        #expect(isLocked)
        #expect(try directory.leads("f", to: second))
        try directory.rename("f", to: "g")
        #expect(try !directory.leads("f", to: second))
        scratch.write("y", to: "f")
        #expect(try !directory.leads("f", to: second))
    }

    @Test("a full disk is told as such, with the status to try again")
    func fullDisk() throws {
        let directory = try Directory(path: scratch.path, faults: Faults(.error(ENOSPC), at: 2))
        let file = try directory.createExclusive("f")
        let error = #expect(throws: DurableError.self) { try file.write([1]) }
        #expect(error?.isNoSpace == true)
        #expect(error?.exitStatus == .temporaryFailure)
        #expect(
            error?.description
                == "\(scratch.path)/f: cannot write: No space left on device; the disk is full: make room, nothing was lost"
        )
        try file.write([2])
        #expect(try file.read(atMost: 9, at: 0) == [2])
    }

    @Test("after a forced crash nothing changes any more; a torn one leaves half a write")
    func crash() throws {
        let directory = try Directory(path: scratch.path, faults: Faults(.tornCrash, at: 2))
        let file = try directory.createExclusive("f")
        #expect(throws: DurableError.self) { try file.write([1, 2, 3, 4]) }
        #expect(throws: DurableError.self) { try file.write([5]) }
        #expect(throws: DurableError.self) { try directory.unlink("f") }
        #expect(ScratchDirectory.read(scratch.file("f")) == [1, 2])
    }
}
