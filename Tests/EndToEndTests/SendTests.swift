// Mail on its way out: from standard input through the queue to mailboxes and providers.

import Blocking
import Glibc
import MailTestKit
import Synchronization
import Testing

@Suite("Sending")
struct SendTests {
    /// Kinds of mail that Postfix hands on as it got them: its bound on headers is lower than ours. Lines longer than SMTP
    /// allows are encoded before, see ``SendContentTests``.
    private static let oddities = Oddity.quick.filter {
        ![.longHeader, .manyFields, .longLine, .veryLongLine].contains($0)
    }

    /// What Postfix hands on, without the Received field it puts on top.
    private static func withoutReceived(_ content: [UInt8]) -> [UInt8] {
        var lines = content.split(separator: 0x0A, omittingEmptySubsequences: false)[...]
        guard lines.first?.starts(with: Array("Received: from ".utf8)) == true else { return content }
        lines.removeFirst()
        while let first = lines.first?.first, first == 0x20 || first == 0x09 { lines.removeFirst() }
        return Array(lines.joined(separator: [0x0A]))
    }

    /// The octets that a queued message has on the wire: no CR, no NUL, and a last line end.
    private static func wire(ofShown shown: [UInt8]) throws -> [UInt8] {
        // Behind the envelope and an empty line.
        let end = try #require(
            shown.indices.first { shown[$0] == 0x0A && $0 + 1 < shown.count && shown[$0 + 1] == 0x0A })
        var file = shown[(end + 2)...].map { $0 == 0x0D || $0 == 0 ? 0x20 : $0 }
        if file.last != 0x0A { file.append(0x0A) }
        return Oddity.wire(fromFile: file)
    }

    private func through(_ postfix: PostfixPeer, _ hub: SendHub, _ sink: SinkServer) throws {
        var wanted: [[UInt8]] = []
        for oddity in Self.oddities {
            let id = try hub.queue(oddity.file(), to: ["b@far.example"])
            wanted.append(try Self.wire(ofShown: try hub.mhqueue(["show", id]).output))
        }
        let run = try hub.run()
        #expect(run.status == 0 && run.errorText == "", "\(run) \(hub.log)")
        #expect(try hub.listed.isEmpty, "\(hub.log) \(postfix.logs)")
        let messages = try sink.waitForMessages(wanted.count)
        let arrived = messages.map { Self.withoutReceived($0.content) }
        for (oddity, octets) in zip(Self.oddities, wanted) {
            #expect(arrived.contains(octets), "\(oddity) was changed on its way")
        }
        #expect(messages.count == wanted.count)
        #expect(messages.allSatisfy { $0.reversePath.hasPrefix("<alice@one.example>") })
    }

    @Test(
        "SE7: STARTTLS and a login at Postfix: every kind of mail arrives octet for octet",
        .needsRoot(.postfix, .dovecot))
    func submission() async throws {
        try await onThread {
            let sink = try SinkServer()
            let dovecot = try DovecotPeer()
            let postfix = try PostfixPeer(delivering: .smtp(sink.port), logins: dovecot)
            let hub = SendHub(account: [
                "user alice", "password secret", "tls_trust_file \(postfix.certificate.certificatePath)",
                "send submission localhost:\(postfix.port)",
            ])
            try through(postfix, hub, sink)
            #expect(postfix.logs.contains("sasl_method=SCRAM-SHA-256, sasl_username=alice"), "\(postfix.logs)")
        }
    }

    @Test(
        "SE7, ask 13: TLS from the first octet, a pinned certificate, and nothing said to a server with another one",
        .needsRoot(.postfix, .dovecot))
    func pinned() async throws {
        try await onThread {
            let sink = try SinkServer()
            let dovecot = try DovecotPeer()
            let postfix = try PostfixPeer(delivering: .smtp(sink.port), logins: dovecot)
            func hub(_ fingerprint: String) -> SendHub {
                SendHub(account: [
                    "user alice", "password secret", "tls_fingerprint \(fingerprint)",
                    "send submissions localhost:\(postfix.tlsPort)",
                ])
            }
            let right = postfix.certificate.fingerprint
            let wrong = hub(right.dropLast() + (right.hasSuffix("0") ? "1" : "0"))
            try wrong.queue(to: ["b@far.example"])
            let refused = try wrong.run()
            #expect(refused.status == 0, "\(refused)")
            #expect(refused.errorText.contains("ertificate"), "\(refused)")
            #expect(!refused.errorText.contains("secret"))
            #expect(try wrong.listed.count == 1)
            #expect(!postfix.logs.contains("sasl_username"))
            try through(postfix, hub(postfix.certificate.fingerprint), sink)
        }
    }

    @Test(
        "SE2: local recipients go into their Maildirs, the others by the account, each once, and Bcc is seen by nobody")
    func mixed() async throws {
        try await onThread {
            let sink = try SinkServer()
            let hub = SendHub(plainTo: sink.port)
            let text = """
                From someone Mon Jan  1 00:00:00 2024
                From: Alice <alice@one.example>
                To: bob, far@far.example
                Cc: =?utf-8?Q?B=C3=B6b?= <bob@home.example>, group: x@far.example;
                Bcc: alice@home.example,
                 hidden@far.example
                Subject: mixed

                body
                ..
                """ + "\n.\nnot part of it\n"
            let sent = try hub.mhsend(["-t", "-odi", "-f", "alice@one.example"], input: Array(text.utf8))
            #expect(sent.status == 0 && sent.errorText == "" && sent.outputText == "", "\(sent)")
            #expect(try hub.listed.isEmpty, "\(hub.log)")
            let message = try #require(sink.messages.first)
            #expect(sink.messages.count == 1)
            #expect(
                Set(message.forwardPaths.map { $0.prefix { $0 != " " } })
                    == ["<far@far.example>", "<x@far.example>", "<hidden@far.example>"])
            let remote = String(decoding: message.content, as: UTF8.self)
            #expect(remote.hasPrefix("Received: by hub.example"))
            #expect(remote.hasSuffix("\r\n\r\nbody\r\n..\r\n"))
            // bob is named twice, by his name and by his address.
            let top = "Return-Path: <alice@one.example>\n"
            let bob = "X-Original-To: bob@hub.example\nX-Original-To: bob@home.example\nDelivered-To: bob@hub.example\n"
            for (mail, fields) in [(hub.mail(of: "bob"), bob), (hub.mail(of: "alice"), "Delivered-To: ")] {
                #expect(mail.map { $0.hasPrefix(top + fields) } == [true], "\(mail)")
            }
            for text in hub.mail(of: "bob") + hub.mail(of: "alice") + [remote] {
                #expect(!text.contains("Bcc") && !text.contains("hidden@") && !text.contains("From someone"))
                #expect(!text.contains("not part of it"))
                #expect(text.contains("Date: ") && text.contains("Message-ID: <"))
            }
            #expect(sink.commands.count == 1, "one connection")
        }
    }

    @Test("ask 3: a message is queued and a run follows by itself, while the caller does not wait for it")
    func background() async throws {
        try await onThread {
            // The server greets only after the caller is through: a caller that waited for it would never end.
            let isThrough = Gate()
            let sink = try SinkServer { moment, _ in
                if moment == .greeting { isThrough.wait() }
                return nil
            }
            let hub = SendHub(plainTo: sink.port)
            let sent = try hub.mhsend(
                ["-f", "alice@one.example", "b@far.example"], input: Array("Subject: x\n\nx\n".utf8))
            #expect(sent.status == 0 && sent.errorText == "", "\(sent)")
            #expect(sink.messages.isEmpty)
            isThrough.open()
            try hub.waitUntilEmpty()
            #expect(sink.messages.count == 1)
        }
    }

    @Test("what comes in while a single message is tried gets a run of its own")
    func besideOne() async throws {
        try await onThread {
            let place = Mutex<SendHub?>(nil)
            let sink = try SinkServer { moment, _ in
                guard moment == .greeting, let hub = place.withLock({ $0 }) else { return nil }
                _ = try? hub.mhsend(["bob@home.example"], input: Array("Subject: y\n\ny\n".utf8))
                return nil
            }
            let hub = SendHub(plainTo: sink.port)
            place.withLock { $0 = hub }
            let sent = try hub.mhsend(
                ["-odi", "-f", "alice@one.example", "b@far.example"], input: Array("Subject: x\n\nx\n".utf8))
            #expect(sent.status == 0 && sent.errorText == "", "\(sent)")
            try hub.waitUntilEmpty()
            #expect(sink.messages.count == 1 && hub.mail(of: "bob").count == 1)
        }
    }

    @Test("the Unix user who is a person here sends from the person's address")
    func defaultSender() async throws {
        try await onThread {
            let hub = SendHub(plainTo: 9)
            let user = try runProgram(["id", "-un"]).outputText.filter { !$0.isNewline }
            let rc = String(decoding: ScratchDirectory.read(hub.rc) ?? [], as: UTF8.self)
            let place = "mailbox alice\n"
            let at = try #require(rc.firstRange(of: place))
            let mapped = rc[..<at.upperBound] + "    unix-user \(user)\n" + rc[at.upperBound...]
            _ = hub.scratch.write(String(mapped), to: "rc")
            let sent = try hub.mhsend(["-odq", "bob@home.example"], input: Array("Subject: x\n\nx\n".utf8))
            #expect(sent.status == 0, "\(sent)")
            _ = try hub.run()
            let mail = try #require(hub.mail(of: "bob").first)
            #expect(mail.hasPrefix("Return-Path: <alice@home.example>\n"), "\(mail)")
            #expect(mail.contains("alice@home.example") && mail.contains("\nFrom: "))
        }
    }

    @Test("SE12: the envelope says what was asked for: DSN, sizes, 8-bit, and the null path")
    func envelope() async throws {
        try await onThread {
            let sink = try SinkServer()
            let hub = SendHub(plainTo: sink.port)
            let arguments = ["-odi", "-f", "alice@one.example", "-N", "failure,delay", "-R", "hdrs", "-V", "id+7"]
            let result = try hub.mhsend(arguments + ["b@far.example"], input: Array("Subject: x\n\nä\n".utf8))
            #expect(result.status == 0, "\(result)")
            _ = try hub.mhsend(
                ["-odi", "-f", "", "-N", "never", "b@far.example"], input: Array("Subject: x\n\nx\n".utf8))
            let messages = sink.messages
            #expect(messages.count == 2)
            let first = try #require(messages.first)
            let path = "<alice@one.example> SIZE=\(first.content.count) BODY=8BITMIME RET=HDRS ENVID=id+2B7"
            #expect(first.reversePath == path)
            #expect(first.forwardPaths == ["<b@far.example> NOTIFY=FAILURE,DELAY"])
            #expect(messages.last?.reversePath.hasPrefix("<> SIZE=") == true)
            #expect(messages.last?.forwardPaths == ["<b@far.example> NOTIFY=NEVER"])
            #expect(first.client == "hub.example")
        }
    }

    @Test("ask 21: the rc is looked for in order, and a person without one is told the places")
    func lookups() async throws {
        try await onThread {
            let sink = try SinkServer()
            let hub = SendHub(plainTo: sink.port)
            let scratch = ScratchDirectory()
            func send(_ environment: [String: String], _ options: [String] = []) throws -> CommandResult {
                try InstalledCommands.run(
                    ["mhsend"] + options + ["-odq", "bob"], input: Array("x\n".utf8), environment: environment)
            }
            let rc = ScratchDirectory.read(hub.rc) ?? []
            if ScratchDirectory.read("/etc/mailhubrc") == nil {
                let none = try send(["HOME": scratch.path])
                #expect(none.status == 78)
                for place in [
                    "/etc/mailhubrc", "\(scratch.path)/.mailhubrc", "\(scratch.path)/.config/mailhub/mailhubrc",
                ] {
                    #expect(none.errorText.contains(place), "\(none)")
                }
                scratch.write(rc, to: ".mailhubrc")
                #expect(try send(["HOME": scratch.path]).status == 0)
                #expect(try hub.listed.count == 1)
            }
            #expect(try send(["HOME": scratch.path, "MAILHUBRC": hub.rc]).status == 0)
            #expect(try send(["HOME": "/nonexistent"], ["-C", hub.rc]).status == 0)
            let missing = try send(["HOME": scratch.path], ["-C", "/nonexistent/rc"])
            #expect(missing.status != 0 && missing.errorText.contains("/nonexistent/rc"))
        }
    }

    @Test(
        "SE1: bad input is refused with the status that callers know, and leaves nothing",
        arguments: [
            (["-t"], "Subject: x\n\nx\n", 64, "no recipients"), (["-t"], "", 64, "no recipients"),
            ([], "x\n", 64, "no recipients"), (["-N", "often", "bob"], "x\n", 64, "-N often"),
            (["-R", "some", "bob"], "x\n", 64, "-R some"), (["a@b@c"], "x\n", 65, "a@b@c"),
            (["-t"], "To: a b c <\n\nx\n", 65, "header"), (["-f", "not an address", "bob"], "x\n", 65, "sender"),
            (["bob", "-X/tmp/x"], "x\n", 64, "-X/tmp/x"), (["bob", "\u{1B}[31m@@"], "x\n", 65, "\\x1B"),
            (["-V", "a\nb", "bob"], "x\n", 64, "printable ASCII"),
            (["-t"], "To: b@x: c@d\n\nx\n", 65, "b@x: c@d"),
            (["-t"], "To: a@x\nBcc: :include:/etc/passwd\n\nx\n", 65, ":include:/etc/passwd"),
            (["b@x: c@d"], "x\n", 65, "b@x: c@d"), ([":include:/etc/passwd"], "x\n", 65, ":include:"),
            (["bob"], "DKIM-Signature: v=1\nno field\n\nx\n", 65, "is signed"),
            (["bob"], String(repeating: "Received: by x; y\n", count: 100) + "\nx\n", 65, "in circles"),
        ])
    func refused(_ arguments: [String], _ input: String, _ status: Int32, _ words: String) async throws {
        try await onThread {
            let hub = SendHub(plainTo: 9)
            let result = try hub.mhsend(["-odq"] + arguments, input: Array(input.utf8))
            #expect(result.status == status, "\(result)")
            #expect(result.errorText.contains(words), "\(result)")
            #expect(result.errorText.count(of: "\n") == 1, "one line: \(result)")
            #expect(!result.errorText.contains("\u{1B}"))
            #expect(hub.files(in: "new").isEmpty && hub.files(in: "tmp").isEmpty)
        }
    }

    @Test("ten thousand recipients of -t are served, each once")
    func tenThousand() async throws {
        try await onThread {
            let sink = try SinkServer()
            let hub = SendHub(plainTo: sink.port)
            let names = (1...10_000).map { "somebody.number.\($0)@far.example" }
            let half = names.count / 2
            let header =
                "To: \(names[..<half].joined(separator: ",\n "))\n"
                + names[half...].map { "Bcc: \($0)\n" }.joined()
            let sent = try hub.mhsend(
                ["-t", "-odi", "-f", "alice@one.example"], input: Array("\(header)Subject: x\n\nx\n".utf8),
                deadline: .seconds(120))
            #expect(sent.status == 0 && sent.errorText == "", "\(sent)")
            #expect(try hub.listed.isEmpty, "\(hub.log.suffix(1000))")
            let served = sink.messages.flatMap(\.forwardPaths).map { String($0.dropFirst().prefix { $0 != ">" }) }
            #expect(served.count == names.count && Set(served) == Set(names))
            #expect(sink.messages.allSatisfy { !String(decoding: $0.content, as: UTF8.self).contains("Bcc") })
        }
    }

    @Test("SE1: a message above the size limit is refused while it comes in")
    func tooBig() async throws {
        try await onThread {
            let hub = SendHub(plainTo: 9, top: ["size-limit 65536"])
            let big = Array("Subject: x\n\n".utf8) + [UInt8](repeating: 0x61, count: 200_000)
            let result = try hub.mhsend(["-odq", "bob"], input: big)
            #expect(result.status == 65, "\(result)")
            #expect(hub.files(in: "new").isEmpty && hub.files(in: "tmp").isEmpty)
        }
    }

    @Test("SE1: a caller that has closed its descriptors gets its mail queued all the same, or an error")
    func closedDescriptors() async throws {
        try await onThread {
            let hub = SendHub(plainTo: 9)
            let mhsend = "'\(try InstalledCommands.path("mhsend"))' -C '\(hub.rc)' -odq -v bob"
            let quiet = try runProgram(["sh", "-c", "echo hello | \(mhsend) >&- 2>&-"])
            #expect(quiet.status == 0)
            #expect(try hub.listed.count == 1)
            #expect(try runProgram(["sh", "-c", "\(mhsend) <&-"]).status != 0)
            #expect(try hub.listed.count == 1)
        }
    }

    @Test("the intake loads no TLS, DNS, HTTP or Foundation code, and has no option parser in it")
    func lightIntake() async throws {
        try await onThread {
            let path = try InstalledCommands.path("mhsend")
            let libraries = try runProgram(["ldd", path]).outputText
            for heavy in [
                "libssl", "libcrypto", "libunbound", "libcurl", "maxminddb", "Foundation", "FoundationEssentials",
            ] {
                #expect(!libraries.contains(heavy), "\(heavy)")
            }
            for room in ["14ArgumentParser", "9TLSEngine", "8Resolver", "9Transport", "15AccountSessions"] {
                #expect(try runProgram(["grep", "-c", "-a", "$s\(room)", path]).outputText == "0\n", "\(room)")
            }
        }
    }
}
