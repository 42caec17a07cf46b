// The client engine against servers of every temper.

import MailEnvelope
import MailFormat
import MailTestKit
import Octets
import Testing

@testable import SMTPProtocol

/// Drives a client against the words of a server that does not listen.
private struct ClientPlay {
    var client: SMTPClient
    var events: [SMTPClient.Event] = []
    var said = ""
    var error: SMTPError?

    init(_ dialect: SMTPClient.Dialect = .smtp) { client = SMTPClient(dialect) }

    mutating func say(_ command: SMTPClient.Command) {
        said += String(decoding: client.send(command), as: UTF8.self).replacing("\r\n", with: "|")
    }

    mutating func hear(_ text: String) { hear(crlf(text)) }

    mutating func hear(_ octets: [UInt8]) {
        client.receive(octets)
        do {
            while let event = try client.nextEvent() {
                events.append(event)
                say(.proceed)
            }
        } catch {
            self.error = error
        }
    }

    /// A conversation up to the capabilities of `ehlo`.
    static func greeted(_ ehlo: String, _ dialect: SMTPClient.Dialect = .smtp) -> ClientPlay {
        var play = ClientPlay(dialect)
        play.hear("220 s\n")
        play.say(.hello("c"))
        play.hear(ehlo)
        play.events = []
        play.said = ""
        return play
    }
}

struct SMTPClientTests {
    private func outgoing(
        _ recipients: [String], _ content: ContentFacts = .init(wireSize: 5)
    ) throws -> SMTPClient.Command {
        .transaction(
            Envelope(
                reversePath: .address(try Address("a@b")), recipients: try recipients.map { .init(try Address($0)) }),
            of: content)
    }

    @Test("what the server offers is read")
    func capabilities() {
        var play = ClientPlay()
        play.hear("220-s\n220 ESMTP\n")
        play.say(.hello("c.example"))
        play.hear(
            "250-s\n250-size 1000\n250-PIPELINING\n250-8BITMIME\n250-AUTH PLAIN login\n250-AUTH=LOGIN XOAUTH2\n"
                + "250-LIMITS RCPTMAX=20 MAILMAX=x\n250-X-FOO\n250-DSN\n250-SMTPUTF8\n250 STARTTLS\n")
        let found = play.client.capabilities
        #expect(
            found.pipelining && found.eightBitMIME && found.dsn && found.smtpUTF8 && found.startTLS && !found.chunking)
        #expect(found.sizeLimit == 1000)
        #expect(found.mechanisms == ["PLAIN", "LOGIN", "XOAUTH2"])
        #expect(found.recipientLimit == 20)
        #expect(found.transactionLimit == nil)
        #expect(play.events.last == .hello(found))
        #expect(play.said == "EHLO c.example|")
    }

    @Test("a server that does not know EHLO is told HELO; one that does not want us is not")
    func fallBack() {
        var play = ClientPlay.greeted("500 what\n")
        #expect(play.events.isEmpty && play.client.outstandingCount == 0)
        play.say(.helo("c"))
        play.hear("250 ok\n")
        #expect(play.events == [.hello(SMTPCapabilities())])
        play = ClientPlay()
        play.hear("220 s\n")
        play.say(.hello("c"))
        play.hear("550 go away\n")
        guard case .helloRefused = play.events.last else {
            Issue.record("\(play.events)")
            return
        }
    }

    @Test("pipelined: all at once, and a verdict for each recipient")
    func pipelined() throws {
        var play = ClientPlay.greeted("250-s\n250-SIZE\n250 PIPELINING\n")
        play.say(try outgoing(["x@y", "z@y"], .init(wireSize: 10)))
        #expect(play.said == "MAIL FROM:<a@b> SIZE=10|RCPT TO:<x@y>|RCPT TO:<z@y>|DATA|")
        play.hear("250 ok\n250 ok\n550 5.1.1 no\n354 go\n")
        #expect(play.events.count == 4)
        #expect(play.events.last == .contentBegin)
        play.said = ""
        play.say(.content(Array(".a\n.".utf8)))
        play.say(.content(Array(".\nb".utf8)))
        play.say(.contentEnd)
        #expect(play.said == "..a|...|b|.|")
        play.hear("250 2.0.0 taken\n")
        #expect(
            play.events.suffix(2) == [.verdict(index: nil, SMTPReply(250, .success(0, 0), "taken")), .transactionEnd])
        #expect(play.client.outstandingCount == 0)
    }

    @Test("behind the end of data the next transaction may be said at once; its answers follow the verdict")
    func following() throws {
        for (verdict, isTaken) in [("250 2.0.0 taken\n", true), ("452 full\n", false)] {
            var play = ClientPlay.greeted("250-s\n250-SIZE\n250 PIPELINING\n")
            play.say(try outgoing(["x@y"], .init(wireSize: 10)))
            #expect(!play.client.mayBeginTransaction)
            play.hear("250 ok\n250 ok\n354 go\n")
            play.say(.content(Array("a\n".utf8)))
            #expect(!play.client.mayBeginTransaction)
            play.said = ""
            play.say(.contentEnd)
            #expect(play.client.mayBeginTransaction)
            play.say(try outgoing(["z@y"], .init(wireSize: 20)))
            #expect(play.said == ".|MAIL FROM:<a@b> SIZE=20|RCPT TO:<z@y>|DATA|")
            #expect(!play.client.mayBeginTransaction, "two at most")
            #expect(play.client.awaits == .verdict && !play.client.isSendingContent)
            play.events = []
            play.hear(verdict)
            #expect(play.events.count == 2 && play.events.last == .transactionEnd)
            guard case .verdict(nil, let reply) = play.events.first else {
                Issue.record("\(play.events)")
                return
            }
            #expect(reply.isPositive == isTaken)
            play.hear("250 ok\n550 5.1.1 no\n554 nobody\n")
            #expect(play.events.suffix(3).first == .mail(SMTPReply(250, nil, "ok")))
            #expect(play.events.last == .transactionEnd && play.client.mayBeginTransaction)
            play.said = ""
            play.say(try outgoing(["x@y"]))
            #expect(play.said.hasPrefix("RSET|MAIL"), "what failed before its data is taken back")
        }
    }

    @Test("a server that goes between two transactions ends both")
    func goodbyeBetween() throws {
        var play = ClientPlay.greeted("250-s\n250 PIPELINING\n")
        play.say(try outgoing(["x@y"]))
        play.hear("250 ok\n250 ok\n354 go\n")
        play.say(.contentEnd)
        play.say(try outgoing(["z@y"]))
        play.events = []
        play.hear("250 ok\n421 bye\n250 ok\n")
        #expect(play.events.last == .closing(SMTPReply(421, nil, "bye")))
        #expect(play.events.count == 3 && play.client.awaits == .nothing)
    }

    @Test("without PIPELINING no transaction follows before the verdict")
    func nothingFollows() throws {
        var play = ClientPlay.greeted("250 s\n")
        play.say(try outgoing(["x@y"]))
        play.hear("250 ok\n")
        play.hear("250 ok\n")
        play.hear("354 go\n")
        play.say(.contentEnd)
        #expect(!play.client.mayBeginTransaction)
        play.hear("250 ok\n")
        #expect(play.client.mayBeginTransaction)
    }

    @Test("without PIPELINING: step by step")
    func stepByStep() throws {
        var play = ClientPlay.greeted("250 s\n")
        play.say(try outgoing(["x@y", "z@y"], .init(wireSize: 10)))
        #expect(play.said == "MAIL FROM:<a@b>|")
        play.hear("250 ok\n")
        #expect(play.said == "MAIL FROM:<a@b>|RCPT TO:<x@y>|")
        play.hear("450 later\n")
        play.hear("250 ok\n")
        #expect(play.said.hasSuffix("RCPT TO:<z@y>|DATA|"))
        play.hear("354 go\n")
        #expect(play.events.last == .contentBegin)
    }

    @Test(
        "without PIPELINING nothing follows a refused MAIL, nor DATA when all are refused; RSET comes before the next")
    func stepByStepRefused() throws {
        var play = ClientPlay.greeted("250 s\n")
        play.say(try outgoing(["x@y"]))
        play.hear("550 no\n")
        #expect(play.events == [.mail(SMTPReply(550, nil, "no")), .transactionEnd])
        play.say(try outgoing(["x@y"]))
        #expect(play.said == "MAIL FROM:<a@b>|RSET|", "one command at a time")
        play.hear("250 reset\n")
        play.hear("250 ok\n")
        play.hear("550 no\n")
        #expect(play.said == "MAIL FROM:<a@b>|RSET|MAIL FROM:<a@b>|RCPT TO:<x@y>|")
        #expect(play.events.last == .transactionEnd)
    }

    @Test("354 though nobody was accepted: an empty message ends it")
    func emptied() throws {
        var play = ClientPlay.greeted("250-s\n250 PIPELINING\n")
        play.say(try outgoing(["x@y"]))
        play.said = ""
        play.hear("250 ok\n550 no\n354 go\n")
        #expect(play.events.last == .emptied)
        #expect(play.said == ".|")
        play.hear("554 no recipients\n")
        #expect(play.events.last == .transactionEnd)
        #expect(play.client.outstandingCount == 0)
        play = ClientPlay.greeted("250-s\n250 PIPELINING\n", .lmtp)
        play.say(try outgoing(["x@y"]))
        play.hear("250 ok\n550 no\n354 go\n")
        #expect(play.error != nil)
    }

    @Test("behind a refused MAIL the recipients are not blamed")
    func refusedSender() throws {
        var play = ClientPlay.greeted("250-s\n250 PIPELINING\n")
        play.say(try outgoing(["x@y", "z@y"]))
        play.hear("550 no\n503 mail first\n503 mail first\n503 mail first\n")
        #expect(play.events == [.mail(SMTPReply(550, nil, "no")), .transactionEnd])
    }

    @Test("LMTP: a verdict for each accepted recipient")
    func lmtp() throws {
        var play = ClientPlay.greeted("250-s\n250 PIPELINING\n", .lmtp)
        play.say(try outgoing(["x@y", "no@y", "z@y"]))
        play.hear("250 ok\n250 ok\n550 no\n250 ok\n354 go\n")
        play.say(.contentEnd)
        play.hear("250 one\n452 full\n")
        #expect(
            play.events.suffix(3) == [
                .verdict(index: 0, SMTPReply(250, nil, "one")), .verdict(index: 2, SMTPReply(452, nil, "full")),
                .transactionEnd,
            ])
    }

    @Test("SE12: parameters of notices go out when they are offered, and no others")
    func parameters() throws {
        var play = ClientPlay.greeted("250-s\n250-DSN\n250-8BITMIME\n250-SMTPUTF8\n250 PIPELINING\n")
        let original = try #require(OriginalRecipient(type: "rfc822", address: "o+o@y"))
        var envelope = Envelope(
            reversePath: .null, recipients: [.init(try Address("é@y"), notify: .never, originalRecipient: original)])
        envelope.returnContent = .headers
        envelope.envelopeID = try EnvelopeText("a b")
        play.say(.transaction(envelope, of: ContentFacts(wireSize: 5, is8Bit: true)))
        #expect(
            play.said == "MAIL FROM:<> BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+20b|"
                + "RCPT TO:<é@y> NOTIFY=NEVER ORCPT=rfc822;o+2Bo@y|DATA|")
    }

    @Test("what a server cannot take is not begun")
    func obstacles() throws {
        var play = ClientPlay.greeted("250-s\n250-LIMITS RCPTMAX=1\n250 SIZE 100\n")
        let cases: [(SMTPClient.Command, TransactionObstacle)] = [
            (try outgoing([]), .noRecipients), (try outgoing(["x@y"], .init(wireSize: 101)), .tooBig(limit: 100)),
            (try outgoing(["é@y"]), .needsSMTPUTF8),
            (try outgoing(["x@y"], .init(wireSize: 5, is8Bit: true)), .needs8BITMIME),
            (try outgoing(["x@y"], .init(wireSize: 5, hasStrays: true, isSigned: true)), .straysUnderSignature),
            (try outgoing(["x@y", "z@y"]), .tooManyRecipients(limit: 1)),
        ]
        for (transaction, obstacle) in cases {
            play.say(transaction)
            play.hear("")
            #expect(play.events.last == .impossible(obstacle))
        }
        #expect(play.said.isEmpty)
    }

    @Test("AUTH: initial response, challenges, prompts that are no base64")
    func authentication() {
        var play = ClientPlay.greeted("250-s\n250 AUTH PLAIN LOGIN\n")
        play.say(.auth(mechanism: "PLAIN", initialResponse: [0, 1, 2]))
        play.hear("535 5.7.8 no\n")
        play.say(.auth(mechanism: "LOGIN", initialResponse: nil))
        play.hear("334 Username:\n")
        play.say(.saslResponse([0x61]))
        play.hear("334 AAE=\n")
        play.say(.saslCancel)
        play.hear("501 cancelled\n")
        play.say(.auth(mechanism: "EXTERNAL", initialResponse: []))
        play.hear("235 ok\n")
        #expect(play.said == "AUTH PLAIN AAEC|AUTH LOGIN|YQ==|*|AUTH EXTERNAL =|")
        #expect(play.events[1] == .challenge(nil))
        #expect(play.events[2] == .challenge([0, 1]))
        #expect(play.client.isAuthenticated)
    }

    @Test(
        "an initial response that does not fit a line of 512 octets is said when the server asks for it (RFC 4954 §4)")
    func longInitialResponse() {
        // `AUTH PLAIN `, 496 octets of base64 and CRLF are 509 octets; the next length of base64 would make 513.
        let fitting = [UInt8](repeating: 0x61, count: 372)
        var play = ClientPlay.greeted("250-s\n250 AUTH PLAIN\n")
        play.say(.auth(mechanism: "PLAIN", initialResponse: fitting))
        #expect(play.said == "AUTH PLAIN " + String(decoding: Base64.encode(fitting), as: UTF8.self) + "|")
        let long = fitting + [0x61]
        let response = String(decoding: Base64.encode(long), as: UTF8.self)
        play = ClientPlay.greeted("250-s\n250 AUTH PLAIN\n")
        play.say(.auth(mechanism: "PLAIN", initialResponse: long))
        #expect(play.said == "AUTH PLAIN|")
        play.hear("334 \n")
        #expect(play.events == [.initialResponseWanted])
        #expect(play.said == "AUTH PLAIN|\(response)|")
        #expect(play.client.secret == 0..<response.utf8.count, "no transcript shows it")
        play.hear("235 ok\n")
        #expect(play.client.isAuthenticated)
        play = ClientPlay.greeted("250-s\n250 AUTH PLAIN\n")
        play.say(.auth(mechanism: "PLAIN", initialResponse: long))
        play.hear("235 ok\n")
        #expect(play.error != nil, "whoever was accepted, it was not by this password")
        #expect(!play.client.isAuthenticated)
    }

    @Test("clear text behind the go-ahead for TLS is an attack")
    func injection() {
        var play = ClientPlay.greeted("250-s\n250 STARTTLS\n")
        play.say(.startTLS)
        play.hear("220 go\n250 injected\n")
        #expect(play.error == .injectionAfterSTARTTLS)
        #expect(play.events.isEmpty, "nobody may begin a handshake on this")
        play = ClientPlay.greeted("250-s\n250 STARTTLS\n")
        play.say(.startTLS)
        play.hear("220 go\n")
        #expect(play.events == [.startTLSReady])
        #expect(play.client.send(.noop) == [], "nothing is said in clear any more")
        play.hear("2")
        #expect(play.error == .injectionAfterSTARTTLS)
    }

    @Test("TLS forgets what was offered in clear")
    func forgotten() {
        var play = ClientPlay.greeted("250-s\n250-AUTH PLAIN\n250 STARTTLS\n")
        play.say(.startTLS)
        play.hear("220 go\n")
        play.client.tlsEstablished()
        #expect(play.client.capabilities == SMTPCapabilities())
        #expect(play.client.isTLS)
        play.say(.hello("c"))
        play.hear("250 s\n")
        #expect(play.error == nil)
    }

    @Test(
        "a reply too many is an error, 421 is an end",
        arguments: [
            ("250 surplus\n", true), ("421 bye\n", false), ("421-bye\n421 bye\n", false),
        ])
    func surplus(text: String, isError: Bool) {
        var play = ClientPlay.greeted("250 s\n")
        play.hear(text)
        #expect((play.error != nil) == isError)
        if !isError, case .closing = play.events.last {} else if !isError { Issue.record("\(play.events)") }
        #expect(play.client.send(.noop) == [])
    }

    @Test("421 within a pipeline leaves the rest unanswered")
    func closing() throws {
        var play = ClientPlay.greeted("250-s\n250 PIPELINING\n")
        play.say(try outgoing(["x@y", "z@y"]))
        play.hear("250 ok\n250 ok\n421 4.3.2 bye\n354 go\n")
        #expect(play.events.count == 3)
        #expect(play.events.last == .closing(SMTPReply(421, .transient(3, 2), "bye")))
        #expect(play.error == nil)
    }

    @Test("replies that a command cannot have", arguments: ["354 go\n", "334 go\n"])
    func impossible(text: String) throws {
        var play = ClientPlay.greeted("250 s\n")
        play.say(try outgoing(["x@y"]))
        play.hear(text)
        #expect(play.error != nil)
        play = ClientPlay()
        play.hear(text)
        #expect(play.error != nil)
    }

    @Test("DATA answered by 250 is no go-ahead")
    func falseGoAhead() throws {
        var play = ClientPlay.greeted("250-s\n250 PIPELINING\n")
        play.say(try outgoing(["x@y"]))
        play.hear("250 ok\n250 ok\n250 ok\n")
        #expect(play.error == .unexpectedReply(to: "DATA", SMTPReply(250, nil, "ok")))
    }

    /// A conversation up to the final dot.
    private func atFinalDot(_ dialect: SMTPClient.Dialect = .smtp) throws -> ClientPlay {
        var play = ClientPlay.greeted("250-s\n250 PIPELINING\n", dialect)
        play.say(try outgoing(["x@y"]))
        play.hear("250 ok\n250 ok\n354 go\n")
        play.say(.contentEnd)
        play.events = []
        return play
    }

    private static let long = String(repeating: "x", count: 5000)

    @Test(
        "a yes to the final dot counts, however long, many or cut its lines are",
        arguments: [
            "250 2.0.0 ok\n", "250\n", "250 2.0.0 \(long)\n", "250-2.0.0 \(long)\n250 2.0.0 \(long)\n",
            "250-2.0.0 ok\n" + String(repeating: "250-more\n", count: 300) + "250 end\n",
            "250-2.0.0 ok, queued\nas number 7\n2\n\n250 end\n", "250-2.0.0 ok\n251 other\n", "200 2.0.0 ok\n",
        ])
    func leniently(text: String) throws {
        let script = crlf(text)
        for cut in [0, 1, 3, 4, script.count / 2, script.count - 1] {
            var play = try atFinalDot()
            play.hear(Array(script[..<cut]))
            play.hear(Array(script[cut...]))
            #expect(
                play.error == nil && play.events.count == 2,
                "cut before octet \(cut): \(String(describing: play.error))")
            guard case .verdict(nil, let reply) = play.events.first else {
                Issue.record("\(play.events)")
                return
            }
            #expect(reply.isPositive && "\(reply.code)" == text.prefix(3))
            #expect(reply.lines.allSatisfy { $0.count <= SMTPLimits.replyLine } && reply.lines.count <= 128)
            #expect(play.events.last == .transactionEnd)
        }
    }

    @Test(
        "where the connection ends, what a reply to the final dot has begun with tells",
        arguments: [
            ("250", 250), ("250 2.0.0 Ok: que", 250), ("250-2.0.0 ok\n", 250), ("250-ok\n25", 250),
            ("250-ok\nand so", 250),
            ("250-ok\n250 e", 250), ("250\r", 250), ("", nil), ("2", nil), ("25", nil), ("2500", nil), ("250x", nil),
            ("450 l", nil), ("250-ok\n550", nil), ("450-l\n250", nil), ("hello", nil),
        ] as [(String, Int?)])
    func cutOff(text: String, code: Int?) throws {
        for dialect in [SMTPClient.Dialect.smtp, .lmtp] {
            var play = try atFinalDot(dialect)
            #expect(play.client.begunVerdict == nil)
            play.hear(text)
            #expect(play.events.isEmpty)
            #expect(play.client.begunVerdict?.reply.code == code)
        }
        var play = ClientPlay.greeted("250-s\n250 PIPELINING\n")
        play.say(try outgoing(["x@y"]))
        play.hear(text)
        #expect(play.client.begunVerdict == nil, "what answers MAIL is no verdict")
    }

    @Test("a later line of another class takes a yes back")
    func revoked() throws {
        for code in [421, 450, 554] {
            var play = try atFinalDot()
            play.hear("250-2.0.0 ok\n\(code) no\n")
            #expect(play.error == .differentCodes(250, code))
            #expect(play.client.begunVerdict == nil && play.events.isEmpty)
        }
    }

    @Test("a yes without end is given up beyond a bound, and is a yes")
    func endlessYes() throws {
        for filler in [Self.long, "250-\(Self.long)\n"] {
            var play = try atFinalDot()
            play.hear("250-2.0.0 ok")
            for _ in 0..<(SMTPLimits.verdict / 5000 + 1) { play.hear(filler) }
            #expect(play.error == .verdictTooLong(limit: SMTPLimits.verdict))
            #expect(play.client.begunVerdict?.reply.code == 250 && play.events.isEmpty)
        }
    }

    @Test("any other reply to the final dot has the bounds of replies")
    func strictly() throws {
        for (text, error) in [
            ("450 \(Self.long)", SMTPError.replyLineTooLong(limit: 2048)),
            (String(repeating: "450-l\n", count: 129), .tooManyReplyLines(limit: 128)), ("hello\n", .malformed),
            ("450-l\n250 ok\n", .differentCodes(450, 250)),
        ] {
            var play = try atFinalDot()
            play.hear(text)
            #expect(play.error == error && play.client.begunVerdict == nil)
        }
    }

    @Test("what a server says unasked is never taken for the answer to the next command")
    func unasked() throws {
        // Behind a verdict, behind 354, and between the steps of a transaction without PIPELINING.
        var play = try atFinalDot()
        play.hear("250 2.0.0 ok\n550 5.1.1 who asked?\n")
        #expect(play.error == .unsolicitedReply(SMTPReply(550, .permanent(1, 1), "who asked?")))
        let transaction = try outgoing(["x@y"])
        for (surplus, wanted) in [
            ("250 ok\n", SMTPError.unsolicitedReply(SMTPReply(250, nil, "ok"))), ("25", .unsolicitedOctets),
            ("421 bye\n", nil),
        ] as [(String, SMTPError?)] {
            for isPipelined in [true, false] {
                var client = SMTPClient()
                func hear(_ text: String) { client.receive(crlf(text)) }
                hear("220 s\n")
                _ = try client.nextEvent()
                _ = client.send(.hello("c"))
                hear(isPipelined ? "250-s\n250 PIPELINING\n" : "250 s\n")
                _ = try client.nextEvent()
                _ = client.send(transaction)
                hear(isPipelined ? "250 ok\n250 ok\n354 go\n\(surplus)" : "250 ok\n\(surplus)")
                _ = try client.nextEvent()
                if isPipelined {
                    _ = try client.nextEvent()
                    #expect(try client.nextEvent() == .contentBegin)
                }
                #expect(client.send(isPipelined ? .contentEnd : .proceed) == [], "nothing goes out")
                if let wanted {
                    #expect(throws: wanted) { try client.nextEvent() }
                } else {
                    #expect(try client.nextEvent() == .closing(SMTPReply(421, nil, "bye")))
                }
                #expect(client.send(.noop) == [] && client.begunVerdict == nil)
            }
        }
    }

    @Test("a line without end is given up at its limit, not at the deadline")
    func endlessLine() {
        var play = ClientPlay()
        play.hear(Array(repeating: 0x32, count: 2047))
        #expect(play.error == nil)
        play.hear([0x32])
        #expect(play.error == .replyLineTooLong(limit: 2048))
    }

    @Test("a line of 2048 octets is the longest")
    func longLines() {
        for (count, isError) in [(2042, false), (2043, true)] {
            var play = ClientPlay()
            play.hear("220 " + String(repeating: "x", count: count) + "\n")
            #expect((play.error != nil) == isError)
        }
    }

    @Test("where the net cuts the octets changes nothing")
    func everySplit() throws {
        let script = crlf("250-ok\n250 ok\n250 2.1.5 ok\n550-5.1.1 no\n550 5.1.1 such\n354 go\n")
        let transaction = try outgoing(["x@y", "z@y"])
        func events(cutAt cut: Int) -> [SMTPClient.Event] {
            var play = ClientPlay.greeted("250-s\n250 PIPELINING\n")
            play.say(transaction)
            play.hear(Array(script[..<cut]))
            play.hear(Array(script[cut...]))
            return play.events
        }
        let whole = events(cutAt: 0)
        #expect(whole.count == 4)
        for cut in script.indices { #expect(events(cutAt: cut) == whole, "cut before octet \(cut)") }
    }

    @Test("names cannot smuggle a second command")
    func hostileName() {
        var play = ClientPlay()
        play.hear("220 s\n")
        play.say(.hello("c\r\nMAIL FROM:<x>"))
        #expect(play.said == "EHLO cMAIL FROM:<x>|")
    }

    @Test("random replies never trap", arguments: 0..<100)
    func randomReplies(seed: Int) throws {
        var random = SplitMix(seed: UInt64(seed))
        let words = [
            "250", "-", " ", "354", "421", "550", "\r\n", "\r\n", "5.1.1", "x", "\n", "334 AA==", "220", "\u{0}",
        ]
        var play = ClientPlay(seed.isMultiple(of: 2) ? .smtp : .lmtp)
        play.hear("220 s\n")
        play.say(.hello("c"))
        play.hear("250-s\n250 PIPELINING\n")
        for _ in 0..<200 where play.error == nil {
            switch Int.random(in: 0..<8, using: &random) {
            case 0 where play.client.mayBeginTransaction: play.say(try outgoing(["x@y", "z@y"]))
            case 1: play.say(.contentEnd)
            case 2: play.say(.noop)
            case 3: play.say(.content([Octet.dot, Octet.lf]))
            default: play.hear(Array((words.randomElement(using: &random) ?? "").utf8))
            }
        }
    }
}
