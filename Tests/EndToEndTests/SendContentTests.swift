// What servers cannot take: stray octets under a signature, 8-bit text where only 7 bits go.

import MailTestKit
import Synchronization
import Testing

@Suite("Sending what the wire cannot carry")
struct SendContentTests {
    private static let signatures = [
        "DKIM-Signature: v=1; d=one.example; b=x", "Content-Type: Multipart/Signed;\n boundary=x",
        "Content-Type: application/pkcs7-mime", "content-type: application/x-pkcs7-mime; name=x",
    ]

    @Test(
        "a stray CR or NUL in signed mail is not blanked: the sender gets the mail back", arguments: signatures,
        ["a\rb", "a\u{0}b"])
    func signed(_ field: String, _ body: String) async throws {
        try await onThread {
            let sink = try SinkServer()
            let hub = SendHub(plainTo: sink.port)
            try hub.queue(
                "From: bob@home.example\n\(field)\n\n\(body)\n", from: "bob@home.example", to: ["x@far.example"])
            #expect(try hub.run().status == 0)
            #expect(sink.messages.isEmpty)
            let notice = try #require(hub.mail(of: "bob").first, "\(hub.log)")
            #expect(notice.contains("Status: 5.6.0\n") && notice.contains("sign again"), "\(notice)")
            #expect(try hub.listed.isEmpty)
        }
    }

    @Test("in mail without a signature a stray CR or NUL becomes a space, and signed mail without one goes as it is")
    func unsigned() async throws {
        try await onThread {
            let sink = try SinkServer()
            let hub = SendHub(plainTo: sink.port)
            try hub.queue("Subject: DKIM-Signature: x\n\na\rb\u{0}c\n", to: ["x@far.example"])
            try hub.queue("\(Self.signatures[0])\nSubject: y\n\nabc\n", to: ["x@far.example"])
            #expect(try hub.run().status == 0)
            let bodies = sink.messages.map { String(decoding: $0.content.suffix(9), as: UTF8.self) }
            #expect(Set(bodies) == ["\r\na b c\r\n", "\r\n\r\nabc\r\n"], "\(bodies)")
        }
    }

    @Test("SE18: signed 8-bit mail to a server without 8BITMIME comes back at once, with what to do")
    func eightBit() async throws {
        try await onThread {
            let sink = try SinkServer(extensions: ["PIPELINING"])
            let hub = SendHub(plainTo: sink.port)
            try hub.queue(
                "\(Self.signatures[0])\nSubject: x\n\ngr\u{FC}n\n", from: "bob@home.example", to: ["x@far.example"])
            try hub.queue("Subject: y\n\nblau\n", from: "bob@home.example", to: ["y@far.example"])
            #expect(try hub.run().status == 0)
            #expect(sink.messages.map(\.forwardPaths) == [["<y@far.example>"]])
            let notice = try #require(hub.mail(of: "bob").first, "\(hub.log)")
            #expect(notice.contains("Status: 5.6.3\n") && notice.contains("quoted-printable"), "\(notice)")
            #expect(try hub.listed.isEmpty)
        }
    }

    /// What the sink has of the first message.
    private func taken(_ sink: SinkServer) throws -> String {
        String(decoding: try #require(sink.messages.first).content, as: UTF8.self).replacing("\r\n", with: "\n")
    }

    @Test(
        "SE18: text of our own is encoded for a server without 8BITMIME, the same octets at each attempt, and says so")
    func encoded() async throws {
        try await onThread {
            let refusals = Counter(2)
            let sink = try SinkServer(extensions: ["PIPELINING", "SIZE"]) { moment, _ in
                moment == .endOfData && refusals.take() ? .reply("451 4.3.0 later") : nil
            }
            let hub = SendHub(plainTo: sink.port, top: ["retry 1 1"])
            try hub.queue(
                "Subject: Gr\u{FC}\u{DF}e an alle\nFrom: J\u{FC}rgen <alice@one.example>\n\nSch\u{F6}n, dass ihr da seid. \n-- \nx = y\n",
                to: ["x@far.example"])
            for _ in 0..<3 { #expect(try hub.mhqueue(["try", "ALL"]).status == 0) }
            let contents = sink.messages.map(\.content)
            #expect(contents.count == 3 && Set(contents).count == 1, "\(contents.count) \(hub.log)")
            let text = try taken(sink)
            #expect(text.contains("\nSubject: =?UTF-8?B?R3LDvMOfZQ==?= an alle\n"), "\(text)")
            #expect(text.contains("\nFrom: =?UTF-8?B?SsO8cmdlbg==?= <alice@one.example>\n"), "\(text)")
            #expect(
                text.contains(
                    "\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n"
                        + "Sch=C3=B6n, dass ihr da seid.=20\n--=20\nx =3D y\n"), "\(text)")
            // SIZE tells of what is sent.
            let size = sink.messages[0].reversePath.split(separator: "SIZE=").last.flatMap { Int($0) }
            #expect(size == sink.messages[0].content.count, "\(sink.messages[0].reversePath)")
        }
    }

    @Test(
        "SE18: each part is encoded by itself: nested messages are entered, delimiters that begin alike are told apart")
    func parts() async throws {
        try await onThread {
            let sink = try SinkServer(extensions: ["PIPELINING"])
            let hub = SendHub(plainTo: sink.port)
            let message = """
                From: alice@one.example
                MIME-Version: 1.0
                Content-Type: multipart/mixed; boundary=a
                Content-Transfer-Encoding: 8bit

                --a
                Content-Type: multipart/alternative; boundary=ab

                --ab
                Content-Type: text/plain; charset=utf-8; format=flowed
                Content-Transfer-Encoding: 8bit

                gr\u{FC}n\u{20}
                blau

                --ab
                Content-Type: text/html

                <p>plain = 1</p>
                --ab--
                --a
                Content-Type: message/rfc822
                Content-Transfer-Encoding: 8bit

                Subject: innen gr\u{FC}n
                Content-Type: application/octet-stream; name="\u{FC}.bin"

                \u{1}\u{FC}\u{FC}\u{FC}
                --a--

                """
            try hub.queue(message, to: ["x@far.example"])
            #expect(try hub.run().status == 0)
            let text = try taken(sink)
            #expect(text.utf8.allSatisfy { $0 < 0x80 })
            for piece in [
                "boundary=a\nContent-Transfer-Encoding: 7bit\n",
                "format=flowed\nContent-Transfer-Encoding: quoted-printable\n\ngr=C3=BCn=20\nblau\n\n--ab\n",
                "--ab\nContent-Type: text/html\n\n<p>plain = 1</p>\n--ab--\n--a\n",
                "message/rfc822\nContent-Transfer-Encoding: 7bit\n\nSubject: innen =?UTF-8?B?Z3LDvG4=?=\n",
                "application/octet-stream;\n name*=UTF-8''%C3%BC.bin\nMIME-Version: 1.0\nContent-Transfer-Encoding: base64\n\nAcO8w7zDvA==\n--a--\n",
            ] {
                #expect(text.contains(piece), "\(piece)\n--- in\n\(text)")
            }
        }
    }

    @Test(
        "SE18: where a part is signed or encrypted, has no end or no type, nothing is guessed: it comes back with 5.6.3, or 5.6.7",
        arguments: [
            (
                "Content-Type: message/rfc822\n\nContent-Type: multipart/signed; boundary=s\n\n--s\n\ngr\u{FC}n\n--s--\n",
                "5.6.3",
                "signed or encrypted"
            ),
            ("Content-Type: multipart/mixed; boundary=s\n\n--s\n\ngr\u{FC}n\n", "5.6.3", "has no end"),
            ("Content-Type: nothing at all\n\ngr\u{FC}n\n", "5.6.3", "type of a part cannot be read"),
            ("Content-Transfer-Encoding: uuencode\n\ngr\u{FC}n\n", "5.6.3", "type of a part cannot be read"),
            ("X-Link: gr\u{FC}n\nMessage-ID: <gr\u{FC}n@x>\n\nx\n", "5.6.3", "its Message-ID field"),
            ("To: gr\u{FC}n@x.example\n\nx\n", "5.6.7", "has an address beyond ASCII"),
        ])
    func refused(_ message: String, _ status: String, _ words: String) async throws {
        try await onThread {
            let sink = try SinkServer(extensions: ["PIPELINING"])
            let hub = SendHub(plainTo: sink.port)
            try hub.queue(message, from: "bob@home.example", to: ["x@far.example"])
            #expect(try hub.run().status == 0)
            #expect(sink.messages.isEmpty)
            let notice = try #require(hub.mail(of: "bob").first, "\(hub.log)")
            #expect(
                notice.contains("Status: \(status)\n") && notice.replacing("\n ", with: " ").contains(words),
                "\(notice)")
        }
    }

    @Test(
        "SE18: lines too long for SMTP are made shorter, at every server; base64 in one line stays base64; signed mail stays as it is"
    )
    func longLines() async throws {
        try await onThread {
            let sink = try SinkServer()
            let hub = SendHub(plainTo: sink.port)
            let long = String(repeating: "0123456789", count: 120)
            try hub.queue("Subject: 1\n\n\(long)\nend\n", to: ["x@far.example"])
            try hub.queue(
                "Subject: 2\nContent-Transfer-Encoding: base64\n\n\(String(repeating: "QUJD", count: 500))\n",
                to: ["x@far.example"])
            try hub.queue("\(Self.signatures[0])\nSubject: 3\n\n\(long)\n", to: ["x@far.example"])
            try hub.queue("Subject: 4\n\n\(String(repeating: "x", count: 998))\n", to: ["x@far.example"])
            #expect(try hub.run().status == 0)
            let texts = sink.messages.map { String(decoding: $0.content, as: UTF8.self).replacing("\r\n", with: "\n") }
            func text(_ number: Int) -> String { texts.first { $0.contains("Subject: \(number)\n") } ?? "" }
            #expect(text(1).contains("Content-Transfer-Encoding: quoted-printable\n\n01234"), "\(text(1))")
            #expect(
                text(1).split(separator: "\n\n")[1].split(separator: "\n").allSatisfy { $0.utf8.count <= 76 }
                    && text(1).hasSuffix("\nend\n"))
            #expect(text(2).split(separator: "\n").filter { $0.hasPrefix("QUJD") }.count == 27)
            #expect(text(3).hasSuffix("\n\n\(long)\n"))
            #expect(!text(4).contains("Encoding"), "998 octets are allowed")
        }
    }

    @Test(
        "SE18: addresses beyond ASCII: SMTPUTF8 is asked for where it is needed, a domain has another form, a local part has none"
    )
    func addresses() async throws {
        try await onThread {
            let (with, without) = (try SinkServer(), try SinkServer(extensions: ["PIPELINING", "8BITMIME"]))
            for (sink, hasUTF8) in [(with, true), (without, false)] {
                let hub = SendHub(plainTo: sink.port)
                let domain = "b\u{FC}cher.example"
                try hub.queue("Subject: 1\n\nx\n", to: ["a@\(domain)"])
                try hub.queue("Subject: 2\nTo: gr\u{FC}n@\(domain)\n\nx\n", to: ["b@far.example"])
                try hub.queue("Subject: 3\n\nx\n", to: ["gr\u{FC}n@\(domain)"])
                try hub.queue("Subject: gr\u{FC}n 4\nTo: c@\(domain)\n\nx\n", to: ["c@far.example"])
                #expect(try hub.run().status == 0)
                let paths = sink.messages.flatMap(\.forwardPaths).sorted()
                let other = "xn--bcher-kva.example"
                #expect(
                    paths
                        == (hasUTF8
                            ? ["<a@\(domain)>", "<b@far.example>", "<c@far.example>", "<gr\u{FC}n@\(domain)>"]
                            : ["<a@\(other)>", "<c@far.example>"]),
                    "\(hub.log)")
                let asking = sink.messages.filter { $0.reversePath.contains("SMTPUTF8") }.flatMap(\.forwardPaths)
                    .sorted()
                #expect(asking == (hasUTF8 ? ["<a@\(domain)>", "<b@far.example>", "<gr\u{FC}n@\(domain)>"] : []))
                let last = sink.messages.first { $0.forwardPaths == ["<c@far.example>"] }
                let text = String(decoding: last?.content ?? [], as: UTF8.self)
                #expect(
                    text.contains("Subject: =?UTF-8?B?Z3LDvG4=?= 4\r\n") && text.contains("To: c@\(other)\r\n"),
                    "\(text)")
                let notices = hub.mail(of: "alice")
                #expect(
                    notices.count == (hasUTF8 ? 0 : 2) && notices.allSatisfy { $0.contains("Status: 5.6.7\n") },
                    "\(notices)")
            }
        }
    }

    @Test(
        "SE18: of real mail and oddities, every part that leaves for a 7-bit server says the same as before, and other mail comes back"
    )
    func corpus() async throws {
        try await onThread {
            let sink = try SinkServer(extensions: ["PIPELINING"], patience: .seconds(120))
            let hub = SendHub(plainTo: sink.port)
            for (number, message) in try MailCorpus.real().enumerated() {
                hub.scratch.write(message.octets, to: "real.\(number)")
            }
            // Real mail is encoded mostly: here it is as its writers meant it.
            let decoding = #"""
                import sys, os, email, email.generator
                folder = sys.argv[1]
                for name in os.listdir(folder):
                    if not name.startswith("real."): continue
                    try:
                        message = email.message_from_bytes(open(folder + "/" + name, "rb").read())
                        for part in message.walk():
                            if part.get_content_maintype() != "text" or part.is_multipart(): continue
                            text = part.get_payload(decode=True) or b""
                            text = text.replace(b"\r\n", b"\n").replace(b"\r", b" ").replace(b"\0", b" ")
                            if int(name[5:]) % 2: text = text.replace(b"e", b"\xc3\xa9")
                            del part["Content-Transfer-Encoding"]
                            part["Content-Transfer-Encoding"] = "8bit"
                            part.set_payload(text.decode("ascii", "surrogateescape"))
                        out = open(folder + "/plain." + name[5:], "wb")
                        email.generator.BytesGenerator(out, mangle_from_=False, maxheaderlen=0).flatten(message)
                    except (UnicodeError, LookupError, AttributeError): pass
                """#
            let decoded = try runProgram(
                ["python3", "-c", decoding, hub.scratch.path], environment: ["PATH": "/usr/bin:/bin"])
            #expect(decoded.status == 0, "\(decoded)")
            var sent = 0
            for name in ScratchDirectory.names(in: hub.scratch.path) where name.hasPrefix("plain.") {
                let octets = ScratchDirectory.read(hub.scratch.file(name)) ?? []
                guard octets.contains(where: { $0 >= 0x80 }) else { continue }
                let result = try hub.mhsend(
                    ["-odq", "-i", "-f", "alice@one.example", "n\(sent)@far.example"], input: octets)
                #expect(result.status == 0 || result.status == 65, "\(result)")
                if result.status == 0 {
                    hub.scratch.write(octets, to: "sent.n\(sent)")
                    sent += 1
                }
            }
            try #require(sent > 100, "\(sent)")
            #expect(try hub.run(deadline: .seconds(120)).status == 0)
            for message in sink.messages {
                let name = message.forwardPaths[0].dropFirst().split(separator: "@")[0]
                hub.scratch.write(message.content, to: "taken.\(name)")
            }
            let script = #"""
                import sys, os, email, email.policy
                from email.header import decode_header, make_header
                folder = sys.argv[1]
                count = 0
                def words(part, name):
                    return [str(make_header(decode_header(v))).split() for v in part.get_all(name, [])]
                for name in sorted(os.listdir(folder)):
                    if not name.startswith("taken."): continue
                    old = email.message_from_bytes(open(folder + "/sent." + name[6:], "rb").read())
                    data = open(folder + "/" + name, "rb").read()
                    assert all(c < 0x80 for c in data), name
                    new = email.message_from_bytes(data)
                    olds, news = list(old.walk()), list(new.walk())
                    assert [p.get_content_type() for p in olds] == [p.get_content_type() for p in news], name
                    for o, n in zip(olds, news):
                        if o.is_multipart(): continue
                        a, b = (p.get_payload(decode=True) or b"" for p in (o, n))
                        squeeze = lambda x: x.replace(b"\r\n", b"\n").rstrip(b"\n").replace(b"\0", b" ").replace(b"\r", b" ")
                        assert squeeze(a) == squeeze(b), (name, a[:300], b[:300])
                    raw = [v for v in old.get_all("Subject", [])]
                    if raw and all(isinstance(v, str) for v in raw): assert words(old, "Subject") == words(new, "Subject"), name
                    count += 1
                print(count)
                """#
            let read = try runProgram(
                ["python3", "-c", script, hub.scratch.path],
                environment: ["PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"])
            #expect(read.status == 0 && read.outputText == "\(sink.messages.count)\n", "\(read)")
            #expect(sink.messages.count > sent / 2, "\(sink.messages.count) of \(sent) \(hub.log)")
            // Nothing is lost in between: what did not leave has come back.
            #expect(try hub.listed.isEmpty)
            #expect(hub.mail(of: "alice").count == sent - sink.messages.count)
        }
    }

    @Test("SE18: 8-bit mail whose client did not call it so is encoded for a server without 8BITMIME", .needs(.python3))
    func undeclared() async throws {
        try await onThread {
            let sink = try SinkServer(extensions: ["PIPELINING"])
            let hub = try HubUnderTest(
                blocks: [
                    "account one\n  owner alice\n  address alice@example.org\n  auth off\n  tls off\n  send smtp 127.0.0.1:\(sink.port)\n"
                ], services: ["submission"], carrier: .real)
            let sent = try python(
                """
                import smtplib
                s = smtplib.SMTP("localhost", PORT["submission"])
                s.starttls(context=TLS)
                s.login("alice", "alice's secret")
                s.sendmail("alice@example.org", ["x@far.example"], MAIL)
                s.quit()
                """, hub, mail: Array("From: alice@example.org\r\nSubject: x\r\n\r\ngr\u{FC}n und blau\r\n".utf8))
            #expect(sent.status == 0, "\(sent)")
            try hub.waitForLog("status=sent")
            #expect(try taken(sink).contains("gr=C3=BCn und blau\n"))
        }
    }
}

/// Things that happen so many times.
private final class Counter: Sendable {
    private let left: Mutex<Int>

    init(_ count: Int) { left = Mutex(count) }

    func take() -> Bool {
        left.withLock { left in
            left -= 1
            return left >= 0
        }
    }
}
