// What a transcript may see: all that was said at a login, and of its secret nothing but the length.

import Blocking
import IMAPProtocol
import MailTestKit
import Octets
import POP3Protocol
import SMTPProtocol
import Testing

@testable import Transport

/// Writes down what it hears.
private final class Listening: Tap {
    var said: [Overheard] = []
    var heard: [Overheard] = []
    func hear(_ words: Overheard, from speaker: Speaker) {
        switch speaker {
        case .we: said.append(words)
        case .peer: heard.append(words)
        }
    }

    /// What we said, secrets and content by their length.
    var text: String {
        said.map { words in
            switch words {
            case .words(let octets): String(decoding: octets, as: UTF8.self)
            case .secret(let octets): "<secret \(octets)>"
            case .content(let octets): "<content \(octets)>"
            }
        }.joined()
    }
}

/// Lets `engine` say `commands`, each behind what the server said before it.
/// - Returns: what a tap has seen, and what went over the wire.
private func play<E: Engine>(
    _ engine: E, _ turns: [(server: String, say: E.Command)]
) throws -> (shown: String, sent: String) {
    var engine = engine
    let (pair, tap) = (Pair(), Listening())
    pair.wire.tap = tap
    for turn in turns {
        engine.receive(Array(turn.server.utf8))
        while try engine.nextEvent() != nil {}
        let octets = engine.send(turn.say)
        #expect(!octets.isEmpty, "\(turn.say)")
        try pair.wire.write(octets, .words(secret: engine.secret), until: Deadline(after: .seconds(5)))
    }
    pair.wire.close()
    defer { pair.hangUp() }
    return (tap.text, String(decoding: pair.heard(), as: UTF8.self))
}

private let password = "o\"pen sesame"
private let plain = Array("\0alice\0\(password)".utf8)

/// Every shape that a login gives the password.
private let shapes =
    [password, "o\\\"pen sesame", "pässword", Base64Text.of(plain), Base64Text.of(Array(password.utf8))]
    + ["b3Blbi", "sesame", "ssword"]

private enum Base64Text {
    static func of(_ octets: [UInt8]) -> String { String(decoding: Base64.encode(octets), as: UTF8.self) }
}

private func expectHidden(_ played: (shown: String, sent: String), _ expected: String) {
    #expect(played.shown == expected)
    for shape in shapes { #expect(!played.shown.contains(shape), "\(shape)") }
    #expect(played.sent != played.shown)
}

@Suite struct TapTests {
    @Test("a login by POP3 shows its words and no password")
    func pop3() async throws {
        try await onThread { () throws in
            let ready = "+OK ready <1@x>\r\n"
            expectHidden(
                try play(POP3Client(), [(ready, .user("alice")), ("+OK\r\n", .pass(password)), ("+OK\r\n", .stat)]),
                "USER alice\r\nPASS <secret 12>\r\nSTAT\r\n")
            expectHidden(
                try play(POP3Client(), [(ready, .apop(user: "alice", digest: "0123abcd"))]),
                "APOP alice <secret 8>\r\n")
            expectHidden(
                try play(POP3Client(), [(ready, .auth(mechanism: "PLAIN", initialResponse: plain))]),
                "AUTH PLAIN <secret 28>\r\n")
            let long = [UInt8](repeating: 0x61, count: 300)
            expectHidden(
                try play(
                    POP3Client(),
                    [(ready, .auth(mechanism: "PLAIN", initialResponse: long)), ("+ \r\n", .proceed)]),
                "AUTH PLAIN\r\n<secret 400>\r\n")
            expectHidden(
                try play(
                    POP3Client(),
                    [
                        (ready, .auth(mechanism: "LOGIN", initialResponse: nil)),
                        ("+ VXNlcm5hbWU6\r\n", .saslResponse(Array("alice".utf8))),
                        ("+ UGFzc3dvcmQ6\r\n", .saslResponse(Array(password.utf8))), ("+OK\r\n", .noop),
                    ]), "AUTH LOGIN\r\n<secret 8>\r\n<secret 16>\r\nNOOP\r\n")
        }
    }

    @Test("a login by IMAP shows its words and no password, quoted or as a literal")
    func imap() async throws {
        try await onThread { () throws in
            let ready = "* OK ready\r\n"
            func capable(_ words: String) -> String {
                "* OK [CAPABILITY IMAP4rev1 \(words)] ready\r\n"
            }
            expectHidden(
                try play(IMAPClient(), [(ready, .login(user: "alice", password: password)), ("a1 OK\r\n", .noop)]),
                "a1 LOGIN \"alice\" <secret 15>\r\na2 NOOP\r\n")
            expectHidden(
                try play(
                    IMAPClient(), [(capable("LITERAL+"), .login(user: "älice", password: "pässword"))]),
                "a1 LOGIN {6+}\r\nälice <secret 15>\r\n")
            expectHidden(
                try play(
                    IMAPClient(),
                    [
                        (ready, .login(user: "älice", password: "pässword")), ("+ go\r\n", .proceed),
                        ("+ go\r\n", .proceed),
                    ]), "a1 LOGIN {6}\r\nälice <secret 5><secret 9>\r\n")
            expectHidden(
                try play(
                    IMAPClient(), [(capable("SASL-IR"), .authenticate(mechanism: "PLAIN", initialResponse: plain))]),
                "a1 AUTHENTICATE PLAIN <secret 28>\r\n")
            expectHidden(
                try play(
                    IMAPClient(),
                    [(ready, .authenticate(mechanism: "PLAIN", initialResponse: plain)), ("+ \r\n", .proceed)]),
                "a1 AUTHENTICATE PLAIN\r\n<secret 28>\r\n")
            expectHidden(
                try play(
                    IMAPClient(),
                    [
                        (ready, .authenticate(mechanism: "LOGIN", initialResponse: nil)),
                        ("+ VXNlcm5hbWU6\r\n", .saslResponse(Array("alice".utf8))),
                        ("+ UGFzc3dvcmQ6\r\n", .saslResponse(Array(password.utf8))), ("a1 OK\r\n", .noop),
                    ]), "a1 AUTHENTICATE LOGIN\r\n<secret 8>\r\n<secret 16>\r\na2 NOOP\r\n")
        }
    }

    @Test("a login by SMTP shows its words and no password")
    func smtp() async throws {
        try await onThread { () throws in
            let start: [(String, SMTPClient.Command)] = [("220 ready\r\n", .hello("hub.test"))]
            let hello = "250-mail.test\r\n250 AUTH PLAIN LOGIN\r\n"
            expectHidden(
                try play(
                    SMTPClient(),
                    start + [(hello, .auth(mechanism: "PLAIN", initialResponse: plain)), ("235 2.7.0 in\r\n", .noop)]),
                "EHLO hub.test\r\nAUTH PLAIN <secret 28>\r\nNOOP\r\n")
            // What is not a word of the protocol is taken out of the line; the secret is found all the same.
            expectHidden(
                try play(SMTPClient(), start + [(hello, .auth(mechanism: "PL\u{1}\u{2}AIN", initialResponse: plain))]),
                "EHLO hub.test\r\nAUTH PLAIN <secret 28>\r\n")
            expectHidden(
                try play(
                    SMTPClient(),
                    start + [
                        (hello, .auth(mechanism: "LOGIN", initialResponse: nil)),
                        ("334 VXNlcm5hbWU6\r\n", .saslResponse(Array("alice".utf8))),
                        ("334 UGFzc3dvcmQ6\r\n", .saslResponse(Array(password.utf8))),
                    ]), "EHLO hub.test\r\nAUTH LOGIN\r\n<secret 8>\r\n<secret 16>\r\n")
        }
    }

    @Test("what nobody calls words is content, and a range that does not fit hides all")
    func careful() async throws {
        try await onThread { () throws in
            let (pair, tap) = (Pair(), Listening())
            defer { pair.hangUp() }
            pair.wire.tap = tap
            let deadline = Deadline(after: .seconds(5))
            try pair.wire.write(Array("a letter".utf8), until: deadline)
            try pair.wire.write(Array("PASS x".utf8), .words(secret: 5..<7), until: deadline)
            try pair.wire.write(Array("QUIT".utf8), .words, until: deadline)
            try pair.wire.write([], .words, until: deadline)
            #expect(tap.said == [.content(octets: 8), .secret(octets: 6), .words(Array("QUIT".utf8))])
            pair.wire.tell(heard: Array("+OK".utf8), .words)
            pair.wire.tell(heard: Array("Subject: love".utf8), .content)
            pair.wire.tell(heard: Array("+ token".utf8), .words(secret: 2..<7))
            #expect(
                tap.heard == [
                    .words(Array("+OK".utf8)), .content(octets: 13), .words(Array("+ ".utf8)), .secret(octets: 5),
                ])
        }
    }
}
