// Logins of an account: the best mechanism that both sides know, once, and never a weaker one.

import Blocking
import Glibc
import MailTestKit
import Octets
import Testing

@Suite("The login of an account")
struct LoginTests {
    @Test(
        "FE3: takes the best mechanism that Dovecot offers, or the one that the rc names", .needs(.dovecot),
        arguments: ["pop3s", "imaps"])
    func dovecot(_ service: String) async throws {
        try await onThread {
            let dovecot = try DovecotPeer(users: ["alice": "pass wörd, with = and \""])
            let port = service == "pop3s" ? dovecot.pop3sPort : dovecot.imapsPort
            for word in ["auto", "scram-sha-256", "scram-sha-1", "cram-md5", "plain", "login"] {
                let rig = FetchRig()
                rig.configure(
                    "\(service) localhost:\(port)", "tls_trust_file \(dovecot.certificate.certificatePath)",
                    "auth \(word)",
                    password: #""pass wörd, with = and \"""#)
                let before = dovecot.logs.count(of: "Login: user=<alice>")
                let result = try rig.fetch()
                #expect(result.status == 0, "\(word): \(result) \(dovecot.logs)")
                let method = word == "auto" ? "SCRAM-SHA-256" : word.uppercased()
                let logins = dovecot.logs.split(separator: "\n").filter { $0.contains("Login: user=<alice>") }
                #expect(logins.count == before + 1 && logins.last?.contains("method=\(method),") == true, "\(logins)")
            }
        }
    }

    @Test("FE3: a wrong password is refused once, by each mechanism, with 77", .needs(.dovecot))
    func wrongPassword() async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            for word in ["scram-sha-256", "scram-sha-1", "cram-md5", "plain"] {
                let rig = FetchRig()
                rig.configure(
                    "imaps localhost:\(dovecot.imapsPort)", "tls_trust_file \(dovecot.certificate.certificatePath)",
                    "auth \(word)", password: "wrong")
                let result = try rig.fetch()
                #expect(result.status == 77 && result.errorText.contains("refused the login of alice"), "\(result)")
                #expect(result.errorText.contains("`auth plain` does without it") == (word != "plain"), "\(result)")
            }
        }
    }

    @Test("FE3: goes by APOP where the rc names it, and never else", .needs(.dovecot))
    func apop() async throws {
        try await onThread {
            let dovecot = try DovecotPeer(settings: "auth_mechanisms = plain apop")
            for (word, method) in [("auth apop", "APOP"), ("auth auto", "PLAIN")] {
                let rig = FetchRig()
                rig.configure("pop3s localhost:\(dovecot.pop3sPort)", trusting: dovecot, word)
                let result = try rig.fetch()
                #expect(result.status == 0, "\(result) \(dovecot.logs)")
                #expect(dovecot.logs.contains("method=\(method),"), "\(dovecot.logs)")
            }
            let wrong = FetchRig()
            wrong.configure(
                "pop3s localhost:\(dovecot.pop3sPort)", "auth apop",
                "tls_trust_file \(dovecot.certificate.certificatePath)", password: "wrong")
            let refused = try wrong.fetch()
            #expect(refused.status == 77 && refused.errorText.contains("check user and password"), "\(refused)")
            // A greeting without a stamp leaves nothing to make a digest of.
            let server = try FakeServer([.line("+OK hello"), .expect("CAPA"), .line("-ERR"), .drain])
            let plain = FetchRig()
            plain.configure("pop3 127.0.0.1:\(server.port)", "tls off", "auth apop")
            let result = try plain.fetch()
            #expect(
                result.status == 77 && result.errorText.contains("none of the logins that may be used"), "\(result)")
            #expect(server.stop().first?.lines == ["CAPA"])
        }
    }

    @Test(
        "FE3, ask 1: goes by a token at Dovecot, short or long, by the mechanism that the rc names or the first offered",
        .needs(.dovecot), arguments: ["pop3s", "imaps"], [0, 1500])
    func tokens(_ service: String, _ padding: Int) async throws {
        try await onThread {
            let scratch = ScratchDirectory()
            let dovecot = try DovecotPeer(
                settings: AccessToken.settings(in: scratch, mechanisms: "plain oauthbearer xoauth2"))
            dovecot.deliver(Array("Subject: one\n\nx\n".utf8), number: 1)
            let port = service == "pop3s" ? dovecot.pop3sPort : dovecot.imapsPort
            let token = scratch.write(try AccessToken(for: "alice", padding: padding).text + "\n", to: "token")
            for (word, method) in [("auto", "OAUTHBEARER"), ("oauth", "OAUTHBEARER"), ("xoauth2", "XOAUTH2")] {
                let rig = FetchRig()
                rig.configure(
                    "\(service) localhost:\(port)", "tls_trust_file \(dovecot.certificate.certificatePath)",
                    "auth \(word)", secret: "tokeneval cat \(token)")
                let result = try rig.fetch(isOrdinary: true)
                #expect(result.status == 0 && rig.messages().count == 1, "\(result) \(dovecot.logs)")
                #expect(
                    dovecot.logs.split(separator: "\n").last { $0.contains("Login: ") }?
                        .contains("method=\(method),") == true, "\(dovecot.logs)")
            }
        }
    }

    @Test(
        "ask 2: with a token that has ended fails with 77 and the server's reason, and says where to look",
        .needs(.dovecot))
    func endedToken() async throws {
        try await onThread {
            let scratch = ScratchDirectory()
            let dovecot = try DovecotPeer(
                settings: AccessToken.settings(in: scratch, mechanisms: "plain oauthbearer xoauth2"))
            let token = scratch.write(try AccessToken(for: "alice", isExpired: true).text, to: "token")
            for service in ["pop3s localhost:\(dovecot.pop3sPort)", "imaps localhost:\(dovecot.imapsPort)"] {
                for word in ["oauthbearer", "xoauth2"] {
                    let rig = FetchRig()
                    rig.configure(
                        service, "tls_trust_file \(dovecot.certificate.certificatePath)", "auth \(word)",
                        secret: "tokeneval cat \(token)")
                    let result = try rig.fetch(isOrdinary: true)
                    #expect(
                        result.status == 77 && result.errorText.contains("the token that `tokeneval` writes"),
                        "\(result)")
                    #expect(result.errorText.contains("invalid_token") || result.errorText.contains("401"), "\(result)")
                }
            }
        }
    }

    @Test(
        "FE3: with a token carries mail to Postfix", .needsRoot(.postfix, .dovecot),
        arguments: ["OAUTHBEARER", "XOAUTH2"])
    func tokenAtPostfix(_ method: String) async throws {
        try await onThread {
            let scratch = ScratchDirectory()
            let dovecot = try DovecotPeer(settings: AccessToken.settings(in: scratch, mechanisms: method.lowercased()))
            let sink = try SinkServer()
            let postfix = try PostfixPeer(delivering: .smtp(sink.port), logins: dovecot)
            let token = scratch.write(try AccessToken(for: "alice", padding: 800).text + "\n", to: "token")
            let hub = SendHub(account: [
                "user alice", "tokeneval cat \(token)", "tls_trust_file \(postfix.certificate.certificatePath)",
                "send submission localhost:\(postfix.port)",
            ])
            try hub.queue(to: ["bob@far.example"])
            let run = try InstalledCommands.run(
                ["mhcarry", "-C", hub.rc], environment: ["HOME": hub.scratch.path], isOrdinary: true)
            #expect(run.status == 0, "\(run) \(hub.log) \(postfix.logs)")
            #expect(try sink.waitForMessages(1).count == 1)
            #expect(postfix.logs.contains("sasl_method=\(method), sasl_username=alice"), "\(postfix.logs)")
        }
    }

    @Test("FE3, ask 1: with a token comes in two steps where POP3's line is too short, as Microsoft has it")
    func twoSteps() async throws {
        try await onThread {
            let token = String(repeating: "a", count: 1500)
            let said = "user=alice\u{1}auth=Bearer \(token)\u{1}\u{1}"
            let server = try FakeServer([
                .line("+OK The Microsoft Exchange POP3 service is ready."), .expect("CAPA"), .line("+OK"),
                .line("SASL PLAIN XOAUTH2"), .line("."), .expect("AUTH XOAUTH2"), .line("+ "),
                .expect(String(decoding: Base64.encode(Array(said.utf8)), as: UTF8.self)), .line("+OK"),
                .expect("CAPA"),
                .line("-ERR"), .expect("UIDL"), .line("+OK"), .line("."), .expect("QUIT"), .line("+OK"),
            ])
            let rig = FetchRig()
            let file = rig.scratch.write("\(token)\n", to: "token")
            rig.configure("pop3 127.0.0.1:\(server.port)", "tls off", "timeout 5", secret: "tokeneval cat \(file)")
            let result = try rig.fetch(isOrdinary: true)
            let session = try #require(server.stop().first)
            #expect(result.status == 0 && session.surprise == nil, "\(result) \(session)")
            #expect(session.lines.contains("AUTH XOAUTH2"))
        }
    }

    @Test(
        "FE2: by a certificate alone, as its owner or as whom the rc names; an unknown one opens nothing",
        .needs(.dovecot))
    func external() async throws {
        try await onThread {
            let scratch = ScratchDirectory()
            scratch.letOthersEnter()
            let known = try TestCertificate(in: scratch, name: "alice", names: ["alice"])
            let unknown = try TestCertificate(in: scratch, name: "mallory", names: ["alice"])
            _ = unsafe chmod(known.certificatePath, 0o644)
            let dovecot = try DovecotPeer(
                settings: """
                    auth_mechanisms = plain external
                    ssl_ca = <\(known.certificatePath)
                    ssl_require_crl = no
                    ssl_verify_client_cert = yes
                    ssl_cert_username_field = commonName
                    auth_ssl_username_from_cert = yes
                    passdb {
                      driver = static
                      mechanisms = external
                      args = nopassword=y
                    }
                    """)
            for (service, port) in [("pop3s", dovecot.pop3sPort), ("imaps", dovecot.imapsPort)] {
                for user in ["user alice", "address someone@example.org"] {
                    let rig = FetchRig()
                    rig.configure(
                        "\(service) localhost:\(port)", "tls_trust_file \(dovecot.certificate.certificatePath)",
                        "auth external", "tls_cert_file \(known.certificatePath)", "tls_key_file \(known.keyPath)",
                        user, user: nil, secret: "# none")
                    let result = try rig.fetch()
                    #expect(result.status == 0, "\(user): \(result) \(dovecot.logs)")
                }
                #expect(dovecot.logs.contains("Login: user=<alice>, method=EXTERNAL"), "\(dovecot.logs)")
                let rig = FetchRig()
                rig.configure(
                    "\(service) localhost:\(port)", "tls_trust_file \(dovecot.certificate.certificatePath)",
                    "auth external", "tls_cert_file \(unknown.certificatePath)", "tls_key_file \(unknown.keyPath)",
                    secret: "# none")
                let result = try rig.fetch()
                #expect(result.status == 77 || result.status == 76, "\(result) \(dovecot.logs)")
            }
        }
    }

    /// A login to the server of scripts/scramserver.c.
    /// - Parameter mode: its last argument.
    /// - Returns: the run, and what the server told of the login.
    private func bound(_ mode: String, auth: String = "auto", password: String = "secret") throws -> (
        CommandResult, String
    ) {
        let scratch = ScratchDirectory()
        let certificate = try TestCertificate(in: scratch)
        let root = try Peers.root(of: .gsasl)
        let server = try ServerProcess(
            [
                "\(try #require(Peers.folder()))/lib/scramserver", certificate.certificatePath, certificate.keyPath,
                "alice", "secret", mode,
            ],
            environment: try Peers.environment(for: root), logs: [scratch.file("server.log")])
        defer { server.stop() }
        func told() -> [Substring] {
            String(decoding: ScratchDirectory.read(scratch.file("server.log")) ?? [], as: UTF8.self).split(
                separator: "\n")
        }
        let deadline = Deadline(after: .seconds(10))
        while told().isEmpty, !deadline.hasPassed, !server.child.hasEnded { usleep(10_000) }
        let port = try #require(told().first, "\(server.logs)")
        let rig = FetchRig()
        rig.configure(
            "pop3s localhost:\(port)", "tls_trust_file \(certificate.certificatePath)", "auth \(auth)",
            password: password)
        return (try rig.fetch(), told().dropFirst().joined(separator: "; "))
    }

    @Test("FE3: is tied to the TLS connection where GNU SASL offers it, and fails over any other", .needs(.gsasl))
    func channelBinding() async throws {
        try await onThread {
            let (good, login) = try bound("")
            #expect(good.status == 0 && login == "SCRAM-SHA-256-PLUS ok", "\(good) \(login)")
            let (plain, unbound) = try bound("", auth: "scram-sha-256")
            #expect(plain.status == 0 && unbound == "SCRAM-SHA-256 ok", "\(plain) \(unbound)")
            let (wrong, refused) = try bound("", password: "wrong")
            #expect(
                wrong.status == 77 && refused == "SCRAM-SHA-256-PLUS GSASL_AUTHENTICATION_ERROR", "\(wrong) \(refused)")
            let (other, foreign) = try bound("other")
            #expect(
                other.status == 77 && foreign == "SCRAM-SHA-256-PLUS GSASL_AUTHENTICATION_ERROR", "\(other) \(foreign)")
        }
    }

    @Test("FE3: tells a server that could bind and whose offer was cut short: it notices", .needs(.gsasl))
    func cutShort() async throws {
        try await onThread {
            let (result, login) = try bound("strip")
            #expect(result.status == 77 && login == "SCRAM-SHA-256 GSASL_AUTHENTICATION_ERROR", "\(result) \(login)")
        }
    }

    private static let greeting: [FakeServer.Step] = [
        .line("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=SCRAM-SHA-256 AUTH=PLAIN] hello")
    ]

    /// The first message of a SCRAM server, made of the client's, which stands in the last line.
    private static func first(_ line: String, count: Int) -> String {
        let word = line.split(separator: " ").last.map { Array($0.utf8) } ?? []
        let message = String(decoding: Base64.decode(word) ?? [], as: UTF8.self)
        let nonce = message.split(separator: "r=").last ?? ""
        return "+ "
            + String(
                decoding: Base64.encode(Array("r=\(nonce)server,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=\(count)".utf8)),
                as: UTF8.self)
    }

    private func run(_ steps: [FakeServer.Step]) throws -> (result: CommandResult, session: FakeServer.Session) {
        let server = try FakeServer(Self.greeting + [.expect("a1 AUTHENTICATE SCRAM-SHA-256 ")] + steps)
        let rig = FetchRig()
        rig.configure("imap 127.0.0.1:\(server.port)", "timeout 5", "tls off")
        let result = try rig.fetch()
        #expect(rig.messages().isEmpty)
        return (result, try #require(server.stop().first))
    }

    @Test("FE3: a server that refuses SCRAM and offers PLAIN is not shown the password")
    func neverWeaker() async throws {
        try await onThread {
            let (result, session) = try run([.line("a1 NO try something else"), .drain])
            #expect(result.status == 77 && result.errorText.contains("try something else"), "\(result)")
            #expect(!session.lines.joined().contains("PLAIN") && session.lines.count <= 2, "\(session)")
        }
    }

    @Test("FE3: a server that cannot prove that it knows the password is left with 77, and nothing is fetched")
    func wrongProof() async throws {
        try await onThread {
            let proof = String(
                decoding: Base64.encode(Array("v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".utf8)), as: UTF8.self)
            for end in [[FakeServer.Step.line("+ \(proof)"), .drain], [.line("a1 OK welcome"), .drain]] {
                let (result, session) = try run([.answer { Self.first($0, count: 4096) }, .skip(lines: 1)] + end)
                #expect(result.status == 77, "\(result) \(session)")
                #expect(result.errorText.contains("did not prove by SCRAM-SHA-256"), "\(result)")
                #expect(!session.lines.joined().contains("SELECT"), "\(session)")
            }
        }
    }

    @Test(
        "FE3: a server that asks for too much work, or for too little, gets none", arguments: [1, 4095, 2_147_483_648])
    func rounds(_ count: Int) async throws {
        try await onThread {
            let (result, session) = try run([.answer { Self.first($0, count: count) }, .expect("*"), .drain])
            #expect(result.status == 76 && result.errorText.contains("a count of \(count) rounds"), "\(result)")
            #expect(session.surprise == nil, "\(session)")
        }
    }

    @Test(
        "FE3, ask 1: goes by a token of one user to the mailbox of another, as shared mailboxes need; no client is built in"
    )
    func sharedMailbox() async throws {
        try await onThread {
            for (service, word, greeting) in [
                ("pop3", "xoauth2", "+OK fake"),
                ("imap", "xoauth2", "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] fake"),
            ] {
                let offers: [FakeServer.Step] =
                    service == "pop3" ? [.expect("CAPA"), .line("+OK"), .line("SASL XOAUTH2"), .line(".")] : []
                let server = try FakeServer([.line(greeting)] + offers + [.skip(lines: 1), .line("+OK"), .drain])
                let rig = FetchRig()
                let token = rig.scratch.write("token-of-tim\nsecond line\n", to: "token")
                rig.configure(
                    "\(service) 127.0.0.1:\(server.port)", "tls off", "timeout 2", "auth \(word)",
                    user: "office@example.org",
                    secret: "tokeneval cat \(token)")
                _ = try rig.fetch(isOrdinary: true)
                let lines = server.stop().first?.lines ?? []
                let sent = lines.compactMap {
                    Base64.decode(Array($0.utf8.drop { $0 != 0x20 }.dropFirst().split(separator: 0x20).last ?? []))
                }
                .map { String(decoding: $0, as: UTF8.self) }
                #expect(sent.contains("user=office@example.org\u{1}auth=Bearer token-of-tim\u{1}\u{1}"), "\(lines)")
            }
            for path in try Project.swiftFiles(below: "Sources") {
                let text = try Project.text("Sources/\(path)").lowercased()
                for word in ["client_id", "clientid", "googleusercontent", "client_secret"] {
                    #expect(!text.contains(word), "\(path) has \(word)")
                }
            }
        }
    }

    @Test("FE3: is none where IMAP's server has a fault of its own: [INUSE], [LIMIT], [UNAVAILABLE], however often")
    func busyIMAP() async throws {
        try await onThread {
            for code in ["INUSE", "LIMIT", "UNAVAILABLE"] {
                let server = try FakeServer([
                    .line("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] fake"), .skip(lines: 1),
                    .tagged("@tag@ NO [\(code)] later"), .drain,
                ])
                let rig = FetchRig()
                rig.configure("imap 127.0.0.1:\(server.port)", "tls off", "timeout 5")
                for _ in 1...6 { #expect(try rig.fetch().status == 75) }
                let status = try rig.fetch("--status").outputText
                #expect(server.sessions.count == 6 && !status.contains("login refused"), "\(status)")
            }
        }
    }
}
