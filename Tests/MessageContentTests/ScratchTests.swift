// A scratch: the same from memory and from its file, counted, without a trace.

import DurableFiles
import Glibc
import MailEnvelope
import MailTestKit
import Testing

@testable import MessageContent

@Suite("A scratch", .serialized)
struct ScratchTests {
    private let folder = ScratchDirectory()

    @Test("reads the same from memory and from its file, at any place, and has no name")
    func reading() throws {
        let scratch = Scratch(in: try Directory(path: folder.path))
        var all: [UInt8] = []
        for number in 0..<40 {
            let piece = (0..<4_000).map { UInt8(truncatingIfNeeded: $0 &* (number + 1)) }
            try scratch.append(piece)
            all += piece
            #expect(scratch.size == all.count)
            for offset in [-1, 0, all.count - 4_500, all.count - 1, all.count, .max] {
                let wanted = offset < 0 ? [] : Array(all.dropFirst(offset).prefix(5_000))
                #expect(try scratch.read(atMost: 5_000, at: offset) == wanted, "at \(offset)")
            }
            #expect(ScratchDirectory.names(in: folder.path).isEmpty)
        }
        var copied: [UInt8] = []
        try scratch.forEachChunk { copied += $0 }
        #expect(copied == all)
        let target = try Directory(path: folder.path).createExclusive("copy")
        try scratch.write(to: target, behind: [1, 2])
        #expect(ScratchDirectory.read(folder.file("copy")) == [1, 2] + all)
    }

    @Test("counts what passes, and knows that it is signed when it is told")
    func facts() throws {
        let scratch = Scratch(in: try Directory(path: folder.path))
        for _ in 0..<3 { try scratch.append([UInt8](repeating: 0x61, count: 60_000) + [0x0A]) }
        try scratch.append([0xE9, 0x0D, 0x0A])
        #expect(
            scratch.facts == ContentFacts(wireSize: 3 * 60_002 + 4, is8Bit: true, hasStrays: true, hasLongLines: true))
        scratch.note(isSigned: true)
        #expect(scratch.facts.isSigned)
    }

    @Test("a disk that fails is told, now and for good")
    func failing() throws {
        let faults = Faults(.error(ENOSPC), at: 2)
        let scratch = Scratch(in: try Directory(path: folder.path, faults: faults))
        try scratch.append([UInt8](repeating: 0x61, count: 60_000))
        #expect(throws: DurableError.self) { try scratch.append([UInt8](repeating: 0x61, count: 60_000)) }
        let again = #expect(throws: DurableError.self) { try scratch.append([0x61]) }
        #expect(again?.isNoSpace == true)
        #expect(scratch.size == 60_000)
    }

    @Test("the memory of all scratches is bounded, and given back")
    func budget() throws {
        let directory = try Directory(path: folder.path)
        func descriptors() -> Int { ScratchDirectory.names(in: "/proc/self/fd").count }
        do {
            let piece = [UInt8](repeating: 0x61, count: Scratch.memoryLimit)
            var scratches: [Scratch] = []
            for _ in 0..<(Scratch.memoryBudget / Scratch.memoryLimit + 8) {
                let scratch = Scratch(in: directory)
                try scratch.append(piece)
                scratches.append(scratch)
            }
            #expect(try scratches.allSatisfy { try $0.read(atMost: .max, at: 0) == piece })
            // Other tests have scratches of their own meanwhile.
            #expect(scratches.count { $0.isInMemory } * Scratch.memoryLimit <= Scratch.memoryBudget)
            #expect(scratches.contains { $0.isInMemory })
        }
        let later = Scratch(in: directory)
        try later.append([0x61])
        #expect(later.isInMemory, "the room of those that are gone was not given back")
    }
}
