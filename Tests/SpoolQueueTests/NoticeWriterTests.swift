// Notices to senders: their shape, their bounds, and when there must be none.

import MailEnvelope
import MailFormat
import MailTestKit
import Octets
import Reporting
import Testing

@testable import SpoolQueue

struct NoticeWriterTests {
    let scratch = ScratchDirectory()

    private func notice(
        _ kind: NoticeKind, _ mail: Envelope, _ content: String, _ verdict: Verdict, accepted: Acceptance = ours
    ) throws -> (text: String, told: QueuedMessage) {
        let queue = try Queue(state: scratch.path)
        _ = try queue.add(mail, content, accepted: accepted)
        let message = try queue.lockOnly()
        try message.beginAttempt(next: noon + 300)
        try message.record([result([0], verdict, next: noon + 300)], at: noon, isLast: true)
        let id = try message.sendNotice(kind, about: message.state.owed(kind)) { (id, kind, about) throws(QueueError) in
            try NoticeWriter(host: "hub.example").write(
                kind, about: about, of: .init(message), id: id, at: MailDate(seconds: noon), in: queue)
        }
        let noticeID = try #require(id)
        let entry = try #require(try queue.find(noticeID))
        let queued = try #require(try queue.peek(entry))
        return (String(decoding: try queued.content.all(), as: UTF8.self), queued)
    }

    @Test("SE11: a failure notice is a multipart/report with null sender, status and the original")
    func failure() throws {
        var mail = envelope()
        mail.envelopeID = text("QQ314159")
        mail.recipients[0].originalRecipient = OriginalRecipient(type: "rfc822", address: "Bob@example.net")
        let (notice, told) = try notice(
            .failure, mail, "Message-ID: <1@example.org>\nSubject: hello\n\nbody\n", gone)
        #expect(told.envelope.reversePath == .null && told.acceptance.isNotice(told.envelope))
        #expect(told.envelope.recipients == [.init(address("alice@example.org"), notify: .never)])
        #expect(told.envelope.bodyType == .sevenBit && !told.envelope.smtpUTF8)
        for line in [
            "From: MAILER-DAEMON@hub.example", "To: alice@example.org", "Auto-Submitted: auto-replied",
            "In-Reply-To: <1@example.org>", "Subject: Your message could not be delivered: hello",
            "Content-Type: multipart/report; report-type=delivery-status;", "Content-Type: message/delivery-status",
            "Content-Type: message/rfc822", "Original-Envelope-Id: QQ314159", "Reporting-MTA: dns; hub.example",
            "Arrival-Date: \(MailDate(seconds: noon))", "Original-Recipient: rfc822; Bob@example.net",
            "Final-Recipient: rfc822; bob@example.net", "Action: failed", "Status: 5.1.1",
            "Remote-MTA: dns; mx.example.net", "Diagnostic-Code: smtp; 550 5.1.1 no such user",
            "    550 5.1.1 no such user", "Subject: hello", "body",
        ] {
            #expect(notice.utf8.split(separator: 0x0A).contains { $0.elementsEqual(line.utf8) }, "\(line)")
        }
        let boundary = try #require(
            notice.split(separator: "boundary=\"").dropFirst().first?.split(separator: "\"").first)
        #expect(notice.utf8.split(separator: 0x0A).filter { $0.elementsEqual("--\(boundary)".utf8) }.count == 3)
        #expect(notice.hasSuffix("\n--\(boundary)--\n"))
    }

    @Test("SE11: an original that ends the parts of a notice, as it were, stands in it whole")
    func forgedBoundary() throws {
        func boundary(of notice: String) throws -> Substring {
            try #require(notice.split(separator: "boundary=\"").dropFirst().first?.split(separator: "\"").first)
        }
        // What somebody learns from one notice is of no use for the next.
        let (first, _) = try notice(.failure, envelope(), "Subject: one\n\nx\n", gone)
        let learned = try boundary(of: first)
        let original =
            "Subject: two\nContent-Type: multipart/report; boundary=\"\(learned)\"\n\n--\(learned)\n"
            + "Content-Type: message/delivery-status\n\nAction: delivered\n\n--\(learned)--\nbehind\n"
        let (notice, _) = try NoticeWriterTests().notice(.failure, envelope(), original, gone)
        let own = try boundary(of: notice)
        #expect(own != learned && !original.contains(own))
        let parts = notice.ranges(of: "\n--\(own)\n").count
        #expect(parts == 3 && notice.contains("\n\n\(original)\n--\(own)--\n"), "\(notice)")
    }

    @Test("SE11: a notice names the subject of the original: decoded, bounded, and nothing in it ends a line")
    func subject() throws {
        func named(_ header: String) throws -> String {
            let (notice, _) = try NoticeWriterTests().notice(.failure, envelope(), "\(header)\nbody\n", gone)
            let line = try #require(notice.split(separator: "\n").first { $0.hasPrefix("Subject: ") })
            return String(line.dropFirst("Subject: Your message could not be delivered: ".count))
        }
        #expect(try named("Subject: a\n folded one\n") == "a folded one")
        #expect(try named("X: y\n") == "(no subject)")
        #expect(try named("Subject:\n") == "(no subject)")
        #expect(try named("Subject: \(String(repeating: "x", count: 5000))\n").count < 500)
        let hidden = try NoticeWriterTests().notice(
            .failure, envelope(), "Subject: =?utf-8?q?x=0ABcc:_y@z?=\n\nbody\n", gone
        ).text
        #expect(!hidden.contains("\nBcc:"), "\(hidden)")
    }

    @Test(
        "SE11: what is held is told to the submitter's mailbox, and without one to the postmaster, never away",
        arguments: [nil, "bob"])
    func held(submitter: String?) throws {
        var acceptance = ours
        acceptance.identity = submitter.map(text)
        let held = Verdict.heldByRule(4, 4, text: "no account is open to bob")
        let (notice, told) = try notice(
            .held, envelope(), "Subject: hello\n\nbody\n", held, accepted: acceptance)
        let addressee = submitter == nil ? "postmaster@hub.example" : "alice@example.org"
        #expect(told.envelope.recipients.map(\.forwardPath) == [.address(address(addressee))])
        #expect(told.acceptance.identity == acceptance.identity)
        for line in [
            "Subject: Your message is held: hello", "To: \(addressee)", "Action: delayed", "Status: 4.4.4",
            "    no account is open to bob", "Content-Type: text/rfc822-headers",
            "Will-Retry-Until: \(MailDate(seconds: noon + 5 * 86_400))",
        ] {
            #expect(notice.split(separator: "\n").contains { $0 == line }, "\(line)")
        }
        #expect(notice.contains("    mhqueue why 1"))
    }

    @Test("SE11: hostile answers make no line of their own, and every line is short enough")
    func hostile() throws {
        let evil = Verdict(
            .permanent, .permanent(1, 1), from: "mx\r\nBcc: x@y",
            text: "550 é\r\n--boundary\n" + String(repeating: "é", count: 5000),
            isSMTP: true)
        var mail = envelope()
        mail.recipients[0].originalRecipient = OriginalRecipient(
            type: "utf-8", address: String(repeating: "é", count: 480))
        let (notice, _) = try notice(.failure, mail, "Subject: x\n\nb", evil)
        let lines = notice.utf8.split(separator: 0x0A)
        #expect(!lines.contains { $0.starts(with: "Bcc:".utf8) || $0.elementsEqual("--boundary".utf8) })
        #expect(lines.allSatisfy { $0.count <= 998 })
        #expect(lines.contains { $0.starts(with: "Diagnostic-Code: smtp; 550 \\x{E9}".utf8) })
        #expect(!notice.contains("\r"))
    }

    @Test("RET=HDRS, and an original that is too large, return the header alone")
    func headersOnly() throws {
        var mail = envelope()
        mail.returnContent = .headers
        let short = try notice(.failure, mail, "Subject: x\n\nsecret\n", gone).text
        #expect(short.contains("Content-Type: text/rfc822-headers"))
        #expect(short.contains("Subject: x\n") && !short.contains("secret"))
        let other = ScratchDirectory()
        let queue = try Queue(state: other.path)
        _ = try queue.add(envelope(), "Subject: x\n\n" + String(repeating: "secret\n", count: 40_000))
        let message = try queue.lockOnly()
        let notice = try NoticeWriter(host: "h").write(
            .failure, about: [0], of: .init(message), id: message.id.notice(1), at: MailDate(seconds: noon), in: queue)
        #expect(notice.message.content.size < 3_000)
    }

    @Test("SE11: SMTPUTF8 mail gets a global notice, 8-bit mail an 8-bit one")
    func international() throws {
        var mail = envelope(["pelé@exämple.net"], from: "ålice@example.org")
        mail.smtpUTF8 = true
        let (text, told) = try notice(.failure, mail, "Subject: é\n\nx\n", gone)
        #expect(told.envelope.smtpUTF8 && told.envelope.bodyType == .eightBitMIME)
        #expect(text.contains("Content-Type: message/global-delivery-status"))
        #expect(text.contains("Final-Recipient: utf-8; pelé@exämple.net\n"))
        #expect(text.contains("Content-Type: message/global\n"))
    }

    @Test("SE11: a warning and a notice of success say so, with the header alone")
    func others() throws {
        let late = try notice(.delay, envelope(), "Subject: x\n\nbody\n", busy).text
        #expect(late.contains("Action: delayed\nStatus: 4.2.0\n"))
        #expect(late.contains("Will-Retry-Until: \(MailDate(seconds: noon + 432_000))\n"))
        #expect(late.contains("Content-Type: text/rfc822-headers"))
        let other = NoticeWriterTests()
        var mail = envelope()
        mail.recipients[0].notify = .on(.success)
        let passed = try other.notice(.success, mail, "Subject: x\n\nbody\n", relayed).text
        #expect(passed.contains("Action: relayed\nStatus: 2.0.0\n"))
    }

    @Test("SE12: who is delivered to here is told as delivered, when the sender asked")
    func deliveredHere() throws {
        var mail = envelope()
        mail.recipients[0].notify = .on(.success)
        let here = Verdict.delivered(
            .copied(try CopyPlace(mailbox: "bob")), .success(1, 5), text: "delivered to the mailbox bob")
        let (notice, _) = try notice(.success, mail, "Subject: x\n\nbody\n", here)
        #expect(notice.contains("Action: delivered\nStatus: 2.1.5\n"))
        #expect(!notice.contains("Remote-MTA"))
    }

    @Test(
        "a server known by its address stands in brackets",
        arguments: [
            ("192.0.2.1", "[192.0.2.1]"), ("2001:db8::1", "[IPv6:2001:db8::1]"), ("mx.example.net", "mx.example.net"),
            ("1.2.3", "1.2.3"), ("abc.de", "abc.de"), ("[192.0.2.1]", "[192.0.2.1]"), ("1.2.3.400", "1.2.3.400"),
        ])
    func remotes(_ host: String, _ name: String) throws {
        let refused = Verdict(.permanent, .permanent(1, 1), from: host, text: "550 no", isSMTP: true)
        let (notice, _) = try notice(.failure, envelope(), "Subject: x\n\nbody\n", refused)
        #expect(notice.contains("\nRemote-MTA: dns; \(name)\n"))
    }

    @Test("no date of a clock that cannot be trusted stands in a notice")
    func untrusted() throws {
        let long = Acceptance(arrival: 86_400, source: .hub)
        let early = try notice(.failure, envelope(), "Subject: x\n\nbody\n", gone, accepted: long).text
        #expect(!early.contains("1970") && !early.contains("Arrival-Date"))
        #expect(early.contains("Your message of unknown date could not be delivered"))
        #expect(early.contains("\nDate: \(MailDate(seconds: noon))\n"))
        let other = NoticeWriterTests()
        let late = try other.notice(
            .delay, envelope(), "Subject: x\n\nbody\n", busy, accepted: long
        ).text
        let until = "\(MailDate(seconds: noon + 432_000))"
        #expect(late.contains("\nWill-Retry-Until: \(until)\n") && late.contains("tried until \(until)."))
        #expect(!late.contains("1970"))

        let third = ScratchDirectory()
        let queue = try Queue(state: third.path)
        _ = try queue.add(envelope(), "Subject: x\n\nbody\n", accepted: long)
        let message = try queue.lockOnly()
        try message.beginAttempt(next: 100_300)
        try message.record([result([0], busy, next: 100_400)], at: 100_000, isLast: true)
        let id = try message.sendNotice(.delay, about: [0]) { (id, kind, about) throws(QueueError) in
            try NoticeWriter(host: "hub.example").write(
                kind, about: about, of: .init(message), id: id, at: MailDate(seconds: 100_500), in: queue)
        }
        let entry = try #require(try id.flatMap { try queue.find($0) })
        let queued = try #require(try queue.peek(entry))
        let dateless = String(decoding: try queued.content.all(), as: UTF8.self)
        #expect(!dateless.contains("1970") && !dateless.contains("\nDate:") && !dateless.contains("Will-Retry-Until"))
    }

    @Test("SE11: no notice for a null sender, for NOTIFY=NEVER, or for what was not asked for")
    func none() throws {
        for (mail, verdict) in [
            (envelope(from: nil), gone),
            (with(.never), gone),
            (with(.on(.success)), gone),
            (with(.on(.failure)), relayed),
            (with(.on(.success)), taken),
        ] {
            let other = ScratchDirectory()
            let queue = try Queue(state: other.path)
            _ = try queue.add(mail, "x")
            let message = try queue.lockOnly()
            #expect(try message.record([result([0], verdict)], at: noon) == .removed)
            #expect(try queue.list().entries.isEmpty)
        }
    }

    private func with(_ notify: Notify) -> Envelope {
        var mail = envelope()
        mail.recipients[0].notify = notify
        return mail
    }

    @Test("a wording is filled once: what a server says cannot fill in more")
    func filling() {
        #expect(NoticeTexts.fill("a {x} {y} {z}", ["x": "{y}", "y": "b"]) == "a {y} b {z}")
        #expect(NoticeTexts.fill("{", [:]) == "{")
        #expect(NoticeWriter.headerText("Zustellung für Sie") == "=?UTF-8?B?WnVzdGVsbHVuZyBmw7xyIFNpZQ==?=")
        #expect(NoticeWriter.headerText("a\nBcc: ü") == "=?UTF-8?B?YSBCY2M6IMO8?=")
    }
}
