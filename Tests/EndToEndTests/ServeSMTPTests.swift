// mhserve as mail programs and strangers meet it by SMTP.

import MailTestKit
import Testing

@Suite("mhserve and SMTP")
struct ServeSMTPTests {
    @Test(
        "curl, swaks, msmtp and smtplib submit mail that arrives octet for octet",
        .needs(.curl, .swaks, .msmtp, .python3))
    func clients() async throws {
        try await onThread {
            let hub = try HubUnderTest()
            let mail = Array(
                "From: Alice <alice@example.org>\nTo: bob@example.org\nSubject: four\n\n.dot\n..\nend\n".utf8)
            let wire = Oddity.wire(fromFile: mail)
            let file = hub.scratch.write(wire, to: "mail.eml")
            let secret = "alice's secret"
            let sent = [
                try runProgram([
                    "curl", "-sS", "smtps://localhost:\(hub.port("submissions"))/client", "--cacert",
                    hub.certificatePath,
                    "-u", "alice:\(secret)", "--mail-from", "alice@example.org", "--mail-rcpt", "bob@example.org",
                    "-T", file,
                ]),
                try runProgram([
                    "swaks", "--server", "127.0.0.1:\(hub.port("submission"))", "-tls", "--auth", "LOGIN",
                    "--auth-user",
                    "alice@example.org", "--auth-password", secret, "--from", "alice@example.org", "--to",
                    "bob@example.org", "--data", "@\(file)",
                ]),
                try runProgram(
                    [
                        "msmtp", "--host=localhost", "--port=\(hub.port("submission"))", "--tls=on",
                        "--tls-starttls=on",
                        "--tls-trust-file=\(hub.certificatePath)", "--auth=plain", "--user=alice",
                        "--passwordeval=echo \"\(secret)\"", "--from=alice@example.org", "bob@example.org",
                    ], input: mail, environment: ["HOME": hub.scratch.path, "PATH": "/usr/bin:/bin"]),
                try python(
                    """
                    import smtplib
                    s = smtplib.SMTP_SSL("localhost", PORT["submissions"], context=TLS)
                    s.login("bob", "bob's secret")
                    s.sendmail("bob@example.org", ["bob@example.org"], MAIL.replace(b"alice", b"bob"))
                    s.quit()
                    """, hub, mail: wire),
            ]
            for result in sent { #expect(result.status == 0, "\(result) \(hub.logs)") }
            let messages = hub.messages(of: "bob")
            try #require(messages.count == 4, "\(hub.logs)")
            for message in messages {
                let text = String(decoding: message, as: UTF8.self)
                let wanted = text.contains("<bob@example.org>\nDelivered") ? "From: Alice <bob@" : "From: Alice <alice@"
                #expect(text.hasPrefix("Return-Path: <"))
                #expect(text.contains(wanted), "\(text)")
                // swaks ends what it sends with a line end of its own.
                #expect(text.hasSuffix("Subject: four\n\n.dot\n..\nend\n") || text.hasSuffix("\nend\n\n"), "\(text)")
                #expect(!text.contains("127.0.0.1"), "the address of somebody who has logged in stays hidden")
            }
            #expect(hub.queued().isEmpty)
            #expect(hub.leftovers().isEmpty)
        }
    }

    @Test("odd messages arrive as they were sent; those with stray CR, LF or NUL are refused, and nothing is left")
    func oddities() async throws {
        try await onThread {
            let hub = try HubUnderTest()
            for oddity in Oddity.quick + [.twentyMegabytes] {
                let client = try LineClient(port: hub.port("smtp"))
                _ = try client.reply()
                for command in ["EHLO x", "MAIL FROM:<a@example.net>", "RCPT TO:<alice@example.org>", "DATA"] {
                    #expect(["250", "354"].contains(try client.say(command).prefix(3)))
                }
                var wire = oddity.wire()
                let isStray = [.nul, .bareCR, .bareLF, .binary].contains(oddity)
                if !wire.suffix(2).elementsEqual([0x0D, 0x0A]) { wire += [0x0D, 0x0A] }
                try client.send(dotted(wire) + Array(".\r\n".utf8))
                let verdict = try client.reply().last ?? ""
                if isStray {
                    #expect(verdict.hasPrefix("550 5.6.0"), "\(oddity): \(verdict)")
                    #expect(try client.rest() == "", "the connection ends")
                } else {
                    #expect(verdict.hasPrefix("250"), "\(oddity): \(verdict)")
                    let message = try #require(hub.messages(of: "alice").last, "\(hub.logs)")
                    var wanted = Oddity.file(fromWire: wire)
                    // The line that an mbox puts before a message is none of it.
                    if oddity == .fromLine { wanted.removeSubrange(...(try #require(wanted.firstIndex(of: 0x0A)))) }
                    #expect(firstDifference(message.suffix(wanted.count), wanted) == nil, "\(oddity)")
                    #expect(!String(decoding: message, as: UTF8.self).contains("\nFrom someone"))
                    try #require(removeAll(in: "\(hub.maildir(of: "alice"))/new") == 1)
                }
            }
            #expect(hub.leftovers().isEmpty && hub.queued().isEmpty)
        }
    }

    @Test("no stranger relays: source routes, %-hacks, quoted @, literals, our own names as senders")
    func openRelay() async throws {
        try await onThread {
            let hub = try HubUnderTest()
            let senders = ["", "alice@example.org", "root@hub.example.org", "x@example.net", "alice@[127.0.0.1]"]
            let recipients = [
                "<victim@example.net>", "<victim%example.net@example.org>", "<\"victim@example.net\"@example.org>",
                "<\"victim%example.net\"@example.org>", "<@example.org:victim@example.net>",
                "<@hub.example.org,@example.org:victim@example.net>", "<example.net!victim@example.org>",
                "<victim@example.net@example.org>", "<victim@example.org@example.net>", "<victim@[192.0.2.1]>",
                "<victim@[127.0.0.1]>", "<victim@[IPv6:::1]>", "victim@example.net", "<victim>",
                "<\"victim@example.net\">", "<victim%example.net@[127.0.0.1]>", "<victim%example.net@localhost>",
                "<victim@example.net.>", "<victim@EXAMPLE.NET>", "<victim@example.org.example.net>",
                "<victim@sub.example.org>", "<alice@example.org,victim@example.net>", "<postmaster@example.net>",
                "<alice@example.org> NOTIFY=NEVER ORCPT=rfc822;victim@example.net X=1", "<|/bin/sh@example.org>",
                "<../../etc/passwd@example.org>", "<-oQ/tmp@example.org>",
            ]
            for sender in senders {
                for recipient in recipients {
                    let probe = try LineClient(port: hub.port("smtp"))
                    _ = try probe.reply()
                    _ = try probe.say("EHLO example.org")
                    #expect(try probe.say("MAIL FROM:<\(sender)>").hasPrefix("250"))
                    let verdict = try probe.say("RCPT TO:\(recipient)")
                    #expect(verdict.hasPrefix("5"), "\(sender) \(recipient): \(verdict)")
                    #expect(try probe.say("DATA").hasPrefix("554"))
                }
                let probe = try LineClient(port: hub.port("submission"))
                _ = try probe.reply()
                _ = try probe.say("EHLO example.org")
                #expect(try probe.say("MAIL FROM:<\(sender)>").hasPrefix("530"))
                #expect(try probe.say("RCPT TO:<alice@example.org>").hasPrefix("503"))
            }
            let probe = try LineClient(port: hub.port("smtp"))
            _ = try probe.reply()
            _ = try probe.say("HELO x")
            // What must be taken, by contrast.
            for good in [
                "<postmaster>", "<Postmaster@hub.example.org>", "<ALICE@Example.ORG>", "<@example.net:bob@example.org>",
            ] {
                _ = try probe.say("RSET")
                _ = try probe.say("MAIL FROM:<>")
                #expect(try probe.say("RCPT TO:\(good)").hasPrefix("250"), "\(good)")
            }
            #expect(hub.queued().isEmpty)
        }
    }

    @Test(
        "smuggled ends of data are refused with 550, and nothing is delivered",
        arguments: [
            "\n.\n", "\r.\r", "\n.\r\n", "\r\n.\n", "\r\n.\r", "\r.\r\n", "\r\n\0.\r\n", "\n.\r", "\r\r\n.\r\n",
        ])
    func smuggling(_ end: String) async throws {
        try await onThread {
            let hub = try HubUnderTest(services: ["smtp"])
            let client = try LineClient(port: hub.port("smtp"))
            _ = try client.reply()
            for command in ["EHLO x", "MAIL FROM:<a@example.net>", "RCPT TO:<alice@example.org>", "DATA"] {
                _ = try client.say(command)
            }
            try client.send(
                "Subject: one\r\n\r\nbody\(end)MAIL FROM:<admin@example.org>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n"
                    + "Subject: smuggled\r\n\r\n.\r\nNOOP\r\n")
            let said = try client.rest()
            #expect(said.hasPrefix("550 5.6.0"), "\(said)")
            #expect(!said.dropFirst(4).contains("250"), "\(said)")
            #expect(hub.messages(of: "alice").isEmpty && hub.messages(of: "bob").isEmpty && hub.queued().isEmpty)
        }
    }

    @Test("what stands behind STARTTLS in clear ends the connection; AUTH in clear is refused", .needs(.python3))
    func startTLS() async throws {
        try await onThread {
            let hub = try HubUnderTest()
            for (service, first, injected) in [
                ("submission", "STARTTLS", "EHLO evil\r\nMAIL FROM:<evil@example.net>\r\n"),
                ("pop3", "STLS", "USER evil\r\n"),
                ("smtp", "STARTTLS", "\r\n"),
            ] {
                let client = try LineClient(port: hub.port(service))
                _ = try client.reply()
                if service != "pop3" { _ = try client.say("EHLO x") }
                try client.send("\(first)\r\n\(injected)")
                let said = try client.rest()
                #expect(!said.contains("250"), "\(service): \(said)")
                #expect(
                    said.isEmpty || said.hasPrefix("421") || said.hasPrefix("220") || said.hasPrefix("+OK"), "\(said)")
            }
            let client = try LineClient(port: hub.port("submission"))
            _ = try client.reply()
            try client.send("EHLO x\r\n")
            #expect(!(try client.reply().contains { $0.contains("AUTH") }))
            #expect(try client.say("AUTH PLAIN AGFsaWNlAGFsaWNlJ3Mgc2VjcmV0").hasPrefix("538"))
            #expect(try client.say("MAIL FROM:<alice@example.org>").hasPrefix("530"))
            let popper = try LineClient(port: hub.port("pop3"))
            _ = try popper.reply()
            #expect(try popper.say("USER alice").hasPrefix("-ERR"))
            #expect(try popper.say("AUTH PLAIN AGFsaWNlAGFsaWNlJ3Mgc2VjcmV0").hasPrefix("-ERR"))
            #expect(try popper.say("STAT").hasPrefix("-ERR"))
            // After the handshake everything begins anew.
            let result = try python(
                """
                import smtplib
                s = smtplib.SMTP("localhost", PORT["submission"])
                s.ehlo("before")
                s.starttls(context=TLS)
                code, text = s.docmd("MAIL FROM:<alice@example.org>")
                assert code == 503, (code, text)
                code, text = s.ehlo("after")
                assert b"AUTH PLAIN LOGIN" in text and b"STARTTLS" not in text, text
                code, text = s.docmd("STARTTLS")
                assert code == 503, (code, text)
                s.login("alice@example.org", "alice's secret")
                code, text = s.docmd("AUTH PLAIN AGFsaWNlAGFsaWNlJ3Mgc2VjcmV0")
                assert code == 503, (code, text)
                s.quit()
                """, hub)
            #expect(result.status == 0, "\(result) \(hub.logs)")
        }
    }

    @Test("wrong passwords are counted, unknown names look the same, and the pause costs no hash", .needs(.python3))
    func guessing() async throws {
        try await onThread {
            let hub = try HubUnderTest(words: ["errors-limit 100"])
            let result = try python(
                """
                import base64, smtplib, time
                texts = set()
                times = []
                for n in range(10):
                    s = smtplib.SMTP_SSL("127.0.0.1", PORT["submissions"], context=TLS)
                    s.ehlo()
                    begun = time.monotonic()
                    name = "alice" if n % 2 else "nobody-%d" % n
                    texts.add(s.docmd("AUTH PLAIN " + base64.b64encode(b"\\0%s\\0wrong" % name.encode()).decode()))
                    times.append(time.monotonic() - begun)
                    s.close()
                assert len(texts) == 1 and list(texts)[0][0] == 535, texts
                s = smtplib.SMTP_SSL("127.0.0.1", PORT["submissions"], context=TLS)
                s.ehlo()
                code, text = s.docmd("AUTH PLAIN AGFsaWNlAGFsaWNlJ3Mgc2VjcmV0")
                assert code == 421, (code, text)
                import poplib
                p = poplib.POP3_SSL("127.0.0.1", PORT["pop3s"], context=TLS)
                p.user("alice")
                try:
                    p.pass_("alice's secret")
                    raise SystemExit("let in")
                except poplib.error_proto as error:
                    assert error.args[0].startswith(b"-ERR [SYS/TEMP]"), error
                known, unknown = sorted(times[1::2])[0], sorted(times[0::2])[0]
                assert unknown > known / 10 and known > unknown / 10, times
                """, hub)
            #expect(result.status == 0, "\(result) \(hub.logs)")
            let lines = hub.log.split(separator: "\n").filter { $0.contains(": login ") }
            #expect(lines.count == 12, "\(hub.log)")
            #expect(lines.filter { $0.contains("client=127.0.0.1 ") && $0.contains("status=refused") }.count == 10)
            #expect(lines.filter { $0.contains("client=127.0.0.1 ") && $0.contains("status=paused") }.count == 2)
        }
    }

    @Test("guesses made at once are no more than guesses made one after the other", .needs(.python3))
    func guessingAtOnce() async throws {
        try await onThread {
            let hub = try HubUnderTest(words: ["max-connections-per-address 100"])
            let result = try python(
                """
                import base64, smtplib, threading
                sessions = [smtplib.SMTP_SSL("127.0.0.1", PORT["submissions"], context=TLS) for _ in range(40)]
                for s in sessions: s.ehlo()
                start = threading.Barrier(len(sessions))
                codes = []
                def guess(n, s):
                    name = ["alice", "alice@example.org"][n % 2]
                    word = base64.b64encode(b"\\0%s\\0guess %d" % (name.encode(), n)).decode()
                    start.wait()
                    codes.append(s.docmd("AUTH PLAIN " + word)[0])
                threads = [threading.Thread(target=guess, args=pair) for pair in enumerate(sessions)]
                for t in threads: t.start()
                for t in threads: t.join()
                assert codes.count(535) == 10 and set(codes) <= {535, 454, 421}, codes
                s = smtplib.SMTP_SSL("127.0.0.1", PORT["submissions"], context=TLS)
                s.ehlo()
                assert s.docmd("AUTH PLAIN AGFsaWNlAGFsaWNlJ3Mgc2VjcmV0")[0] == 421
                """, hub)
            #expect(result.status == 0, "\(result) \(hub.logs)")
        }
    }

    @Test("right logins made at once from one place are none of them guesses", .needs(.python3))
    func rightAtOnce() async throws {
        try await onThread {
            let hub = try HubUnderTest(words: ["max-connections-per-address 100"])
            let result = try python(
                """
                import smtplib, threading
                sessions = [smtplib.SMTP_SSL("127.0.0.1", PORT["submissions"], context=TLS) for _ in range(30)]
                for s in sessions: s.ehlo()
                start = threading.Barrier(len(sessions))
                codes = []
                def login(s):
                    start.wait()
                    codes.append(s.docmd("AUTH PLAIN AGFsaWNlAGFsaWNlJ3Mgc2VjcmV0")[0])
                threads = [threading.Thread(target=login, args=(s,)) for s in sessions]
                for t in threads: t.start()
                for t in threads: t.join()
                assert codes == [235] * 30, codes
                """, hub)
            #expect(result.status == 0, "\(result) \(hub.logs)")
        }
    }

    @Test(
        "a client that offers other protocols by ALPN is refused in the handshake, by STARTTLS and STLS too",
        .needs(.python3))
    func applicationProtocols() async throws {
        try await onThread {
            let hub = try HubUnderTest()
            let result = try python(
                """
                OPENING = {"smtp": [b"EHLO x", b"STARTTLS"], "submission": [b"EHLO x", b"STARTTLS"], "pop3": [b"STLS"]}
                def agreed(service, offered):
                    context = ssl.create_default_context(cafile="\(hub.certificatePath)")
                    if offered: context.set_alpn_protocols(offered)
                    s = socket.create_connection(("localhost", PORT[service]))
                    if service in OPENING:
                        s.recv(1000)
                        for command in OPENING[service]:
                            s.sendall(command + b"\\r\\n")
                            s.recv(1000)
                    try:
                        with context.wrap_socket(s, server_hostname="localhost") as t:
                            return t.selected_alpn_protocol() or "none"
                    except ssl.SSLError as error:
                        return "refused" if "no application protocol" in str(error) else str(error)
                for service in PORT:
                    own = ["pop3"] if service.startswith("pop3") else ["smtp", "esmtp"]
                    assert agreed(service, []) == "none", service
                    for name in own:
                        assert agreed(service, ["h2", name]) == name, (service, name)
                    for foreign in [["h2", "http/1.1"], ["imap"], ["smtp"] if own == ["pop3"] else ["pop3"]]:
                        assert agreed(service, foreign) == "refused", (service, foreign, agreed(service, foreign))
                """, hub)
            #expect(result.status == 0, "\(result) \(hub.logs)")
        }
    }

    @Test("size, recipients, errors and foreign protocols have their limits")
    func limits() async throws {
        try await onThread {
            let hub = try HubUnderTest(words: ["size-limit 70000", "errors-limit 5"], services: ["smtp"])
            func open() throws -> LineClient {
                let client = try LineClient(port: hub.port("smtp"))
                _ = try client.reply()
                _ = try client.say("EHLO x")
                return client
            }
            let client = try open()
            #expect(try client.say("MAIL FROM:<a@example.net> SIZE=70001").hasPrefix("552"))
            #expect(try client.say("MAIL FROM:<a@example.net> SIZE=69000").hasPrefix("250"))
            for number in 1...101 {
                let answer = try client.say("RCPT TO:<\(number % 2 == 0 ? "alice" : "bob")@example.org>")
                #expect(answer.hasPrefix(number <= 100 ? "250" : "452"), "\(number): \(answer)")
            }
            #expect(try client.say("DATA").hasPrefix("354"))
            try client.send([UInt8](repeating: 0x61, count: 990) + Array("\r\n".utf8))
            for _ in 0..<80 { try client.send([UInt8](repeating: 0x61, count: 990) + Array("\r\n".utf8)) }
            #expect(try client.say(".").hasPrefix("552"))
            #expect(try client.say("NOOP").hasPrefix("250"))
            #expect(hub.queued().isEmpty && hub.leftovers().isEmpty)

            let clumsy = try open()
            for _ in 1...4 { #expect(try clumsy.say("FOO").hasPrefix("5")) }
            try clumsy.send("FOO\r\nNOOP\r\nNOOP\r\n")
            let last = try clumsy.rest().split(separator: "\r\n")
            #expect(last.count == 2 && last[0].hasPrefix("50") && last[1].hasPrefix("421"), "\(last)")

            for request in [
                "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "POST / HTTP/1.1\r\n\r\nMAIL FROM:<a@example.net>\r\n",
            ] {
                let browser = try LineClient(port: hub.port("smtp"))
                _ = try browser.reply()
                try browser.send(request)
                let said = try browser.rest()
                #expect(!said.contains("250") && said.split(separator: "\r\n").count <= 1, "\(said)")
            }
            // All at once, and our side shut behind it: everything is answered and delivered.
            let whole = try LineClient(port: hub.port("smtp"))
            let transaction =
                "MAIL FROM:<a@example.net>\r\nRCPT TO:<alice@example.org>\r\nDATA\r\nSubject: x\r\n\r\n.\r\n"
            try whole.send("EHLO x\r\n" + transaction + transaction + "QUIT\r\n")
            whole.closeSending()
            let all = try whole.rest().split(separator: "\r\n")
            #expect(all.last?.hasPrefix("221") == true && all.count(where: { $0.hasPrefix("354") }) == 2, "\(all)")
            #expect(hub.messages(of: "alice").count == 2)
            // Far beyond the limit nothing is read on for the sake of a reply at the end.
            let flood = try open()
            for command in ["MAIL FROM:<a@example.net>", "RCPT TO:<alice@example.org>", "DATA"] {
                _ = try flood.say(command)
            }
            for _ in 0..<200 { try flood.send([UInt8](repeating: 0x61, count: 998) + Array("\r\n".utf8)) }
            #expect(try flood.rest().hasPrefix("552"))
            // 10,000 commands at once that lead nowhere: a hundred are answered, in order, and one line tells of it.
            let hasty = try open()
            try hasty.send(String(repeating: "NOOP\r\n", count: 10_000) + "QUIT\r\n")
            let answers = try hasty.rest().split(separator: "\r\n")
            #expect(answers.count == 100 && answers.dropLast().allSatisfy { $0.hasPrefix("250") }, "\(answers)")
            #expect(answers.last?.hasPrefix("421") == true)
            #expect(hub.log.split(separator: "\n").count { $0.contains("more than 100 commands and no message") } == 1)
        }
    }

    @Test("a login sends as itself only, and From must be one clear field", .needs(.python3))
    func authors() async throws {
        try await onThread {
            let hub = try HubUnderTest(services: ["submissions"])
            let result = try python(
                """
                import smtplib
                def attempt(sender, header, recipients=["bob@example.org"]):
                    s = smtplib.SMTP_SSL("localhost", PORT["submissions"], context=TLS)
                    s.login("alice", "alice's secret")
                    try:
                        s.sendmail(sender, recipients, header + b"\\r\\nx\\r\\n")
                        return 250
                    except smtplib.SMTPSenderRefused as error:
                        return error.smtp_code
                    except smtplib.SMTPDataError as error:
                        return error.smtp_code
                    finally:
                        s.close()
                own = b"From: alice@example.org\\r\\n"
                assert attempt("alice@example.org", own) == 250
                assert attempt("", own) == 250
                assert attempt("bob@example.org", own) == 550
                assert attempt("alice@example.net", own) == 550
                assert attempt("alice@example.org", b"From: bob@example.org\\r\\n") == 554
                assert attempt("alice@example.org", own + b"From: ceo@example.net\\r\\n") == 554
                assert attempt("alice@example.org", b"From: alice@example.org, ceo@example.net\\r\\n") == 554
                assert attempt("alice@example.org", b"From: <<ceo@example.net\\r\\n") == 554
                assert attempt("alice@example.org", b"X-A: b\\r\\n" * 1001 + b"From: ceo@example.net\\r\\n") == 554
                loop = b"".join(b"Received: by x; Mon, 1 Jan 2024 00:00:%02d +0000\\r\\n" % (n % 60) for n in range(200))
                assert attempt("alice@example.org", own + loop) == 554
                """, hub)
            #expect(result.status == 0, "\(result) \(hub.logs)")
            #expect(hub.messages(of: "bob").count == 2)
            for message in hub.messages(of: "bob") {
                let text = String(decoding: message, as: UTF8.self)
                #expect(text.contains("From: alice@example.org\n\nx\n"))
                #expect(
                    text.contains("\nDate: ") == text.hasPrefix("Return-Path: <alice@"), "what was left out: \(text)")
                #expect(text.contains("\nMessage-ID: <") == text.hasPrefix("Return-Path: <alice@"))
            }
        }
    }

    @Test(
        "From, Sender and Resent-From bear the login's own names, are clear to every reader, and From is never empty",
        .needs(.python3))
    func names() async throws {
        try await onThread {
            let hub = try HubUnderTest(words: ["errors-limit 100"], services: ["submissions"])
            let result = try python(
                """
                import smtplib
                s = smtplib.SMTP_SSL("localhost", PORT["submissions"], context=TLS)
                s.login("alice", "alice's secret")
                def attempt(header, sender="alice@example.org"):
                    s.docmd("RSET")
                    assert s.docmd("MAIL FROM:<%s>" % sender)[0] == 250
                    assert s.docmd("RCPT TO:<bob@example.org>")[0] == 250
                    return s.data(header.encode() + b"\\r\\nx\\r\\n")[0]
                own, foreign = "alice@example.org", "ceo@example.net"
                good = [
                    "From: " + own, "From: A <%s>, %s" % (own, own), "From: Team: %s;" % own, "Subject: completed",
                    "From: %s\\r\\nSender: %s" % (own, own), "From: %s\\r\\nResent-From: %s" % (own, own),
                    "From: %s\\r\\nno field\\r\\nFrom: %s" % (own, foreign), "no field\\r\\nFrom: %s" % foreign,
                ]
                for header in good:
                    assert attempt(header + "\\r\\n") == 250, header
                bad = [
                    "From: " + foreign, "From:", "From: nobody:;", "From: (%s)" % own, "From: %s: %s" % (foreign, own),
                    "From: :%s" % own, "From: <@x,%s:%s>" % (foreign, own), "From: %s, %s" % (own, foreign),
                    "From: %s\\r\\nFrom: %s" % (own, own), "From: alice",
                    "From: %s\\r\\nSender: %s" % (own, foreign), "From: %s\\r\\nSender:" % own,
                    "From: %s\\r\\nSender: %s, %s" % (own, own, own), "From: %s\\r\\nSender: %s\\r\\nSender: %s" % (own, own, own),
                    "Resent-From: %s\\r\\nFrom: %s" % (own, foreign), "Resent-From: %s\\r\\nFrom: %s" % (foreign, own),
                    "Resent-From: %s\\r\\nResent-From: %s\\r\\nFrom: %s" % (own, foreign, own),
                    "Resent-Sender: %s\\r\\nFrom: %s" % (foreign, own), "Resent-From: %s" % own,
                    "DKIM-Signature: v=1\\r\\nFrom: %s\\r\\nno field" % own,
                    "Content-Type: multipart/signed\\r\\nFrom: %s\\r\\nno field" % own,
                ]
                for header in bad:
                    assert attempt(header + "\\r\\n") == 554, header
                assert attempt("Subject: a null path and no author\\r\\n", "") == 554
                assert attempt("From: %s\\r\\n" % own, "") == 250
                assert s.docmd("MAIL FROM:<alice@example.org>")[0] == 250
                for path in [":include:/etc/passwd", "%s: %s" % (foreign, own), "@x,%s:%s" % (foreign, own)]:
                    assert 500 <= s.docmd("RCPT TO:<%s>" % path)[0] <= 599, path
                s.quit()
                """, hub)
            #expect(result.status == 0, "\(result) \(hub.logs)")
            let messages = hub.messages(of: "bob").map { String(decoding: $0, as: UTF8.self) }
            #expect(messages.count == 9)
            for message in messages {
                let end = try #require(message.firstRange(of: "\n\n"))
                let header = String(message[..<end.lowerBound])
                #expect(header.count(of: "\nFrom: ") == 1 && !header.contains("ceo@"), "\(message)")
            }
            #expect(messages.count(where: { $0.contains("\n\nno field\nFrom: ceo@example.net\n\nx\n") }) == 2)
        }
    }

    @Test("the line that an mbox puts before a message goes, whoever hands it in")
    func mboxLine() async throws {
        try await onThread {
            let hub = try HubUnderTest()
            for recipients in [["alice"], ["alice", "bob"]] {
                let client = try LineClient(port: hub.port("smtp"))
                _ = try client.reply()
                _ = try client.say("EHLO x")
                _ = try client.say("MAIL FROM:<a@example.net>")
                for name in recipients { _ = try client.say("RCPT TO:<\(name)@example.org>") }
                _ = try client.say("DATA")
                try client.send(
                    "From a@example.net Mon Jan  1 00:00:00 2024\r\nFrom: a@example.net\r\nSubject: x\r\n\r\n")
                #expect(try client.say("From here on\r\n.").hasPrefix("250"))
                // A folded field behind it is none, and begins the body.
                _ = try client.say("MAIL FROM:<a@example.net>")
                for name in recipients { _ = try client.say("RCPT TO:<\(name)@example.org>") }
                _ = try client.say("DATA")
                #expect(try client.say("From a Mon\r\n folded\r\n.").hasPrefix("250"))
            }
            let result = try python(
                """
                import smtplib
                s = smtplib.SMTP_SSL("localhost", PORT["submissions"], context=TLS)
                s.login("alice", "alice's secret")
                for to in [["alice@example.org"], ["alice@example.org", "x@example.net"]]:
                    s.sendmail("alice@example.org", to, b"From alice Mon Jan\\r\\nFrom: alice@example.org\\r\\nSubject: x\\r\\n\\r\\nFrom here on\\r\\n")
                s.quit()
                """, hub)
            #expect(result.status == 0, "\(result) \(hub.logs)")
            let all = (hub.messages(of: "alice") + hub.queued()).map { String(decoding: $0, as: UTF8.self) }
            #expect(all.count == 6)
            #expect(all.count(where: { $0.contains("Subject: x\n\nFrom here on\n") }) == 4)
            #expect(all.count(where: { $0.hasSuffix("\n\n folded\n") }) == 2)
            #expect(all.allSatisfy { !$0.contains("\nFrom a") })
        }
    }

    @Test(
        "SE12: a notice of success is owed and made for our own people only, and what they named comes out as it went in",
        .needs(.python3))
    func notices() async throws {
        try await onThread {
            let sink = try SinkServer()
            let account = "account one\n  owner alice\n  auth off\n  tls off\n  send smtp 127.0.0.1:\(sink.port)"
            let hub = try HubUnderTest(blocks: [account], carrier: .real)
            let stranger = try LineClient(port: hub.port("smtp"))
            _ = try stranger.reply()
            try stranger.send("EHLO x\r\n")
            #expect(try !stranger.reply().contains { $0.hasSuffix("DSN") })
            #expect(try stranger.say("MAIL FROM:<alice@example.org> RET=FULL ENVID=x").hasPrefix("250"))
            #expect(try stranger.say("RCPT TO:<bob@example.org> NOTIFY=SUCCESS ORCPT=rfc822;b").hasPrefix("250"))
            _ = try stranger.say("DATA")
            #expect(try stranger.say("Subject: stranger\r\n\r\nx\r\n.").hasPrefix("250 2.0.0 delivered"))
            let result = try python(
                """
                import smtplib
                s = smtplib.SMTP_SSL("localhost", PORT["submissions"], context=TLS)
                s.login("alice", "alice's secret")
                def send(rcpt):
                    s.docmd("MAIL FROM:<alice@example.org> ENVID=a+2Bb")
                    assert s.docmd("RCPT TO:" + rcpt)[0] == 250
                    return s.data(b"From: alice@example.org\\r\\nSubject: own\\r\\n\\r\\nx\\r\\n")
                code, words = send("<bob@example.org> NOTIFY=SUCCESS ORCPT=rfc822;bob+2Bnews@example.org")
                assert code == 250 and b"queued" in words, words
                code, words = send("<bob@example.org> NOTIFY=FAILURE")
                assert code == 250 and b"delivered" in words, words
                assert send("<far@example.net> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;f+2Bar@example.net")[0] == 250
                s.quit()
                """, hub)
            #expect(result.status == 0, "\(result) \(hub.logs)")
            // To bob, the notice of it, and to the server, which has DSN and tells by itself.
            try hub.waitForLog(": delivery ", count: 3)
            let message = try #require(try sink.waitForMessages(1).first)
            #expect(
                message.forwardPaths == ["<far@example.net> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;f+2Bar@example.net"])
            #expect(message.reversePath.hasSuffix(" ENVID=a+2Bb"))
            let told = hub.messages(of: "alice").map { String(decoding: $0, as: UTF8.self) }
            #expect(told.count == 1 && hub.messages(of: "bob").count == 3, "\(hub.logs)")
            #expect(told.first?.contains("Original-Recipient: rfc822; bob+news@example.org\n") == true, "\(told)")
            #expect(told.first?.contains("Action: delivered\n") == true)
            #expect(told.first?.contains("Original-Envelope-Id: a+b\n") == true)
        }
    }

    @Test(
        "fifty parallel submissions: one local recipient is served directly, more go to the queue, each once",
        .needs(.python3))
    func parallel() async throws {
        try await onThread {
            let hub = try HubUnderTest(words: ["max-connections-per-address 60"])
            let result = try python(
                """
                import smtplib, threading
                failures = []
                def send(n):
                    try:
                        s = smtplib.SMTP("localhost", PORT["submission"])
                        s.starttls(context=TLS)
                        s.login("alice", "alice's secret")
                        to = [["bob@example.org"], ["bob@example.org", "alice@example.org"], ["x@example.net"]][n % 3]
                        s.sendmail("alice@example.org", to, b"From: alice@example.org\\r\\nSubject: number %03d\\r\\n\\r\\nx\\r\\n" % n)
                        s.quit()
                    except Exception as error:
                        failures.append((n, repr(error)))
                warm = smtplib.SMTP_SSL("localhost", PORT["submissions"], context=TLS)
                warm.login("alice", "alice's secret")
                warm.quit()
                threads = [threading.Thread(target=send, args=(n,)) for n in range(50)]
                for t in threads: t.start()
                for t in threads: t.join()
                assert not failures, failures
                """, hub)
            #expect(result.status == 0, "\(result) \(hub.logs)")
            func numbers(_ messages: [[UInt8]]) -> [Int] {
                messages.compactMap { message in
                    String(decoding: message, as: UTF8.self).split(separator: "\n")
                        .first { $0.hasPrefix("Subject: number ") }.flatMap { Int($0.suffix(3)) }
                }.sorted()
            }
            #expect(numbers(hub.messages(of: "bob")) == (0..<50).filter { $0 % 3 == 0 })
            #expect(numbers(hub.queued()) == (0..<50).filter { $0 % 3 != 0 })
            #expect(hub.messages(of: "alice").isEmpty && hub.leftovers().isEmpty)
            let deadline = ContinuousClock.now + .seconds(5)
            while hub.carrierCalls.isEmpty, ContinuousClock.now < deadline {}
            #expect((1...33).contains(hub.carrierCalls.count))
            #expect(hub.carrierCalls.allSatisfy { $0 == "-C \(hub.rcPath) -q" }, "\(hub.carrierCalls)")
        }
    }

    @Test("the connection too many, and one from where nobody may come, hear a polite word")
    func refusals() async throws {
        try await onThread {
            let hub = try HubUnderTest(
                words: ["max-connections-per-address 3"],
                blocks: ["listen pop3 127.0.0.1:0 allow 10.0.0.0/8 ::1"], services: ["smtp"])
            #expect(try LineClient(port: hub.port("pop3")).rest().hasPrefix("-ERR access denied"))
            var clients: [LineClient] = []
            for _ in 1...3 {
                clients.append(try LineClient(port: hub.port("smtp")))
                #expect(try clients.last?.reply().last?.hasPrefix("220") == true)
            }
            let fourth = try LineClient(port: hub.port("smtp"))
            #expect(try fourth.rest().hasPrefix("421 4.7.0 hub.example.org too many connections"))
            #expect(try clients[0].say("QUIT").hasPrefix("221"))
            #expect(try clients[0].rest() == "")
            clients.removeFirst()
            // The place is free again, a moment later.
            let deadline = ContinuousClock.now + .seconds(5)
            var greeting = ""
            while !greeting.hasPrefix("220"), ContinuousClock.now < deadline {
                greeting = try LineClient(port: hub.port("smtp")).line()
            }
            #expect(greeting.hasPrefix("220"))
        }
    }
}

/// Runs a Python script that knows PORT, TLS (a context that trusts the hub) and MAIL.
func python(_ script: String, _ hub: HubUnderTest, mail: [UInt8] = [], deadline: Duration = .seconds(60)) throws
    -> CommandResult
{
    let ports = HubUnderTest.allServices.map { "\"\($0)\": \(hub.port($0))" }.joined(separator: ", ")
    let start = """
        import ssl, sys, os, socket
        PORT = {\(ports)}
        TLS = ssl.create_default_context(cafile="\(hub.certificatePath)")
        MAIL = sys.stdin.buffer.read()

        """
    return try runProgram(["python3", "-c", start + script], input: mail, deadline: deadline)
}

/// Dot-stuffed (RFC 5321 §4.5.2), judged by CRLF alone.
private func dotted(_ wire: [UInt8]) -> [UInt8] {
    var made: [UInt8] = []
    made.reserveCapacity(wire.count + 100)
    var startsLine = true
    for index in wire.indices {
        if startsLine, wire[index] == 0x2E { made.append(0x2E) }
        made.append(wire[index])
        startsLine = wire[index] == 0x0A && index > 0 && wire[index - 1] == 0x0D
    }
    return made
}

/// Removes the files of a folder.
/// - Returns: how many there were.
private func removeAll(in folder: String) -> Int {
    let names = ScratchDirectory.names(in: folder)
    return names.filter { removeFile("\(folder)/\($0)") }.count
}
