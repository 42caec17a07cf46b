// Content coming in: smuggling, size, chunks, LMTP's verdicts.

import MailFormat
import MailTestKit
import Octets
import Testing

@testable import SMTPProtocol

struct SMTPServerContentTests {
    private static let opening = crlf("EHLO c\nMAIL FROM:<a@b>\nRCPT TO:<b@c>\nDATA\n")

    /// Ends of data that other servers have fallen for (SMTP smuggling).
    static let falseEnds = [
        "\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r", "\r.\r\n", "\r\r\n.\r\r\n", "\r\n\u{0}.\r\n",
        "\r\n.\u{0}\r\n",
        "\n.\r", "\r.\n", "\n\n.\n", "\r\n.\r\r\n", "\n\r.\n\r",
    ]

    @Test("only CRLF.CRLF ends a message: no smuggled command is seen", arguments: falseEnds)
    func smuggling(end: String) {
        let message = "text\(end)MAIL FROM:<evil@x>\r\nRCPT TO:<b@c>\r\nDATA\r\nforged\r\n.\r\nNOOP\r\n"
        let octets = Self.opening + Array(message.utf8)
        var whole = ServerPlay(mailOptions())
        whole.feed(octets)
        #expect(whole.codes == [220, 250, 250, 250, 354, 550], "\(Array(end.utf8))")
        #expect(whole.events.filter { if case .mail = $0 { true } else { false } }.count == 1)
        #expect(whole.events.last == .close)
        #expect(whole.server.envelope == nil)
        for cut in Self.opening.count..<octets.count {
            var play = ServerPlay(mailOptions())
            play.feed(Array(octets[..<cut]))
            play.feed(Array(octets[cut...]))
            #expect(play.wire == whole.wire)
            #expect(play.faults == whole.faults)
        }
    }

    @Test("a listener for printers takes bare line ends")
    func repair() {
        var play = ServerPlay(mailOptions { $0.lineEnds = .repair })
        play.feed(Self.opening + Array("a\nb\n.\nc\r\n.\r\n".utf8))
        #expect(play.codes.last == 250)
        #expect(play.contents == [Array("a\nb\n.\nc\n".utf8)])
        #expect(play.events.last == .contentEnd(octets: 8, contentFaults: .bareLF))
    }

    @Test("a message too big is read to its end and refused; the next one is taken")
    func tooBig() {
        var play = ServerPlay(mailOptions())
        play.feed(Self.opening)
        for _ in 0..<90 { play.say("twenty octets in all\n") }
        #expect(play.contents.joined().count <= 1000)
        play.say(".\n")
        #expect(play.codes.last == 552)
        #expect(play.faults == [.tooBig(limit: 1000)])
        #expect(play.server.envelope == nil)
        play.say("RCPT TO:<b@c>\nMAIL FROM:<a@b>\nRCPT TO:<b@c>\nDATA\nsmall\n.\n")
        #expect(play.codes.suffix(5) == [503, 250, 250, 354, 250])
    }

    @Test("refused content is told as it comes, so that its pace can be seen")
    func refusedPace() {
        let line = crlf("twenty octets in all\n")
        for (opening, fault) in [
            (Self.opening + crlf(String(repeating: "x", count: 1001)), ServerFault.tooBig(limit: 1000)),
            (Self.opening + [Octet.nul], .strayOctetsInContent(.nul)),
            (
                crlf("EHLO c\nMAIL FROM:<a@b>\nRCPT TO:<b@c>\nBDAT 5000\n" + String(repeating: "x", count: 1001)),
                .tooBig(limit: 1000)
            ),
            (crlf("EHLO c\nMAIL FROM:<a@b>\nBDAT 5000\n"), .noRecipients),
        ] {
            var play = ServerPlay(mailOptions())
            play.feed(opening)
            for _ in 0..<10 {
                #expect(play.server.awaitingReply == false)
                play.server.receive(line)
                #expect(play.server.nextEvent() == .refusedContent(octets: line.count), "\(fault)")
                #expect(play.server.nextEvent() == nil)
            }
        }
    }

    @Test("beyond twice the limit the reply comes at once and the connection ends, wherever the content is cut")
    func endless() {
        let flood = String(repeating: "twenty octets in all\n", count: 96)  // 2016 octets in file form
        for (verb, end) in [("DATA\n", ".\nNOOP\n"), ("BDAT 2112 LAST\n", "NOOP\n")] {
            let opening = crlf("EHLO c\nMAIL FROM:<a@b>\nRCPT TO:<b@c>\n" + verb)
            let octets = opening + crlf(flood + end)
            var whole = ServerPlay(mailOptions())
            whole.feed(octets)
            #expect(whole.codes.last == 552 && whole.events.last == .close, "\(whole.codes)")
            #expect(whole.faults == [.tooBig(limit: 1000)])
            for cut in stride(from: opening.count, to: octets.count, by: 7) {
                var play = ServerPlay(mailOptions())
                play.feed(Array(octets[..<cut]))
                play.feed(Array(octets[cut...]))
                #expect(play.wire == whole.wire && play.faults == whole.faults, "cut before octet \(cut)")
            }
        }
        // A stray octet does not make it longer.
        var stray = ServerPlay(mailOptions())
        stray.feed(Self.opening + [Octet.nul] + crlf(flood))
        #expect(stray.codes.last == 550 && stray.server.isClosed)
    }

    @Test("when time is up within refused content, it is refused for ever, not for now")
    func timeUp() {
        let tooBig = String(repeating: "x", count: 1001)
        for (mode, script, replies) in [
            (SMTPServerOptions.Mode.mail, "EHLO c\nMAIL FROM:<>\nRCPT TO:<a@b>\nDATA\n\(tooBig)", ["552"]),
            (.mail, "EHLO c\nMAIL FROM:<>\nRCPT TO:<a@b>\nDATA\n\u{0}", ["550"]),
            (.mail, "EHLO c\nMAIL FROM:<>\nRCPT TO:<a@b>\nBDAT 5000\n\(tooBig)", ["552"]),
            (.lmtp, "LHLO c\nMAIL FROM:<>\nRCPT TO:<a@b>\nRCPT TO:<c@b>\nDATA\n\(tooBig)", ["552", "552"]),
            (.lmtp, "LHLO c\nMAIL FROM:<>\nRCPT TO:<a@b>\nRCPT TO:<c@b>\nBDAT 5000\n\(tooBig)", ["552"]),
            (.mail, "EHLO c\nMAIL FROM:<>\nRCPT TO:<a@b>\nDATA\ngood so far", ["421"]),
        ] {
            var play = ServerPlay(mailOptions(mode))
            play.say(script)
            let farewell = String(decoding: play.server.send(.shutDown("too slow")), as: UTF8.self)
            #expect(farewell.split(separator: "\r\n").map { String($0.prefix(3)) } == replies, "\(farewell)")
            #expect(play.server.nextEvent() == .close && play.server.envelope == nil)
        }
    }

    @Test("a message of exactly the limit is taken, one octet more is not")
    func limit() {
        for (count, code) in [(999, 250), (1000, 552)] {
            var play = ServerPlay(mailOptions())
            play.feed(Self.opening + crlf(String(repeating: "x", count: count) + "\n.\n"))
            #expect(play.codes.last == code)
        }
    }

    @Test("a refused DATA or end of DATA empties the transaction")
    func refusedContent() {
        var play = ServerPlay(mailOptions()) { event in
            event == .contentBegin ? .refuse(452, .transient(3, 1), "full") : ServerPlay.lenient(event)
        }
        play.feed(Self.opening)
        #expect(play.codes.last == 452)
        #expect(play.server.envelope == nil)
        play = ServerPlay(mailOptions()) { event in
            if case .contentEnd = event { return .refuse(554, .permanent(6, 0), "no") }
            return ServerPlay.lenient(event)
        }
        play.feed(Self.opening + crlf("x\n.\nDATA\nRCPT TO:<b@c>\n"))
        #expect(play.codes.suffix(3) == [554, 503, 503])
    }

    @Test("LMTP gives a verdict for each recipient that was accepted")
    func lmtp() {
        var play = ServerPlay(mailOptions(.lmtp)) { event in
            guard case .contentEnd = event else { return ServerPlay.lenient(event) }
            return .perRecipient([.delivered(.passedOn, text: "one"), .temporary(3, 1, text: "full")])
        }
        play.say("EHLO c\nLHLO c\nMAIL FROM:<>\nRCPT TO:<a@b>\nRCPT TO:<no@b>\nRCPT TO:<c@b>\nDATA\nx\n.\nNOOP\n")
        #expect(play.codes == [220, 500, 250, 250, 250, 550, 250, 354, 250, 452, 250])
        play.say("MAIL FROM:<>\nRCPT TO:<a@b>\nDATA\nx\n.\n")
        #expect(play.codes.suffix(1) == [451], "two verdicts for one recipient are a fault of ours")
        play.say("MAIL FROM:<>\nDATA\nRCPT TO:<a@b>\n")
        #expect(play.codes.suffix(3) == [250, 554, 503])
    }

    @Test("LMTP repeats the engine's own refusal for each recipient")
    func lmtpOwnRefusal() {
        var play = ServerPlay(mailOptions(.lmtp))
        play.say(
            "LHLO c\nMAIL FROM:<>\nRCPT TO:<a@b>\nRCPT TO:<c@b>\nDATA\n" + String(repeating: "x", count: 1001) + "\n.\n"
        )
        #expect(play.codes.suffix(2) == [552, 552])
    }

    @Test("chunks make one message, wherever they are cut")
    func chunks() {
        var play = ServerPlay(mailOptions())
        play.say("EHLO c\nMAIL FROM:<>\nRCPT TO:<a@b>\n")
        play.feed(Array("BDAT 6\r\nab\r\n.\rBDAT 4\r\n\n.\r\nBDAT 0 LAST\r\nNOOP\r\n".utf8))
        #expect(play.codes.suffix(4) == [250, 250, 250, 250])
        #expect(Array(play.contents.joined()) == Array("ab\n.\n.\n".utf8))
        #expect(play.events.suffix(2) == [.contentEnd(octets: 7, contentFaults: []), .noop])
        #expect(play.server.envelope == nil)
    }

    @Test(
        "the octets of a refused chunk are no commands",
        arguments: [
            ("BDAT 6\r\nNOOP\r\nQUIT\r\n", [503, 221]),
            ("MAIL FROM:<>\r\nBDAT 6 LAST\r\nNOOP\r\nQUIT\r\n", [250, 554, 221]),
            (
                "MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nBDAT 2\r\nabDATA\r\nBDAT 6\r\nNOOP\r\nQUIT\r\n",
                [250, 250, 250, 503, 503, 221]
            ),
            ("MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nBDAT 2\r\nabRCPT TO:<c@b>\r\nQUIT\r\n", [250, 250, 250, 503, 221]),
            ("BDAT x\r\nQUIT\r\n", [501]),
            ("MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nBDAT 3 LAST\r\na\nbQUIT\r\n", [250, 250, 550]),
            ("MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nBDAT 3 LAST\r\nab\rQUIT\r\n", [250, 250, 550]),
            (
                "MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nBDAT 1001\r\n" + String(repeating: "x", count: 1001)
                    + "BDAT 1 LAST\r\nxQUIT\r\n",
                [250, 250, 552, 503, 221]
            ),
        ])
    func refusedChunks(script: String, codes: [Int]) {
        let octets = crlf("EHLO c\n") + Array(script.utf8)
        for cut in octets.indices {
            var play = ServerPlay(mailOptions())
            play.feed(Array(octets[..<cut]))
            play.feed(Array(octets[cut...]))
            #expect(play.codes == [220, 250] + codes, "cut before octet \(cut)")
        }
    }

    @Test("a chunk refused at its beginning is read over")
    func refusedFirstChunk() {
        var play = ServerPlay(mailOptions()) { event in
            event == .contentBegin ? .refuse(452, .transient(3, 1), "full") : ServerPlay.lenient(event)
        }
        play.say("EHLO c\nMAIL FROM:<>\nRCPT TO:<a@b>\nBDAT 6\nNOOP\nQUIT\n")
        #expect(play.codes.suffix(2) == [452, 221])
        #expect(play.contents.isEmpty)
    }

    @Test("random content comes through whole, in DATA and in chunks")
    func randomContent() {
        var random = SplitMix(seed: 7)
        for _ in 0..<200 {
            let file: [UInt8] = (0..<Int.random(in: 0..<80, using: &random)).map { _ in
                [0x0A, 0x2E, 0x61, 0xFF, 0x20].randomElement(using: &random) ?? 0x61
            }
            let whole = file.isEmpty || file.last == Octet.lf ? file : file + [Octet.lf]
            var wire: [UInt8] = []
            var encoder = DotEncoder()
            encoder.encode(file, in: 0..<file.count, into: &wire)
            encoder.finish(into: &wire)
            var play = ServerPlay(mailOptions())
            play.feed(Self.opening + wire)
            #expect(Array(play.contents.joined()) == whole)
            #expect(play.codes.last == 250)
            var chunked: [UInt8] = []
            var ends = LineEndEncoder()
            ends.encode(file, in: 0..<file.count, into: &chunked)
            let half = chunked.count / 2
            play = ServerPlay(mailOptions())
            play.say("EHLO c\nMAIL FROM:<>\nRCPT TO:<a@b>\nBDAT \(half)\n")
            play.feed(Array(chunked[..<half]))
            play.say("BDAT \(chunked.count - half) LAST\n")
            play.feed(Array(chunked[half...]))
            #expect(Array(play.contents.joined()) == file)
            #expect(play.codes.last == 250)
        }
    }
}
