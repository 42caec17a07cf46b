// The form of drop files, and what is taken in of them.

import Blocking
import DurableFiles
import Glibc
import MailEnvelope
import MailFormat
import MailTestKit
import Octets
import RunControl
import SpoolQueue
import Synchronization
import Testing

@testable import mhsend

@Suite("Drop files")
struct DropFileTests {
    private let scratch = ScratchDirectory()

    private func full() throws -> Submission {
        var submission = Submission()
        submission.reversePath = .address(try Address("alice"))
        submission.recipients = [
            .init(try Address("bob"), notify: .never),
            .init(
                try Address("\"a <b\"@c.example"), notify: .on([.success, .delay]),
                originalRecipient: OriginalRecipient(type: "rfc822", address: "x>y")),
        ]
        (submission.readsRecipients, submission.readsAuthor, submission.hasSenderLine) = (true, true, true)
        submission.fullName = EnvelopeText(cleaning: "A: B <c> ü")
        submission.account = EnvelopeText(cleaning: "one")
        submission.notify = .on(.failure)
        submission.returnContent = .headers
        submission.envelopeID = EnvelopeText(cleaning: "id=7 ")
        (submission.bodyType, submission.smtpUTF8) = (.eightBitMIME, true)
        return submission
    }

    @Test("fields come back as they were written, all of them and none")
    func fields() throws {
        var least = Submission()
        least.recipients = [.init(try Address("bob@home.example"))]
        var null = least
        null.reversePath = .null
        for submission in [try full(), least, null] {
            let octets = DropFile.fields(of: submission)
            #expect(octets.suffix(2) == [10, 10])
            #expect(try DropFile.submission(reading: octets.dropLast()) == submission)
        }
        let line = DropFile.firstLine(name: "1.aaaaaaaaaaaaaaaaaaaa.hub", octets: 70_000_000, checksum: 255)
        #expect(
            String(decoding: line, as: UTF8.self)
                == "X-Mailhub-Drop: 1 1.aaaaaaaaaaaaaaaaaaaa.hub 0070000000 000000ff\n")
        let read = try DropFile.firstLine(of: line + [0x41])
        #expect(
            read == .init(name: "1.aaaaaaaaaaaaaaaaaaaa.hub", octets: 70_000_000, checksum: 255, length: line.count))
    }

    @Test("a field that is not ours, stands wrong or says nobody is a fault, and none stops the program")
    func faults() throws {
        for text in [
            "", "\n", "Sender: <a@b>\n", "Recipient: bob\n", "Recipient: <bob\n", "Recipient: <>\n",
            "Recipient: X=1 <bob>\n",
            "Identity: alice\nRecipient: <bob>\n", "Source: unix 0\nRecipient: <bob>\n", "Route: x\nRecipient: <bob>\n",
            "Notify: perhaps\nRecipient: <bob>\n", "Body: BINARYMIME\nRecipient: <bob>\n",
            "Read: all\nRecipient: <bob>\n",
            "Account: a\u{1}b\nRecipient: <bob>\n", "recipient: <bob>\n", "Recipient\n",
        ] {
            #expect(throws: DropFault.self, "\(text)") { _ = try DropFile.submission(reading: Array(text.utf8)[...]) }
        }
        var generator = SplitMix(seed: 11)
        let good = DropFile.firstLine(name: "1.a.hub", octets: 1, checksum: 1) + DropFile.fields(of: try full())
        for _ in 0..<20_000 {
            var octets = good
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                octets[Int.random(in: octets.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            do throws(DropFault) {
                let first = try DropFile.firstLine(of: octets)
                let submission = try DropFile.submission(reading: octets[first.length...])
                #expect(!DropFile.fields(of: submission).contains { $0 == 13 || $0 == 0 })
            } catch {}  // what is expected of most
        }
    }

    /// A hub of the one who runs this test, with a drop directory.
    private func intake(_ events: Box) throws -> DropIntake {
        var settings = HubSettings()
        (settings.hostname, settings.qualify) = ("hub.example", "home.example")
        settings.stateDirectory = scratch.file("state")
        settings.limits.freeSpace = 0
        let queue = try Queue(state: settings.stateDirectory)
        let drop = try Directory(path: scratch.file("drop"), making: 0o700)
        return DropIntake(settings: settings, queue: queue, drop: drop) { events.lines.append($0.line) }
    }

    private final class Box { var lines: [String] = [] }

    /// Leaves a message, as a user who is not root: as root it is nobody's.
    private func leave(_ text: [UInt8]) throws -> String {
        var submission = Submission()
        submission.recipients = [.init(try Address("bob"))]
        let writer = try DropWriter(submission, in: scratch.file("drop"))
        try writer.append(text)
        let name = try writer.finish()
        if geteuid() == 0 { _ = unsafe chown(scratch.file("drop/\(name)"), 65_534, 65_534) }
        return name
    }

    @Test("SE1: a file that changes while it is read is taken whole as it was written, or not at all")
    func changing() throws {
        let events = Box()
        let intake = try intake(events)
        let body = [UInt8](repeating: 0x61, count: 3 << 20)
        var taken = 0
        for _ in 0..<8 {
            let name = try leave(Array("Subject: x\n\n".utf8) + body + [10])
            let path = scratch.file("drop/\(name)")
            let descriptor = unsafe open(path, O_WRONLY)
            defer { close(descriptor) }
            let stop = try BackgroundWriter().start(descriptor)
            defer { stop() }
            try intake.run()
            if !ScratchDirectory.names(in: scratch.file("drop")).contains(name) { taken += 1 }
        }
        #expect(taken == 8, "each was taken or put aside: \(events.lines)")
        for entry in try intake.queue.list().entries {
            let message = try #require(try intake.queue.peek(entry))
            let octets = try message.content.read(atMost: 4 << 20, at: 0)
            #expect(octets.count(where: { $0 == 0x62 }) == 0, "half of one and half of another")
        }
        let aside = ScratchDirectory.names(in: scratch.file("state/drop-refused"))
        #expect(try intake.queue.list().entries.count + aside.count == 8)
    }

    @Test("SE1: what a writer did not finish is not there, and a day later it is gone")
    func unfinished() throws {
        let events = Box()
        let intake = try intake(events)
        let drop = scratch.file("drop")
        do {
            var submission = Submission()
            submission.recipients = [.init(try Address("bob"))]
            let writer = try DropWriter(submission, in: drop)
            try writer.append(Array("Subject: x\n".utf8))
            #expect(ScratchDirectory.names(in: drop).count == 1)
        }
        #expect(ScratchDirectory.names(in: drop).isEmpty, "a writer that gives up leaves nothing")
        scratch.write("x", to: "drop/.1700000000.aaaaaaaaaaaaaaaaaaaa.hub")
        try intake.run()
        #expect(ScratchDirectory.names(in: drop).count == 1 && events.lines.isEmpty)
        let staged = scratch.file("state/queue/tmp/1700000000.aaaaaaaaaaaaaaaaaaaa.hub.u7,1.a.hub,S=1,R=0")
        scratch.write("x", to: "state/queue/tmp/1700000000.aaaaaaaaaaaaaaaaaaaa.hub.u7,1.a.hub,S=1,R=0")
        _ = try intake.queue.clean(now: time(nil) + 400 * 86_400)
        #expect(unsafe access(staged, F_OK) == 0, "no age takes away what may be the only copy")
    }

    @Test("SE1: what one user may bring at once is bounded, and another's comes in all the same")
    func shares() throws {
        let events = Box()
        let intake = try intake(events)
        for _ in 0..<3 { _ = try leave(Array("Subject: x\n\n".utf8) + [UInt8](repeating: 0x61, count: 40 << 20)) }
        try intake.run()
        #expect(events.lines.filter { $0.hasPrefix("taken ") }.count == 2, "\(events.lines)")
        #expect(events.lines.last == "waiting 1")
        try intake.run()
        #expect(events.lines.filter { $0.hasPrefix("taken ") }.count == 3, "\(events.lines)")
    }

    @Test("SE1: with too little room on the disk all of it waits")
    func lowSpace() throws {
        let events = Box()
        let good = try intake(events)
        var settings = good.settings
        settings.limits.freeSpace = .max
        _ = try leave(Array("Subject: x\n\nx\n".utf8))
        try DropIntake(settings: settings, queue: good.queue, drop: good.drop) { events.lines.append($0.line) }.run()
        #expect(events.lines == ["waiting 1"])
        try good.run()
        #expect(events.lines.count == 2)
    }
}

/// Writes to the middle of a file without end, from a thread of its own.
private final class BackgroundWriter: Sendable {
    private let isOver = Atomic(false)

    /// - Returns: what ends it.
    func start(_ descriptor: Int32) throws -> () -> Void {
        let thread = try BlockingThread(name: "writer") { [self] in
            var octet: UInt8 = 0x62
            while !isOver.load(ordering: .relaxed) { _ = unsafe pwrite(descriptor, &octet, 1, 2 << 20) }
        }
        return { [self] in
            isOver.store(true, ordering: .relaxed)
            thread.join()
        }
    }
}
