// Delivery into the hub's own mailboxes: one copy for all names of a mailbox, through crashes, edits of the rc, full disks.

import Blocking
import Glibc
import MailEnvelope
import MailFormat
import MailTestKit
import MessageContent
import Reporting
import RunControl
import SpoolQueue
import Testing

@testable import mhcarry

@Suite("Local delivery")
struct LocalDeliveryTests {
    private let scratch = ScratchDirectory()

    /// The hub by an rc in which alice has these addresses besides her own.
    private func hub(
        alice more: [String] = [], maildirs: String = "mail", bob: String? = nil, freeSpace: Int? = nil
    ) throws -> CarrierHub {
        let path = scratch.write(
            """
            hostname hub.example
            state \(scratch.file("state"))
            maildirs \(scratch.file(maildirs))/%m
            log none
            free-space 0
            mailbox alice
                address \((["alice@home.example", "a.*@home.example"] + more).joined(separator: "\n    address "))
            mailbox bob
                address bob@home.example
                maildir \(bob ?? scratch.file("\(maildirs)/bob"))
            account one
                address alice@one.example
                auth off
                tls off
                send smtp 127.0.0.1:9
            """ + "\n", to: "rc")
        var settings = try HubSettings.load(explicitPath: path)
        if let freeSpace { settings.limits.freeSpace = freeSpace }
        return try CarrierHub(settings, log: try Log(program: "test", to: .nowhere), isForced: true)
    }

    private func queue(to recipients: [Envelope.Recipient], in hub: CarrierHub) throws -> QueueEntry {
        let envelope = Envelope(
            reversePath: .address(try Address("x@far.example")), recipients: recipients)
        let acceptance = Acceptance(arrival: Clock.seconds(), source: .unixUser(0))
        let content = ContentInMemory(Array("Subject: x\n\nx\n".utf8))
        let id = try hub.queue.add(Prepared(Message(envelope, content)), acceptance)
        return try #require(try hub.queue.find(id))
    }

    private func queue(to recipients: [String], in hub: CarrierHub) throws -> QueueEntry {
        try queue(to: recipients.map { .init(try Address($0)) }, in: hub)
    }

    private func lock(_ id: QueueID, in hub: CarrierHub) throws -> LockedMessage {
        // A child that another test has just forked holds our descriptors, and with them old locks, until its exec.
        let deadline = Deadline(after: .seconds(10))
        while true {
            do {
                return try #require(try hub.queue.lock(id: id))
            } catch QueueError.busy where !deadline.hasPassed {
                sched_yield()
            }
        }
    }

    /// Carries the message to where it goes; what goes out by an account has this fault.
    private func carry(_ id: QueueID, in hub: CarrierHub, fault: HopFault? = nil) throws {
        let entry = try #require(try hub.queue.find(id))
        _ = try Play(hub).carry(entry, faults: [:]) { part in
            fault.map { .results([HopResult(part.recipients, $0.verdict)], fault: $0) } ?? .left
        }
    }

    private func state(_ id: QueueID, in hub: CarrierHub) throws -> MessageState {
        try #require(try hub.queue.find(id).flatMap { try hub.queue.peek($0) }).state
    }

    /// Makes the copy for these recipients in an attempt that dies before it is written down.
    private func die(_ id: QueueID, in hub: CarrierHub, behind recipients: [Int]) throws {
        let (job, promise) = (Job(try #require(try hub.queue.find(id))), Promise<Assignment?>())
        _ = Recorder(hub: hub).carryOut([.begin(job, .mailbox("alice"), promise)])
        let assignment = try #require(promise.wait())
        #expect(assignment.recipients == recipients)
        let copy = LocalDelivery(to: "alice", hub: hub).carryOut(assignment)
        #expect(copy.kind == .delivered(.copied(try CopyPlace(mailbox: "alice"))))
        job.attempt?.message.unlock()
    }

    private func mail(of name: String) -> [String] {
        ["new", "cur", ".Old/cur"].flatMap { part in
            ScratchDirectory.names(in: scratch.file("mail/\(name)/\(part)")).map {
                String(decoding: ScratchDirectory.read(scratch.file("mail/\(name)/\(part)/\($0)")) ?? [], as: UTF8.self)
            }
        }
    }

    @Test("all names of a mailbox share one copy, which tells each of them once")
    func oneCopy() throws {
        let hub = try hub()
        let to = [
            "bob@home.example", "alice@home.example", "ALICE@home.example", "a.shop@home.example",
            "alice@home.example", "alice@hub.example",
        ]
        try carry(try queue(to: to, in: hub).id, in: hub)
        #expect(try hub.queue.list().entries.isEmpty)
        #expect(mail(of: "bob").map { $0.contains("X-Original-To") } == [false])
        let copies = mail(of: "alice")
        #expect(copies.count == 1)
        #expect(
            copies.first?.hasPrefix(
                """
                Return-Path: <x@far.example>
                X-Original-To: alice@home.example
                X-Original-To: ALICE@home.example
                X-Original-To: a.shop@home.example
                X-Original-To: alice@hub.example
                Delivered-To: alice@home.example
                Subject: x
                """) == true, "\(copies)")
    }

    @Test("the copy is there for every name: none waits, and each keeps what its sender asked to be told")
    func everyName() throws {
        let hub = try hub()
        let recipients: [Envelope.Recipient] = [
            .init(try Address("alice@home.example"), notify: .on(.success)),
            .init(try Address("alice@hub.example"), notify: .on(.success)),
            .init(try Address("z@far.example")),
        ]
        let id = try queue(to: recipients, in: hub).id
        try carry(id, in: hub)
        let state = try state(id, in: hub)
        #expect(state.recipients.map(\.progress) == [.delivered, .delivered, .waiting])
        #expect(state.recipients[0].place != nil && state.recipients[0].place == state.recipients[1].place)
        #expect(state.recipients.map(\.notify) == [.on(.success), .on(.success), .unspecified])
    }

    @Test("a name that comes to the mailbox in a later attempt makes no second copy")
    func laterName() throws {
        let first = try hub()
        let entry = try queue(to: ["alice@home.example", "other@far.example"], in: first)
        try carry(entry.id, in: first, fault: HopFault("down"))
        #expect(mail(of: "alice").count == 1)
        // The rc is edited: alice has that address now, and her Maildir is elsewhere.
        let second = try hub(alice: ["other@far.example"], maildirs: "new-mail")
        try carry(entry.id, in: second)
        #expect(mail(of: "alice").count == 1)
        #expect(ScratchDirectory.names(in: scratch.file("new-mail")).isEmpty)
        #expect(try second.queue.list().entries.isEmpty)
    }

    @Test(
        "after a death the copy is found whichever of its recipients it is named after",
        arguments: ["new", "cur", "Old"])
    func diedUnderAnotherNumber(_ place: String) throws {
        let hub = try hub()
        let id = try queue(to: ["alice@home.example", "alice@hub.example", "bob@home.example"], in: hub).id
        try die(id, in: hub, behind: [0, 1])
        let file = try #require(ScratchDirectory.names(in: scratch.file("mail/alice/new")).first)
        #expect(file.contains(".Q\(id).0."))
        if place == "cur" {
            #expect(moveFile(scratch.file("mail/alice/new/\(file)"), to: scratch.file("mail/alice/cur/\(file):2,S")))
        } else if place == "Old" {
            for part in ["", "/tmp", "/new", "/cur"] { unsafe mkdir(scratch.file("mail/alice/.Old\(part)"), 0o700) }
            #expect(
                moveFile(scratch.file("mail/alice/new/\(file)"), to: scratch.file("mail/alice/.Old/cur/\(file):2,S")))
        }
        do {
            // A person gives up the one whose number it bears.
            let message = try lock(id, in: hub)
            try message.fail([0], .permanent(0, 0, text: "given up"))
            message.unlock()
        }
        try carry(id, in: hub)
        #expect(mail(of: "alice").count == 1)
        #expect(mail(of: "bob").count == 1, "the same crash hides nobody else's copy")
    }

    @Test("another message's copy, and another mailbox's, hide nothing")
    func strangers() throws {
        let hub = try hub()
        let one = try queue(to: ["alice@home.example", "bob@home.example"], in: hub).id
        try lock(one, in: hub).beginAttempt(next: Clock.seconds() + 60)
        let two = try queue(to: ["alice@home.example"], in: hub).id
        try carry(two, in: hub)
        try carry(one, in: hub)
        #expect(mail(of: "alice").count == 2 && mail(of: "bob").count == 1)
    }

    @Test("SE14: a copy that is known to be another mailbox's hides nobody's, though the Maildir has changed hands")
    func changedHands() throws {
        let first = try hub()
        let id = try queue(to: ["alice@home.example", "bob@home.example"], in: first).id
        do {
            let message = try lock(id, in: first)
            try message.beginAttempt(next: Clock.seconds() + 60)
            let assignment = Assignment(
                job: Job(message.entry), recipients: [0], routes: [:], questions: [:], message: message.message,
                acceptance: message.acceptance, state: message.state, hasDied: false)
            let copy = LocalDelivery(to: "alice", hub: first).carryOut(assignment)
            #expect(copy.kind == .delivered(.copied(try CopyPlace(mailbox: "alice"))))
            try message.record([AttemptResult(recipients: [0], copy)], at: Clock.seconds(), isLast: false)
        }
        // The attempt has died there. Bob takes over alice's old Maildir.
        let second = try hub(maildirs: "new-mail", bob: scratch.file("mail/alice"))
        try carry(id, in: second)
        #expect(mail(of: "alice").count == 2)
        #expect(try second.queue.list().entries.isEmpty)
    }

    @Test("below free-space the message waits, and no try is counted")
    func tooLittleSpace() throws {
        let full = try hub(freeSpace: .max - 1)
        let entry = try queue(to: ["alice@home.example", "alice@hub.example"], in: full)
        try carry(entry.id, in: full)
        let state = try state(entry.id, in: full)
        #expect(state.recipients.map(\.progress) == [.waiting, .waiting] && state.tries == 0)
        #expect(state.recipients[0].verdict?.status == .transient(3, 1))
        #expect(state.recipients.allSatisfy { $0.next > Clock.seconds() })
        #expect(mail(of: "alice").isEmpty)
        try carry(entry.id, in: try hub())
        #expect(mail(of: "alice").count == 1)
    }
}
