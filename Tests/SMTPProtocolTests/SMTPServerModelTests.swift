// The server engine against an oracle and against chance.

import MailFormat
import MailTestKit
import Octets
import Testing

@testable import SMTPProtocol

/// What a server should be doing, in as few words as possible.
private struct Oracle {
    var hello = false
    var recipients: Int?
    var chunked = false

    /// The code that `command` should have, and its effect.
    mutating func code(_ command: String) -> Int? {
        switch command {
        case "EHLO c", "HELO c":
            hello = true
            end()
            return 250
        case "MAIL FROM:<a@b>":
            guard hello, recipients == nil else { return 503 }
            recipients = 0
            return 250
        case "MAIL FROM:<a@b> SIZE=9999": return hello && recipients == nil ? 552 : 503
        case "MAIL FROM:<a@b> X": return 555
        case "RCPT TO:<x@y>", "RCPT TO:<no@y>", "RCPT TO:<later@y>":
            guard let count = recipients, !chunked else { return 503 }
            if command.contains("no@") { return 550 }
            if command.contains("later@") { return 450 }
            recipients = count + 1
            return 250
        case "RCPT TO:<bad": return 501
        case "DATA":
            guard let count = recipients else { return 503 }
            if !chunked, count > 0 { return 354 }
            defer { end() }
            return chunked ? 503 : 554
        case "BDAT 2", "BDAT 2 LAST":
            guard let count = recipients else { return 503 }
            guard count > 0 else {
                end()
                return 554
            }
            if command.hasSuffix("LAST") { end() } else { chunked = true }
            return 250
        case "RSET":
            end()
            return 250
        case "NOOP": return 250
        case "VRFY x": return 252
        case "EXPN x", "STARTTLS", "AUTH PLAIN": return command == "AUTH PLAIN" && !hello ? 503 : 502
        case "FOO": return 500
        default: return nil
        }
    }

    mutating func end() {
        recipients = nil
        chunked = false
    }
}

struct SMTPServerModelTests {
    private static let commands = [
        "EHLO c", "HELO c", "MAIL FROM:<a@b>", "MAIL FROM:<a@b>", "MAIL FROM:<a@b> SIZE=9999", "MAIL FROM:<a@b> X",
        "RCPT TO:<x@y>", "RCPT TO:<x@y>", "RCPT TO:<no@y>", "RCPT TO:<later@y>", "RCPT TO:<bad", "DATA", "DATA",
        "BDAT 2",
        "BDAT 2 LAST", "RSET", "NOOP", "VRFY x", "EXPN x", "STARTTLS", "AUTH PLAIN", "FOO",
    ]

    @Test("commands in any order get the code, and leave the envelope, that a tiny oracle says", arguments: 0..<40)
    func anyOrder(seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        // Three policies: all messages taken, all refused for ever, all refused for now.
        let verdict: SMTPServer.Command =
            [.accept(""), .refuse(554, .permanent(6, 0), "no"), .refuse(451, .transient(3, 0), "later")][seed % 3]
        let verdictCode = [250, 554, 451][seed % 3]
        var play = ServerPlay(
            mailOptions {
                $0.errorLimit = Int.max
                $0.recipientLimit = Int.max
                $0.idleCommandLimit = Int.max
            }
        ) { event in
            if case .contentEnd = event { return verdict }
            return ServerPlay.lenient(event)
        }
        var oracle = Oracle()
        for step in 0..<300 {
            let command = Self.commands.randomElement(using: &random) ?? "NOOP"
            var expected = oracle.code(command)
            if command == "BDAT 2 LAST", expected == 250 { expected = verdictCode }
            play.say(command + "\n")
            if command.hasPrefix("BDAT") { play.feed([0x61, 0x62]) }
            #expect(play.codes.last == expected, "seed \(seed), step \(step): \(command)")
            if expected == 354 {
                let isBig = Bool.random(using: &random)
                play.say((isBig ? String(repeating: "x", count: 1500) : "x") + "\n.\n")
                oracle.end()
                #expect(play.codes.last == (isBig ? 552 : verdictCode))
            }
            #expect(
                play.server.envelope?.recipients.count == oracle.recipients, "seed \(seed), step \(step): \(command)")
            if play.codes.last != expected { return }
        }
    }

    @Test("random octets never trap, and an envelope never comes of nothing", arguments: 0..<200)
    func randomOctets(seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        let words = [
            "EHLO ", "MAIL FROM:", "RCPT TO:", "<", ">", "@", "a", "\"", "\\", ":", ",", "BDAT ", "9", " LAST", "DATA",
            "\r\n",
            "\n", "\r", ".", "\u{0}", "AUTH ", "PLAIN", "=", "AA==", "*", " SIZE=", "ORCPT=rfc822;", "+2", "[", "]",
            "é", "QUIT",
        ]
        var options = mailOptions {
            $0.errorLimit = Int.max
            $0.mechanisms = ["PLAIN"]
            $0.authenticatesInClear = true
        }
        options.lineEnds = seed.isMultiple(of: 2) ? .refuse : .repair
        var play = ServerPlay(options)
        for _ in 0..<400 where !play.server.isClosed {
            let roll = UInt8.random(in: 0..<10, using: &random)
            play.feed(
                roll == 0
                    ? [.random(in: 0...255, using: &random)] : Array((words.randomElement(using: &random) ?? "").utf8))
            if play.server.envelope != nil { #expect(play.server.clientName != nil) }
        }
        #expect(play.wire.count < 400 * 600)
    }

    @Test("random lines never trap the grammar", arguments: 0..<50)
    func randomLines(seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        for start in ["MAIL FROM:", "RCPT TO:<", "BDAT ", "AUTH PLAIN ", "EHLO ", ""] {
            let tail = (0..<Int.random(in: 0..<60, using: &random)).map { _ in
                Bool.random(using: &random)
                    ? UInt8.random(in: 0...255, using: &random)
                    : Array("<>@\"\\:, =+;.[]".utf8).randomElement(using: &random) ?? 0
            }
            do {
                _ = try CommandGrammar.command(Array(start.utf8) + tail)
            } catch {
                #expect(error.reply.isPermanent || error == .wrongProtocol)
            }
        }
    }
}
