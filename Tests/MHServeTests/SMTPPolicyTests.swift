// Who may send what to whom, and when a message is ours: the policy of the SMTP listeners, reply by reply.

import MailTestKit
import NIOCore
import Testing

@testable import mhserve

private let senderOK = "250 2.1.0 sender ok"
private let recipientOK = "250 2.1.5 recipient ok"
private let noSuchMailbox = "550 5.1.1 no such mailbox here"
private let blocked = "550 5.1.1 this address takes no mail"
private let goodbye = "421 4.3.2 hub.example.org is shutting down; try again later"
private func denied(_ address: String) -> String { "550 5.7.1 relaying denied: \(address) is not ours" }

@Suite("A stranger on port 25")
struct SMTPStrangerTests {
    /// Behind its EHLO.
    private func open(_ words: String...) throws -> SessionRig {
        let rig = try SessionRig("smtp", words: words, blocks: HubInMemory.household)
        #expect(try rig.say("EHLO c\n").hasPrefix("220 hub.example.org ESMTP mailhub\r\n250-hub.example.org\r\n"))
        return rig
    }

    @Test("writes to the mailboxes of this hub in whatever case, to its postmaster, and to nobody else")
    func recipients() throws {
        let rig = try open("errors-limit 100")
        try rig.say("MAIL FROM:<a@far.example>\n")
        let cases: [(path: String, reply: String)] = [
            ("<alice@example.org>", recipientOK), ("<ALICE@Example.ORG>", recipientOK),
            ("<\"alice\"@example.org>", recipientOK), ("<shop-7@example.org>", recipientOK),
            ("<alice@hub.example.org>", recipientOK), ("<carol@example.org>", recipientOK),
            ("<bob@bob.example>", recipientOK), ("<Postmaster>", recipientOK),
            ("<postmaster@example.org>", recipientOK), ("<POSTMASTER@bob.example>", recipientOK),
            ("<nobody@example.org>", noSuchMailbox), ("<alice@bob.example>", noSuchMailbox),
            ("<b%far.example@example.org>", noSuchMailbox), ("<old@example.org>", blocked),
            ("<Spam-1@example.org>", blocked), ("<b@far.example>", denied("b@far.example")),
            ("<@example.org:b@far.example>", denied("b@far.example")),
            ("<postmaster@far.example>", denied("postmaster@far.example")),
            ("<alice@provider.example>", denied("alice@provider.example")),
            ("<away@example.org>", denied("away@example.org")),
            ("<alice>", "553 5.1.3 the recipient's address needs a domain"),
        ]
        for (path, reply) in cases { #expect(try rig.say("RCPT TO:\(path)\n") == "\(reply)\r\n", "\(path)") }
        #expect(try rig.say("DATA\n") == "354 end with CR LF . CR LF\r\n", "for those who were taken")
    }

    @Test("may be anybody or nobody, but an address has a domain")
    func senders() throws {
        let rig = try open()
        let cases: [(path: String, reply: String)] = [
            ("<>", senderOK), ("<a@far.example>", senderOK), ("<alice@example.org>", senderOK),
            ("<alice>", "553 5.1.7 the sender's address needs a domain"),
        ]
        for (path, reply) in cases {
            #expect(try rig.say("MAIL FROM:\(path)\n") == "\(reply)\r\n", "\(path)")
            try rig.say("RSET\n")
        }
    }

    @Test("is offered no login")
    func noLogin() throws {
        let rig = try SessionRig("smtp", blocks: HubInMemory.household)
        _ = try rig.received()
        let login = "AUTH PLAIN \(base64("\0alice\0tea"))\n"
        #expect(try rig.say(login) == "503 5.5.1 say EHLO first\r\n")
        #expect(try !rig.say("EHLO c\n").contains("AUTH"))
        #expect(try rig.say(login) == "502 5.5.1 AUTH is not offered\r\n")
    }

    @Test("is offered TLS where there is a certificate, and goes without where there is none")
    func offersTLS() throws {
        #expect(try SessionRig("smtp").say("EHLO c\n").contains("250-STARTTLS\r\n"))
        let bare = try SessionRig(of: HubInMemory("smtp", hasCertificate: false))
        #expect(try !bare.say("EHLO c\n").contains("STARTTLS"))
        #expect(try bare.say("STARTTLS\n") == "502 5.5.1 STARTTLS is not offered\r\n")
        #expect(try bare.say("MAIL FROM:<a@far.example>\n") == "\(senderOK)\r\n")
    }

    @Test("that says more behind STARTTLS in clear is left")
    func injection() throws {
        let rig = try open()
        #expect(try rig.say("STARTTLS\nNOOP\n") == "421 4.7.0 octets behind STARTTLS\r\n")
        #expect(!rig.isOpen)
    }

    @Test("is answered 503 to what comes out of order, and a transaction under way goes on")
    func order() throws {
        let rig = try SessionRig("smtp", blocks: HubInMemory.household)
        _ = try rig.received()
        #expect(try rig.say("MAIL FROM:<a@far.example>\n") == "503 5.5.1 say EHLO first\r\n")
        try rig.say("HELO c\n")
        for command in ["RCPT TO:<alice@example.org>", "DATA", "BDAT 0 LAST"] {
            #expect(try rig.say("\(command)\n") == "503 5.5.1 MAIL first\r\n", "\(command)")
        }
        #expect(try rig.say("MAIL FROM:<a@far.example>\n") == "\(senderOK)\r\n")
        #expect(try rig.say("MAIL FROM:<b@far.example>\n") == "503 5.5.1 there is a transaction already\r\n")
        #expect(try rig.say("RCPT TO:<alice@example.org>\n") == "\(recipientOK)\r\n")
        #expect(try rig.say("DATA\n").hasPrefix("354 "))
    }

    @Test("with no recipient that was taken sends no content")
    func noRecipients() throws {
        let rig = try open()
        try rig.say("MAIL FROM:<a@far.example>\nRCPT TO:<nobody@example.org>\n")
        #expect(try rig.say("DATA\n") == "554 5.5.1 no valid recipients\r\n")
    }

    @Test("that announces more than size-limit hears so at MAIL", arguments: [65_535, 65_536])
    func announced(_ size: Int) throws {
        let rig = try open("size-limit 64k")
        #expect(try rig.say("EHLO c\n").contains("250-SIZE 65536\r\n"))
        for more in ["65537", "99999999999999999999"] {
            let said = try rig.say("MAIL FROM:<a@far.example> SIZE=\(more)\n")
            #expect(said == "552 5.3.4 message larger than 65536 octets\r\n", "\(more)")
        }
        #expect(try rig.say("RCPT TO:<alice@example.org>\n") == "503 5.5.1 MAIL first\r\n")
        #expect(try rig.say("MAIL FROM:<a@far.example> SIZE=\(size)\n") == "\(senderOK)\r\n")
    }

    @Test("names max-recipients people at most; those refused do not count, those taken get the message")
    func recipientLimit() throws {
        let rig = try open("max-recipients 2", "errors-limit 3")
        #expect(try rig.say("EHLO c\n").contains("250-LIMITS RCPTMAX=2\r\n"))
        try rig.say("MAIL FROM:<a@far.example>\n")
        for (name, reply) in [
            ("nobody", noSuchMailbox), ("alice", recipientOK), ("alice", recipientOK),
            ("bob", "452 4.5.3 no more than 2 recipients"), ("carol", "452 4.5.3 no more than 2 recipients"),
        ] {
            #expect(try rig.say("RCPT TO:<\(name)@example.org>\n") == "\(reply)\r\n", "\(name)")
        }
        #expect(try rig.say("DATA\n") == "354 end with CR LF . CR LF\r\n", "452 is no error of the session")
    }

    @Test("learns nothing by VRFY and EXPN")
    func verify() throws {
        let rig = try open()
        let known = try rig.say("VRFY alice\n")
        #expect(known.hasPrefix("252 "), "\(known)")
        for name in ["nobody", "nobody@example.org", "b@far.example"] {
            #expect(try rig.say("VRFY \(name)\n") == known, "\(name)")
        }
        #expect(try rig.say("EXPN staff\n") == "502 5.5.1 EXPN is not offered\r\n")
    }

    @Test("changes nothing by NOOP, HELP and VRFY, ends a transaction by RSET and EHLO")
    func idleCommands() throws {
        let rig = try open()
        let opening = "MAIL FROM:<a@far.example>\nRCPT TO:<alice@example.org>\n"
        try rig.say(opening)
        #expect(try rig.say("NOOP\n") == "250 2.0.0 ok\r\n")
        #expect(try rig.say("NOOP what ever\n") == "250 2.0.0 ok\r\n")
        #expect(try rig.say("HELP\n").hasPrefix("214 2.0.0 "))
        #expect(try rig.say("VRFY alice\n").hasPrefix("252 "))
        #expect(try rig.say("RSET now\n") == "501 5.5.4 RSET takes no argument\r\n")
        #expect(try rig.say("RCPT TO:<bob@example.org>\n") == "\(recipientOK)\r\n", "the transaction stands")
        #expect(try rig.say("RSET\n") == "250 2.0.0 ok\r\n")
        #expect(try rig.say("RCPT TO:<alice@example.org>\n") == "503 5.5.1 MAIL first\r\n")
        try rig.say(opening)
        #expect(try rig.say("EHLO c\n").hasPrefix("250-hub.example.org\r\n"))
        #expect(try rig.say("DATA\n") == "503 5.5.1 MAIL first\r\n")
    }

    @Test("is left at QUIT, and what it pipelined behind is not answered")
    func quit() throws {
        let rig = try open()
        let said = try rig.say("MAIL FROM:<a@far.example>\nQUIT\nNOOP\n")
        #expect(said == "\(senderOK)\r\n221 2.0.0 hub.example.org closes\r\n")
        #expect(!rig.isOpen)
    }

    @Test("is left after as many errors as errors-limit allows")
    func errors() throws {
        let rig = try open("errors-limit 3")
        try rig.say("MAIL FROM:<a@far.example>\n")
        for _ in 1...2 { #expect(try rig.say("RCPT TO:<nobody@example.org>\n") == "\(noSuchMailbox)\r\n") }
        let last = try rig.say("RCPT TO:<b@far.example>\nNOOP\n")
        #expect(last == "\(denied("b@far.example"))\r\n421 4.7.0 too many errors\r\n")
        #expect(!rig.isOpen)
    }

    @Test("is written down with each refusal, in the words that it heard")
    func refusals() throws {
        let rig = try open()
        try rig.say("MAIL FROM:<a@far.example>\nRCPT TO:<nobody@example.org>\nRCPT TO:<b@far.example>\nRSET now\n")
        rig.leave()
        let who = "refused service=smtp client=192.0.2.1"
        #expect(
            rig.hub.told("refused") == [
                "\(who) address=<nobody@example.org> code=550 why=\"no such mailbox here\"",
                "\(who) address=<b@far.example> code=550 why=\"relaying denied: b@far.example is not ours\"",
                "\(who) why=\"501 5.5.4 RSET takes no argument\"",
            ])
    }

    @Test("with more than ten refusals has one line for the others, at its end")
    func manyRefusals() throws {
        let rig = try open("errors-limit 100")
        try rig.say("MAIL FROM:<a@far.example>\n" + String(repeating: "RCPT TO:<nobody@example.org>\n", count: 12))
        #expect(rig.hub.told("refused").count == 10)
        rig.leave()
        let lines = rig.hub.told("refused")
        #expect(lines.count == 11)
        #expect(
            lines.last == "refused service=smtp client=192.0.2.1 more=2 why=\"as the first 10 of this session\"")
    }

    @Test("that says nothing for smtp-idle is told and left")
    func silence() throws {
        let rig = try open("smtp-idle 30s")
        rig.pass(.seconds(29))
        #expect(try rig.say("NOOP\n") == "250 2.0.0 ok\r\n", "each command renews it")
        rig.pass(.seconds(29))
        #expect(try rig.received().isEmpty && rig.isOpen)
        rig.pass(.seconds(2))
        let last = String(decoding: try rig.received(), as: UTF8.self)
        #expect(last == "421 4.3.2 hub.example.org you took too long\r\n")
        #expect(!rig.isOpen)
    }

    @Test(
        "hears 421 when the service stops, idle or within an envelope",
        arguments: ["", "MAIL FROM:<a@far.example>\nRCPT TO:<alice@example.org>\n"])
    func stop(_ envelope: String) throws {
        let rig = try open()
        if !envelope.isEmpty { try rig.say(envelope) }
        rig.stopService()
        #expect(String(decoding: try rig.received(), as: UTF8.self) == "\(goodbye)\r\n")
        #expect(!rig.isOpen)
    }

    @Test("that comes while the service stops hears 421 behind the greeting")
    func stoppingAlready() throws {
        let hub = try HubInMemory("smtp")
        hub.service.server.isStopping = true
        let rig = try SessionRig(of: hub)
        let said = String(decoding: try rig.received(), as: UTF8.self)
        #expect(said == "220 hub.example.org ESMTP mailhub\r\n\(goodbye)\r\n")
        #expect(!rig.isOpen)
    }

    @Test("forgets by STARTTLS who it said it was and what it had begun")
    func startTLS() async throws {
        let rig = try await ThreadedRig(of: HubInMemory("smtp", blocks: HubInMemory.household))
        _ = try await rig.reply()
        for command in ["EHLO c", "MAIL FROM:<a@far.example>", "RCPT TO:<alice@example.org>"] {
            #expect(try await rig.say(command).hasPrefix("250"), "\(command)")
        }
        #expect(try await rig.say("STARTTLS") == "220 2.0.0 ready to start TLS")
        try await rig.shakeHands()
        #expect(try await rig.say("MAIL FROM:<a@far.example>") == "503 5.5.1 say EHLO first")
        let offers = try await rig.say("EHLO c")
        #expect(offers.hasPrefix("250-hub.example.org\n") && !offers.contains("STARTTLS"), "\(offers)")
        #expect(try await rig.say("RCPT TO:<alice@example.org>") == "503 5.5.1 MAIL first")
        #expect(try await rig.say("DATA") == "503 5.5.1 MAIL first")
        #expect(try await rig.say("STARTTLS") == "503 5.5.1 TLS is on already")
        #expect(try await rig.say("MAIL FROM:<a@far.example>") == senderOK)
    }
}

@Suite("A submission client", .serialized)
struct SMTPSubmissionTests {
    /// Behind EHLO within TLS.
    private func open(_ hub: HubInMemory, from address: String = "192.0.2.1") async throws -> ThreadedRig {
        let rig = try await ThreadedRig(of: hub, from: address)
        #expect(try await rig.reply() == "220 hub.example.org ESMTP mailhub")
        #expect(try await rig.say("EHLO c").contains("\n250-AUTH PLAIN LOGIN\n"))
        return rig
    }

    private func plain(_ name: String, _ password: String) -> String {
        "AUTH PLAIN \(base64("\0\(name)\0\(password)"))"
    }

    private func home(_ words: String..., service: String = "submissions") throws -> HubInMemory {
        try HubInMemory(service, words: words, blocks: HubInMemory.household)
    }

    @Test("in clear can neither log in nor send")
    func inClear() throws {
        let rig = try SessionRig("submission", blocks: HubInMemory.household)
        let offers = try rig.say("EHLO c\n")
        #expect(offers.contains("250-STARTTLS\r\n") && !offers.contains("AUTH"), "\(offers)")
        #expect(
            try rig.say("\(plain("alice", "tea"))\n") == "538 5.7.11 encryption required: STARTTLS first\r\n")
        for path in ["<alice@example.org>", "<>", "<a@far.example>"] {
            #expect(try rig.say("MAIL FROM:\(path)\n") == "530 5.7.0 authentication required\r\n", "\(path)")
        }
        for command in ["RCPT TO:<alice@example.org>", "DATA"] {
            #expect(try rig.say("\(command)\n") == "503 5.5.1 MAIL first\r\n", "\(command)")
        }
        #expect(try rig.say("VRFY alice\n").hasPrefix("252 "))
        #expect(try rig.say("NOOP\n") == "250 2.0.0 ok\r\n")
        #expect(rig.hub.told("refused").contains { $0.hasSuffix(" why=\"530 5.7.0 authentication required\"") })
        #expect(try rig.say("QUIT\n") == "221 2.0.0 hub.example.org closes\r\n")
    }

    @Test("gets by STARTTLS to the login, and says all again")
    func startTLS() async throws {
        let rig = try await ThreadedRig(of: home(service: "submission"))
        _ = try await rig.reply()
        _ = try await rig.say("EHLO c")
        #expect(try await rig.say("STARTTLS") == "220 2.0.0 ready to start TLS")
        try await rig.shakeHands()
        #expect(try await rig.say(plain("alice", "tea")) == "503 5.5.1 say EHLO first")
        let offers = try await rig.say("EHLO c")
        #expect(offers.contains("\n250-AUTH PLAIN LOGIN\n") && !offers.contains("STARTTLS"), "\(offers)")
        #expect(try await rig.say("MAIL FROM:<alice@example.org>") == "530 5.7.0 authentication required")
        #expect(try await rig.say(plain("alice", "tea")) == "235 2.7.0 welcome")
        #expect(try await rig.say("MAIL FROM:<alice@example.org>") == senderOK)
    }

    @Test("logs in by PLAIN and LOGIN, with an initial response or without")
    func mechanisms() async throws {
        let hub = try home()
        let words = base64("\0alice\0tea")
        let (user, password) = ("334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6")
        let cases: [(first: String, then: [(challenge: String, response: String)])] = [
            ("AUTH PLAIN \(words)", []), ("AUTH PLAIN", [("334 ", words)]),
            ("auth login", [(user, base64("alice")), (password, base64("tea"))]),
            ("AUTH LOGIN \(base64("alice"))", [(password, base64("tea"))]),
        ]
        for (first, then) in cases {
            let rig = try await open(hub)
            let said = try await rig.say(first, then)
            #expect(said == "235 2.7.0 welcome", "\(first)")
            #expect(try await rig.say("MAIL FROM:<alice@example.org>") == senderOK, "\(first)")
        }
        let logins = hub.told("login")
        #expect(logins.count == 4)
        #expect(
            logins.allSatisfy { $0.hasPrefix("login service=submissions client=192.0.2.1 login=alice status=ok tls=") },
            "\(logins)")
    }

    @Test("logs in by the name of a mailbox and by its addresses, in any case; a login outlives RSET and EHLO")
    func names() async throws {
        let hub = try home()
        for name in ["alice", "ALICE", "alice@example.org", "Alice@Provider.Example"] {
            let rig = try await open(hub)
            #expect(try await rig.say(plain(name, "tea")) == "235 2.7.0 welcome", "\(name)")
            #expect(try await rig.say(plain(name, "tea")) == "503 5.5.1 you are logged in already")
            #expect(try await rig.say("RSET") == "250 2.0.0 ok")
            #expect(try await !rig.say("EHLO c").contains("AUTH"))
            #expect(try await rig.say("MAIL FROM:<alice@example.org>") == senderOK, "\(name)")
        }
    }

    @Test("cannot tell a wrong password from a name that nobody has, nor from a mailbox without a login")
    func wrongLogins() async throws {
        let hub = try home()
        let rig = try await open(hub)
        for (name, password) in [("alice", "Tea"), ("nobody", "tea"), ("carol", "tea"), ("bob", "tea")] {
            let said = try await rig.say(plain(name, password))
            #expect(said == "535 5.7.8 the login or the password is wrong", "\(name)")
            #expect(try await rig.say("MAIL FROM:<\(name)@example.org>") == "530 5.7.0 authentication required")
        }
        #expect(try await rig.say(plain("bob", "two words")) == "235 2.7.0 welcome")
        let words = hub.told("login").map { $0.split(separator: " ").dropFirst(3).prefix(2).joined(separator: " ") }
        #expect(
            words == [
                "login=alice status=refused", "login=nobody status=refused", "login=carol status=refused",
                "login=bob status=refused", "login=bob status=ok",
            ])
    }

    @Test("that says what is no login hears why, and may go on")
    func noLogins() async throws {
        let rig = try await open(home())
        #expect(try await rig.say("AUTH LOGIN") == "334 VXNlcm5hbWU6")
        #expect(try await rig.say("*") == "501 5.7.0 authentication cancelled")
        #expect(try await rig.say("AUTH PLAIN") == "334 ")
        #expect(try await rig.say("=no base64=") == "501 5.5.2 not base64")
        #expect(try await rig.say("AUTH CRAM-MD5") == "504 5.5.4 mechanism not offered")
        #expect(try await rig.say("AUTH PLAIN \(base64("nonsense"))") == "501 5.5.2 a malformed PLAIN response")
        #expect(
            try await rig.say("AUTH PLAIN \(base64("bob\0alice\0tea"))")
                == "535 5.7.8 acting for another login is not allowed")
        #expect(try await rig.say(plain("alice", "tea")) == "235 2.7.0 welcome")
    }

    @Test("that guessed ten times is sent away, with the right password too, and so are all from its address alone")
    func throttle() async throws {
        let hub = try home("errors-limit 100")
        let paused = "421 4.7.0 too many failures; try again later"
        let rig = try await open(hub)
        for number in 1...10 {
            let said = try await rig.say(plain(number % 2 == 0 ? "alice" : "nobody", "guess \(number)"))
            #expect(said == "535 5.7.8 the login or the password is wrong", "\(number)")
        }
        #expect(try await rig.say(plain("alice", "tea")) == paused)
        await rig.settle()
        #expect(!rig.isOpen)
        let again = try await open(hub)
        #expect(try await again.say(plain("bob", "two words")) == paused)
        let elsewhere = try await open(hub, from: "198.51.100.7")
        #expect(try await elsewhere.say(plain("alice", "tea")) == "235 2.7.0 welcome")
        let states = hub.told("login").compactMap { $0.split(separator: " ").first { $0.hasPrefix("status=") } }
        let refused = [Substring](repeating: "status=refused", count: 10)
        #expect(states == refused + ["status=paused", "status=paused", "status=ok"])
    }

    @Test("sends from the addresses of its mailbox and of its accounts, from none, and from no other")
    func ownAddresses() async throws {
        let rig = try await open(home("errors-limit 100"))
        #expect(try await rig.say(plain("alice", "tea")) == "235 2.7.0 welcome")
        for path in [
            "<alice@example.org>", "<Alice@EXAMPLE.org>", "<shop-1@example.org>", "<alice@hub.example.org>",
            "<alice@provider.example>", "<away@example.org>", "<alice>", "<>",
        ] {
            #expect(try await rig.say("MAIL FROM:\(path)") == senderOK, "\(path)")
            _ = try await rig.say("RSET")
        }
        for address in [
            "bob@example.org", "alice@bob.example", "bob@works.example", "a@far.example",
            "alice@example.org.far.example", "nobody@example.org",
        ] {
            let said = try await rig.say("MAIL FROM:<\(address)>")
            #expect(said == "550 5.7.1 \(address) is not an address of alice", "\(address)")
            #expect(try await rig.say("RCPT TO:<bob@example.org>") == "503 5.5.1 MAIL first", "\(address)")
        }
        #expect(
            rig.hub.told("refused").first
                == "refused service=submissions client=192.0.2.1 login=alice address=<bob@example.org> code=550 "
                + "why=\"bob@example.org is not an address of alice\"")
    }

    @Test("sends to everybody, but here only to those who are")
    func everybody() async throws {
        let rig = try await open(home())
        #expect(try await rig.say(plain("alice", "tea")) == "235 2.7.0 welcome")
        #expect(try await rig.say("MAIL FROM:<alice@example.org>") == senderOK)
        let cases: [(path: String, reply: String)] = [
            ("<b@far.example>", recipientOK), ("<bob@example.org>", recipientOK), ("<bob>", recipientOK),
            ("<postmaster>", recipientOK), ("<alice@provider.example>", recipientOK),
            ("<nobody@example.org>", noSuchMailbox), ("<nobody>", noSuchMailbox), ("<old@example.org>", blocked),
        ]
        for (path, reply) in cases { #expect(try await rig.say("RCPT TO:\(path)") == reply, "\(path)") }
    }

    @Test("within a login under way hears 421 when the service stops, and then nothing more")
    func stop() async throws {
        let rig = try await open(home())
        #expect(try await rig.say("AUTH LOGIN") == "334 VXNlcm5hbWU6")
        await rig.stopService()
        #expect(try await rig.rest() == "\(goodbye)\r\n")
        #expect(!rig.isOpen)
    }
}
