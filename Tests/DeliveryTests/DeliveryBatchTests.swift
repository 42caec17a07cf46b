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

    private func order(_ index: Int, folder: String? = nil) throws -> DeliveryOrder {
        DeliveryOrder(
            to: .maildir(path: scratch.file("a"), folder: try folder.map { try FolderName(parts: [$0]) }),
            as: try .fetched(nonce: "n", index: index, seconds: 4))
    }

    private func source(_ text: String) -> () -> [UInt8]? {
        var chunks = [Array(text.utf8)]
        return { chunks.popLast() }
    }

    private func names(_ part: String) -> [String] { ScratchDirectory.names(in: scratch.file("a/\(part)")) }

    @Test("shows nothing before all is durable, then everything, in several folders")
    func whole() throws {
        let batch = DeliveryBatch()
        for index in 1...40 {
            try batch.stage(try order(index, folder: index % 2 == 0 ? "Junk" : nil), nextChunk: source("m\(index)\n"))
        }
        #expect(batch.count == 40)
        #expect(WorkerPool(threads: 8).run(batch.jobs).isEmpty)
        #expect(names("new").isEmpty && names(".Junk/new").isEmpty)
        let delivered = try batch.publish()
        #expect(delivered.count == 40)
        #expect(delivered.allSatisfy { !$0.wasThere })
        #expect(names("new").count == 20 && names(".Junk/new").count == 20)
        #expect(batch.count == 0 && batch.octets == 0)
        let box = try Maildir(path: scratch.file("a"), making: false)
        #expect(try box.recoverBatch(nonce: "n") == Set(1...40))
    }

    @Test("goes on without a message that cannot be written")
    func oneBad() throws {
        let batch = DeliveryBatch()
        try batch.stage(try order(1), nextChunk: source("one\n"))
        #expect(throws: Refusal.self) { try batch.stage(try order(2)) { throw Refusal() } }
        try batch.stage(try order(3), nextChunk: source("three\n"))
        #expect(WorkerPool(threads: 2).run(batch.jobs).isEmpty)
        #expect(try batch.publish().count == 2)
        #expect(names("new").count == 2 && names("tmp").isEmpty)
    }

    @Test("shows nothing when a message is not on stable storage")
    func unsynchronized() throws {
        let batch = DeliveryBatch()
        try batch.stage(try order(1), nextChunk: source("one\n"))
        try batch.stage(try order(2), nextChunk: source("two\n"))
        try batch.jobs[0]()
        #expect(throws: MaildirError.self) { try batch.publish() }
        #expect(names("new").isEmpty && names("tmp").isEmpty)
    }

    @Test("synchronizes each mailbox once")
    func economy() throws {
        _ = try Maildir(path: scratch.file("a"), making: true)
        let faults = Faults(.crash, at: .max)
        let batch = DeliveryBatch(faults: faults)
        for index in 1...10 { try batch.stage(try order(index), nextChunk: source("x\n")) }
        for job in batch.jobs { try job() }
        _ = try batch.publish()
        // For each message: create, write, synchronize, rename.
        #expect(faults.calls == 10 * 4 + 1)
    }
}
