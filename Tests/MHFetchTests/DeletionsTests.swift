// Deletions that a server acknowledges and forgets, under every fault of the disk: nothing comes twice, nothing is lost.

import Delivery
import Digests
import DurableFiles
import MailTestKit
import MaildirStore
import POP3Protocol
import Testing

@testable import FetchLedger
@testable import mhfetch

/// A maildrop that acknowledges every deletion, and a collector with `keep off` that works as the command's does.
private struct Model {
    let scratch = ScratchDirectory()
    /// Ids and messages.
    var server: [(id: String, text: String)] = (1...3).map { ("\($0)", "message \($0)\n") }
    var deletes = false

    var maildir: String { scratch.file("Mail") }

    mutating func run(_ faults: Faults? = nil) throws {
        let ledger = try AccountLedger(in: try Directory(path: scratch.file("state"), making: 0o700, faults: faults))
        let inbox = try Maildir(path: maildir, making: true, faults: faults)
        let delivery = BatchDelivery(ledger: ledger, inbox: inbox, faults: faults, threads: 1)
        try delivery.recover(at: 1_800_000_000)
        try ledger.beginRun(at: 1_800_000_000)
        let keys = server.map { MessageKey.unique($0.id, occurrence: 0) }
        var listing = UniqueIDListing()
        for (number, message) in server.enumerated() {
            listing.append(number: UInt32(number + 1), id: Array(message.id.utf8)[...])
        }
        _ = try ledger.noteListing(listing)
        let deletions = Deletions(ledger, areNumbers: false)
        let fresh = zip(keys, server).filter { !ledger.state.isKnown($0.0) || deletions.isInDoubt($0.0) }
        if !fresh.isEmpty {
            try delivery.begin(fresh.map(\.0), at: 1_800_000_000)
            for (index, (key, message)) in fresh.enumerated() {
                let here = try delivery.deliver(
                    message.text, as: index, to: maildir, isDigested: true, unless: deletions.stored(for: key))
                if let here { try ledger.markStaying(key, here) }
            }
            try delivery.publish()
            try delivery.settle()
        }
        let going = keys.filter { ledger.state.known[$0]?.deletion == nil && ledger.state.isKnown($0) }
        if deletes { server.removeAll { message in going.contains(.unique(message.id, occurrence: 0)) } }
        try ledger.markDeleted(going)
        try ledger.synchronize()
        try ledger.compact()
    }

    /// What stands in the mailbox, sorted.
    var delivered: [String] {
        ScratchDirectory.names(in: "\(maildir)/new").map {
            String(decoding: ScratchDirectory.read("\(maildir)/new/\($0)") ?? [], as: UTF8.self)
        }.sorted()
    }
}

@Suite("Deletions")
struct DeletionsTests {
    @Test(
        "from a server that does not delete each message comes once, wherever a run is cut off",
        arguments: [Faults.Kind.crash, .tornCrash, .error(5), .lasting(28)])
    func lying(_ kind: Faults.Kind) throws {
        var number = 0
        while true {
            number += 1
            var model = Model()
            let wanted = model.server.map(\.text)
            try model.run()
            let faults = Faults(kind, at: number)
            // Cut off while it finds out that nothing was deleted, and brings one more.
            model.server.append(("4", "message 4\n"))
            do { try model.run(faults) } catch {}
            guard faults.isHit else {
                #expect(number > 15, "the scenario makes calls to the disk")
                break
            }
            for _ in 1...3 { try model.run() }
            #expect(model.delivered == wanted + ["message 4\n"], "\(kind) at \(number)")
            // An unlink that the disk refused leaves its file in tmp, and nowhere else.
            let isCrash = kind == .crash || kind == .tornCrash
            #expect(
                ScratchDirectory.names(in: "\(model.maildir)/tmp").count <= (isCrash ? 0 : 1), "\(kind) at \(number)")
        }
    }

    @Test("an id that comes again with other octets, or behind two listings that lack it, is delivered")
    func again() throws {
        var model = Model()
        model.deletes = true
        try model.run()
        #expect(model.server.isEmpty && model.delivered.count == 3)
        model.server = [("1", "another message\n")]
        try model.run()
        #expect(model.delivered.count == 4)
        for _ in 1...2 { try model.run() }
        model.server = [("1", "another message\n"), ("2", "message 2\n")]
        try model.run()
        #expect(model.delivered.count == 6, "nothing is known of them any more")
        model.server = [("1", "another message\n")]
        try model.run()
        #expect(model.delivered.count == 6)
    }

    @Test("of two messages with one id, where one may have been deleted and one is listed, neither is forgotten")
    func sharedID() throws {
        let scratch = ScratchDirectory()
        let ledger = try AccountLedger(in: try Directory(path: scratch.file("state"), making: 0o700))
        let keys = (0...1).map { MessageKey.unique("x", occurrence: $0) }
        try ledger.turn(beginning: .init(nonce: "n", time: 1_800_000_000, keys: keys))
        try ledger.turn(ending: [.init(nonce: "n", delivered: [0: nil, 1: nil])])
        try ledger.markDeleted([keys[0]])
        var one = UniqueIDListing()
        one.append(number: 1, id: [0x78])
        for _ in 1...4 { _ = try ledger.noteListing(one) }
        #expect(ledger.state.isKnown(keys[0]) && ledger.state.isKnown(keys[1]), "which of them is listed is not known")
        for _ in 1...2 { _ = try ledger.noteListing(UniqueIDListing()) }
        #expect(!ledger.state.isKnown(keys[0]) && !ledger.state.isKnown(keys[1]))
    }

    @Test("without the digest of what was stored, a message that comes again is delivered once more and no more")
    func noDigest() throws {
        var model = Model()
        let ledger = try AccountLedger(in: try Directory(path: model.scratch.file("state"), making: 0o700))
        let keys = model.server.map { MessageKey.unique($0.id, occurrence: 0) }
        try ledger.turn(beginning: .init(nonce: "n", time: 1_800_000_000, keys: keys))
        try ledger.turn(ending: [.init(nonce: "n", delivered: [0: nil, 1: nil, 2: nil])])
        for _ in 1...4 { try model.run() }
        #expect(model.delivered.count == 3)
    }

    @Test("a batch found after a crash tells the digests of what it had delivered, wherever it stands by now")
    func recovered() throws {
        let scratch = ScratchDirectory()
        let inbox = try Maildir(path: scratch.file("Mail"), making: true)
        let ledger = try AccountLedger(in: try Directory(path: scratch.file("state"), making: 0o700))
        let keys = (0..<3).map { MessageKey.unique("\($0)", occurrence: 0) }
        let delivery = BatchDelivery(ledger: ledger, inbox: inbox, threads: 1)
        try delivery.begin(keys, at: 1_800_000_000)
        for index in keys.indices {
            try delivery.deliver("message \(index)\n", as: index, to: scratch.file("Mail"))
        }
        try delivery.publish()
        // It dies here: the state does not know yet.
        let names = ScratchDirectory.names(in: scratch.file("Mail/new")).sorted()
        #expect(moveFile(scratch.file("Mail/new/\(names[1])"), to: scratch.file("Mail/cur/\(names[1]):2,S")))
        let next = try AccountLedger(in: try Directory(path: scratch.file("state"), making: 0o700))
        try BatchDelivery(ledger: next, inbox: inbox).recover(at: 1_800_000_000)
        for (index, key) in keys.enumerated() {
            let digest = MessageDigest(try DigestAlgorithm.sha256.digest(of: Array("message \(index)\n".utf8)))
            #expect(next.state.known[key]?.digest == digest)
        }
    }

    @Test(
        "what a batch found after a crash had delivered below fields of ours is known and never deleted; a header is no message"
    )
    func recoveredBelowFields() throws {
        let scratch = ScratchDirectory()
        let inbox = try Maildir(path: scratch.file("Mail"), making: true)
        let directory = try Directory(path: scratch.file("state"), making: 0o700)
        let ledger = try AccountLedger(in: directory)
        let keys = (0..<3).map { MessageKey.unique("\($0)", occurrence: 0) }
        try ledger.note(keys[2], .headerAsked)
        let delivery = BatchDelivery(ledger: ledger, inbox: inbox, threads: 1)
        try delivery.begin(keys, at: 1_800_000_000)
        for index in keys.indices {
            try delivery.deliver("message \(index)\n", as: index, to: scratch.file("Mail"))
        }
        try delivery.publish()
        for attempt in 1...2 {
            let next = try AccountLedger(in: directory)
            try BatchDelivery(ledger: next, inbox: inbox).recover(at: 1_800_000_000, hasFields: true)
            for key in keys.prefix(2) { #expect(next.state.known[key]?.run == 0, "\(attempt)") }
            #expect(next.state.large[keys[2]] == .headerHere && !next.state.isKnown(keys[2]), "\(attempt)")
            #expect(next.state.openBatches.isEmpty)
            // A crash before the end of the batch is on the disk: the next run comes to the same.
            let journal = try #require(ScratchDirectory.read(scratch.file("state/journal")))
            let lines = journal.split(separator: 0x0A)
            #expect(lines.last?.dropFirst(9).starts(with: "done".utf8) == true)
            scratch.write(Array(lines.dropLast().joined(separator: [0x0A])) + [0x0A], to: "state/journal")
        }
    }
}
