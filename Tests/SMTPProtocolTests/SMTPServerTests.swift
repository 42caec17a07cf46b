// The server engine's dialogues: order, TLS, login, limits.

import MailFormat
import Octets
import Testing

@testable import SMTPProtocol

struct SMTPServerTests {
    @Test("a message for two, from greeting to QUIT")
    func wholeSession() throws {
        var play = ServerPlay(mailOptions())
        play.say("EHLO c.example\nMAIL FROM:<a@x.example>\nRCPT TO:<b@y.example>\nRCPT TO:<no@y.example>\nDATA\n")
        #expect(play.codes == [220, 250, 250, 250, 550, 354])
        #expect(play.server.envelope?.recipients.map(\.forwardPath.description) == ["<b@y.example>"])
        play.say("Subject: x\n\n..dot\nend\n.\nQUIT\n")
        #expect(play.codes == [220, 250, 250, 250, 550, 354, 250, 221])
        #expect(play.contents == [Array("Subject: x\n\n.dot\nend\n".utf8)])
        #expect(play.events.suffix(3) == [.contentEnd(octets: 21, contentFaults: []), .quit, .close])
        #expect(play.server.envelope == nil)
        #expect(play.server.isClosed)
    }

    @Test("EHLO tells what there is")
    func extensions() {
        var play = ServerPlay(
            mailOptions {
                $0.offersTLS = true
                $0.mechanisms = ["PLAIN"]
            })
        play.say("EHLO c\n")
        #expect(
            play.text.dropFirst("220 hub.example ESMTP\r\n".count)
                == """
                250-hub.example\r
                250-PIPELINING\r
                250-8BITMIME\r
                250-SMTPUTF8\r
                250-ENHANCEDSTATUSCODES\r
                250-CHUNKING\r
                250-SIZE 1000\r
                250-LIMITS RCPTMAX=100\r
                250-STARTTLS\r
                250 HELP\r

                """)
        #expect(play.server.withProtocol == "ESMTP")
    }

    @Test("SE12: strangers are not offered notices, and what they ask for all the same is taken and forgotten")
    func notices() throws {
        for mode in [SMTPServerOptions.Mode.mail, .submission, .lmtp] {
            var play = ServerPlay(mailOptions(mode) { $0.mechanisms = ["PLAIN"] }, isTLS: true)
            play.say("\(mode == .lmtp ? "LHLO" : "EHLO") c\n")
            #expect(play.text.contains("250-DSN\r\n") == (mode != .mail))
            if mode == .submission { play.say("AUTH PLAIN =\n") }
            play.say("MAIL FROM:<a@b> RET=HDRS ENVID=id BODY=8BITMIME\n")
            play.say("RCPT TO:<c@d> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;c@d\n")
            let envelope = try #require(play.server.envelope)
            let recipient = try #require(envelope.recipients.first)
            #expect(envelope.bodyType == .eightBitMIME)
            if mode == .mail {
                #expect(envelope.returnContent == nil && envelope.envelopeID == nil)
                #expect(recipient.notify == .unspecified && recipient.originalRecipient == nil)
            } else {
                #expect(envelope.returnContent == .headers && envelope.envelopeID?.description == "id")
                #expect(recipient.notify == .on([.success, .failure]))
                #expect(recipient.originalRecipient?.address == "c@d")
            }
        }
    }

    @Test(
        "commands out of order",
        arguments: [
            ("MAIL FROM:<a@b>\n", [503]), ("EHLO c\nRCPT TO:<a@b>\n", [250, 503]), ("EHLO c\nDATA\n", [250, 503]),
            ("EHLO c\nMAIL FROM:<a@b>\nMAIL FROM:<a@b>\n", [250, 250, 503]),
            ("EHLO c\nMAIL FROM:<a@b>\nDATA\n", [250, 250, 554]),
            ("EHLO c\nMAIL FROM:<a@b>\nRCPT TO:<no@b>\nDATA\nRCPT TO:<x@b>\n", [250, 250, 550, 554, 503]),
            ("EHLO c\nMAIL FROM:<a@b>\nRCPT TO:<x@b>\nRSET\nDATA\n", [250, 250, 250, 250, 503]),
            ("EHLO c\nMAIL FROM:<a@b>\nRCPT TO:<x@b>\nEHLO c\nDATA\n", [250, 250, 250, 250, 503]),
            (
                "EHLO c\nSTARTTLS\nAUTH PLAIN =\nEXPN x\nVRFY x\nHELP\nNOOP\nFOO\n",
                [250, 502, 502, 502, 252, 214, 250, 500]
            ),
            ("LHLO c\nEHLO c\n", [500, 250]), ("HELO c\nMAIL FROM:<a@b>\n", [250, 250]),
            ("EHLO c\nMAIL FROM:<a>\n", [250, 553]), ("EHLO c\nMAIL FROM:<a@b>\nRCPT TO:<c>\n", [250, 250, 553]),
            ("EHLO c\nMAIL FROM:<a@b>\nRCPT TO:<postmaster>\n", [250, 250, 250]),
            ("EHLO c\nMAIL FROM:<a@b> SIZE=1001\n", [250, 552]), ("EHLO c\nMAIL FROM:<a@b> SIZE=1000\n", [250, 250]),
            ("EHLO c\nMAIL FROM:<\u{e9}@b>\n", [250, 553]), ("EHLO c\nMAIL FROM:<\u{e9}@b> SMTPUTF8\n", [250, 250]),
            ("EHLO c\nMAIL FROM:<a@b>\nRCPT TO:<\u{e9}@b>\n", [250, 250, 553]),
            ("EHLO c\nMAIL FROM:<a@b> X=1\nRCPT TO:<c@d>\n", [250, 555, 503]),
        ])
    func order(script: String, codes: [Int]) {
        var play = ServerPlay(mailOptions())
        play.say(script)
        #expect(play.codes == [220] + codes)
    }

    @Test("a bare name gets the domain of the rc")
    func qualify() {
        var play = ServerPlay(mailOptions { $0.qualify = "home.example" })
        play.say("EHLO c\nMAIL FROM:<root>\nRCPT TO: alice\nRCPT TO:<postmaster>\n")
        #expect(play.server.envelope?.reversePath.description == "<root@home.example>")
        #expect(
            play.server.envelope?.recipients.map(\.forwardPath.description) == ["<alice@home.example>", "<postmaster>"])
    }

    @Test("where the net cuts the octets changes nothing")
    func everySplit() {
        let script = crlf(
            """
            EHLO c
            MAIL FROM:<a@b> BODY=8BITMIME
            RCPT TO:<b@c> NOTIFY=NEVER
            RCPT TO:<no@c>
            DATA
            Subject: x

            .
            MAIL FROM:<>
            RCPT TO:<b@c>
            BDAT 7
            ab
            .
            BDAT 4 LAST
            ..
            FOO
            MAIL FROM:<a@b>
            RCPT TO:<b@c>
            DATA
            ...
            ..x
            .
            QUIT

            """)
        var whole = ServerPlay(mailOptions())
        whole.feed(script)
        #expect(
            whole.contents.map { String(decoding: $0, as: UTF8.self) } == [
                "Subject: x\n\n", "ab\n.\n", "..\n", "..\n.x\n",
            ])
        #expect(whole.events.last == .close)
        for cut in script.indices {
            var play = ServerPlay(mailOptions())
            play.feed(Array(script[..<cut]))
            play.feed(Array(script[cut...]))
            #expect(play.events == whole.events, "cut before octet \(cut)")
            #expect(play.wire == whole.wire)
        }
        var slow = ServerPlay(mailOptions())
        for octet in script { slow.feed([octet]) }
        #expect(slow.events == whole.events)
    }

    @Test("no command is begun while an answer is owed")
    func waits() {
        var server = SMTPServer(mailOptions())
        server.receive(crlf("EHLO c\nMAIL FROM:<a@b>\nRCPT TO:<c@d>\n"))
        #expect(server.nextEvent() == .greeting)
        #expect(server.nextEvent() == nil)
        #expect(server.awaitingReply)
        _ = server.send(.proceed)
        #expect(server.nextEvent() == .ehlo("c"))
        #expect(server.nextEvent() == nil)
        _ = server.send(.proceed)
        guard case .mail = server.nextEvent() else {
            Issue.record("no MAIL")
            return
        }
        #expect(server.nextEvent() == nil)
        #expect(server.envelope == nil)
    }

    @Test("what the policy leaves undecided is refused for now")
    func failClosed() {
        var play = ServerPlay(mailOptions()) { _ in .proceed }
        play.say("EHLO c\nMAIL FROM:<a@b>\nRCPT TO:<c@d>\n")
        #expect(play.codes == [220, 250, 451, 503])
        play = ServerPlay(mailOptions()) { event in
            if case .contentEnd = event { return .challenge([]) }
            return ServerPlay.lenient(event)
        }
        play.say("EHLO c\nMAIL FROM:<a@b>\nRCPT TO:<c@d>\nDATA\n.\n")
        #expect(play.codes.last == 451)
        #expect(play.server.envelope == nil)
    }

    @Test(
        "HTTP ends the conversation at once", arguments: ["GET / HTTP/1.1\n", "POST /x HTTP/1.0\nHost: y\n\nEHLO c\n"])
    func http(request: String) {
        var play = ServerPlay(mailOptions())
        play.say(request)
        #expect(play.codes == [220, 421])
        #expect(play.faults == [.grammar(.wrongProtocol)])
        #expect(play.events.last == .close)
    }

    @Test("the tenth error closes; a message accepted forgives")
    func errorBudget() {
        var play = ServerPlay(mailOptions())
        play.say("EHLO c\n" + String(repeating: "FOO\n", count: 12))
        #expect(play.codes == [220, 250] + Array(repeating: 500, count: 10) + [421])
        #expect(play.events.last == .close)
        play = ServerPlay(mailOptions())
        for _ in 0..<3 {
            play.say("EHLO c\n" + String(repeating: "FOO\n", count: 8) + "MAIL FROM:<>\nRCPT TO:<a@b>\nDATA\n.\n")
        }
        #expect(!play.server.isClosed)
    }

    @Test(
        "a hundred commands that lead nowhere since the last message taken are answered, the next one closes",
        arguments: ["NOOP\n", "RSET\n", "VRFY x\n", "HELP\n", "EHLO c\n", "HELO c\n"])
    func idleCommands(command: String) {
        let message = "MAIL FROM:<>\nRCPT TO:<a@b>\nDATA\n.\n"
        var play = ServerPlay(mailOptions())
        play.say("EHLO c\n" + String(repeating: command, count: 99) + message)
        #expect(play.codes.suffix(4) == [250, 250, 354, 250], "\(play.codes.suffix(5))")
        play.say(String(repeating: command, count: 100))
        #expect(!play.server.isClosed && !play.codes.contains(421), "the message has set the count back")
        play.say(command + command)
        #expect(play.codes.count == 1 + 1 + 99 + 4 + 100 + 1 && play.codes.last == 421)
        #expect(play.faults == [.tooManyIdleCommands(limit: 100)] && play.events.last == .close)
        // A message that was refused sets nothing back.
        play = ServerPlay(mailOptions()) { event in
            if case .contentEnd = event { return .refuse(451, .transient(3, 0), "later") }
            return ServerPlay.lenient(event)
        }
        play.say("EHLO c\n" + String(repeating: command, count: 99) + message + command)
        #expect(play.codes.last == 421)
    }

    @Test("a thousand refused recipients since the last message taken are answered, the next one closes")
    func refusedRecipients() {
        for (refused, code) in [("later@b", 450), ("no@b", 550)] {
            var play = ServerPlay(mailOptions { $0.errorLimit = .max })
            play.say("EHLO c\n")
            for round in 1...2 {
                play.say("MAIL FROM:<>\n" + String(repeating: "RCPT TO:<\(refused)>\n", count: 999))
                play.say("RCPT TO:<a@b>\nRCPT TO:<c@b>\nDATA\n.\n")
                #expect(play.codes.suffix(5) == [code, 250, 250, 354, 250], "round \(round)")
            }
            play.say("MAIL FROM:<>\n" + String(repeating: "RCPT TO:<\(refused)>\n", count: 1000))
            #expect(play.codes.last == code)
            play.say("RCPT TO:<a@b>\nNOOP\n")
            #expect(play.codes.last == 421 && play.events.last == .close)
            #expect(play.faults == [.tooManyRefusedRecipients(limit: 1000)])
        }
        // Those beyond the limit of a transaction count like any other.
        var play = ServerPlay(mailOptions { $0.recipientLimit = 1 })
        play.say("EHLO c\nMAIL FROM:<>\n" + String(repeating: "RCPT TO:<a@b>\n", count: 1002))
        #expect(play.codes.suffix(1001) == Array(repeating: 452, count: 1000) + [421])
    }

    @Test("recipients are counted")
    func recipientLimit() {
        var play = ServerPlay(mailOptions { $0.recipientLimit = 2 })
        play.say("EHLO c\nMAIL FROM:<>\nRCPT TO:<a@b>\nRCPT TO:<c@b>\nRCPT TO:<d@b>\n")
        #expect(play.codes.suffix(3) == [250, 250, 452])
        #expect(play.server.envelope?.recipients.count == 2)
    }

    @Test("a line too long is refused, and the next one is read")
    func longLines() {
        var play = ServerPlay(mailOptions())
        play.say("NOOP \(String(repeating: "x", count: 2041))\nNOOP \(String(repeating: "x", count: 2042))\n")
        play.say("NOOP \(String(repeating: "x", count: 20_000))\nNOOP\n")
        #expect(play.codes == [220, 250, 500, 500, 250])
    }

    @Test("a bare CR, bare LF or NUL in a command closes", arguments: ["NOOP\n", "NO\rOP\r\n", "NO\u{0}OP\r\n"])
    func strayOctets(line: String) {
        var play = ServerPlay(mailOptions())
        play.feed(Array("\(line)NOOP\r\n".utf8))
        #expect(play.codes == [220, 500])
        #expect(play.faults == [.strayOctetInCommand])
    }

    @Test("octets behind STARTTLS close the connection")
    func injection() {
        var play = ServerPlay(mailOptions { $0.offersTLS = true })
        play.say("EHLO c\nSTARTTLS\nMAIL FROM:<evil@x>\n")
        #expect(play.codes == [220, 250, 421])
        #expect(play.faults == [.injectionAfterSTARTTLS])
        #expect(play.events.last == .close)
        play = ServerPlay(mailOptions { $0.offersTLS = true })
        play.say("EHLO c\nSTARTTLS\n")
        play.say("RSET\n")
        #expect(play.codes == [220, 250, 220, 421])
    }

    @Test("TLS begins from zero")
    func startTLS() {
        var play = ServerPlay(
            mailOptions {
                $0.offersTLS = true
                $0.mechanisms = ["PLAIN"]
            })
        play.say("EHLO c\nMAIL FROM:<a@b>\nAUTH PLAIN =\nSTARTTLS\n")
        #expect(play.codes == [220, 250, 250, 538, 220])
        play.server.tlsEstablished()
        #expect(play.server.clientName == nil)
        #expect(play.server.envelope == nil)
        play.say("MAIL FROM:<a@b>\nEHLO c\nSTARTTLS\nAUTH PLAIN =\nAUTH PLAIN =\n")
        #expect(play.codes.suffix(5) == [503, 250, 503, 235, 503])
        #expect(play.text.contains("250-AUTH PLAIN\r\n"))
        #expect(play.server.withProtocol == "ESMTPSA")
    }

    @Test("submission wants a login first, and AUTH takes every form")
    func submission() {
        let options = mailOptions(.submission) { $0.mechanisms = ["PLAIN", "LOGIN"] }
        var play = ServerPlay(options, isTLS: true)
        play.say("EHLO c\nMAIL FROM:<a@b>\nAUTH PLAIN\n*\nAUTH FOO\nAUTH PLAIN\n!!\nAUTH PLAIN x\nAUTH LOGIN\nAAE=\n")
        play.say("MAIL FROM:<a@b>\n")
        #expect(play.codes == [220, 250, 530, 334, 501, 504, 334, 501, 501, 334, 235, 250])
        #expect(play.events.contains(.saslResponse([0, 1])))
    }

    @Test("a response too long ends the exchange only")
    func longResponse() {
        var play = ServerPlay(mailOptions { $0.mechanisms = ["PLAIN"] }, isTLS: true)
        play.say("EHLO c\nAUTH PLAIN\n" + String(repeating: "A", count: 12_288) + "\nNOOP\n")
        #expect(play.codes == [220, 250, 334, 500, 250])
    }

    @Test("shutting down says 421 at any moment")
    func shutDown() {
        var play = ServerPlay(mailOptions())
        play.say("EHLO c\nMAIL FROM:<a@b>\nRCPT TO:<b@c>\nDATA\nhalf")
        #expect(play.server.send(.shutDown("bye")) == Array("421 4.3.2 bye\r\n".utf8))
        #expect(play.server.nextEvent() == .close)
        #expect(play.server.envelope == nil)
        #expect(play.server.nextEvent() == nil)
    }
}
