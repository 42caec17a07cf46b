// Replies read, printed, and judged by where they came.

import Octets
import Testing

@testable import SMTPProtocol

struct SMTPReplyTests {
    private func read(_ text: String) throws(SMTPError) -> [SMTPReply] {
        var reader = ReplyReader()
        var replies: [SMTPReply] = []
        for line in text.split(separator: "|", omittingEmptySubsequences: false) {
            if let reply = try reader.take(Array(line.utf8)) { replies.append(reply) }
        }
        return replies
    }

    @Test("a line with a blank ends a reply, one with a hyphen goes on")
    func lines() throws {
        let replies = try read("250-hub|250-SIZE 1|250 HELP|221|354 go|550 5.1.1 no")
        #expect(replies.map(\.code) == [250, 221, 354, 550])
        #expect(replies[0].lines.map { String(decoding: $0, as: UTF8.self) } == ["hub", "SIZE 1", "HELP"])
        #expect(replies[1].lines == [[]])
        #expect(replies[3].enhanced == .permanent(1, 1))
        #expect(replies[3].lines == [Array("no".utf8)])
    }

    @Test("an enhanced status counts only when its class is that of the code")
    func enhanced() throws {
        #expect(try read("550 4.1.1 odd")[0].enhanced == nil)
        #expect(try read("250 2.1.0")[0].enhanced == .success(1, 0))
        #expect(try read("354 2.0.0 go")[0].enhanced == nil)
        let two = try read("550-5.7.1 first|550 5.7.1 second")[0]
        #expect(two.description == "550 5.7.1 first second")
    }

    @Test(
        "what is no status code is none",
        arguments: ["5.1", "5.1.1.1", "3.1.1", "5.1.", "5.1111.1", "05.1.1", "", "a.b.c"])
    func badStatus(text: String) {
        #expect(EnhancedStatus(parsing: text.utf8) == nil)
    }

    @Test("what is no reply is an error", arguments: ["", "25", "abc", "199 x", "600 x", "250x", "000 ", "+OK"])
    func noReply(line: String) {
        #expect(throws: SMTPError.notAReply) { try read(line) }
    }

    @Test("codes of one reply must agree")
    func codes() {
        #expect(throws: SMTPError.differentCodes(250, 550)) { try read("250-a|550 b") }
    }

    @Test("a reply has 128 lines and no more")
    func bound() throws {
        let lines = Array(repeating: "250-x", count: SMTPLimits.replyLines - 1)
        #expect(try read((lines + ["250 x"]).joined(separator: "|")).first?.lines.count == 128)
        #expect(throws: SMTPError.tooManyReplyLines(limit: 128)) {
            try read((lines + ["250-x", "250 x"]).joined(separator: "|"))
        }
    }

    @Test("what is printed is read again")
    func roundTrip() throws {
        let reply = SMTPReply(550, .permanent(7, 1), "first\nsecond")
        #expect(reply.octets == Array("550-5.7.1 first\r\n550 5.7.1 second\r\n".utf8))
        let lines = String(decoding: reply.octets, as: UTF8.self).replacing("\r\n", with: "|").dropLast()
        #expect(try read(String(lines)) == [reply])
    }

    @Test("no text makes a second reply or an endless line")
    func hostileText() {
        let reply = SMTPReply(250, nil, "a\rb\u{0}c\u{7F}" + String(repeating: "x", count: 600))
        let text = String(decoding: reply.octets, as: UTF8.self)
        #expect(text.hasPrefix("250 a?b?c?x"))
        #expect(reply.octets.count == 512)
        #expect(reply.octets.count(where: { $0 == Octet.cr }) == 1)
    }

    @Test("a policy's refusal is always a refusal")
    func refusal() {
        #expect(SMTPReply.refusal(250, .success(0, 0), "x").description == "451 4.0.0 x")
        #expect(SMTPReply.refusal(550, .transient(1, 1), "x").description == "550 5.1.1 x")
        #expect(SMTPReply(code: 199, lines: []) == nil)
        #expect(SMTPReply(code: 600, lines: []) == nil)
    }

    @Test(
        "permanence depends on the place",
        arguments: [
            (550, SMTPStage.greeting, Permanence.routeFault), (421, .greeting, .temporary), (550, .hello, .routeFault),
            (535, .authentication, .routeFault), (454, .authentication, .temporary), (530, .mail, .routeFault),
            (550, .mail, .hold), (552, .mail, .permanent), (451, .mail, .temporary), (550, .recipient, .permanent),
            (552, .recipient, .temporary), (450, .recipient, .temporary), (554, .data, .permanent),
            (550, .content, .permanent),
            (534, .content, .routeFault), (454, .startTLS, .temporary), (502, .startTLS, .routeFault),
        ])
    func permanence(code: Int, stage: SMTPStage, expected: Permanence) {
        #expect(SMTPReply(code, nil, "x").permanence(at: stage) == expected)
    }

    @Test("a full mailbox told by 552 5.2.2 is no \"too many recipients\"")
    func fullMailbox() {
        #expect(SMTPReply(552, .permanent(2, 2), "full").permanence(at: .recipient) == .permanent)
        #expect(SMTPReply(250, nil, "ok").permanence(at: .recipient) == nil)
    }
}
