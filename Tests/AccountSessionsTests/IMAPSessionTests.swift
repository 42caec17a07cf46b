// A session in which mailboxes are selected, as a played server sees it.

import Blocking
import IMAPProtocol
import MailTestKit
import Octets
import Reporting
import Testing

@testable import AccountSessions
@testable import RunControl

@Suite("A session with mailboxes")
struct IMAPSessionTests {
    private static let plainLogin = "a1 AUTHENTICATE PLAIN AHRpbQB0YW5zdGFhZg=="

    private let scratch = ScratchDirectory()

    private func begin(_ played: PlayedServer, _ account: AccountSettings) throws -> IMAPSession {
        try IMAPSession(on: played.wire, of: account, at: server, try AccountLogin(of: account))
    }

    /// A server that takes our login and answers what comes then as `play` says.
    private func loggedIn(then play: @escaping @Sendable (Voice) throws -> Void) throws -> PlayedServer {
        try PlayedServer { voice in
            try voice.greet(.imap, offering: "PLAIN")
            try voice.hear()
            try voice.accept(.imap)
            try play(voice)
        }
    }

    // MARK: The beginning

    @Test("is not begun for an account without a login name, nor for one that the rc does not have")
    func opening() {
        let paths = Paths(HubSettings())
        var nameless = account()
        nameless.user = nil
        let error = accountError { _ = try IMAPSession.open(nameless, at: server, over: paths, within: .seconds(20)) }
        guard case .noUser("peer", _)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        let unknown = accountError {
            _ = try IMAPSession.open(account(), at: server, over: paths, within: .seconds(20))
        }
        guard case .path(.noAccount("peer"))? = unknown else {
            Issue.record("\(String(describing: unknown))")
            return
        }
    }

    @Test("turns to TLS, and logs in there though it was forbidden in clear")
    func startTLS() async throws {
        try await onThread { () throws in
            let played = try securePlay(scratch) { voice, context in
                try voice.say("* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED UIDPLUS] hi")
                try voice.hear()
                try voice.say("a1 OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] go")
                try voice.startTLS(context)
                try voice.hear()
                try voice.say("* CAPABILITY IMAP4rev1", "a2 OK done")
                try voice.hear()
                try voice.say("a3 OK [CAPABILITY IMAP4rev1 MOVE] in")
                try voice.hear()
            }
            let session = try begin(played, account(tls: .required))
            #expect(session.host == "mail.test" && session.exchange.engine.isAuthenticated)
            #expect(session.has("MOVE") && !session.has("UIDPLUS"))
            #expect(played.heard() == ["a1 STARTTLS", "a2 CAPABILITY", "a3 LOGIN \"tim\" \"tanstaaf\""])
        }
    }

    @Test("ends where clear text stands behind the consent to TLS")
    func injected() async throws {
        try await onThread { () throws in
            let played = try securePlay(scratch) { voice, _ in
                try voice.say("* OK [CAPABILITY IMAP4rev1 STARTTLS] hi")
                try voice.hear()
                try voice.say("a1 OK go", "* PREAUTH [CAPABILITY IMAP4rev1] you are in")
                try voice.hear()
            }
            let error = accountError { _ = try begin(played, account(tls: .required)) }
            #expect(error?.exitStatus == .protocolError)
            #expect(played.heard().prefix(1) == ["a1 STARTTLS"])
            #expect(!played.heard().contains { $0.contains("LOGIN") || $0.contains("AUTHENTICATE") })
        }
    }

    @Test("says no password where the server forbids it, though the account allows clear text")
    func loginDisabled() async throws {
        try await onThread { () throws in
            let played = try PlayedServer { voice in
                try voice.say("* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] hi")
                try voice.hear()
            }
            let error = accountError { _ = try begin(played, account()) }
            #expect((error?.engineError as? IMAPError) == .loginDisabled && error?.exitStatus == .configuration)
            #expect(played.heard().isEmpty)
        }
    }

    @Test("says the login in two steps where the server does not take it in one")
    func steps() async throws {
        try await onThread { () throws in
            let asked = try PlayedServer { voice in
                try voice.say("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi")
                try voice.hear()
                try voice.say("+ ")
                try voice.hear()
                try voice.accept(.imap)
                try voice.hear()
            }
            _ = try begin(asked, account())
            #expect(asked.heard() == ["a1 AUTHENTICATE PLAIN", "AHRpbQB0YW5zdGFhZg=="])
            // A name that cannot be quoted is a literal, which waits for the server.
            var accented = account()
            accented.user = "tím"
            let literal = try PlayedServer { voice in
                try voice.say("* OK [CAPABILITY IMAP4rev1] hi")
                try voice.hear()
                try voice.say("+ go on")
                try voice.hear()
                try voice.accept(.imap)
                try voice.hear()
            }
            _ = try begin(literal, accented)
            #expect(literal.heard() == ["a1 LOGIN {4}", "tím \"tanstaaf\""])
        }
    }

    @Test("tells why the login was refused (RFC 5530), and tries no other one")
    func refusals() async throws {
        try await onThread { () throws in
            let cases: [(String, LoginRefusal.Cause, Bool)] = [
                ("a1 NO no", .credentials, false), ("a1 NO [AUTHENTICATIONFAILED] no", .credentials, false),
                ("a1 BAD no", .credentials, false), ("a1 NO [UNAVAILABLE] no", .server, true),
                ("a1 NO [CONTACTADMIN] no", .server, false), ("a1 NO [PRIVACYREQUIRED] no", .mechanism, false),
                ("* BYE no", .server, true),
            ]
            for (line, cause, isTemporary) in cases {
                let played = try PlayedServer { voice in
                    try voice.greet(.imap, offering: "PLAIN", "LOGIN")
                    try voice.hear()
                    try voice.say(line)
                    try voice.hear()
                }
                let error = accountError { _ = try begin(played, account()) }
                let refusal = LoginRefusal(cause, isTemporary: isTemporary, words: [UInt8]("no".utf8))
                #expect(error?.refusal == refusal, "\(line)")
                #expect(error?.exitStatus == (isTemporary ? .temporaryFailure : .noPermission), "\(line)")
                #expect(played.heard() == [Self.plainLogin], "\(line)")
            }
        }
    }

    @Test("knows what is offered behind the login, and asks where that was not told")
    func offers() async throws {
        try await onThread { () throws in
            let telling = try PlayedServer { voice in
                try voice.greet(.imap, offering: "PLAIN")
                try voice.hear()
                try voice.say("* CAPABILITY IMAP4rev1 UIDPLUS", "a1 OK in")
                try voice.hear()
            }
            let told = try begin(telling, account())
            #expect(told.has("UIDPLUS") && !told.has("AUTH=PLAIN"))
            #expect(telling.heard() == [Self.plainLogin])
            let asked = try PlayedServer { voice in
                try voice.greet(.imap, offering: "PLAIN")
                try voice.hear()
                try voice.say("a1 OK in")
                try voice.hear()
                try voice.say("* CAPABILITY IMAP4rev1 MOVE", "a2 OK done")
                try voice.hear()
            }
            let session = try begin(asked, account())
            #expect(session.has("MOVE") && !session.has("UIDPLUS"))
            #expect(asked.heard() == [Self.plainLogin, "a2 CAPABILITY"])
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
                try voice.say("* OK hi")
                hasGreeted.open()
                try voice.hear()
                try voice.hear()
            }
            hasGreeted.wait()
            #expect(accountError { _ = try begin(greeting, impatient) }?.isTimeout == true)
            #expect(greeting.heard() == ["a1 CAPABILITY"])
        }
    }

    // MARK: Mailboxes

    @Test("selects a mailbox, never to look at it alone, and tells what the server said of it")
    func select() async throws {
        try await onThread { () throws in
            let played = try loggedIn { voice in
                try voice.hear()
                try voice.say("* 3 EXISTS", "* OK [UIDVALIDITY 7] x", "* OK [UIDNEXT 9] x", "* 4 EXISTS")
                try voice.say("a2 OK [READ-ONLY] done")
                try voice.hear()
            }
            let selection = try begin(played, account()).select("Entwürfe")
            #expect(selection.messages == 4 && selection.uidValidity == 7 && selection.uidNext == 9)
            #expect(selection.isReadOnly && selection.hasStickyUIDs && selection.highestModSeq == nil)
            #expect(played.heard() == [Self.plainLogin, "a2 SELECT \"Entw&APw-rfe\""])
        }
    }

    @Test("tells a mailbox that is refused from a server that goes, and from one that talks nonsense")
    func refusedSelection() async throws {
        try await onThread { () throws in
            func error(of words: String...) throws -> AccountError? {
                let played = try loggedIn { voice in
                    try voice.hear()
                    for line in words { try voice.say(line) }
                    try voice.hear()
                }
                let session = try begin(played, account())
                defer { _ = played.heard() }
                return accountError { _ = try session.select("a\u{7}b") }
            }
            let refused = try error(of: "* 3 EXISTS", "a2 NO [NONEXISTENT] no \u{1B}such folder")
            guard case .refused(let command, "mail.test", let words)? = refused else {
                Issue.record("\(String(describing: refused))")
                return
            }
            #expect(words == "no \\x1Bsuch folder" && command.contains("a\\x07b"))
            #expect(refused?.exitStatus == .temporaryFailure)
            #expect(try error(of: "* BYE [UNAVAILABLE] going down")?.farewellWords == "going down")
            #expect(try error(of: "a9 OK done")?.engineError is IMAPError)
            #expect(try error(of: "* 3 EXISTS", "* 1 FETCH (UID 1 BODY[] \"a\")")?.engineError is IMAPError)
        }
    }

    @Test("is left when there are more mailboxes than are listed, rather than that some were passed over")
    func tooMany() async throws {
        try await onThread { () throws in
            let played = try loggedIn { voice in
                try voice.hear()
                let many = (0...IMAPSession.mailboxLimit).map { "* LIST () \"/\" m\($0)\r\n" }.joined()
                try voice.wire.write(Array("\(many)a2 OK done\r\n".utf8), until: Deadline(after: .seconds(20)))
            }
            let session = try begin(played, account())
            let error = accountError { _ = try session.list("*") }
            #expect(error?.description.contains("more than 10000 folders; let `folders` name those") == true)
            #expect(error?.exitStatus == .protocolError)
        }
    }

    @Test("lists the first of too many mailboxes where only one is looked for, and goes on")
    func firstOfTooMany() async throws {
        try await onThread { () throws in
            let played = try loggedIn { voice in
                try voice.hear()
                let many = (0...IMAPSession.mailboxLimit).map { "* LIST () \"/\" m\($0)\r\n" }.joined()
                try voice.wire.write(Array("\(many)a2 OK done\r\n".utf8), until: Deadline(after: .seconds(20)))
                try voice.hear()
                try voice.say("* BYE", "a3 OK bye")
            }
            let session = try begin(played, account())
            #expect(try session.list("*", isWhole: false).count == IMAPSession.mailboxLimit)
            try session.logOut()
        }
    }

    @Test("lists mailboxes, and tells where the server lists none")
    func list() async throws {
        try await onThread { () throws in
            let played = try loggedIn { voice in
                try voice.hear()
                try voice.say("* LIST (\\Noselect) \"/\" a", "* 7 EXISTS", "* LIST () NIL \"b c\"", "a2 OK done")
                try voice.hear()
                try voice.say("a3 NO not now")
                try voice.hear()
                try voice.say("* BYE going")
                try voice.hear()
            }
            let session = try begin(played, account())
            let few = try session.list("*")
            #expect(few.map { String(decoding: $0.name.encoded, as: UTF8.self) } == ["a", "b c"])
            #expect(few.map(\.isSelectable) == [false, true])
            let refused = accountError { _ = try session.list("x") }
            guard case .refused(_, "mail.test", "not now")? = refused else {
                Issue.record("\(String(describing: refused))")
                return
            }
            #expect(accountError { _ = try session.list("y") }?.farewellWords == "going")
            #expect(
                played.heard().dropFirst() == [
                    "a2 LIST \"\" \"*\"", "a3 LIST \"\" \"x\"", "a4 LIST \"\" \"y\"",
                ])
        }
    }

    // MARK: The end

    @Test("ends with LOGOUT; a server that hangs up instead of answering has nothing more to tell")
    func logOut() async throws {
        try await onThread { () throws in
            for words in [["* BYE bye", "a2 OK bye"], ["* BYE bye"], []] {
                let played = try loggedIn { voice in
                    try voice.hear()
                    for line in words { try voice.say(line) }
                }
                let session = try begin(played, account())
                #expect(throws: Never.self) { try session.logOut() }
                #expect(played.heard() == [Self.plainLogin, "a2 LOGOUT"])
            }
        }
    }

    @Test("a refusal of LOGOUT, and an answer that is none, are told")
    func refusedLogOut() async throws {
        try await onThread { () throws in
            let refusing = try loggedIn { voice in
                try voice.hear()
                try voice.say("a2 BAD what")
                try voice.hear()
            }
            let staying = try begin(refusing, account())
            let error = accountError { try staying.logOut() }
            guard case .refused("LOGOUT", "mail.test", "what")? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            let talking = try loggedIn { voice in
                try voice.hear()
                try voice.say("a9 OK bye")
                try voice.hear()
            }
            let session = try begin(talking, account())
            #expect(accountError { try session.logOut() }?.engineError is IMAPError)
        }
    }
}
