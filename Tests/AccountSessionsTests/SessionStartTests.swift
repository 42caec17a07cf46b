// The beginning of a session: in the right order, and nothing said that the account does not allow.

import MailTestKit
import RunControl
import SASLMechanisms
import Testing

@testable import AccountSessions

@Suite("A session begins")
struct SessionStartTests {
    @Test("not at all where TLS is demanded and not to be had", arguments: Dialect.allCases)
    func noTLS(_ dialect: Dialect) async throws {
        try await onThread { () throws in
            let played = try PlayedServer { voice in
                try voice.greet(dialect, offering: "PLAIN")
                if dialect == .pop3 {  // which is asked for though it is not listed
                    try voice.hear()
                    try voice.say("-ERR what?")
                }
                try voice.hear()
            }
            let words = dialect == .pop3 ? " (it says: what?)" : ""
            #expect(
                described { try begin(dialect, on: played, account(tls: .required)) }
                    == "mail.test offers no TLS, and the account demands it\(words); check the port, or use the service "
                    + "with TLS from the start")
            #expect(!played.heard().contains { $0.contains("AUTH") || $0.contains("USER") })
        }
    }

    @Test(
        "FE1: with a server that refuses STARTTLS: its words are told, and nothing goes in clear",
        arguments: Dialect.allCases)
    func refusedTLS(_ dialect: Dialect) async throws {
        try await onThread { () throws in
            let played = try PlayedServer { voice in
                switch dialect {
                case .pop3: try voice.greet(.pop3, offering: "PLAIN")
                case .imap: try voice.say("* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN] hi")
                case .smtp:
                    try voice.say("220 hi")
                    try voice.hear()
                    try voice.say("250-hi", "250-STARTTLS", "250 AUTH PLAIN")
                }
                try voice.hear()
                try voice.say(["pop3": "-ERR later", "imap": "a1 NO later"][dialect.rawValue] ?? "454 later")
                try voice.hear()
            }
            let error = described { try begin(dialect, on: played, account(tls: .required)) }
            #expect(error?.contains("later); check the port") == true, "\(error ?? "none")")
            #expect(played.heard().last?.contains("TLS") == true || dialect == .pop3)
        }
    }

    @Test("without a login where the server takes us as logged in; in clear that is believed only with `tls off`")
    func preauthenticated() async throws {
        try await onThread { () throws in
            for (tls, isGood) in [(TLSRule.off, true), (.required, false)] {
                let played = try PlayedServer { voice in
                    try voice.say("* PREAUTH [CAPABILITY IMAP4rev1 AUTH=PLAIN] come in")
                    try voice.hear()
                }
                let error = described { try begin(.imap, on: played, account(tls: tls)) }
                #expect(isGood ? error == nil : error?.contains("offers no TLS") == true, "\(error ?? "none")")
                #expect(played.heard().isEmpty)
            }
        }
    }

    @Test("by HELO only where neither TLS nor a login is wanted")
    func helo() async throws {
        try await onThread { () throws in
            for (auth, isGood) in [(AuthMethod.off, true), (.auto, false)] {
                let played = try PlayedServer { voice in
                    try voice.say("220 hi")
                    try voice.hear()
                    try voice.say("500 what")
                    try voice.hear()
                    try voice.say("250 hi")
                }
                let error = described { try begin(.smtp, on: played, account(auth: auth)) }
                #expect(error == (isGood ? nil : "mail.test knows no EHLO, so neither TLS nor a login is to be had"))
                #expect(played.heard() == (isGood ? ["EHLO hub.test", "HELO hub.test"] : ["EHLO hub.test"]))
            }
        }
    }

    @Test("not with a server that does not want us, whose words are told", arguments: Dialect.allCases)
    func turnedAway(_ dialect: Dialect) async throws {
        try await onThread { () throws in
            let words = [Dialect.pop3: "-ERR too many", .imap: "* BYE too many", .smtp: "421 too many"]
            let played = try PlayedServer { try $0.say(words[dialect] ?? "") }
            let error = described { try begin(dialect, on: played, account()) }
            #expect(error?.hasPrefix("mail.test ended the session: ") == true, "\(error ?? "none")")
            #expect(error?.hasSuffix("too many; it is tried again later") == true)
        }
    }

    @Test("what a server offers is asked again behind the login where that made it unknown")
    func offersBehindLogin() async throws {
        try await onThread { () throws in
            let played = try PlayedServer { voice in
                try voice.greet(.pop3, offering: "PLAIN")
                try voice.hear()
                try voice.say("+OK in")
                try voice.hear()
                try voice.say("+OK", "PIPELINING", ".")
            }
            let account = account()
            let session = try POP3Session(on: played.wire, of: account, at: server, try AccountLogin(of: account))
            #expect(session.isPipelining)
            #expect(played.heard().last == "CAPA")
        }
    }
}
