// What servers cannot take: stray octets under a signature, 8-bit text where only 7 bits go.

import MailTestKit
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

    @Test("8-bit mail to a server without 8BITMIME comes back at once, with what to do")
    func eightBit() async throws {
        try await onThread {
            let sink = try SinkServer(extensions: ["PIPELINING"])
            let hub = SendHub(plainTo: sink.port)
            try hub.queue("Subject: x\n\ngrün\n", from: "bob@home.example", to: ["x@far.example"])
            try hub.queue("Subject: y\n\nblau\n", from: "bob@home.example", to: ["y@far.example"])
            #expect(try hub.run().status == 0)
            #expect(sink.messages.map(\.forwardPaths) == [["<y@far.example>"]])
            let notice = try #require(hub.mail(of: "bob").first, "\(hub.log)")
            #expect(notice.contains("Status: 5.6.3\n") && notice.contains("quoted-printable"), "\(notice)")
            #expect(try hub.listed.isEmpty)
        }
    }

    @Test("8-bit mail whose client did not call it so is not sent to a server without 8BITMIME", .needs(.python3))
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
                """, hub, mail: Array("From: alice@example.org\r\nSubject: x\r\n\r\ngr\u{FC}n\r\n".utf8))
            #expect(sent.status == 0, "\(sent)")
            try hub.waitForLog("dsn=5.6.3")
            #expect(sink.messages.isEmpty)
        }
    }
}
