// A session that opens a maildrop, as a played server sees it.

import MailTestKit
import Octets
import POP3Protocol
import Reporting
import Testing

@testable import AccountSessions
@testable import RunControl

@Suite("A session with a maildrop")
struct POP3SessionTests {
    private static let plainLogin = "AUTH PLAIN AHRpbQB0YW5zdGFhZg=="

    private let scratch = ScratchDirectory()

    private func begin(_ played: PlayedServer, _ account: AccountSettings) throws -> POP3Session {
        try POP3Session(on: played.wire, of: account, at: server, try AccountLogin(of: account))
    }

    @Test("is not begun for an account without a login name, nor for one that the rc does not have")
    func opening() {
        let paths = Paths(HubSettings())
        var nameless = account()
        nameless.user = nil
        let error = accountError { _ = try POP3Session.open(nameless, at: server, over: paths, within: .seconds(20)) }
        guard case .noUser("peer", _)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        let unknown = accountError {
            _ = try POP3Session.open(account(), at: server, over: paths, within: .seconds(20))
        }
        guard case .path(.noAccount("peer"))? = unknown else {
            Issue.record("\(String(describing: unknown))")
            return
        }
    }

    @Test(
        "sends ahead of the answers as the rc says, or where the server says that it can",
        arguments: [
            (PipeliningRule.auto, true, true), (.auto, false, false), (.on, false, true), (.on, true, true),
            (.off, true, false),
        ])
    func pipelining(rule: PipeliningRule, isOffered: Bool, isUsed: Bool) async throws {
        try await onThread { () throws in
            let played = try PlayedServer { voice in
                try voice.say("+OK hi")
                try voice.hear()
                try voice.say("+OK", isOffered ? "PIPELINING" : "UIDL", ".")
            }
            var account = account(auth: .off)
            account.pipelining = rule
            #expect(try begin(played, account).isPipelining == isUsed)
        }
    }

    @Test("turns to TLS, and takes the login that is offered there; what is offered behind it, is known")
    func startTLS() async throws {
        try await onThread { () throws in
            let played = try securePlay(scratch) { voice, context in
                try voice.say("+OK hi")
                try voice.hear()
                try voice.say("+OK", "SASL PLAIN", "STLS", "PIPELINING", ".")
                try voice.hear()
                try voice.say("+OK go")
                try voice.startTLS(context)
                try voice.hear()
                try voice.say("+OK", "SASL LOGIN", ".")
                for answer in ["+ VXNlcm5hbWU6", "+ UGFzc3dvcmQ6", "+OK in"] {
                    try voice.hear()
                    try voice.say(answer)
                }
                try voice.hear()
                try voice.say("+OK", "UIDL", ".")
                try voice.hear()
            }
            let session = try begin(played, account(tls: .required))
            #expect(session.host == "mail.test" && session.exchange.engine.isAuthenticated)
            #expect(!session.isPipelining, "that was offered in clear alone")
            #expect(
                played.heard() == ["CAPA", "STLS", "CAPA", "AUTH LOGIN", "dGlt", "dGFuc3RhYWY=", "CAPA"])
        }
    }

    @Test("ends where clear text stands behind the consent to TLS")
    func injected() async throws {
        try await onThread { () throws in
            let played = try securePlay(scratch) { voice, _ in
                try voice.say("+OK hi")
                try voice.hear()
                try voice.say("+OK", "STLS", ".")
                try voice.hear()
                try voice.say("+OK go", "+OK", "SASL PLAIN", ".")
                try voice.hear()
            }
            let error = accountError { _ = try begin(played, account(tls: .required)) }
            #expect(error?.exitStatus == .protocolError)
            #expect(!played.heard().contains { $0.contains("AUTH") || $0.contains("USER") })
        }
    }

    @Test("is none where the server's certificate is not the one trusted")
    func untrusted() async throws {
        try await onThread { () throws in
            let played = try securePlay(scratch, trusted: false) { voice, context in
                try voice.say("+OK hi")
                try voice.hear()
                try voice.say("-ERR what")
                try voice.hear()
                try voice.say("+OK go")
                try voice.startTLS(context)
                try voice.hear()
            }
            let error = accountError { _ = try begin(played, account(tls: .required)) }
            guard case .tls? = error?.transportError else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(played.heard() == ["CAPA", "STLS"])
        }
    }

    @Test("needs no login where the account has none")
    func withoutLogin() async throws {
        try await onThread { () throws in
            let played = try PlayedServer { voice in
                try voice.say("+OK hi")
                try voice.hear()
                try voice.say("+OK", "PIPELINING", "SASL PLAIN", ".")
                try voice.hear()
            }
            let session = try begin(played, account(auth: .off))
            #expect(session.isPipelining && !session.exchange.engine.isAuthenticated)
            #expect(played.heard() == ["CAPA"])
        }
    }

    @Test("tells why the login was refused (RFC 2449 §8, RFC 3206), and tries no other one")
    func refusals() async throws {
        try await onThread { () throws in
            let cases: [(String, LoginRefusal.Cause, Bool)] = [
                ("", .credentials, false), ("[AUTH] ", .credentials, false), ("[IN-USE] ", .server, true),
                ("[LOGIN-DELAY] ", .server, true), ("[SYS/TEMP] ", .server, true), ("[SYS/PERM] ", .server, false),
            ]
            for (code, cause, isTemporary) in cases {
                let played = try PlayedServer { voice in
                    try voice.greet(.pop3, offering: "PLAIN", "LOGIN")
                    try voice.hear()
                    try voice.say("-ERR \(code)no")
                    try voice.hear()
                }
                let error = accountError { _ = try begin(played, account()) }
                let refusal = LoginRefusal(cause, isTemporary: isTemporary, words: [UInt8]("no".utf8))
                #expect(error?.refusal == refusal, "\(code)")
                #expect(error?.exitStatus == (isTemporary ? .temporaryFailure : .noPermission), "\(code)")
                #expect(played.heard() == ["CAPA", Self.plainLogin], "\(code)")
            }
        }
    }

    @Test("says no password to a server that does not know the user")
    func unknownUser() async throws {
        try await onThread { () throws in
            let played = try PlayedServer { voice in
                for answer in ["+OK hi", "-ERR what", "-ERR who"] {
                    try voice.say(answer)
                    try voice.hear()
                }
            }
            let error = accountError { _ = try begin(played, account()) }
            #expect(error?.refusal?.cause == .credentials)
            #expect(played.heard() == ["CAPA", "USER tim"])
        }
    }

    @Test("is none with a server that says more than it was asked for")
    func surplus() async throws {
        try await onThread { () throws in
            let played = try PlayedServer { voice in
                try voice.say("+OK hi", "+OK", "SASL PLAIN", ".")
                try voice.hear()
            }
            let error = accountError { _ = try begin(played, account()) }
            #expect(error?.engineError is POP3Error && error?.exitStatus == .protocolError)
            #expect(played.heard().isEmpty)
        }
    }

    @Test("waits for each answer no longer than the account's timeout")
    func silence() async throws {
        try await onThread { () throws in
            var impatient = account()
            impatient.timeout = .milliseconds(20)
            let mute = try PlayedServer { try $0.hear() }
            guard case .silent(let silent)? = accountError({ _ = try begin(mute, impatient) }) else {
                Issue.record("the server's silence passed for something else")
                return
            }
            #expect(silent == server && mute.heard().isEmpty)
            let hasGreeted = Gate()
            let greeting = try PlayedServer { voice in
                try voice.say("+OK hi")
                hasGreeted.open()
                try voice.hear()
                try voice.hear()
            }
            hasGreeted.wait()
            #expect(accountError { _ = try begin(greeting, impatient) }?.isTimeout == true)
            #expect(greeting.heard() == ["CAPA"])
        }
    }

    @Test("that does not keep to the protocol is told with the host's name")
    func broken() async throws {
        try await onThread { () throws in
            let played = try PlayedServer { voice in
                try voice.say("+OK hi")
                try voice.hear()
                try voice.say("-ERR")
                try voice.hear()
            }
            let error = try begin(played, account(auth: .off)).broken("a message twice")
            guard case .protocolBroken("mail.test", "a message twice") = error else {
                Issue.record("\(error)")
                return
            }
            #expect(error.exitStatus == .protocolError)
            _ = played.heard()
        }
    }
}
