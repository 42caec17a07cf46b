// A sending session as a played server sees it: how it begins, what it demands, how often it is used, how it is left.

import Blocking
import MailEnvelope
import MailFormat
import MailTestKit
import Octets
import Reporting
import Testing

@testable import AccountSessions
@testable import RunControl
@testable import SMTPProtocol
@testable import Transport

@Suite("A sending session")
struct SMTPSessionTests {
    private static let plainLogin = "AUTH PLAIN AHRpbQB0YW5zdGFhZg=="

    private let scratch = ScratchDirectory()

    private func begin(_ played: PlayedServer, _ account: AccountSettings) throws -> SMTPSession {
        try SMTPSession(on: played.wire, of: account, at: server, as: "hub.test", AccountLogin(of: account))
    }

    /// A server that takes us by EHLO and answers what comes then as `play` says.
    private func greeting(
        offering offers: String..., then play: @escaping @Sendable (Voice) throws -> Void
    ) throws -> PlayedServer {
        try PlayedServer { voice in
            try voice.say("220 hi")
            try voice.hear()
            for offer in offers { try voice.say("250-\(offer)") }
            try voice.say("250 HELP")
            try play(voice)
        }
    }

    // MARK: The beginning

    @Test("begins with EHLO and our name; without a login, and without TLS, it is ready then")
    func ready() async throws {
        try await onThread { () throws in
            let played = try greeting(offering: "mail.test", "SIZE 1000", "PIPELINING", "STARTTLS") { try $0.hear() }
            let session = try begin(played, account(auth: .off))
            #expect(session.host == "mail.test")
            let client = session.exchange.engine
            #expect(client.capabilities.sizeLimit == 1000 && client.capabilities.pipelining)
            #expect(!client.isAuthenticated && !client.isTLS)
            #expect(session.unasked() == nil)
            #expect(played.heard() == ["EHLO hub.test"])
        }
    }

    @Test("keeps to one line, whatever our name holds")
    func name() async throws {
        try await onThread { () throws in
            let played = try greeting(offering: "mail.test") { try $0.hear() }
            _ = try SMTPSession(
                on: played.wire, of: account(auth: .off), at: server, as: "hub.test\r\nMAIL FROM:<evil@mail.test>", nil)
            let heard = played.heard()
            #expect(heard.count == 1 && heard.first?.hasPrefix("EHLO hub.test") == true, "\(heard)")
        }
    }

    @Test("is none with a server that refuses us before the login: its words are told, and it may be tried again")
    func turnedAway() async throws {
        try await onThread { () throws in
            for words in ["554 5.7.1 no", "421 4.3.2 busy", "450 later"] {
                for isGreeting in [true, false] {
                    let played = try PlayedServer { voice in
                        if !isGreeting {
                            try voice.say("220 hi")
                            try voice.hear()
                        }
                        try voice.say(words)
                        try voice.hear()
                    }
                    let error = accountError { _ = try begin(played, account()) }
                    #expect(error?.farewellWords == words && error?.exitStatus == .temporaryFailure)
                    #expect(played.heard() == (isGreeting ? [] : ["EHLO hub.test"]), "\(words)")
                }
            }
        }
    }

    @Test("falls back to HELO only from answers that mean an unknown command (RFC 5321 §4.1.4)")
    func fallBack() async throws {
        try await onThread { () throws in
            for (code, isUnknown) in [(500, true), (501, true), (502, true), (504, true), (503, false), (550, false)] {
                let played = try PlayedServer { voice in
                    try voice.say("220 hi")
                    try voice.hear()
                    try voice.say("\(code) no")
                    try voice.hear()
                    try voice.say("250 hi")
                    try voice.hear()
                }
                let error = accountError { _ = try begin(played, account(auth: .off)) }
                #expect(error?.farewellWords == (isUnknown ? nil : "\(code) no"), "\(code)")
                #expect((error == nil) == isUnknown, "\(code)")
                #expect(played.heard() == (isUnknown ? ["EHLO hub.test", "HELO hub.test"] : ["EHLO hub.test"]))
            }
        }
    }

    @Test("does not fall back to HELO where TLS is demanded, nor where HELO is refused too")
    func noFallBack() async throws {
        try await onThread { () throws in
            let demanding = try PlayedServer { voice in
                try voice.say("220 hi")
                try voice.hear()
                try voice.say("502 no")
                try voice.hear()
            }
            let error = accountError { _ = try begin(demanding, account(tls: .required, auth: .off)) }
            #expect(error?.exitStatus == .unavailable)
            #expect(demanding.heard() == ["EHLO hub.test"])
            let refusing = try PlayedServer { voice in
                try voice.say("220 hi")
                try voice.hear()
                try voice.say("502 no")
                try voice.hear()
                try voice.say("550 5.7.1 nor this")
            }
            let refusal = accountError { _ = try begin(refusing, account(auth: .off)) }
            #expect(refusal?.farewellWords == "550 5.7.1 nor this")
            #expect(refusing.heard() == ["EHLO hub.test", "HELO hub.test"])
        }
    }

    @Test("is none with a server that speaks another protocol, or speaks twice: no secret is said")
    func broken() async throws {
        try await onThread { () throws in
            for words in [["* OK IMAP4rev1 ready"], ["220 hi", "250-mail.test", "250 AUTH PLAIN"]] {
                let played = try PlayedServer { voice in
                    let octets = Array(words.map { "\($0)\r\n" }.joined().utf8)
                    try voice.wire.write(octets, until: Deadline(after: .seconds(20)))
                    try voice.hear()
                }
                let error = accountError { _ = try begin(played, account()) }
                #expect(error?.engineError is SMTPError && error?.exitStatus == .protocolError, "\(words)")
                #expect(!played.heard().contains { $0.contains("AUTH") })
            }
        }
    }

    // MARK: TLS

    @Test("turns to TLS before the login; what was offered in clear counts for nothing then")
    func startTLS() async throws {
        try await onThread { () throws in
            let played = try securePlay(scratch) { voice, context in
                try voice.say("220 hi")
                try voice.hear()
                try voice.say("250-mail.test", "250-AUTH PLAIN", "250-SIZE 5", "250 STARTTLS")
                try voice.hear()
                try voice.say("220 go")
                try voice.startTLS(context)
                try voice.hear()
                try voice.say("250-mail.test", "250 AUTH LOGIN")
                for answer in ["334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "235 in"] {
                    try voice.hear()
                    try voice.say(answer)
                }
                try voice.hear()
            }
            let session = try begin(played, account(tls: .required))
            let client = session.exchange.engine
            #expect(client.isTLS && client.isAuthenticated && client.capabilities.sizeLimit == nil)
            #expect(session.exchange.wire.facts.tls != nil)
            #expect(
                played.heard() == [
                    "EHLO hub.test", "STARTTLS", "EHLO hub.test", "AUTH LOGIN", "dGlt", "dGFuc3RhYWY=",
                ])
        }
    }

    @Test("asks for no TLS within TLS, whatever is offered there")
    func implicitTLS() async throws {
        try await onThread { () throws in
            let played = try PlayedServer(tls: try TestCertificate(in: scratch)) { voice in
                try voice.say("220 hi")
                try voice.hear()
                try voice.say("250-mail.test", "250-STARTTLS", "250 AUTH PLAIN")
                try voice.hear()
                try voice.say("235 in")
                try voice.hear()
            }
            let session = try begin(played, account(tls: .required))
            #expect(session.exchange.engine.isTLS && session.exchange.engine.isAuthenticated)
            #expect(played.heard() == ["EHLO hub.test", Self.plainLogin])
        }
    }

    @Test("ends where clear text stands behind the consent to TLS")
    func injected() async throws {
        try await onThread { () throws in
            let played = try securePlay(scratch) { voice, _ in
                try voice.say("220 hi")
                try voice.hear()
                try voice.say("250-mail.test", "250 STARTTLS")
                try voice.hear()
                try voice.say("220 go", "250-mail.test", "250 AUTH PLAIN")
                try voice.hear()
            }
            let error = accountError { _ = try begin(played, account(tls: .required)) }
            #expect(error?.exitStatus == .protocolError)
            #expect(played.heard().prefix(2) == ["EHLO hub.test", "STARTTLS"])
            #expect(!played.heard().contains { $0.contains("AUTH") })
        }
    }

    @Test("ends where the server's certificate is not the one trusted, before a secret is read")
    func untrusted() async throws {
        try await onThread { () throws in
            let played = try securePlay(scratch, trusted: false) { voice, context in
                try voice.say("220 hi")
                try voice.hear()
                try voice.say("250-mail.test", "250-STARTTLS", "250 AUTH PLAIN")
                try voice.hear()
                try voice.say("220 go")
                try voice.startTLS(context)
                try voice.hear()
            }
            // A secret that cannot be read would be told instead.
            let lost = account(tls: .required, secret: .file("/nowhere/at/all"))
            let error = accountError { _ = try begin(played, lost) }
            guard case .tls? = error?.transportError else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(played.heard() == ["EHLO hub.test", "STARTTLS"])
        }
    }

    // MARK: The login

    @Test("tells why the login was refused, and tries no other one")
    func refusals() async throws {
        try await onThread { () throws in
            let cases: [(String, LoginRefusal.Cause, Bool)] = [
                ("535 5.7.8 no", .credentials, false), ("550 no", .credentials, false),
                ("454 4.7.0 later", .server, true), ("421 4.7.0 too many", .server, true),
                ("504 5.5.4 what", .mechanism, false), ("534 5.7.9 weak", .mechanism, false),
                ("538 5.7.11 in clear", .mechanism, false),
            ]
            for (line, cause, isTemporary) in cases {
                let played = try greeting(offering: "mail.test", "AUTH PLAIN LOGIN") { voice in
                    try voice.hear()
                    try voice.say(line)
                    try voice.hear()
                }
                let error = accountError { _ = try begin(played, account()) }
                let refusal = LoginRefusal(cause, isTemporary: isTemporary, words: [UInt8](line.utf8))
                #expect(error?.refusal == refusal, "\(line)")
                #expect(error?.exitStatus == (isTemporary ? .temporaryFailure : .noPermission), "\(line)")
                #expect(played.heard() == ["EHLO hub.test", Self.plainLogin], "\(line)")
            }
        }
    }

    @Test("is given up with an asterisk where a challenge is no base64")
    func garbledChallenge() async throws {
        try await onThread { () throws in
            let played = try greeting(offering: "mail.test", "AUTH LOGIN") { voice in
                try voice.hear()
                try voice.say("334 Username:")
                try voice.hear()
            }
            let error = accountError { _ = try begin(played, account()) }
            #expect(error?.exitStatus == .protocolError)
            #expect(played.heard() == ["EHLO hub.test", "AUTH LOGIN", "*"])
        }
    }

    @Test("ends where the connection does, whatever was said by then")
    func cutOff() async throws {
        try await onThread { () throws in
            let afterGreeting = try PlayedServer { voice in
                try voice.say("220 hi")
                try voice.hear()
            }
            let afterOffers = try greeting(offering: "mail.test", "AUTH PLAIN") { try $0.hear() }
            for played in [afterGreeting, afterOffers] {
                let error = accountError { _ = try begin(played, account()) }
                #expect(error?.exitStatus == .temporaryFailure && error?.transportError != nil)
                _ = played.heard()
            }
        }
    }

    // MARK: Time

    @Test("waits for the greeting no longer than the account's timeout, and says what may be wrong with the port")
    func silentGreeting() async throws {
        try await onThread { () throws in
            var impatient = account()
            impatient.timeout = .milliseconds(20)
            let played = try PlayedServer { try $0.hear() }
            guard case .silent(let silent)? = accountError({ _ = try begin(played, impatient) }) else {
                Issue.record("the server's silence passed for something else")
                return
            }
            #expect(silent == server && played.heard().isEmpty)
            // Where TLS came first, the port is right: it is slow.
            let secured = AccountServer(
                word: "send", service: "submissions", host: "mail.test", port: 465, hasImplicitTLS: true,
                counterpart: "submission")
            let slow = try PlayedServer { try $0.hear() }
            let error = accountError {
                _ = try SMTPSession(
                    on: slow.wire, of: impatient, at: secured, as: "hub.test", AccountLogin(of: impatient))
            }
            #expect(error?.isTimeout == true && slow.heard().isEmpty)
        }
    }

    @Test("waits for the answer to EHLO no longer than the account's timeout")
    func silentOffers() async throws {
        try await onThread { () throws in
            var impatient = account()
            impatient.timeout = .milliseconds(20)
            let hasGreeted = Gate()
            let played = try PlayedServer { voice in
                try voice.say("220 hi")
                hasGreeted.open()
                try voice.hear()
                try voice.hear()
            }
            hasGreeted.wait()
            #expect(accountError { _ = try begin(played, impatient) }?.isTimeout == true)
            #expect(played.heard() == ["EHLO hub.test"])
        }
    }

    // MARK: Use

    /// Carries one message, and tells what the server said of it.
    private func carry(over session: SMTPSession, to recipients: String...) throws -> [SMTPClient.Event] {
        let envelope = Envelope(
            reversePath: .null, recipients: try recipients.map { Envelope.Recipient(try Address($0)) })
        try session.exchange.say(.transaction(envelope, of: ContentFacts(wireSize: 3)))
        var events: [SMTPClient.Event] = []
        while true {
            let event = try session.exchange.next()
            events.append(event)
            switch event {
            case .contentBegin:
                try session.exchange.say(.content([UInt8]("a\n".utf8)), .content)
                try session.exchange.say(.contentEnd)
            case .transactionEnd, .impossible, .closing: return events
            default: try session.exchange.say(.proceed)
            }
        }
    }

    private func reply(_ code: Int, _ text: String) -> SMTPReply { SMTPReply(code, nil, text) }

    @Test("carries one message after another; one that failed is taken back by RSET before the next")
    func reuse() async throws {
        try await onThread { () throws in
            let played = try greeting(offering: "mail.test") { voice in
                // To MAIL; to RSET, MAIL, RCPT, DATA.
                for answer in ["550 no sender", "250 reset", "250 sender", "250 recipient", "354 go"] {
                    try voice.hear()
                    try voice.say(answer)
                }
                try voice.hear()
                try voice.hear()
                // To the dot; to MAIL, RCPT; to RSET, MAIL, RCPT.
                for answer in ["250 taken", "250 sender", "551 moved", "250 reset", "250 sender", "250 recipient"] {
                    try voice.say(answer)
                    try voice.hear()
                }
                try voice.say("452 full")
                try voice.hear()
                try voice.say("221 bye")
                try voice.hear()
            }
            let session = try begin(played, account(auth: .off))
            #expect(try carry(over: session, to: "a@b.test") == [.mail(reply(550, "no sender")), .transactionEnd])
            #expect(session.unasked() == nil)
            #expect(
                try carry(over: session, to: "a@b.test") == [
                    .rset(reply(250, "reset")), .mail(reply(250, "sender")),
                    .rcpt(index: 0, reply(250, "recipient")), .contentBegin,
                    .verdict(index: nil, reply(250, "taken")), .transactionEnd,
                ])
            #expect(
                try carry(over: session, to: "c@b.test") == [
                    .mail(reply(250, "sender")), .rcpt(index: 0, reply(551, "moved")), .transactionEnd,
                ])
            #expect(
                try carry(over: session, to: "a@b.test").suffix(2) == [
                    .dataRefused(reply(452, "full")), .transactionEnd,
                ])
            session.quit(within: .seconds(20))
            #expect(
                played.heard() == [
                    "EHLO hub.test", "MAIL FROM:<>", "RSET", "MAIL FROM:<>", "RCPT TO:<a@b.test>", "DATA", "a", ".",
                    "MAIL FROM:<>", "RCPT TO:<c@b.test>", "RSET", "MAIL FROM:<>", "RCPT TO:<a@b.test>", "DATA", "QUIT",
                ])
        }
    }

    @Test("is left before its next message when the server has said goodbye, said too much or closed")
    func unasked() async throws {
        try await onThread { () throws in
            let isReady = Gate()
            let leaving = try greeting(offering: "mail.test") { voice in
                isReady.wait()
                try voice.say("421 4.3.2 going down")
                try voice.wire.endOutput(until: Deadline(after: .seconds(20)))
            }
            let session = try begin(leaving, account(auth: .off))
            #expect(session.unasked() == nil, "it has said nothing yet")
            isReady.open()
            leaving.finish()
            #expect(session.unasked()?.hasPrefix("421 4.3.2 going down") == true)
            #expect(session.unasked() != nil, "and it is gone besides")

            let talking = try PlayedServer { voice in
                try voice.say("220 hi")
                try voice.hear()
                try voice.say("250 mail.test", "250 mail.test")
                try voice.hear()
            }
            let surplus = try begin(talking, account(auth: .off))
            #expect(surplus.unasked() != nil)
            #expect(talking.heard() == ["EHLO hub.test"])

            let closing = try greeting(offering: "mail.test") { voice in
                // Not by closing alone: a child that another test is just starting may hold the descriptor.
                try voice.wire.endOutput(until: Deadline(after: .seconds(20)))
            }
            let closed = try begin(closing, account(auth: .off))
            closing.finish()
            #expect(closed.unasked() != nil)
        }
    }

    @Test("is left with QUIT, and at once where the server does not answer that or is gone")
    func quit() async throws {
        try await onThread { () throws in
            /// Where nothing is said an open connection has no end, but time runs out.
            func isClosed(_ session: SMTPSession) -> Bool {
                do {
                    return try session.exchange.wire.read(until: .now).isEmpty
                } catch {
                    return false
                }
            }
            let polite = try greeting(offering: "mail.test") { voice in
                try voice.hear()
                try voice.say("221 bye")
                try voice.hear()
            }
            let silent = try greeting(offering: "mail.test") { voice in
                try voice.hear()
                try voice.hear()
            }
            for (played, patience) in [(polite, Duration.seconds(20)), (silent, .milliseconds(20))] {
                let session = try begin(played, account(auth: .off))
                #expect(!isClosed(session))
                session.quit(within: patience)
                #expect(isClosed(session))
                #expect(played.heard() == ["EHLO hub.test", "QUIT"])
            }
            let gone = try greeting(offering: "mail.test") { _ in }
            let session = try begin(gone, account(auth: .off))
            gone.finish()
            session.quit(within: .seconds(20))
            #expect(isClosed(session) && gone.heard() == ["EHLO hub.test"])
        }
    }
}
