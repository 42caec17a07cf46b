// The door under every fault: nothing half, nothing lost that was told delivered, nothing twice on retry.

import DurableFiles
import Glibc
import MailEnvelope
import MailTestKit
import MaildirStore
import MessageContent
import Testing

@testable import Delivery

@Suite("The delivery door")
struct DeliveryDoorTests {
    private let scratch = ScratchDirectory()
    private let text = Array("Subject: x\n\nbody\n".utf8)

    private func source(_ octets: [UInt8], failingAfter limit: Int = .max) -> () throws -> [UInt8]? {
        struct Cut: Error {}
        var at = 0
        return {
            if at >= limit { throw Cut() }
            guard at < octets.count else { return nil }
            let end = min(at + 5, octets.count)
            defer { at = end }
            return Array(octets[at..<end])
        }
    }

    private func contents(_ path: String) -> [[UInt8]] {
        ScratchDirectory.names(in: path).compactMap { ScratchDirectory.read("\(path)/\($0)") }
    }

    @Test("delivers into a Maildir it makes, with what is prepared on top")
    func plain() throws {
        let destination = Destination.maildir(path: scratch.file("a"), folder: nil)
        let done = try DeliveryDoor().deliver(
            DeliveryOrder(to: destination, as: try .random(seconds: 1)), nextChunk: source(text))
        #expect(done.sizes == Delivered.Sizes(file: text.count, wire: text.count + 3))
        #expect(contents(scratch.file("a/new")) == [text])
        let top = Array("Return-Path: <>\n".utf8)
        let message = Prepared(Message(Envelope(reversePath: .null, recipients: []), ContentInMemory(text)), top: top)
        let junk = Destination.maildir(path: scratch.file("a"), folder: try FolderName(parts: ["Junk"]))
        _ = try DeliveryDoor().deliver(message, by: DeliveryOrder(to: junk, as: try .random(seconds: 1)))
        #expect(contents(scratch.file("a/.Junk/new")) == [top + text])
    }

    @Test("leaves nothing when the source breaks off")
    func cutSource() throws {
        let order = DeliveryOrder(to: .maildir(path: scratch.file("a"), folder: nil), as: try .random(seconds: 1))
        #expect(throws: (any Error).self) {
            try DeliveryDoor().deliver(order, nextChunk: source(text, failingAfter: 5))
        }
        #expect(contents(scratch.file("a/new")).isEmpty)
        #expect(ScratchDirectory.names(in: scratch.file("a/tmp")).isEmpty)
    }

    @Test(
        "survives a fault at every call: no half message, and a retry gives exactly one",
        arguments: [
            Faults.Kind.crash, .tornCrash, .error(EIO), .error(ENOSPC), .lasting(ENOSPC), .lasting(EDQUOT),
        ], [nil, "Junk"] as [String?])
    func everyFault(_ kind: Faults.Kind, _ folder: String?) throws {
        var call = 1
        while true {
            let path = scratch.file("box-\(call)")
            let destination = Destination.maildir(path: path, folder: try folder.map { try FolderName(parts: [$0]) })
            let new = folder.map { "\(path)/.\($0)/new" } ?? "\(path)/new"
            let name = try DeliveryName.queued(id: "17.abc.hub", recipient: 1)
            let faults = Faults(kind, at: call)
            var order = DeliveryOrder(to: destination, as: name)
            let first = try? DeliveryDoor(faults: faults).deliver(order, nextChunk: source(text))
            #expect(contents(new).allSatisfy { $0 == text }, "\(kind) at call \(call)")
            if first != nil { #expect(contents(new) == [text], "\(kind) at call \(call)") }
            order.earlier = EarlierCopy(ofQueued: "17.abc.hub", for: [1])
            let again = try DeliveryDoor().deliver(order, nextChunk: source(text))
            #expect(contents(new) == [text], "\(kind) at call \(call)")
            #expect(ScratchDirectory.names(in: (new.dropLast(3)) + "tmp").isEmpty, "\(kind) at call \(call)")
            if first != nil { #expect(again.wasThere) }
            if !faults.isHit { break }
            call += 1
        }
        #expect(call > 10)
    }

    @Test("knows its delivery again after a reader moved it", arguments: ["new", "cur", "folder"])
    func movedMeanwhile(_ place: String) throws {
        let path = scratch.file("a")
        let name = try DeliveryName.queued(id: "17.abc.hub", recipient: 3)
        var order = DeliveryOrder(to: .maildir(path: path, folder: nil), as: name)
        _ = try DeliveryDoor().deliver(order, nextChunk: source(text))
        let file = try #require(ScratchDirectory.names(in: path + "/new").first)
        if place == "cur" { unsafe rename("\(path)/new/\(file)", "\(path)/cur/\(file):2,RS") }
        if place == "folder" {
            _ = try Maildir(path: path, making: false).makeFolder(try FolderName(parts: ["Old"]))
            unsafe rename("\(path)/new/\(file)", "\(path)/.Old/cur/\(file):2,S")
        }
        order.earlier = EarlierCopy(ofQueued: "17.abc.hub", for: [3])
        #expect(try DeliveryDoor().deliver(order, nextChunk: source(text)).wasThere)
        #expect(contents(path + "/new").count == (place == "new" ? 1 : 0))
    }

    @Test("knows a copy that is named after another of its recipients, and no other one")
    func otherNumber() throws {
        func copies() -> Int { contents(scratch.file("a/new")).count }
        func order(_ id: String, _ number: Int) throws -> DeliveryOrder {
            DeliveryOrder(
                to: .maildir(path: scratch.file("a"), folder: nil), as: try .queued(id: id, recipient: number),
                earlier: EarlierCopy(ofQueued: id, for: [1, 2, 30]))
        }
        #expect(try !DeliveryDoor().deliver(order("17.abc.hub", 30), nextChunk: source(text)).wasThere)
        #expect(try DeliveryDoor().deliver(order("17.abc.hub", 1), nextChunk: source(text)).wasThere)
        #expect(copies() == 1)
        // The third recipient's copy, another message's, and one whose id only begins like this.
        for name in [
            "17.Q17.abd.hub.3.hub,S=1", "17.Q17.abc.hub.3.hub,S=1", "17.Q17.abd.hub.1x,S=1", "17.F17.abd.hub.1.h",
        ] {
            scratch.write("x", to: "a/new/\(name)")
        }
        #expect(try !DeliveryDoor().deliver(order("17.abd.hub", 2), nextChunk: source(text)).wasThere)
        #expect(copies() == 6)
    }

    @Test("tells the free space of a disk before the mailbox is made")
    func freeSpace() throws {
        let there = try Destination.maildir(path: scratch.path, folder: nil).freeOctets()
        let missing = try Destination.maildir(path: scratch.file("not/yet/made"), folder: nil).freeOctets()
        #expect(there > 0 && missing > 0)
        #expect(ScratchDirectory.names(in: scratch.path).isEmpty)
    }

    @Test("takes an equal file in new for the same delivery even when nobody remembers it")
    func forgotten() throws {
        let path = scratch.file("a")
        let order = DeliveryOrder(
            to: .maildir(path: path, folder: nil), as: try .queued(id: "17.abc.hub", recipient: 3))
        #expect(try !DeliveryDoor().deliver(order, nextChunk: source(text)).wasThere)
        #expect(try DeliveryDoor().deliver(order, nextChunk: source(text)).wasThere)
        #expect(contents(path + "/new") == [text])
        #expect(ScratchDirectory.names(in: path + "/tmp").isEmpty)
    }
}
