// Copies in Maildirs under every fault: nothing half, nothing lost that was told delivered, nothing twice on retry.

import DurableFiles
import Glibc
import MailEnvelope
import MailTestKit
import MaildirStore
import MessageContent
import Testing

@testable import Delivery

@Suite("Delivery into a Maildir")
struct MaildirAgentTests {
    private let scratch = ScratchDirectory()
    private let text = Array("Subject: x\n\nbody\n".utf8)

    private func message(to recipients: Int = 1, top: String = "") throws -> Prepared {
        let envelope = Envelope(
            reversePath: .null, recipients: try (0..<recipients).map { .init(try .init("a\($0)@x.example")) })
        return Prepared(Message(envelope, ContentInMemory(text)), top: Array(top.utf8))
    }

    private func agent(
        to path: String, folder: String? = nil, _ name: DeliveryName, earlier: EarlierCopy? = nil, faults: Faults? = nil
    ) throws -> MaildirAgent {
        MaildirAgent(
            to: Destination(maildir: path, folder: try folder.map { try FolderName(parts: [$0]) }), as: name,
            place: try CopyPlace(mailbox: "alice", folder: folder), earlier: earlier, in: OpenMaildirs(faults: faults))
    }

    private func contents(_ path: String) -> [[UInt8]] {
        ScratchDirectory.names(in: path).compactMap { ScratchDirectory.read("\(path)/\($0)") }
    }

    @Test("makes the Maildir and one copy, what is prepared on top, and tells each recipient so")
    func plain() throws {
        let verdicts = try agent(to: scratch.file("a"), .random(seconds: 1)).deliver(message(to: 2))
        let delivered = Verdict.delivered(
            .copied(try CopyPlace(mailbox: "alice")), .success(1, 5), text: "delivered to the mailbox alice")
        #expect(verdicts == [delivered, delivered])
        #expect(contents(scratch.file("a/new")) == [text])
        let top = "Return-Path: <>\n"
        let junk = try agent(to: scratch.file("a"), folder: "Junk", .random(seconds: 1)).deliver(message(top: top))
        #expect(junk.map(\.text) == ["delivered to the mailbox alice/Junk"])
        #expect(contents(scratch.file("a/.Junk/new")) == [Array(top.utf8) + text])
    }

    @Test("a folder that a step has asked for is the one it goes to; the record stays that of the mailbox")
    func folderOfStep() throws {
        struct Filing: Inspector {
            let name = "filing"
            func inspect(_ message: Message) -> InspectionResult { InspectionResult(folder: "Lists/Swift") }
        }
        let message = Plan([.inspector(Filing())]).run(on: try message().message) {
            preconditionFailure("no content step")
        }
        let verdicts = try agent(to: scratch.file("a"), .random(seconds: 1)).deliver(message)
        #expect(verdicts.map(\.kind) == [.delivered(.copied(try CopyPlace(mailbox: "alice")))])
        #expect(contents(scratch.file("a/.Lists.Swift/new")) == [text] && contents(scratch.file("a/new")).isEmpty)
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
            let new = folder.map { "\(path)/.\($0)/new" } ?? "\(path)/new"
            let name = try DeliveryName.queued(id: "17.abc.hub", recipient: 1)
            let faults = Faults(kind, at: call)
            let first = try agent(to: path, folder: folder, name, faults: faults).deliver(message())[0]
            #expect(contents(new).allSatisfy { $0 == text }, "\(kind) at call \(call)")
            #expect(first.isFinal == (contents(new) == [text] && first.isFinal), "\(kind) at call \(call)")
            if !first.isFinal { #expect(first.kind == .temporary, "\(kind) at call \(call)") }
            let earlier = EarlierCopy.queued(id: "17.abc.hub", recipients: [1])
            let again = try agent(to: path, folder: folder, name, earlier: earlier).deliver(message())[0]
            #expect(again.isFinal)
            #expect(contents(new) == [text], "\(kind) at call \(call)")
            #expect(ScratchDirectory.names(in: (new.dropLast(3)) + "tmp").isEmpty, "\(kind) at call \(call)")
            if !faults.isHit { break }
            call += 1
        }
        #expect(call > 10)
    }

    @Test("knows its delivery again after a reader moved it", arguments: ["new", "cur", "folder"])
    func movedMeanwhile(_ place: String) throws {
        let path = scratch.file("a")
        let name = try DeliveryName.queued(id: "17.abc.hub", recipient: 3)
        try agent(to: path, name).copy(message())
        let file = try #require(ScratchDirectory.names(in: path + "/new").first)
        if place == "cur" { unsafe rename("\(path)/new/\(file)", "\(path)/cur/\(file):2,RS") }
        if place == "folder" {
            _ = try Maildir(path: path, making: false).makeFolder(try FolderName(parts: ["Old"]))
            unsafe rename("\(path)/new/\(file)", "\(path)/.Old/cur/\(file):2,S")
        }
        try agent(to: path, name, earlier: EarlierCopy.queued(id: "17.abc.hub", recipients: [3])).copy(message())
        #expect(contents(path + "/new").count == (place == "new" ? 1 : 0))
    }

    @Test("knows a copy that is named after another of its recipients, and no other one")
    func otherNumber() throws {
        func copies() -> Int { contents(scratch.file("a/new")).count }
        func deliver(_ id: String, _ number: Int) throws {
            let earlier = EarlierCopy.queued(id: id, recipients: [1, 2, 30])
            try agent(to: scratch.file("a"), .queued(id: id, recipient: number), earlier: earlier).copy(message())
        }
        try deliver("17.abc.hub", 30)
        try deliver("17.abc.hub", 1)
        #expect(copies() == 1)
        // The third recipient's copy, another message's, and one whose id only begins like this.
        for name in [
            "17.Q17.abd.hub.3.hub,S=1", "17.Q17.abc.hub.3.hub,S=1", "17.Q17.abd.hub.1x,S=1", "17.F17.abd.hub.1.h",
        ] {
            scratch.write("x", to: "a/new/\(name)")
        }
        try deliver("17.abd.hub", 2)
        #expect(copies() == 6)
    }

    @Test("takes an equal file in new for the same delivery even when nobody remembers it")
    func forgotten() throws {
        let path = scratch.file("a")
        for _ in 0..<2 { try agent(to: path, .queued(id: "17.abc.hub", recipient: 3)).copy(message()) }
        #expect(contents(path + "/new") == [text])
        #expect(ScratchDirectory.names(in: path + "/tmp").isEmpty)
    }

    @Test("tells the free space of a disk before the mailbox is made")
    func freeSpace() throws {
        let there = try Destination(maildir: scratch.path).freeOctets()
        let missing = try Destination(maildir: scratch.file("not/yet/made")).freeOctets()
        #expect(there > 0 && missing > 0)
        #expect(ScratchDirectory.names(in: scratch.path).isEmpty)
    }

    @Test("a full mailbox, a full disk and a message too large are told apart; strangers hear nothing of our files")
    func meanings() throws {
        func error(_ code: Int32) -> DeliveryError {
            DeliveryError(DurableError(operation: "write", path: "/home/alice/Mail/tmp/x", code: code))
        }
        let cases: [(DeliveryError, String, String)] = [
            (error(ENOSPC), "4.3.1", "the disk is full; try again later"),
            (error(EDQUOT), "4.2.2", "the mailbox is full; try again later"),
            (error(EFBIG), "4.3.4", "the message is too large for now; try again later"),
            (error(EIO), "4.3.0", "the message could not be stored; try again later"),
            (error(EACCES), "4.3.5", "the message could not be stored; try again later"),
            (
                DeliveryError(MaildirError.notOurs(.foreignOwner(path: "/m", owner: 1, own: 2))), "4.3.5",
                "the message could not be stored; try again later"
            ),
            (
                DeliveryError(MaildirError.tooManyMessages(path: "/m", limit: 9)), "4.2.2",
                "the mailbox is full; try again later"
            ),
        ]
        for (error, status, words) in cases {
            #expect("\(error.verdict.status)" == status && error.verdict.text == "\(error)", "\(error)")
            #expect(error.verdict.kind == .temporary)
            #expect(error.verdictForStrangers.text == words && "\(error.verdictForStrangers.status)" == status)
        }
    }
}
