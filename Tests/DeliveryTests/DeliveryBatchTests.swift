// Batches: shown all at once, or not at all.

import Blocking
import DurableFiles
import Glibc
import MailTestKit
import MaildirStore
import Testing

@testable import Delivery

@Suite("A delivery batch")
struct DeliveryBatchTests {
    private struct Refusal: Error {}
    private let scratch = ScratchDirectory()

    private func stage(
        _ index: Int, folder: String? = nil, in batch: DeliveryBatch, _ nextChunk: () throws -> [UInt8]?
    ) throws {
        let place = Destination(maildir: scratch.file("a"), folder: try folder.map { try FolderName(parts: [$0]) })
        try batch.stage(try .fetched(nonce: "n", index: index, seconds: 4), to: place, nextChunk: nextChunk)
    }

    private func source(_ text: String) -> () -> [UInt8]? {
        var chunks = [Array(text.utf8)]
        return { chunks.popLast() }
    }

    private func names(_ part: String) -> [String] { ScratchDirectory.names(in: scratch.file("a/\(part)")) }

    @Test("shows nothing before all is durable, then everything, in several folders")
    func whole() throws {
        let batch = DeliveryBatch(in: OpenMaildirs())
        for index in 1...40 {
            try stage(index, folder: index % 2 == 0 ? "Junk" : nil, in: batch, source("m\(index)\n"))
        }
        #expect(batch.count == 40)
        #expect(WorkerPool(threads: 8).run(batch.jobs).isEmpty)
        #expect(names("new").isEmpty && names(".Junk/new").isEmpty)
        try batch.publish()
        #expect(names("new").count == 20 && names(".Junk/new").count == 20)
        #expect(batch.count == 0 && batch.octets == 0)
        let box = try Maildir(path: scratch.file("a"), making: false)
        #expect(try box.recoverBatch(nonce: "n") == Set(1...40))
    }

    @Test("goes on without a message that cannot be written")
    func oneBad() throws {
        let batch = DeliveryBatch(in: OpenMaildirs())
        try stage(1, in: batch, source("one\n"))
        #expect(throws: Refusal.self) { try stage(2, in: batch) { throw Refusal() } }
        try stage(3, in: batch, source("three\n"))
        #expect(WorkerPool(threads: 2).run(batch.jobs).isEmpty)
        #expect(batch.count == 2)
        try batch.publish()
        #expect(names("new").count == 2 && names("tmp").isEmpty)
    }

    @Test("shows nothing when a message is not on stable storage")
    func unsynchronized() throws {
        let batch = DeliveryBatch(in: OpenMaildirs())
        try stage(1, in: batch, source("one\n"))
        try stage(2, in: batch, source("two\n"))
        try batch.jobs[0]()
        #expect(throws: MaildirError.self) { try batch.publish() }
        #expect(names("new").isEmpty && names("tmp").isEmpty)
    }

    @Test("synchronizes each mailbox once")
    func economy() throws {
        _ = try Maildir(path: scratch.file("a"), making: true)
        let faults = Faults(.crash, at: .max)
        let batch = DeliveryBatch(in: OpenMaildirs(faults: faults))
        for index in 1...10 { try stage(index, in: batch, source("x\n")) }
        for job in batch.jobs { try job() }
        try batch.publish()
        // For each message: create, write, synchronize, rename.
        #expect(faults.calls == 10 * 4 + 1)
    }

    @Test("tells the digest that is wanted, and takes back what is stored already")
    func digests() throws {
        let batch = DeliveryBatch(in: OpenMaildirs())
        let place = Destination(maildir: scratch.file("a"))
        let name = { (index: Int) in try DeliveryName.fetched(nonce: "n", index: index, seconds: 4) }
        #expect(try batch.stage(try name(1), to: place, nextChunk: source("one\n")) == nil)
        let digest = try batch.stage(try name(2), to: place, isDigested: true, nextChunk: source("two\n"))
        let known = try #require(digest)
        #expect(try batch.stage(try name(3), to: place, unless: [known], nextChunk: source("two\n")) == known)
        #expect(try batch.stage(try name(4), to: place, unless: [known], nextChunk: source("three\n")) != known)
        #expect(batch.count == 3)
        for job in batch.jobs { try job() }
        try batch.publish()
        #expect(names("new").count == 3 && names("tmp").isEmpty)
    }
}
