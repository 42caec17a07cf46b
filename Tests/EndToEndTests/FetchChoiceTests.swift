// What is fetched by IMAP: folders by pattern, mail by search; and what becomes of it here and there.

import Glibc
import MailTestKit
import Testing

@Suite("What is fetched, and what becomes of it")
struct FetchChoiceTests {
    private typealias Script = IMAPScript

    private func rig(_ dovecot: DovecotPeer, _ lines: String...) -> FetchRig {
        let rig = FetchRig()
        rig.configure(
            "imaps localhost:\(dovecot.imapsPort)", trusting: dovecot, lines.joined(separator: "\n  "))
        return rig
    }

    private func rig(_ server: FakeServer, _ lines: String...) -> FetchRig {
        let rig = FetchRig()
        rig.configure("imap 127.0.0.1:\(server.port)", "timeout 5", "tls off", lines.joined(separator: "\n  "))
        return rig
    }

    private func message(_ name: String) -> [UInt8] { Array("Subject: \(name)\n\nx\n".utf8) }

    /// What a client of the server's user does.
    private func asUser(of dovecot: DovecotPeer, _ commands: String...) throws -> [String] {
        let client = try LineClient(port: dovecot.imapPort)
        _ = try client.line()
        var all: [String] = []
        for (number, command) in (["LOGIN alice secret"] + commands + ["LOGOUT"]).enumerated() {
            try client.send("t\(number) \(command)\r\n")
            while true {
                let line = try client.line()
                all.append(line)
                if line.hasPrefix("t\(number) ") { break }
            }
        }
        return all
    }

    @Test(
        "FE5, ask 30: folders by pattern go where the rc says, and new ones are found by the next run", .needs(.dovecot)
    )
    func patterns() async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            for folder in ["Lists.swift", "Lists.old", "Work.a"] {
                dovecot.deliver(message(folder), folder: folder, number: 1)
            }
            dovecot.deliver(message("inbox"), number: 1)
            let rig = rig(dovecot, "folders INBOX, Lists.* -> Mail/*, Work.*, !Lists.old")
            let first = try rig.fetch()
            #expect(first.status == 0, "\(first) \(dovecot.logs)")
            #expect(
                rig.messages() == [message("inbox")] && rig.messages(folder: "Mail.swift") == [message("Lists.swift")])
            #expect(rig.messages(folder: "Work.a") == [message("Work.a")] && rig.messages(folder: "Mail.old").isEmpty)
            dovecot.deliver(message("new"), folder: "Lists.new", number: 2)
            #expect(try rig.fetch().status == 0)
            #expect(
                rig.messages(folder: "Mail.new") == [message("new")] && rig.messages(folder: "Mail.swift").count == 1)
        }
    }

    @Test(
        "FE5: the views of a server are matched by no pattern, and fetched by their name: each letter once",
        .needs(.dovecot)
    )
    func views() async throws {
        try await onThread {
            let dovecot = try DovecotPeer(
                settings: """
                    namespace inbox {
                      inbox = yes
                      separator = /
                      mailbox "All Mail" {
                        special_use = \\All
                        auto = create
                      }
                      mailbox Sent {
                        special_use = \\Sent
                        auto = create
                      }
                    }
                    """)
            dovecot.deliver(message("sent"), folder: "Sent", number: 1)
            dovecot.deliver(message("sent"), folder: "All Mail", number: 1)
            let by = rig(dovecot, "folders *")
            #expect(try by.fetch().status == 0, "\(dovecot.logs)")
            #expect(by.messages(folder: "Sent").count == 1 && by.messages(folder: "All Mail").isEmpty)
            let named = rig(dovecot, "folders \"All Mail\"")
            #expect(try named.fetch().status == 0)
            #expect(named.messages(folder: "All Mail").count == 1)
        }
    }

    @Test("FE5, FE17: flags and the date of arrival come along, once; \\Deleted mail is not T", .needs(.dovecot))
    func flags() async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            let date = "17-Jul-1996 02:44:25 -0700"
            let flags = ["\\Seen \\Flagged", "\\Answered \\Draft", "\\Deleted", "", "$Junk \\Recent"]
            for (number, flags) in flags.enumerated() {
                let text = "Subject: \(number)\r\n\r\nx\r\n"
                let client = try LineClient(port: dovecot.imapPort)
                _ = try client.line()
                for line in [
                    "a LOGIN alice secret",
                    "b APPEND INBOX (\(flags.replacing("\\Recent", with: ""))) \"\(date)\" {\(text.utf8.count)}",
                ] {
                    try client.send("\(line)\r\n")
                    _ = try client.line()
                }
                try client.send("\(text)\r\n")
                while try !client.line().hasPrefix("b ") {}
            }
            let rig = rig(dovecot)
            let result = try rig.fetch()
            #expect(result.status == 0, "\(result) \(dovecot.logs)")
            func names(_ part: String) -> [String] { ScratchDirectory.names(in: "\(rig.maildir)/\(part)") }
            #expect(Set(names("cur").compactMap { $0.split(separator: ",").last }) == ["FS", "DR"], "\(names("cur"))")
            #expect(names("new").count == 3 && !names("new").contains { $0.contains(":") })
            for part in ["new", "cur"] {
                for name in names(part) {
                    var status = stat()
                    #expect(unsafe stat("\(rig.maildir)/\(part)/\(name)", &status) == 0)
                    #expect(status.st_mtim.tv_sec == 837_596_665)
                }
            }
            // A flag that is set later is nobody's business here.
            _ = try asUser(of: dovecot, "SELECT INBOX", "STORE 4 +FLAGS (\\Seen)")
            let before = names("new") + names("cur")
            #expect(try rig.fetch().status == 0 && names("new") + names("cur") == before)
            let plain = self.rig(dovecot, "flags off")
            #expect(try plain.fetch().status == 0)
            #expect(ScratchDirectory.names(in: "\(plain.maildir)/new").count == 5)
        }
    }

    @Test(
        "FE5: a search chooses what is fetched; what it finds later comes later, and nothing comes twice",
        .needs(.dovecot))
    func search() async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            for number in 1...4 { dovecot.deliver(message("\(number)"), number: number) }
            _ = try asUser(of: dovecot, "SELECT INBOX", "STORE 1,3 +FLAGS (\\Seen)")
            let rig = rig(dovecot, "search UNSEEN NOT SUBJECT \"4\"")
            #expect(try rig.fetch().status == 0 && rig.messages() == [message("2")], "\(dovecot.logs)")
            _ = try asUser(of: dovecot, "SELECT INBOX", "STORE 1 -FLAGS (\\Seen)")
            #expect(try rig.fetch().status == 0 && counted(rig.messages()) == counted([message("1"), message("2")]))
            #expect(try rig.fetch().status == 0 && rig.messages().count == 2)
            // What the server does not understand stops the folder, and is told in its words.
            let wrong = self.rig(dovecot, "search NOSUCHKEY")
            let result = try wrong.fetch()
            #expect(
                result.status == 75
                    && result.errorText.contains("folder INBOX: localhost refused the rc's `search NOSUCHKEY`: "),
                "\(result)")
        }
    }

    @Test("a search with `keep off` deletes what it found, and nothing else", .needs(.dovecot))
    func searchAndDelete() async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            for number in 1...4 { dovecot.deliver(message("\(number)"), number: number) }
            _ = try asUser(of: dovecot, "SELECT INBOX", "STORE 1,3 +FLAGS (\\Seen)")
            let rig = rig(dovecot, "search UNSEEN", "keep off")
            #expect(try rig.fetch().status == 0)
            #expect(counted(rig.messages()) == counted([message("2"), message("4")]))
            #expect(counted(dovecot.messages()) == counted([message("1"), message("3")]), "\(dovecot.logs)")
        }
    }

    @Test("mark-seen marks what was fetched, and only that", .needs(.dovecot))
    func markSeen() async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            for number in 1...3 { dovecot.deliver(message("\(number)"), number: number) }
            let rig = rig(dovecot, "mark-seen", "search SUBJECT 2")
            #expect(try rig.fetch().status == 0, "\(dovecot.logs)")
            #expect(try asUser(of: dovecot, "SELECT INBOX", "SEARCH SEEN").contains("* SEARCH 2"))
        }
    }

    @Test("FE5: mail is moved to a folder that is made for it, and is not fetched from there, twice", .needs(.dovecot))
    func move() async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            for number in 1...3 { dovecot.deliver(message("\(number)"), number: number) }
            let rig = rig(dovecot, "folders *", "move Done")
            for run in 1...3 {
                let result = try rig.fetch()
                #expect(result.status == 0, "\(result) \(dovecot.logs)")
                #expect(rig.messages().count == 3 && rig.messages(folder: "Done").isEmpty, "run \(run)")
                #expect(dovecot.messages(folder: "Done").count == 3 && dovecot.messages().isEmpty)
            }
        }
    }

    @Test("FE5: without MOVE mail is copied, then deleted by its UID; a server that makes no folder is asked to")
    func copy() async throws {
        try await onThread {
            let server = try FakeServer(
                Script.login + Script.select("INBOX", messages: 1, "UIDVALIDITY 1", "UIDNEXT 9")
                    + Script.answer("a3 UID FETCH 1:*", "* 1 FETCH (UID 5 RFC822.SIZE 17)")
                    + Script.answer("a4 UID FETCH 5", Script.content(1, 5))
                    + [.expect("a5 UID COPY 5 \"Done\""), .line("a5 NO [TRYCREATE] none")]
                    + Script.answer("a6 CREATE \"Done\"") + Script.answer("a7 UID COPY 5 \"Done\"")
                    + Script.answer("a8 UID STORE 5") + Script.answer("a9 UID EXPUNGE 5", "* 1 EXPUNGE")
                    + Script.logout)
            let rig = rig(server, "move Done")
            let result = try rig.fetch()
            #expect(result.status == 0 && rig.messages().count == 1, "\(result) \(server.sessions)")
            #expect(server.stop().first?.finished == true, "\(server.sessions)")
        }
    }

    @Test("where mail cannot be moved it stays, is known, and the run says so")
    func refusedMove() async throws {
        try await onThread {
            let refusal =
                Script.login + Script.select("INBOX", messages: 1, "UIDVALIDITY 1", "UIDNEXT 9")
                + Script.answer("a3 UID FETCH 1:*", "* 1 FETCH (UID 5 RFC822.SIZE 17)")
                + Script.answer("a4 UID FETCH 5", Script.content(1, 5))
                + [.expect("a5 UID COPY 5 \"Done\""), .line("a5 NO [OVERQUOTA] full")] + Script.logout
            let again =
                Script.login + Script.select("INBOX", messages: 1, "UIDVALIDITY 1", "UIDNEXT 6")
                + Script.answer("a3 UID FETCH 5", "* 1 FETCH (UID 5)")
                + [.expect("a4 UID COPY 5 \"Done\""), .line("a4 NO [OVERQUOTA] full")] + Script.logout
            let server = try FakeServer(refusal, again)
            let rig = rig(server, "move Done")
            for _ in 1...2 {
                let result = try rig.fetch()
                #expect(result.status == 75 && result.errorText.contains("refused UID COPY to Done: full"), "\(result)")
                #expect(rig.messages().count == 1)
            }
            let lines = server.stop().flatMap(\.lines)
            #expect(!lines.contains { $0.contains("STORE") || $0.contains("EXPUNGE") }, "\(lines)")
        }
    }

    @Test("a server that wants to know who we are is told, and no other")
    func introduction() async throws {
        try await onThread {
            let greeting: [FakeServer.Step] = [
                .line("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN ID] hello"),
                .expect("a1 AUTHENTICATE PLAIN"), .line("a1 OK [CAPABILITY IMAP4rev1 ID UIDPLUS] in"),
            ]
            let server = try FakeServer(
                greeting + [
                    .expect("a2 SELECT"), .line("a2 NO SELECT Unsafe Login"), .expect("a3 ID (\"name\" \"mailhub\")"),
                    .line("a3 OK"),
                ] + Script.select("INBOX", messages: 0, "UIDVALIDITY 1", "UIDNEXT 1", as: "a4") + Script.logout,
                greeting + Script.select("INBOX", messages: 0, "UIDVALIDITY 1", "UIDNEXT 1") + Script.logout)
            let rig = rig(server)
            for _ in 1...2 { #expect(try rig.fetch().status == 0, "\(server.sessions)") }
            #expect(server.stop().last?.lines.contains { $0.contains(" ID ") } == false)
        }
    }

    @Test("FE5: a server that lets itself be copied from and not deleted from gets one copy, whatever it refuses")
    func oneCopy() async throws {
        try await onThread {
            let first =
                Script.login + Script.select("INBOX", messages: 1, "UIDVALIDITY 1", "UIDNEXT 6")
                + Script.answer("a3 UID FETCH 1:*", "* 1 FETCH (UID 5 RFC822.SIZE 17)")
                + Script.answer("a4 UID FETCH 5", Script.content(1, 5)) + Script.answer("a5 UID COPY 5 \"Done\"")
                + [.expect("a6 UID STORE 5"), .line("a6 NO no")] + Script.logout
            let later = Script.login + Script.select("INBOX", messages: 1, "UIDVALIDITY 1", "UIDNEXT 6") + Script.logout
            let server = try FakeServer(first, later)
            let rig = rig(server, "move Done")
            #expect(try rig.fetch().status == 75)
            for _ in 1...2 { #expect(try rig.fetch().status == 0, "\(server.sessions)") }
            #expect(server.stop().map(\.lines).joined().count { $0.contains("COPY") } == 1 && rig.messages().count == 1)
        }
    }

    /// Runs mhfetch, with a filter that takes all but spam, against a listing of three messages.
    private func filtered(_ answers: FakeServer.Step..., then script: [FakeServer.Step]) throws -> (
        FetchRig, CommandResult, [FakeServer.Session]
    ) {
        let listing = (1...3).map { "* \($0) FETCH (UID \($0) RFC822.SIZE 17)" }
        let server = try FakeServer(
            Script.login + Script.select("INBOX", messages: 3, "UIDVALIDITY 1", "UIDNEXT 4")
                + Script.answer("a3 UID FETCH 1:*", listing[0], listing[1], listing[2])
                + [.expect("a4 UID FETCH 1:3 (UID BODY.PEEK[HEADER])")] + answers + script)
        let rig = rig(server, "filter \"grep -qv spam\"")
        let result = try rig.fetch(isOrdinary: true)
        return (rig, result, server.stop())
    }

    private static func header(_ uid: Int, _ text: String = "Subject: x\r\n\r\n") -> FakeServer.Step {
        .line("* \(uid) FETCH (UID \(uid) BODY[HEADER] {\(text.utf8.count)}\r\n\(text))")
    }

    private static let contents: [FakeServer.Step] = (1...3).map { .line(Script.content($0, $0)) }

    @Test("a header that is not sent makes a failure, and hides no mail")
    func headerLeftOut() async throws {
        try await onThread {
            let (rig, result, sessions) = try filtered(
                Self.header(1), Self.header(3), .line("a4 OK done"),
                then: Script.answer("a5 UID FETCH 2", "* 2 FETCH (UID 2 RFC822.SIZE 17)")
                    + [.expect("a6 UID FETCH 1,3 "), Self.contents[0], Self.contents[2], .line("a6 OK done")]
                    + Script.logout)
            #expect(result.status == 75 && rig.messages().count == 2, "\(result) \(sessions)")
            #expect(result.errorText.contains("does not send its header"), "\(result)")
            #expect(rig.journal.contains { $0.hasPrefix("fail i0:2 1 ") }, "\(rig.journal)")
        }
    }

    @Test(
        "a header twice, one that was not asked for, and NIL for one: each is judged once, and nothing is deleted unread"
    )
    func oddHeaders() async throws {
        try await onThread {
            let (rig, result, sessions) = try filtered(
                Self.header(1), Self.header(1, "Subject: spam\r\n\r\n"), Self.header(9, "Subject: spam\r\n\r\n"),
                .line("* 2 FETCH (UID 2 BODY[HEADER] NIL)"), Self.header(3), .line("a4 OK done"),
                then: [.expect("a5 UID FETCH 1:3 ")] + Self.contents + [.line("a5 OK done")] + Script.logout)
            #expect(result.status == 0 && rig.messages().count == 3, "\(result) \(sessions)")
            #expect(!sessions.map(\.lines).joined().contains { $0.contains("STORE") })
        }
    }

    @Test("a header that is refused is asked for by itself, and stops no other")
    func headerRefused() async throws {
        try await onThread {
            let (rig, result, sessions) = try filtered(
                Self.header(1), .line("a4 NO cannot"),
                then: [.expect("a5 UID FETCH 2 (UID BODY.PEEK[HEADER])"), .line("a5 NO cannot")]
                    + Script.answer("a6 UID FETCH 2", "* 2 FETCH (UID 2 RFC822.SIZE 17)")
                    + [.expect("a7 UID FETCH 3 (UID BODY.PEEK[HEADER])"), Self.header(3), .line("a7 OK done")]
                    + [.expect("a8 UID FETCH 1,3 "), Self.contents[0], Self.contents[2], .line("a8 OK done")]
                    + Script.logout)
            #expect(result.status == 75 && rig.messages().count == 2, "\(result) \(sessions)")
        }
    }

    @Test("sizes beyond all numbers are no reason to fall over")
    func hugeSizes() async throws {
        try await onThread {
            let huge = "9223372036854775807"
            let server = try FakeServer(
                Script.login + Script.select("INBOX", messages: 2, "UIDVALIDITY 1", "UIDNEXT 3")
                    + Script.answer(
                        "a3 UID FETCH 1:*", "* 1 FETCH (UID 1 RFC822.SIZE \(huge))",
                        "* 2 FETCH (UID 2 RFC822.SIZE \(huge))")
                    + [.expect("a4 UID FETCH 1 "), .line(Script.content(1, 1)), .line("a4 OK done")] + Script.logout,
                Script.login + Script.select("INBOX", messages: 2, "UIDVALIDITY 1", "UIDNEXT 3")
                    + Script.answer(
                        "a3 UID FETCH 1:*", "* 1 FETCH (UID 1 RFC822.SIZE \(huge))",
                        "* 2 FETCH (UID 2 RFC822.SIZE \(huge))")
                    + Script.logout)
            let rig = rig(server, "per-run 1m")
            #expect(try rig.fetch().status == 0 && rig.messages().count == 1, "\(server.sessions)")
            let dry = try rig.fetch("--dry-run")
            #expect(dry.status == 0 && dry.outputText.contains("\(huge) octets"), "\(dry)")
        }
    }
}
