// Replies read, printed, and judged by where they came.

import MailEnvelope
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

    @Test("what is no reply is an error", arguments: ["", "25", "abc", "199 x", "600 x", "250x", "000 ", "+OK"])
    func noReply(line: String) {
        #expect(throws: SMTPError.malformed) { try read(line) }
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
        "what a refusal means depends on the stage",
        arguments: [
            (550, SMTPStage.greeting, Verdict.Kind.faultOfHop), (450, .greeting, .temporary),
            (550, .hello, .faultOfHop), (535, .authentication, .faultOfHop), (454, .authentication, .temporary),
            (530, .mail, .faultOfHop), (550, .mail, .heldByRule), (552, .mail, .permanent), (451, .mail, .temporary),
            (550, .recipient, .permanent), (552, .recipient, .temporary), (450, .recipient, .temporary),
            (554, .data, .permanent), (550, .content, .permanent), (534, .data, .faultOfHop),
            (535, .content, .temporary),
            (454, .startTLS, .temporary), (502, .startTLS, .faultOfHop), (421, .mail, .faultOfHop),
            (421, .content, .temporary),
        ])
    func kinds(code: Int, stage: SMTPStage, expected: Verdict.Kind) {
        #expect(SMTPReply(code, nil, "x").verdict(at: stage, from: "mx")?.kind == expected)
    }

    @Test("a full mailbox told by 552 5.2.2 is no \"too many recipients\"")
    func fullMailbox() {
        #expect(
            SMTPReply(552, .permanent(2, 2), "full").verdict(at: .recipient, from: "mx")?.kind == .permanent)
    }

    @Test("SE12: a yes settles nothing before the content, and then says whose business notices of success are")
    func yes() {
        let yes = SMTPReply(250, nil, "ok")
        #expect(yes.verdict(at: .recipient, from: "mx") == nil)
        #expect(yes.verdict(at: .content, from: "mx", offersDSN: true)?.kind == .delivered(.passedOn))
        #expect(yes.verdict(at: .content, from: "mx", offersDSN: false)?.kind == .delivered(.relayed))
    }

    @Test("a verdict keeps the server's words and status, and has one where the server gave none")
    func words() {
        let told = SMTPReply(550, .permanent(1, 1), "no such\u{1B} user").verdict(at: .recipient, from: "mx.example")
        #expect(told?.description == "mx.example: 550 5.1.1 no such? user" && told?.status == .permanent(1, 1))
        #expect(told?.isSMTP == true)
        #expect(SMTPReply(550, nil, "x").verdict(at: .mail, from: "mx")?.status == .permanent(1, 8))
        #expect(SMTPReply(450, nil, "x").verdict(at: .content, from: "mx")?.status == .transient(0, 0))
        #expect(SMTPReply(250, nil, "x").verdict(at: .content, from: "mx")?.status == .success(0, 0))
    }

    @Test(
        "a verdict of ours is a reply that says the same",
        arguments: [
            (Verdict.delivered(.passedOn, text: "ok"), "250 2.0.0 ok"),
            (.temporary(2, 0, text: "later"), "451 4.2.0 later"), (.faultOfHop(3, 1, text: "full"), "452 4.3.1 full"),
            (.heldByRule(4, 4, text: "no way"), "451 4.4.4 no way"), (.permanent(1, 1, text: "who?"), "550 5.1.1 who?"),
            (.permanent(3, 4, text: "big"), "552 5.3.4 big"), (.permanent(6, 0, text: "odd"), "554 5.6.0 odd"),
        ])
    func told(_ verdict: Verdict, _ expected: String) {
        #expect(SMTPReply(verdict).description == expected)
    }
}
