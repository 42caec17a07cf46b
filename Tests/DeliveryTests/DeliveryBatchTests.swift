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
    private let scratch = ScratchDirectory()

    @discardableResult
    private func stage(
        _ index: Int, _ text: String, folder: String? = nil, in batch: DeliveryBatch, isDigested: Bool = false,
        unless stored: Set<MessageDigest> = []
    ) throws -> (digest: MessageDigest?, isNew: Bool) {
        let place = Destination(maildir: scratch.file("a"), folder: try folder.map { try FolderName(parts: [$0]) })
        let message = try batch.begin(
            try .fetched(nonce: "n", index: index, seconds: 4), at: place, isDigested: isDigested)
        try message.write(Array(text.utf8))
        return try batch.add(message, unless: stored)
    }

    private func names(_ part: String) -> [String] { ScratchDirectory.names(in: scratch.file("a/\(part)")) }

    @Test("shows nothing before all is durable, then everything, in several folders")
    func whole() throws {
        let batch = DeliveryBatch(in: OpenMaildirs())
        for index in 1...40 {
            try stage(index, "m\(index)\n", folder: index % 2 == 0 ? "Junk" : nil, in: batch)
        }
        #expect(batch.count == 40)
        let whole = batch.finish()
        #expect(whole.count == 40 && batch.count == 0)
        #expect(WorkerPool(threads: 8).run(count: whole.count) { try whole.synchronize($0) }.isEmpty)
        #expect(names("new").isEmpty && names(".Junk/new").isEmpty)
        try whole.publish()
        #expect(names("new").count == 20 && names(".Junk/new").count == 20)
        let box = try Maildir(path: scratch.file("a"), making: false)
        #expect(try box.findBatches(["n"]).traces[0].delivered == Set(1...40))
    }

    @Test("goes on without a message that is given up")
    func oneBad() throws {
        let batch = DeliveryBatch(in: OpenMaildirs())
        try stage(1, "one\n", in: batch)
        do {
            let name = try DeliveryName.fetched(nonce: "n", index: 2, seconds: 4)
            try batch.begin(name, at: Destination(maildir: scratch.file("a"))).write([0x78])
        }
        try stage(3, "three\n", in: batch)
        let whole = batch.finish()
        #expect(WorkerPool(threads: 2).run(count: whole.count) { try whole.synchronize($0) }.isEmpty)
        #expect(whole.count == 2)
        try whole.publish()
        #expect(names("new").count == 2 && names("tmp").isEmpty)
    }

    @Test("shows nothing when a message is not on stable storage")
    func unsynchronized() throws {
        do {
            let batch = DeliveryBatch(in: OpenMaildirs())
            try stage(1, "one\n", in: batch)
            try stage(2, "two\n", in: batch)
            let whole = batch.finish()
            try whole.synchronize(0)
            #expect(throws: MaildirError.self) { try whole.publish() }
        }
        #expect(names("new").isEmpty && names("tmp").isEmpty)
    }

    @Test("synchronizes each mailbox once")
    func economy() throws {
        _ = try Maildir(path: scratch.file("a"), making: true)
        let faults = Faults(.crash, at: .max)
        let batch = DeliveryBatch(in: OpenMaildirs(faults: faults))
        for index in 1...10 { try stage(index, "x\n", in: batch) }
        let whole = batch.finish()
        for index in 0..<whole.count { try whole.synchronize(index) }
        try whole.publish()
        // For each message: create, write, synchronize, rename.
        #expect(faults.calls == 10 * 4 + 1)
    }

    @Test("tells the digest that is wanted, and takes back what is stored already")
    func digests() throws {
        let batch = DeliveryBatch(in: OpenMaildirs())
        #expect(try stage(1, "one\n", in: batch).digest == nil)
        let known = try #require(try stage(2, "two\n", in: batch, isDigested: true).digest)
        #expect(try stage(3, "two\n", in: batch, isDigested: true, unless: [known]) == (known, false))
        let other = try stage(4, "three\n", in: batch, isDigested: true, unless: [known])
        #expect(other.isNew && other.digest != known)
        #expect(batch.count == 3)
        let whole = batch.finish()
        for index in 0..<whole.count { try whole.synchronize(index) }
        try whole.publish()
        #expect(names("new").count == 3 && names("tmp").isEmpty)
    }
}
