// Batches under every fault of the disk: each message arrives once, nothing is deleted at the source before it is safe.

import Delivery
import DurableFiles
import MailTestKit
import MaildirStore
import Testing

@testable import FetchLedger
@testable import mhfetch

/// A maildrop that forgets what it is told to delete, and a collector that works as those of the command do.
private struct Model {
    let scratch = ScratchDirectory()
    var server: [String]
    static let all = (1...4).map { "message \($0)\n" }

    init() { server = Self.all }

    var maildir: String { scratch.file("Mail") }

    /// One run, `batchSize` messages a batch; deletes what the state calls safe.
    /// - Parameter threads: with 1, a batch is put on disk before the next one is begun; with more, beside it.
    mutating func run(batchSize: Int, threads: Int = 1, faults: Faults?) throws {
        let directory = try Directory(path: scratch.file("state"), making: 0o700, faults: faults)
        let ledger = try AccountLedger(in: directory)
        let inbox = try Maildir(path: maildir, making: true, faults: faults)
        let delivery = BatchDelivery(ledger: ledger, inbox: inbox, faults: faults, threads: threads)
        try delivery.recover(at: 1_800_000_000)
        try ledger.beginRun(at: 1_800_000_000)
        do {
            var rest = server.filter { !ledger.state.isKnown(.unique(Self.id($0), occurrence: 0)) }[...]
            while !rest.isEmpty {
                let batch = Array(rest.prefix(batchSize))
                rest = rest.dropFirst(batchSize)
                try delivery.begin(batch.map { .unique(Self.id($0), occurrence: 0) }, at: 1_800_000_000)
                for (index, message) in batch.enumerated() {
                    try delivery.deliver(message, as: index, to: maildir)
                }
                try delivery.publish()
            }
            try delivery.settle()
        } catch {
            // As the command does after a trouble that is no crash.
            do {
                try delivery.publish()
                try delivery.settle()
            } catch {}
            throw error
        }
        server.removeAll { ledger.state.isKnown(.unique(Self.id($0), occurrence: 0)) }
        try ledger.compact()
    }

    private static func id(_ message: String) -> String { message.filter { $0.isNumber } }

    /// What stands in the mailbox, sorted.
    var delivered: [String] {
        ["new", "cur"].flatMap { part in
            ScratchDirectory.names(in: "\(maildir)/\(part)").map {
                String(decoding: ScratchDirectory.read("\(maildir)/\(part)/\($0)") ?? [], as: UTF8.self)
            }
        }.sorted()
    }
}

@Suite("Batches")
struct BatchDeliveryTests {
    @Test("a batch is as large as docs/flow.md says")
    func told() throws {
        let bounds =
            "up to \(BatchDelivery.messageLimit) messages, \(BatchDelivery.octetLimit >> 20) MiB or \(BatchDelivery.secondLimit) seconds"
        #expect(try Project.text("docs/flow.md").contains(bounds))
    }

    @Test(
        "a fault at any call to the disk loses nothing and repeats nothing",
        arguments: [Faults.Kind.crash, .tornCrash, .error(28), .error(5), .lasting(28)],
        [(batchSize: 1, threads: 1), (3, 1), (1, 2)])
    func everyFault(_ kind: Faults.Kind, _ way: (batchSize: Int, threads: Int)) async throws {
        try await onThread {
            let (batchSize, threads) = way
            var number = 0
            while true {
                number += 1
                var model = Model()
                let faults = Faults(kind, at: number)
                var wentWell = true
                do { try model.run(batchSize: batchSize, threads: threads, faults: faults) } catch { wentWell = false }
                guard faults.isHit else {
                    #expect(wentWell)
                    #expect(number > 20, "the scenario makes calls to the disk")
                    break
                }
                let missing = Set(Model.all).subtracting(model.server)
                #expect(missing.isSubset(of: model.delivered), "\(kind) at \(number): deleted before it was here")
                try model.run(batchSize: batchSize, faults: nil)
                #expect(model.delivered == Model.all, "\(kind) at \(number)")
                #expect(model.server.isEmpty, "\(kind) at \(number)")
                #expect(ScratchDirectory.names(in: "\(model.maildir)/tmp").isEmpty, "\(kind) at \(number)")
            }
        }
    }

    @Test("crash upon crash, wherever each of them comes", arguments: 1...20)
    func manyCrashes(_ seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        var model = Model()
        let moments = (0..<4).map { _ in Int.random(in: 3...45, using: &random) }
        for moment in moments {
            let size = Int.random(in: 1...3, using: &random)
            do { try model.run(batchSize: size, threads: 2, faults: Faults(.tornCrash, at: moment)) } catch {}
        }
        try model.run(batchSize: 3, faults: nil)
        #expect(model.delivered == Model.all, "\(moments)")
    }

    @Test("a message moved by a reader during the crash is not fetched again")
    func movedByReader() throws {
        var model = Model()
        // A crash behind the rename and before the state knows: found by trying.
        var number = 0
        while model.delivered.isEmpty {
            number += 1
            model = Model()
            do { try model.run(batchSize: 64, faults: Faults(.crash, at: number)) } catch {}
        }
        let name = try #require(ScratchDirectory.names(in: "\(model.maildir)/new").first)
        let inbox = try Maildir(path: model.maildir, making: true)
        let other = try inbox.makeFolder(FolderName(parts: ["Lists", "Swift"]))
        #expect(moveFile("\(model.maildir)/new/\(name)", to: "\(other.path)/cur/\(name):2,S"))
        try model.run(batchSize: 64, faults: nil)
        #expect(model.delivered.count == Model.all.count - 1)
        #expect(ScratchDirectory.names(in: "\(other.path)/cur").count == 1)
    }

    @Test("a death is laid at the door of the message that came in then, or of the one behind it, and of no other")
    func blame() throws {
        let scratch = ScratchDirectory()
        let directory = try Directory(path: scratch.file("state"), making: 0o700)
        let inbox = try Maildir(path: scratch.file("Mail"), making: true)
        let keys = (0..<6).map { MessageKey.unique("\($0)", occurrence: 0) }
        // What a process that dies does not clean up is held until the end.
        var corpses: [Any] = []
        func tries() throws -> [Int?] {
            let ledger = try AccountLedger(in: directory)
            try BatchDelivery(ledger: ledger, inbox: inbox, threads: 1).recover(at: 1_800_000_000)
            #expect(ledger.state.openBatches.isEmpty)
            return keys.map { ledger.state.failed[$0]?.tries }
        }
        /// Dies with `keys` begun, `whole` messages of them written and `torn` of one more.
        func die(_ keys: [MessageKey], whole: Int, torn: Bool) throws -> [Int?] {
            let delivery = BatchDelivery(ledger: try AccountLedger(in: directory), inbox: inbox, threads: 1)
            corpses.append(delivery)
            try delivery.begin(keys, at: 1_800_000_000)
            for index in 0..<whole { try delivery.deliver("m", as: index, to: inbox.path) }
            if torn {
                corpses.append(try delivery.message(whole, to: Destination(maildir: inbox.path), isDigested: false))
            }
            return try tries()
        }
        /// A journal with these batches open, and files of the batch `name` as `parts` say.
        func leave(_ batches: [(String, [MessageKey])], _ parts: [(part: String, name: String)]) throws {
            let ledger = try AccountLedger(in: directory)
            for (nonce, keys) in batches {
                try ledger.turn(beginning: .init(nonce: nonce, time: 1_800_000_000, keys: keys))
            }
            for (part, name) in parts { scratch.write("m", to: "Mail/\(part)/1800000000.F\(name).hub") }
        }
        #expect(try die(Array(keys[0...2]), whole: 0, torn: false) == [1, nil, nil, nil, nil, nil])
        #expect(try die(Array(keys[3...5]), whole: 1, torn: true) == [1, nil, nil, nil, 1, 1])
        // Of two, the one that is still in tmp while it is put on disk has come in whole.
        try leave([("old", [keys[1]]), ("new", Array(keys[2...3]))], [("tmp", "old.0")])
        #expect(try tries() == [1, nil, 1, nil, 1, 1])
        // Died while it was shown: what stands behind the last of it had not begun.
        try leave([("shown", [keys[5], keys[1], keys[3]])], [("new", "shown.0"), ("tmp", "shown.1")])
        #expect(try tries() == [1, 1, 1, 1, 1, nil])
        try leave([("all", [keys[1], keys[3], keys[4]])], [("new", "all.0"), ("cur", "all.1")])
        #expect(try tries() == [1, nil, 1, nil, 1, nil])
        for more in 2...3 {
            #expect(try die([keys[0]], whole: 0, torn: more == 2) == [more, nil, 1, nil, 1, nil])
        }
        #expect(try AccountLedger(in: directory).state.isLeftAlone(keys[0], now: 1_800_000_001))
        withExtendedLifetime(corpses) {}
    }

    @Test("while one batch is put on disk the next one comes in, and their ends are told in order")
    func sideBySide() throws {
        let scratch = ScratchDirectory()
        let directory = try Directory(path: scratch.file("state"), making: 0o700)
        let ledger = try AccountLedger(in: directory)
        let inbox = try Maildir(path: scratch.file("Mail"), making: true)
        let delivery = BatchDelivery(ledger: ledger, inbox: inbox)
        for number in 0..<5 {
            try delivery.begin([.unique("\(number)", occurrence: 0)], at: 1_800_000_000)
            #expect((1...2).contains(ledger.state.openBatches.count))
            try delivery.deliver("message \(number)\n", as: 0, to: inbox.path)
            if number == 3 {
                delivery.abandon()
                try delivery.settle()
            } else {
                try delivery.publish()
            }
        }
        try delivery.settle()
        #expect(delivery.published == 4)
        #expect(ledger.state.openBatches.isEmpty)
        #expect((0..<5).filter { ledger.state.isKnown(.unique("\($0)", occurrence: 0)) } == [0, 1, 2, 4])
        #expect(ScratchDirectory.names(in: "\(inbox.path)/new").count == 4)
        #expect(ScratchDirectory.names(in: "\(inbox.path)/tmp").isEmpty)
    }

    @Test(
        "where it is not known what became of a batch, nothing is said of those behind it, and the next run finds out")
    func doubt() throws {
        var doubts = 0
        for number in 1...20 {
            let scratch = ScratchDirectory()
            let directory = try Directory(path: scratch.file("state"), making: 0o700)
            _ = try Maildir(path: scratch.file("Mail"), making: true)
            let key = MessageKey.unique("x", occurrence: 0)
            let faults = Faults(.lasting(5), at: number)
            let ledger = try AccountLedger(in: directory)
            let inbox = try Maildir(path: scratch.file("Mail"), making: true, faults: faults)
            let delivery = BatchDelivery(ledger: ledger, inbox: inbox, faults: faults, threads: 1)
            try delivery.begin([key], at: 1_800_000_000)
            do { try delivery.deliver("message\n", as: 0, to: inbox.path) } catch { continue }
            try delivery.publish()
            do { try delivery.begin([.unique("y", occurrence: 0)], at: 1_800_000_000) } catch {
                guard ledger.state.openBatches.count == 1, faults.isHit else { continue }
                doubts += 1
                #expect(throws: (any Error).self) { try delivery.begin([key], at: 1_800_000_000) }
                #expect(throws: (any Error).self) { try delivery.settle() }
                #expect(delivery.published == 0 && ledger.state.openBatches.count == 1)
                let next = try AccountLedger(in: directory)
                let whole = try Maildir(path: scratch.file("Mail"), making: true)
                try BatchDelivery(ledger: next, inbox: whole, threads: 1).recover(at: 1_800_000_000)
                #expect(next.state.openBatches.isEmpty)
                #expect(next.state.isKnown(key) == !ScratchDirectory.names(in: "\(whole.path)/new").isEmpty)
            }
        }
        #expect(doubts > 0)
    }

    @Test("a message outside a batch ends the process: it would count as delivered and be nowhere")
    func outsideABatch() async {
        let end = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            var scratch: ScratchDirectory? = ScratchDirectory()
            let path = try #require(scratch).path
            let ledger = try AccountLedger(in: try Directory(path: path))
            let delivery = BatchDelivery(ledger: ledger, inbox: try Maildir(path: "\(path)/Mail", making: true))
            scratch = nil  // what stops here leaves nothing behind
            try delivery.deliver("m", as: 0, to: "\(path)/Mail")
        }
        let words = String(decoding: end?.standardErrorContent ?? [], as: UTF8.self)
        #expect(words.contains("a message outside a batch"))
    }

    @Test("suspects come last and each by itself")
    func workList() {
        func pending(_ number: Int, _ size: Int?) -> Pending {
            Pending(number: number, key: .unique("\(number)", occurrence: 0), size: size)
        }
        var work = WorkList((1...70).map { pending($0, 10) }) { $0.number == 1 || $0.number == 40 }
        let first = work.next() ?? []
        #expect(first.count == 64)
        #expect(!first.contains { $0.number == 1 || $0.number == 40 })
        work.putBack(first[60...])
        work.putBack([])
        work.isolate([first[0]])
        #expect(work.next()?.map(\.number) == [63, 64, 65, 66] + (67...70).map { $0 }, "what was put back comes first")
        #expect(work.next()?.map(\.number) == [1])
        #expect(work.next()?.map(\.number) == [40])
        #expect(work.next()?.map(\.number) == [2])
        #expect(work.next() == nil)
        // By size: never empty, never far above the limit, whatever a server says.
        work = WorkList([pending(1, .max), pending(2, .max), pending(3, -5), pending(4, 17 << 20), pending(5, nil)]) {
            _ in false
        }
        #expect(work.next()?.map(\.number) == [1])
        #expect(work.next()?.map(\.number) == [2])
        #expect(work.next()?.map(\.number) == [3])
        #expect(work.next()?.map(\.number) == [4])
        #expect(work.next()?.map(\.number) == [5])
    }
}

extension Pending: Equatable {
    public static func == (one: Pending, other: Pending) -> Bool { one.key == other.key }
}
