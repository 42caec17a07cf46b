// Servers that refuse, stall, vanish or talk rubbish: what waits, what comes back, and what is told.

import MailTestKit
import Synchronization
import Testing

@Suite("Sending to servers at fault")
struct SendFaultTests {
    @Test("each recipient has its own outcome: good ones once, a bad one comes back, a late one is tried again")
    func recipients() async throws {
        try await onThread {
            let sink = try SinkServer { moment, line in
                guard moment == .recipient else { return nil }
                if line.contains("bad@") { return .reply("550 5.1.1 no such \u{1B}[31muser") }
                return line.contains("late@") ? .reply("450 4.2.0 greylisted") : nil
            }
            let hub = SendHub(plainTo: sink.port)
            let to = ["one@far.example", "bad@far.example", "late@far.example", "two@far.example"]
            let id = try hub.queue(to: to)
            #expect(try hub.run().status == 0)
            #expect(sink.messages.map { $0.forwardPaths } == [["<one@far.example>", "<two@far.example>"]])
            let notices = hub.mail(of: "alice")
            #expect(notices.count == 1, "\(hub.log)")
            let notice = try #require(notices.first)
            #expect(notice.hasPrefix("Return-Path: <>\n"))
            #expect(notice.contains("Content-Type: multipart/report; report-type=delivery-status"))
            #expect(notice.contains("Final-Recipient: rfc822; bad@far.example\n"))
            #expect(notice.contains("Action: failed\n") && notice.contains("Status: 5.1.1\n"))
            #expect(notice.count(of: "Final-Recipient") == 1 && !notice.contains("\u{1B}"))
            let listed = try hub.listed
            #expect(listed.count == 1)
            #expect(
                listed.first?.contains("\"address\":\"late@far.example\",\"state\":\"waiting\",\"tries\":1") == true)
            let why = try hub.mhqueue(["why", id]).outputText
            #expect(why.contains("450") && why.contains("greylisted") && why.contains("next try"), "\(why)")
            // Not due: nothing is said to the server.
            #expect(try hub.run().status == 0)
            #expect(sink.commands.count == 1)
            #expect(try hub.mhqueue(["try", id]).status == 0)
            #expect(sink.commands.count == 2 && sink.messages.count == 1)
            #expect(try hub.listed.first?.contains("\"tries\":2") == true)
            #expect(hub.mail(of: "alice").count == 1)
        }
    }

    @Test(
        "SE22: a sender that the server refuses is held by rule: told at once at home, tried again, sent when taken"
    )
    func held() async throws {
        try await onThread {
            let isMended = Atomic(false)
            let sink = try SinkServer { moment, line in
                guard moment == .mail, line.contains("alice@one"), !isMended.load(ordering: .relaxed) else {
                    return nil
                }
                return .reply("553 5.7.1 not your address")
            }
            let user = try runProgram(["id", "-un"]).outputText.filter { !$0.isNewline }
            let hub = SendHub(
                account: ["auth off", "tls off", "send smtp 127.0.0.1:\(sink.port)"], top: ["retry 60 600"],
                bob: ["unix-user \(user)"])
            let id = try hub.queue(to: ["a@far.example", "b@far.example"])
            try hub.queue(from: "bob@home.example", to: ["c@far.example"])
            let run = try hub.run()
            #expect(run.status == 0)
            #expect(run.errorText.count(of: "\n") == 1 && run.errorText.contains("\(id) is held"), "\(run)")
            #expect(sink.messages.map(\.forwardPaths) == [["<c@far.example>"]], "the next one goes all the same")
            // The run itself has brought the notice to the submitter, who is bob whatever -f said.
            let notice = try #require(hub.mail(of: "bob").first, "\(hub.log)")
            #expect(notice.contains("Subject: Your message is held: ") && notice.contains("553 5.7.1 not your address"))
            #expect(notice.count(of: "Final-Recipient") == 2 && notice.contains("Action: delayed\n"))
            #expect(hub.mail(of: "bob").count == 1 && hub.mail(of: "alice").isEmpty)
            let listed = try #require(try hub.listed.first)
            #expect(
                listed.contains("\"held\":null") && listed.count(of: "\"state\":\"held\",\"tries\":1") == 2, "\(listed)"
            )
            #expect(try hub.mhqueue([]).outputText.count(of: "    held  <") == 2)
            let why = try hub.mhqueue(["why", id]).outputText
            #expect(why.contains("held by rule") && why.contains("not your address"), "\(why)")
            // Refused behind another's end of data it was asked for once more, first in a session.
            let sessions = sink.commands.count
            #expect((1...2).contains(sessions))
            #expect(try hub.run().errorText == "")
            #expect(sink.commands.count == sessions, "it is not due")
            #expect(try hub.mhqueue(["try", id]).status == 0)
            #expect(sink.commands.count == sessions + 1 && hub.mail(of: "bob").count == 1, "told once")
            #expect(try hub.listed.first?.count(of: "\"tries\":2") == 2)
            // A person's hold is another thing.
            #expect(try hub.mhqueue(["hold", id]).status == 0)
            let tried = try hub.mhqueue(["try", id])
            #expect(tried.status == 65 && tried.errorText.contains("mhqueue release"), "\(tried)")
            isMended.store(true, ordering: .relaxed)
            #expect(try hub.mhqueue(["release", id]).status == 0)
            #expect(try hub.run().status == 0)
            #expect(sink.messages.last?.forwardPaths == ["<a@far.example>", "<b@far.example>"])
            #expect(try hub.listed.isEmpty && hub.files(in: "log").isEmpty)
            #expect(hub.mail(of: "bob").count == 1 && hub.mail(of: "alice").isEmpty)
        }
    }

    @Test("SE22: of a sender that is refused the account is asked once, however many transactions the recipients make")
    func heldAtOnce() async throws {
        try await onThread {
            let sink = try SinkServer(extensions: ["PIPELINING", "LIMITS RCPTMAX=1"]) { moment, _ in
                moment == .mail ? .reply("550 5.7.1 not your address") : nil
            }
            let hub = SendHub(plainTo: sink.port)
            try hub.queue(to: (0..<5).map { "x\($0)@far.example" })
            #expect(try hub.run().status == 0)
            #expect(sink.commands.flatMap { $0 }.count(where: { $0.hasPrefix("MAIL") }) == 1)
            #expect(try hub.listed.first?.count(of: "\"state\":\"held\",\"tries\":1") == 5)
        }
    }

    @Test(
        "a yes to the final dot counts however it is written, so that nothing is sent twice",
        arguments: [
            "250 2.0.0 " + String(repeating: "x", count: 10_000),
            String(repeating: "250-2.0.0 kept\r\n", count: 1000) + "250 end",
            "250-2.0.0 kept as\r\nnumber 7\r\n250 end",
        ])
    func longYes(_ yes: String) async throws {
        try await onThread {
            let sink = try SinkServer { moment, _ in moment == .endOfData ? .reply(yes) : nil }
            let hub = SendHub(plainTo: sink.port)
            for name in ["a", "b"] { try hub.queue(to: ["\(name)@far.example"]) }
            #expect(try hub.run().status == 0)
            #expect(try hub.listed.isEmpty, "\(hub.log)")
            #expect(sink.messages.count == 2 && sink.commands.count == 1, "the session goes on")
        }
    }

    @Test(
        "a yes that the server's end cuts off counts; what is no yes yet is tried again",
        arguments: ["250 2.0.0 ke", "25"])
    func cutYes(_ word: String) async throws {
        try await onThread {
            let server = try FakeServer([
                .line("220 fake"), .expect("EHLO"), .line("250 fake"), .expect("MAIL"), .line("250 ok"),
                .expect("RCPT"),
                .line("250 ok"), .expect("DATA"), .line("354 go"), .content, .octets(Array(word.utf8)),
            ])
            let hub = SendHub(plainTo: server.port)
            try hub.queue(to: ["a@far.example"])
            #expect(try hub.run().status == 0)
            #expect(try hub.listed.count == (word.hasPrefix("250") ? 0 : 1), "\(hub.log)")
            _ = server.stop()
        }
    }

    @Test("a reply too many ends the session before it is taken for an answer, and no message pays for it")
    func surplus() async throws {
        try await onThread {
            for surplus in ["550 5.1.1 who asked?", "250 2.0.0 once more", "421 4.3.2 goodbye"] {
                let sink = try SinkServer(extensions: []) { moment, _ in
                    moment == .endOfData ? .reply("250 2.0.0 kept\r\n\(surplus)") : nil
                }
                let hub = SendHub(plainTo: sink.port)
                for name in ["a", "b", "c"] { try hub.queue(to: ["\(name)@far.example"]) }
                let run = try hub.run()
                #expect(run.status == 0 && run.errorText == "", "\(run)")
                #expect(try hub.listed.isEmpty, "\(surplus): \(hub.log)")
                #expect(Set(sink.messages.map(\.forwardPaths)).count == 3 && sink.messages.count == 3)
                #expect(sink.commands.count == 3, "a session for each")
                #expect(hub.mail(of: "alice").isEmpty)
            }
        }
    }

    @Test("content that is refused comes back whole or waits, by the code")
    func content() async throws {
        try await onThread {
            let sink = try SinkServer { moment, line in
                guard moment == .endOfData else { return nil }
                return line.contains("never@") ? .reply("554 5.7.1 spam") : .reply("451 4.3.0 later")
            }
            let hub = SendHub(plainTo: sink.port)
            try hub.queue(from: "bob@home.example", to: ["never@far.example", "never@other.example"])
            try hub.queue(from: "bob@home.example", to: ["later@far.example"])
            #expect(try hub.run().status == 0)
            let notice = try #require(hub.mail(of: "bob").first)
            #expect(notice.count(of: "Final-Recipient") == 2 && notice.contains("Status: 5.7.1"))
            #expect(hub.mail(of: "bob").count == 1)
            #expect(try hub.listed.map { $0.contains("later@far.example") } == [true])
            #expect(sink.messages.count == 2)
        }
    }

    @Test("SE10: a refused login is the route's fault: all mail waits, nothing comes back, one line tells of it")
    func login() async throws {
        try await onThread {
            let sink = try SinkServer(extensions: ["PIPELINING", "AUTH PLAIN LOGIN"]) { moment, _ in
                moment == .auth ? .reply("535 5.7.8 bad credentials") : nil
            }
            let hub = SendHub(
                account: ["user alice", "password secret", "tls off", "send submission 127.0.0.1:\(sink.port)"],
                top: ["retry 10m 1h"])
            for number in 0..<20 { try hub.queue(to: ["x\(number)@far.example"]) }
            let first = try hub.run()
            #expect(first.status == 0)
            #expect(first.errorText.count(of: "\n") == 1 && first.errorText.contains("535"), "\(first)")
            #expect(!first.errorText.contains("secret") && !hub.log.contains("secret"))
            #expect(sink.commands.count == 1, "one connection, not twenty")
            let second = try hub.run()
            #expect(second.status == 0 && second.errorText == "", "\(second)")
            #expect(sink.commands.count == 1, "the next probe waits")
            let listed = try hub.listed
            #expect(listed.count == 20 && listed.allSatisfy { $0.contains("\"tries\":0") })
            #expect(hub.mail(of: "alice").isEmpty)
        }
    }

    @Test("ask 22: a password that a server repeats in a reply is in no notice, no log and no listing")
    func repeatedSecret() async throws {
        try await onThread {
            let secret = "hunter2-and-more"
            let sink = try SinkServer(extensions: ["PIPELINING", "ENHANCEDSTATUSCODES", "AUTH PLAIN"]) { moment, _ in
                switch moment {
                case .recipient: .reply("450-4.7.1 no: \(secret)\r\n450 4.7.1 \(secret) again")
                default: nil
                }
            }
            let hub = SendHub(
                account: ["user alice", "password \(secret)", "tls off", "send submission 127.0.0.1:\(sink.port)"])
            try hub.queue(to: ["a@far.example"])
            let run = try hub.run()
            let listed = try hub.mhqueue(["show", "ALL"])
            let told = [run.errorText, hub.log, listed.outputText, try hub.listed.joined()]
            #expect(told.contains { $0.contains("450 4.7.1 no: ") }, "\(told)")
            #expect(!told.contains { $0.contains(secret) }, "\(told)")
        }
    }

    @Test("SE7: a server without STARTTLS sees no login and no mail")
    func noSTARTTLS() async throws {
        try await onThread {
            let sink = try SinkServer(extensions: ["AUTH PLAIN"])
            let hub = SendHub(account: ["user alice", "password secret", "send submission 127.0.0.1:\(sink.port)"])
            try hub.queue(to: ["x@far.example"])
            let run = try hub.run()
            #expect(run.status == 0 && run.errorText.contains("offers no TLS"), "\(run)")
            let said = sink.commands.flatMap { $0 }
            #expect(said.allSatisfy { $0.hasPrefix("EHLO") || $0 == "QUIT" }, "\(said)")
            #expect(try hub.listed.count == 1)
        }
    }

    @Test("SE7: what is injected behind the consent to STARTTLS ends the session")
    func injection() async throws {
        try await onThread {
            let server = try FakeServer([
                .line("220 fake"), .expect("EHLO"), .octets(Array("250-fake\r\n250 STARTTLS\r\n".utf8)),
                .expect("STARTTLS"),
                .octets(Array("220 go\r\n250-fake\r\n250 AUTH PLAIN\r\n".utf8)), .drain,
            ])
            let hub = SendHub(account: ["user alice", "password secret", "send submission 127.0.0.1:\(server.port)"])
            try hub.queue(to: ["x@far.example"])
            #expect(try hub.run().status == 0)
            #expect(server.stop().first?.lines.contains { $0.contains("AUTH") } == false)
            #expect(try hub.listed.count == 1)
        }
    }

    struct Misdeed: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let script: [FakeServer.Step]
        /// Whether the message counts a try.
        let counts: Bool
        /// Whether only patience tells it from a server that is slow.
        var isSilent: Bool {
            script.contains { step in
                switch step {
                case .stall, .drip: true
                default: false
                }
            }
        }

        init(_ name: String, counts: Bool = false, _ script: [FakeServer.Step]) {
            testDescription = name
            self.script = script
            self.counts = counts
        }

        static let hello: [FakeServer.Step] = [.line("220 fake"), .expect("EHLO"), .line("250 fake")]
        static let toData: [FakeServer.Step] =
            hello + [.expect("MAIL"), .line("250 ok"), .expect("RCPT"), .line("250 ok"), .expect("DATA")]
        static let toDot: [FakeServer.Step] = toData + [.line("354 go"), .content]
    }

    static let misdeeds = [
        Misdeed("closes at once", []),
        Misdeed("resets at once", [.reset]),
        Misdeed("greets with 554", [.line("554 no"), .drain]),
        Misdeed("greets with 421", [.line("421 busy"), .drain]),
        Misdeed("talks rubbish", [.line("SSH-2.0-OpenSSH_9.2"), .drain]),
        Misdeed(
            "floods without a line end",
            [.flood(chunk: [UInt8](repeating: 0x41, count: 4096), octets: 50_000_000), .drain]),
        Misdeed(
            "floods with a reply without end", [.flood(chunk: Array("220-x\r\n".utf8), octets: 50_000_000), .drain]),
        Misdeed("says nothing", [.stall(.seconds(20))]),
        Misdeed("drips its greeting", [.drip(Array(repeating: 0x32, count: 1000), every: .milliseconds(100))]),
        Misdeed("knows no EHLO and closes", [.line("220 x"), .expect("EHLO"), .line("500 what"), .expect("HELO")]),
        Misdeed("refuses EHLO", [.line("220 x"), .expect("EHLO"), .line("550 go away"), .drain]),
        Misdeed("closes at MAIL", counts: true, Misdeed.hello + [.expect("MAIL")]),
        Misdeed("says 421 at MAIL", Misdeed.hello + [.expect("MAIL"), .line("421 closing"), .drain]),
        Misdeed("says nothing at MAIL", counts: true, Misdeed.hello + [.expect("MAIL"), .stall(.seconds(20))]),
        Misdeed(
            "two answers to MAIL", counts: true,
            Misdeed.hello + [.expect("MAIL"), .octets(Array("250 a\r\n250 b\r\n250 c\r\n250 d\r\n".utf8)), .drain]),
        Misdeed("a bare 250 to DATA", counts: true, Misdeed.toData + [.line("250 ok"), .drain]),
        Misdeed("closes at DATA", counts: true, Misdeed.toData),
        Misdeed("closes at the final dot", counts: true, Misdeed.toDot),
        Misdeed("resets at the final dot", counts: true, Misdeed.toDot + [.reset]),
        Misdeed("says nothing at the final dot", counts: true, Misdeed.toDot + [.stall(.seconds(20))]),
        Misdeed("says 421 at the final dot", counts: true, Misdeed.toDot + [.line("421 closing"), .drain]),
        Misdeed("half a code at the final dot", counts: true, Misdeed.toDot + [.octets(Array("25".utf8))]),
        Misdeed("rubbish at the final dot", counts: true, Misdeed.toDot + [.line("ok"), .drain]),
    ]

    @Test("SE10: a server at fault costs nobody his mail, and no run its end", arguments: misdeeds)
    func misdeed(_ misdeed: Misdeed) async throws {
        try await onThread {
            let server = try FakeServer(misdeed.script)
            let hub = SendHub(plainTo: server.port, [misdeed.isSilent ? "timeout 3" : "timeout 1m"])
            try hub.queue(to: ["x@far.example"])
            let run = try hub.run()
            #expect(run.status == 0, "\(run)")
            let listed = try hub.listed
            #expect(listed.count == 1)
            #expect(
                listed.first?.contains("\"state\":\"waiting\",\"tries\":\(misdeed.counts ? 1 : 0)") == true,
                "\(listed) \(hub.log)")
            #expect(hub.mail(of: "alice").isEmpty)
        }
    }

    @Test("a server that closes with 421 is not dialled again for every message")
    func closing() async throws {
        try await onThread {
            let server = try FakeServer(Misdeed.hello + [.expect("MAIL"), .line("421 too busy"), .drain])
            let hub = SendHub(plainTo: server.port)
            for number in 0..<5 { try hub.queue(to: ["x\(number)@far.example"]) }
            let run = try hub.run()
            #expect(run.status == 0 && run.errorText.contains("421"), "\(run)")
            #expect(server.stop().count == 1)
            #expect(try hub.listed.count(where: { $0.contains("\"tries\":0") }) == 5)
        }
    }

    @Test("a server that has a challenge for everything, even for the end of the login, is left")
    func endlessChallenges() async throws {
        try await onThread {
            let again: [FakeServer.Step] = (0..<50).flatMap { _ in [.expect(""), .line("334 ")] }
            let server = try FakeServer(
                [
                    .line("220 fake"), .expect("EHLO"), .octets(Array("250-fake\r\n250 AUTH PLAIN\r\n".utf8)),
                    .expect("AUTH"), .line("334 "),
                ] + again)
            let hub = SendHub(account: [
                "user alice", "password secret", "tls off", "send submission 127.0.0.1:\(server.port)",
            ])
            try hub.queue(to: ["x@far.example"])
            #expect(try hub.run().status == 0)
            #expect((server.stop().first?.lines.count(where: { $0 == "*" }) ?? 9) <= 1)
            #expect(try hub.listed.count == 1)
        }
    }

    @Test("a route's state that cannot be read is told, and the mail waits")
    func unreadableHopState() async throws {
        try await onThread {
            let sink = try SinkServer()
            let hub = SendHub(plainTo: sink.port)
            #expect(try hub.run().status == 0, "an empty queue")
            try hub.queue(to: ["x@far.example", "bob@home.example"])
            _ = hub.scratch.write("mailhub-hop 9\n", to: "state/hop/account-one")
            let run = try hub.run()
            #expect(run.status != 0 && run.errorText.contains("hop/account-one"), "\(run)")
            #expect(try hub.listed.first?.contains("\"state\":\"waiting\",\"tries\":0") == true)
            #expect(hub.mail(of: "bob").count == 1)
        }
    }

    @Test("one message that is not there: one line and 65")
    func noSuchMessage() async throws {
        try await onThread {
            let hub = SendHub(plainTo: 9)
            for id in ["nosuch", "../x", try hub.queue(to: ["x@far.example"]) + "n1"] {
                let result = try hub.mhsend(["-qI", id])
                #expect(result.status == 65 && result.errorText.count(of: "\n") == 1, "\(result)")
            }
        }
    }

    @Test("a server that only ever breaks off is left alone after three messages, and is a fault of the route")
    func alwaysBroken() async throws {
        try await onThread {
            let server = try FakeServer(Misdeed.toDot)
            let hub = SendHub(plainTo: server.port)
            for number in 0..<10 { try hub.queue(to: ["x\(number)@far.example"]) }
            #expect(try hub.run().status == 0)
            #expect(server.stop().count == 3)
            #expect(try hub.listed.count(where: { $0.contains("\"tries\":1") }) == 3)
            #expect(try hub.listed.count == 10)
        }
    }

    @Test("mail with more recipients than a transaction may have goes in several")
    func manyRecipients() async throws {
        try await onThread {
            let sink = try SinkServer(extensions: ["PIPELINING", "LIMITS RCPTMAX=7 MAILMAX=4"])
            let hub = SendHub(plainTo: sink.port)
            let to = (0..<50).map { "x\($0)@far.example" }
            try hub.queue(to: to)
            #expect(try hub.run().status == 0)
            #expect(sink.messages.map(\.forwardPaths.count) == [7, 7, 7, 7, 7, 7, 7, 1])
            #expect(sink.messages.flatMap(\.forwardPaths) == to.map { "<\($0)>" })
            #expect(sink.commands.count == 2, "four transactions a connection")
            #expect(try hub.listed.isEmpty)
        }
    }

    @Test("a route names a second account for when the first is not to be had")
    func fallThrough() async throws {
        try await onThread {
            let sink = try SinkServer()
            let hub = SendHub(
                account: ["auth off", "tls off", "send smtp 127.0.0.1:1"],
                routes: [
                    "account two", "    auth off", "    tls off", "    send smtp 127.0.0.1:\(sink.port)", "route all",
                    "    use one two",
                ])
            try hub.queue(to: ["x@far.example"])
            #expect(try hub.run().status == 0)
            #expect(sink.messages.count == 1)
            #expect(try hub.listed.isEmpty, "\(hub.log)")
        }
    }

    @Test("ask 18: mhqueue takes orders by id, by standard input, for all, with one error for each that is missing")
    func orders() async throws {
        try await onThread {
            let hub = SendHub(plainTo: 9)
            let ids = try (0..<4).map { try hub.queue("Subject: \u{1B}[31m\($0)\n\nx\u{07}\n", to: ["x@far.example"]) }
            #expect(try hub.mhqueue(["hold", "--reason", "on \u{1B}[2Jtrial", ids[0], ids[1]]).status == 0)
            let list = try hub.mhqueue([]).outputText
            #expect(list.count(of: "held: on ") == 2 && !list.contains("\u{1B}"))
            #expect(hub.files(in: "new").count(where: { $0.contains(",H") }) == 2)
            let missing = try hub.mhqueue(["release", ids[0], "no.such.id", "../../etc/passwd"])
            #expect(missing.status == 65 && missing.errorText.count(of: "\n") == 2, "\(missing)")
            #expect(try hub.mhqueue([]).outputText.count(of: "held: ") == 1, "the others go on")
            #expect(try hub.mhqueue(["show", ids[2]]).output.contains(0x1B), "a pipe gets the octets as they are")
            let path = try InstalledCommands.path("mhqueue")
            let terminal = try runProgram(["script", "-qec", "\(path) -C \(hub.rc) show \(ids[2])", "/dev/null"])
            #expect(!terminal.output.contains(0x1B) && !terminal.output.contains(0x07), "\(terminal)")
            #expect(terminal.outputText.contains("\\x1B[31m2"), "\(terminal)")
            #expect(try hub.mhqueue(["why", "no.such.id"]).status == 65)
            let removed = try hub.mhqueue(["rm", "-"], input: "\(ids[0])\n\n\(ids[1])  and more\n")
            #expect(removed.status == 0, "\(removed)")
            #expect(try hub.listed.count == 2)
            let json = try #require(try hub.listed.first)
            let parsed = try runProgram(
                ["python3", "-c", "import json,sys; print(json.load(sys.stdin)['recipients'][0]['address'])"],
                input: Array(json.utf8))
            #expect(parsed.outputText == "x@far.example\n", "\(parsed)")
            #expect(try hub.mhqueue(["rm", "ALL"]).status == 0)
            #expect(try hub.mhqueue(["rm", "ALL"]).status == 0)
            #expect(try hub.listed.isEmpty)
            #expect(try hub.mhqueue(["list"]).outputText == "the queue is empty\n")
            #expect(try hub.mhqueue(["rm"]).status == 64)
        }
    }
}
