// What a submitted message gets and loses, and the trace field put on it.

import InternetAddress
import MailTestKit
import Testing

@testable import MailFormat

@Suite("The completer")
struct MessageCompleterTests {
    private let date = MailDate(seconds: 1_795_251_600, offset: 3600)

    private func complete(_ message: String, name: String? = "Alice Doe") throws -> String {
        let completer = MessageCompleter(
            author: try Address("alice@hub.example"), fullName: name, date: date)
        return String(decoding: try completer.complete(HeaderSection(of: Array(message.utf8))), as: UTF8.self)
    }

    /// `text` with the random part of a Message-ID cut out.
    private func steady(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            guard line.contains("Message-ID: <"), line.hasSuffix("@hub.example>"), let colon = line.firstIndex(of: ":")
            else { return String(line) }
            return line[..<colon] + ": <ID>"
        }.joined(separator: "\n")
    }

    @Test(
        "SE2: adds what is missing and only that",
        arguments: [
            ("", "Date: D\nFrom: Alice Doe <alice@hub.example>\nTo: undisclosed-recipients:;\nMessage-ID: <ID>\n\n"),
            (
                "hello\n",
                "Date: D\nFrom: Alice Doe <alice@hub.example>\nTo: undisclosed-recipients:;\nMessage-ID: <ID>\n\n"
            ),
            ("To: bob\n\nx", "To: bob\nDate: D\nFrom: Alice Doe <alice@hub.example>\nMessage-ID: <ID>\n\n"),
            (
                "Cc: bob\nFROM: x@y\ndate: then\nmessage-id: <1@y>",
                "Cc: bob\nFROM: x@y\ndate: then\nmessage-id: <1@y>\n\n"
            ),
            (
                "From alice Sat\nBcc: a,\n b\nReturn-Path: <x>\nEnvelope-To: y\n"
                    + "To: t\nFrom: f\nDate: d\nMessage-ID: i\n\nx",
                "To: t\nFrom: f\nDate: d\nMessage-ID: i\n\n"
            ),
            (
                "To: t\nFrom: f\nDate: d\nMessage-ID: i\nno field\nFrom: ceo@x\n\nx",
                "To: t\nFrom: f\nDate: d\nMessage-ID: i\n\n"
            ),
            (
                "Received: r\nResent-To: c@x\nResent-Bcc: d@x\nFrom: f\nResent-Date: old\n\nx",
                "Received: r\nResent-Date: D\nResent-From: Alice Doe <alice@hub.example>\nResent-Message-ID: <ID>\n"
                    + "Resent-To: c@x\nFrom: f\nResent-Date: old\n\n"
            ),
        ])
    func completes(_ message: String, _ header: String) throws {
        let wanted = header.split(separator: "\n", omittingEmptySubsequences: false)
            .map { $0.hasSuffix("Date: D") ? "\($0.dropLast())Sat, 21 Nov 2026 10:00:00 +0100" : String($0) }
        let made = steady(try complete(message)).split(separator: "\n", omittingEmptySubsequences: false).map(
            String.init)
        #expect(made == wanted)
    }

    @Test(
        "SE2: makes identifiers at the domain of the author that the message names",
        arguments: [
            ("From: a@gmail.example\n\n", "Message-ID", "gmail.example"),
            ("From: \"x@y.example\" <a@gmail.example>, b@z.example\n\n", "Message-ID", "gmail.example"),
            ("From: alice\n\n", "Message-ID", "hub.example"), ("From: <@>\n\n", "Message-ID", "hub.example"),
            ("Subject: x\n\n", "Message-ID", "hub.example"),
            ("Resent-From: r@re.example\nFrom: a@x.example\n\n", "Resent-Message-ID", "re.example"),
            ("Resent-To: r@re.example\nFrom: a@x.example\n\n", "Resent-Message-ID", "hub.example"),
        ])
    func identifierDomains(_ message: String, _ field: String, _ domain: String) throws {
        let lines = try complete(message).split(separator: "\n").filter { $0.hasPrefix("\(field): ") }
        #expect(lines.count == 1 && lines[0].hasSuffix("@\(domain)>"), "\(lines)")
    }

    @Test("refuses a header over the bounds")
    func tooLong() throws {
        let message = "X: " + String(repeating: "x", count: 300_000) + "\n\n"
        #expect(throws: CompletionError.headerTooLong) { _ = try complete(message) }
    }

    @Test("refuses signed mail whose header ends in a line that is no field")
    func signedAndBroken() throws {
        for signature in ["DKIM-Signature: v=1", "Content-Type: multipart/signed; x=y"] {
            #expect(throws: CompletionError.signedWithBrokenHeader) { _ = try complete("\(signature)\nno field\n\nx") }
            #expect(try complete("\(signature)\n\nx").hasPrefix(signature))
        }
    }

    @Test(
        "writes names that a header can hold",
        arguments: [
            ("Alice Doe", "Alice Doe"), ("Doe, Alice", "\"Doe, Alice\""), ("A \"x\" \\", "\"A \\\"x\\\" \\\\\""),
            ("Jürgen", "=?UTF-8?B?SsO8cmdlbg==?="), ("a\nBcc: x@y", "\"aBcc: x@y\""), ("=?x?=", "=?UTF-8?B?PT94Pz0=?="),
        ])
    func names(_ name: String, _ wanted: String) { #expect(DisplayName.encoded(name) == wanted) }

    @Test("makes no name of nothing, and folds long ones")
    func nameBounds() throws {
        #expect(DisplayName.encoded(" \r\n") == nil)
        let long = try #require(DisplayName.encoded(String(repeating: "ü", count: 500)))
        #expect(long.split(separator: "\n").allSatisfy { $0.utf8.count <= 76 })
    }

    @Test("makes identifiers that differ and name no user")
    func identifiers() {
        let one = MessageIDMaker.make(domain: "hub.example", seconds: 1)
        #expect(one != MessageIDMaker.make(domain: "hub.example", seconds: 1))
        #expect(one.hasPrefix("<1.") && one.hasSuffix("@hub.example>"))
        #expect(MessageIDMaker.make(domain: "a\r\nb", seconds: 1).hasSuffix("@localhost>"))
        #expect(MessageIDMaker.make(domain: nil, seconds: 1).hasSuffix("@localhost>"))
    }

    @Test(
        "SE2: finds the recipients of -t",
        arguments: [
            ("To: a@x, B <b@x>\nCc: root\nBcc: a@x, c@x\n\n", ["a@x", "b@x", "root@hub.example", "c@x"], 0),
            ("To: a@x\nResent-To: r@x\nResent-Bcc: s@x\n\n", ["r@x", "s@x"], 0),
            ("To: undisclosed-recipients:;\n\n", [], 0),
            ("To: a b c, d@x\n\n", ["d@x"], 1), ("To: b@x: c@d\n\n", [], 1),
            ("To: a@x\nBcc: :include:/etc/passwd\n\n", ["a@x"], 1),
            ("Subject: none\n\n", [], 0),
        ])
    func recipients(_ message: String, _ addresses: [String], _ faults: Int) throws {
        let found = try HeaderRecipients(of: HeaderSection(of: Array(message.utf8)), qualifyingWith: "hub.example")
        #expect(found.addresses.map(\.description) == addresses)
        #expect(found.faults.count == faults)
    }

    @Test("writes a trace field whole")
    func received() throws {
        var field = ReceivedField(
            client: .init(
                heloName: Array("laptop".utf8), address: try #require(IPAddress("2001:db8::1")),
                verifiedName: "host.example"),
            by: "hub.example", transmission: .smtp(extended: true, tls: true, authenticated: true, utf8: false),
            id: "17.abc.hub", recipient: try Address("bob@x.org"), date: date)
        #expect(
            String(decoding: field.octets, as: UTF8.self)
                == "Received: from laptop (host.example [IPv6:2001:db8::1])\n"
                + "\tby hub.example with ESMTPSA id 17.abc.hub\n"
                + "\tfor <bob@x.org>;\n\tSat, 21 Nov 2026 10:00:00 +0100\n")
        field.client = nil
        field.recipient = nil
        field.transmission = .local(userID: 1000)
        #expect(
            String(decoding: field.octets, as: UTF8.self)
                == "Received: by hub.example (mailhub, from userid 1000) id 17.abc.hub;\n"
                + "\tSat, 21 Nov 2026 10:00:00 +0100\n"
        )
    }

    @Test("lets no octet of the peer leave its place in a trace field")
    func forgedTrace() throws {
        let field = ReceivedField(
            client: .init(
                heloName: Array("x\r\nBcc: y (z) \u{0}ü".utf8), address: try #require(IPAddress("1.2.3.4")),
                verifiedName: "a b"),
            by: "hub.example", transmission: .lmtp(tls: false, authenticated: false, utf8: true), id: "1;\n",
            date: date)
        let header = HeaderSection(of: field.octets)
        #expect(header.fields.count == 1)
        #expect(
            String(decoding: field.octets, as: UTF8.self).hasPrefix(
                "Received: from x??Bcc:?y??z????? (a?b [1.2.3.4])\n\tby hub.example with UTF8LMTP id 1??;"))
    }
}
