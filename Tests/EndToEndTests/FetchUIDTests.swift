// mhfetch and IMAP servers that are not to be trusted with UIDs: nothing is lost, nothing deleted by mistake.

import MailTestKit
import Testing

/// An IMAP session as a script, for an account without TLS; commands count from a1.
struct IMAPScript {
    typealias Step = FakeServer.Step

    static let login: [Step] = [
        .line("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN UIDPLUS] hello"),
        .expect("a1 AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA=="), .line("a1 OK [CAPABILITY IMAP4rev1 UIDPLUS] in"),
    ]
    static let logout: [Step] = [.skip(lines: 1), .tagged("* BYE"), .tagged("@tag@ OK bye")]

    /// SELECT of `folder`.
    /// - Parameter told: codes, such as `UIDVALIDITY 1`.
    static func select(_ folder: String, messages: Int, _ told: String..., as tag: String = "a2") -> [Step] {
        [.expect("\(tag) SELECT \"\(folder)\""), .line("* \(messages) EXISTS")] + told.map { .line("* OK [\($0)] ok") }
            + [.line("\(tag) OK [READ-WRITE] done")]
    }

    /// A command, what is said to it, and its completion.
    static func answer(_ command: String, _ lines: String...) -> [Step] {
        let tag = command.prefix { $0 != " " }
        return [.expect(command)] + lines.map { .line($0) } + [.line("\(tag) OK done")]
    }

    static let body = "Subject: x\r\n\r\nx\r\n"
    static func content(_ number: Int, _ uid: Int) -> String {
        "* \(number) FETCH (UID \(uid) BODY[] {\(body.utf8.count)}\r\n\(body))"
    }
}

@Suite("mhfetch and UIDs")
struct FetchUIDTests {
    private typealias Script = IMAPScript

    private func rig(_ server: FakeServer, _ lines: String...) -> FetchRig {
        let rig = FetchRig()
        rig.configure("imap 127.0.0.1:\(server.port)", "timeout 5", "tls off", lines.joined(separator: "\n  "))
        return rig
    }

    @Test("one UID for two messages: nothing of the folder is fetched or expunged, and other folders go on")
    func doubleUID() async throws {
        try await onThread {
            let server = try FakeServer(
                Script.login + Script.select("A", messages: 2, "UIDVALIDITY 1", "UIDNEXT 9")
                    + Script.answer(
                        "a3 UID FETCH 1:*", "* 1 FETCH (UID 5 RFC822.SIZE 17)", "* 2 FETCH (UID 5 RFC822.SIZE 17)")
                    + Script.select("B", messages: 1, "UIDVALIDITY 1", "UIDNEXT 9", as: "a4")
                    + Script.answer("a5 UID FETCH 1:*", "* 1 FETCH (UID 7 RFC822.SIZE 17)")
                    + Script.answer("a6 UID FETCH 7", Script.content(1, 7)) + Script.answer("a7 UID STORE 7")
                    + Script.answer("a8 UID EXPUNGE 7", "* 1 EXPUNGE") + Script.logout)
            let rig = rig(server, "keep off", "folders A -> A, B -> B")
            let result = try rig.fetch()
            #expect(result.status == 75, "\(result)")
            #expect(result.errorText.contains("folder A: 127.0.0.1 gave UID 5 for the messages 1 and 2;"), "\(result)")
            #expect(rig.messages(folder: "A").isEmpty)
            #expect(rig.messages(folder: "B").count == 1)
            #expect(server.stop().first?.finished == true, "\(server.sessions)")
            #expect(try rig.fetch("--status").outputText.contains("UID 5 for the messages 1 and 2"))
        }
    }

    @Test("FE5, ask 9: a folder of 200,000 messages is seeded, and polled again, without being listed")
    func hugeFolder() async throws {
        try await onThread {
            func session(_ count: Int, _ steps: [FakeServer.Step] = []) -> [FakeServer.Step] {
                Script.login + Script.select("INBOX", messages: count, "UIDVALIDITY 1", "UIDNEXT \(count + 1)") + steps
                    + Script.logout
            }
            let new =
                Script.answer("a3 UID FETCH 200001:*", "* 200001 FETCH (UID 200001 RFC822.SIZE 17)")
                + Script.answer("a4 UID FETCH 200001", Script.content(200_001, 200_001))
            let server = try FakeServer(session(200_000), session(200_000), session(200_001, new), session(200_001))
            let rig = rig(server)
            let seeded = try rig.fetch("-v", "--mark-seen", "peer")
            #expect(seeded.status == 0 && seeded.errorText.contains("200000 messages"), "\(seeded) \(server.sessions)")
            for count in [0, 1, 1] {
                let result = try rig.fetch()
                #expect(result.status == 0 && rig.messages().count == count, "\(result) \(server.sessions)")
            }
            // A login, a SELECT and a LOGOUT, and two commands more where there is news.
            let commands = server.stop().map(\.lines.count)
            #expect(commands == [3, 3, 5, 3], "\(server.sessions)")
            #expect(rig.journal.count < 20, "\(rig.journal)")
        }
    }

    @Test("a message whose expunge was a lie is not passed over by the next run")
    func falseExpunge() async throws {
        try await onThread {
            let server = try FakeServer(
                Script.login + Script.select("INBOX", messages: 3, "UIDVALIDITY 1", "UIDNEXT 9")
                    + Script.answer(
                        "a3 UID FETCH 1:*", "* 1 EXPUNGE", "* 1 FETCH (UID 6 RFC822.SIZE 17)",
                        "* 2 FETCH (UID 7 RFC822.SIZE 17)")
                    + Script.answer("a4 UID FETCH 6:7", Script.content(2, 6), Script.content(3, 7)) + Script.logout,
                Script.login + Script.select("INBOX", messages: 3, "UIDVALIDITY 1", "UIDNEXT 9")
                    + Script.answer(
                        "a3 UID FETCH 1:*", "* 1 FETCH (UID 5 RFC822.SIZE 17)", "* 2 FETCH (UID 6 RFC822.SIZE 17)",
                        "* 3 FETCH (UID 7 RFC822.SIZE 17)")
                    + Script.answer(
                        "a4 UID FETCH 5:7", Script.content(1, 5), Script.content(2, 6), Script.content(3, 7))
                    + Script.logout)
            let rig = rig(server, "keep on")
            let first = try rig.fetch()
            #expect(first.status == 75, "\(first)")
            #expect(rig.messages().isEmpty)
            let second = try rig.fetch()
            #expect(second.status == 0, "\(second)")
            #expect(rig.messages().count == 3)
        }
    }

    @Test("a message whose expunge was a lie is not passed over where nothing new confirms it either")
    func falseExpungeOfTheNew() async throws {
        try await onThread {
            let selection = Script.select("INBOX", messages: 2, "UIDVALIDITY 1", "UIDNEXT 8")
            let listing = Script.answer(
                "a3 UID FETCH 1:*", "* 1 FETCH (UID 6 RFC822.SIZE 17)", "* 2 FETCH (UID 7 RFC822.SIZE 17)")
            let server = try FakeServer(
                Script.login + selection + listing + Script.answer("a4 UID FETCH 6:7", Script.content(2, 7))
                    + Script.answer("a5 UID FETCH 6 ", "* 1 FETCH (UID 6 RFC822.SIZE 17)") + [
                        .expect("a6 UID FETCH 6")
                    ],
                Script.login + selection
                    + Script.answer("a3 UID FETCH 6:*", "* 1 EXPUNGE", "* 1 FETCH (UID 7 RFC822.SIZE 17)")
                    + Script.answer("a4 UID FETCH 1:5 ") + Script.logout,
                Script.login + selection
                    + Script.answer(
                        "a3 UID FETCH 6:*", "* 1 FETCH (UID 6 RFC822.SIZE 17)", "* 2 FETCH (UID 7 RFC822.SIZE 17)")
                    + Script.answer("a4 UID FETCH 1:5 ") + Script.answer("a5 UID FETCH 6 ", Script.content(1, 6))
                    + Script.logout)
            let rig = rig(server, "keep on")
            for (status, count) in [(Int32(75), 1), (0, 1), (0, 2)] {
                let result = try rig.fetch()
                #expect(result.status == status, "\(result) \(server.sessions)")
                #expect(rig.messages().count == count)
            }
        }
    }

    @Test("nor is one that is said to go while a failed message is looked up, or while content comes")
    func falseExpungeLater() async throws {
        try await onThread {
            let selection = Script.select("INBOX", messages: 2, "UIDVALIDITY 1", "UIDNEXT 8")
            func listing(_ uids: String) -> [FakeServer.Step] {
                Script.answer(
                    "a3 UID FETCH \(uids)", "* 1 FETCH (UID 6 RFC822.SIZE 17)", "* 2 FETCH (UID 7 RFC822.SIZE 17)")
            }
            let server = try FakeServer(
                // 7 is said to go behind the content of 6, and then left out.
                Script.login + selection + listing("1:*")
                    + Script.answer("a4 UID FETCH 6:7", Script.content(1, 6), "* 2 EXPUNGE")
                    + Script.answer("a5 UID FETCH 7 ") + Script.logout,
                // 7 is refused, which counts as a failure.
                Script.login + selection + listing("6:*") + Script.answer("a4 UID FETCH 1:5 ")
                    + [.expect("a5 UID FETCH 7 "), .line("a5 NO not now")]
                    + Script.answer("a6 UID FETCH 7 ", "* 2 FETCH (UID 7 RFC822.SIZE 17)") + Script.logout,
                // And said to go while it is looked up.
                Script.login + selection
                    + Script.answer("a3 UID FETCH 7 ", "* 2 FETCH (UID 7 RFC822.SIZE 17)", "* 2 EXPUNGE")
                    + Script.logout,
                // More messages than were left: they are looked at again, though UIDNEXT stands.
                Script.login + selection + Script.answer("a3 UID FETCH 8:*", "* 2 FETCH (UID 7 RFC822.SIZE 17)")
                    + Script.answer("a4 UID FETCH 7 ", "* 2 FETCH (UID 7 RFC822.SIZE 17)")
                    + Script.answer("a5 UID FETCH 7 ", Script.content(2, 7)) + Script.logout)
            let rig = rig(server, "keep on")
            for (status, count) in [(Int32(0), 1), (75, 1), (0, 1), (0, 2)] {
                let result = try rig.fetch("--retry")
                #expect(result.status == status, "\(result) \(server.sessions)")
                #expect(rig.messages().count == count, "\(result) \(server.sessions)")
            }
        }
    }

    @Test("FE4: a message that the server does not say it has expunged stays known, and is asked to go again")
    func expungedNothing() async throws {
        try await onThread {
            let selection = Script.select("INBOX", messages: 1, "UIDVALIDITY 1", "UIDNEXT 6")
            let server = try FakeServer(
                Script.login + selection + Script.answer("a3 UID FETCH 1:*", "* 1 FETCH (UID 5 RFC822.SIZE 17)")
                    + Script.answer("a4 UID FETCH 5", Script.content(1, 5)) + Script.answer("a5 UID STORE 5")
                    + Script.answer("a6 UID EXPUNGE 5") + Script.logout,
                Script.login + selection + Script.answer("a3 UID FETCH 5 (UID)", "* 1 FETCH (UID 5)")
                    + Script.answer("a4 UID STORE 5") + Script.answer("a5 UID EXPUNGE 5", "* 1 EXPUNGE")
                    + Script.logout)
            let rig = rig(server, "keep off")
            for deleted in [0, 1] {
                let result = try rig.fetch("-v")
                #expect(result.status == 0 && result.errorText.contains(" \(deleted) deleted"), "\(result)")
            }
            #expect(rig.messages().count == 1)
            #expect(!server.stop().contains { !$0.finished }, "\(server.sessions)")
        }
    }

    @Test("a UID that turns out double while content comes: nothing of that batch is shown, nothing is expunged")
    func doubleInContent() async throws {
        try await onThread {
            let server = try FakeServer(
                Script.login + Script.select("INBOX", messages: 2, "UIDVALIDITY 1", "UIDNEXT 9")
                    + Script.answer(
                        "a3 UID FETCH 1:*", "* 1 FETCH (UID 5 RFC822.SIZE 17)", "* 2 FETCH (UID 6 RFC822.SIZE 17)")
                    + Script.answer(
                        "a4 UID FETCH 5:6", Script.content(1, 5), Script.content(2, 5), Script.content(2, 6))
                    + Script.logout)
            let rig = rig(server, "keep off")
            let result = try rig.fetch()
            #expect(result.status == 75 && result.errorText.contains("for message 2;"), "\(result)")
            #expect(rig.messages().isEmpty)
            #expect(ScratchDirectory.names(in: "\(rig.maildir)/tmp").isEmpty)
            #expect(server.stop().first?.finished == true, "\(server.sessions)")
        }
    }

    @Test("what an earlier run fetched is looked up before it is expunged: a UID that is double by now stays")
    func doubleBeforeDeleting() async throws {
        try await onThread {
            let selection = Script.select("INBOX", messages: 1, "UIDVALIDITY 1", "UIDNEXT 6")
            let server = try FakeServer(
                Script.login + selection + Script.answer("a3 UID FETCH 1:*", "* 1 FETCH (UID 5 RFC822.SIZE 17)")
                    + Script.answer("a4 UID FETCH 5", Script.content(1, 5)) + [.expect("a5 UID STORE 5")],
                Script.login + selection
                    + Script.answer("a3 UID FETCH 5 (UID)", "* 1 FETCH (UID 5)", "* 2 FETCH (UID 5)") + Script.logout,
                Script.login + selection + Script.answer("a3 UID FETCH 5 (UID)", "* 1 FETCH (UID 5)")
                    + Script.answer("a4 UID STORE 5") + Script.answer("a5 UID EXPUNGE 5", "* 1 EXPUNGE")
                    + Script.logout)
            let rig = rig(server, "keep off")
            for status: Int32 in [75, 75, 0] {
                let result = try rig.fetch()
                #expect(result.status == status, "\(result)")
            }
            #expect(rig.messages().count == 1)
            #expect(server.stop().last?.finished == true, "\(server.sessions)")
        }
    }

    @Test("an EXPUNGE moves the numbers, and a FETCH of the same message is news of it")
    func expungedMeanwhile() async throws {
        try await onThread {
            let server = try FakeServer(
                Script.login + Script.select("INBOX", messages: 3, "UIDVALIDITY 1", "UIDNEXT 9")
                    + Script.answer(
                        "a3 UID FETCH 1:*", "* 1 FETCH (UID 5 RFC822.SIZE 17)", "* 1 EXPUNGE",
                        "* 1 FETCH (UID 6 RFC822.SIZE 17)", "* 1 FETCH (UID 6 FLAGS (\\Seen))",
                        "* 2 FETCH (UID 7 RFC822.SIZE 17)")
                    + Script.answer("a4 UID FETCH 6:7", "* 1 EXPUNGE", Script.content(1, 7))
                    + Script.answer("a5 UID FETCH 6 ") + Script.logout,
                // What went is not listed any more: now the mark may move, and what was fetched may go.
                Script.login + Script.select("INBOX", messages: 1, "UIDVALIDITY 1", "UIDNEXT 9")
                    + Script.answer("a3 UID FETCH 1:*", "* 1 FETCH (UID 7 RFC822.SIZE 17)")
                    + Script.answer("a4 UID STORE 7", "* 1 FETCH (UID 7 FLAGS (\\Deleted))")
                    + Script.answer("a5 UID EXPUNGE 7", "* 1 EXPUNGE") + Script.logout)
            let rig = rig(server, "keep off")
            let result = try rig.fetch()
            #expect(result.status == 0, "\(result) \(server.sessions)")
            #expect(result.errorText.hasPrefix("mhfetch: peer: 1 message was gone before"), "\(result)")
            #expect(try rig.fetch().status == 0)
            #expect(rig.messages().count == 1)
            let sessions = server.stop()
            #expect(sessions.count == 2 && sessions.allSatisfy { $0.finished }, "\(sessions)")
        }
    }

    @Test("where the whole folder was listed and the count is another than EXISTS, it is told and nothing is expunged")
    func miscounted() async throws {
        try await onThread {
            let first = Script.login + Script.select("INBOX", messages: 3, "UIDVALIDITY 1", "UIDNEXT 7")
            let server = try FakeServer(
                first
                    + Script.answer(
                        "a3 UID FETCH 1:*", "* 1 FETCH (UID 5 RFC822.SIZE 17)", "* 2 FETCH (UID 6 RFC822.SIZE 17)")
                    + Script.answer("a4 UID FETCH 5:6", Script.content(1, 5), Script.content(2, 6)) + Script.logout,
                // The one that was left out turns up, and one more comes in between.
                first
                    + Script.answer(
                        "a3 UID FETCH 1:*", "* 1 FETCH (UID 4 RFC822.SIZE 17)", "* 2 FETCH (UID 5 RFC822.SIZE 17)",
                        "* 3 FETCH (UID 6 RFC822.SIZE 17)", "* 4 EXISTS")
                    + Script.answer("a4 UID FETCH 4 ", Script.content(1, 4))
                    + Script.answer("a5 UID STORE 4:6") + Script.answer("a6 UID EXPUNGE 4:6", "* 1 EXPUNGE")
                    + Script.logout)
            let rig = rig(server, "keep off")
            let told = try rig.fetch()
            #expect(told.status == 75, "\(told)")
            #expect(told.errorText.contains("tells of 3 messages and lists 2; nothing is deleted"), "\(told)")
            #expect(rig.messages().count == 2)
            let well = try rig.fetch()
            #expect(well.status == 0, "\(well) \(server.sessions)")
            #expect(rig.messages().count == 3)
            #expect(!server.stop().contains { !$0.finished }, "\(server.sessions)")
        }
    }

    @Test("a server without UIDNEXT that gives UIDs out again has renumbered the folder, and it is told")
    func reusedWithoutNext() async throws {
        try await onThread {
            let server = try FakeServer(
                Script.login + Script.select("INBOX", messages: 1, "UIDVALIDITY 1")
                    + Script.answer("a3 UID FETCH 1:*", "* 1 FETCH (UID 3 RFC822.SIZE 17)")
                    + Script.answer("a4 UID FETCH 3", Script.content(1, 3))
                    + Script.answer("a5 UID STORE 3") + Script.answer("a6 UID EXPUNGE 3", "* 1 EXPUNGE")
                    + Script.logout,
                Script.login + Script.select("INBOX", messages: 1, "UIDVALIDITY 1")
                    + Script.answer("a3 UID FETCH 4:*", "* 1 FETCH (UID 1 RFC822.SIZE 17)") + Script.logout)
            let rig = rig(server, "keep off")
            #expect(try rig.fetch().status == 0)
            let again = try rig.fetch()
            #expect(again.status == 75 && again.errorText.contains("has renumbered it"), "\(again) \(server.sessions)")
            #expect(server.stop().last?.finished == true, "\(server.sessions)")
        }
    }

    @Test("what comes in while --mark-seen lists is news to the next run, and the rest is not")
    func newsMeanwhile() async throws {
        try await onThread {
            // Where nothing was fetched yet nothing is listed.
            let server = try FakeServer(
                Script.login + Script.select("INBOX", messages: 1, "UIDVALIDITY 1", "UIDNEXT 4")
                    + Script.answer("a3 UID FETCH 1:*", "* 1 FETCH (UID 3 RFC822.SIZE 17)")
                    + Script.answer("a4 UID FETCH 3", Script.content(1, 3)) + Script.logout,
                Script.login + Script.select("INBOX", messages: 2, "UIDVALIDITY 1", "UIDNEXT 9")
                    + Script.answer(
                        "a3 UID FETCH 4:*", "* 3 EXISTS", "* 2 FETCH (UID 5 RFC822.SIZE 17)",
                        "* 3 FETCH (UID 9 RFC822.SIZE 17)")
                    + Script.logout,
                Script.login + Script.select("INBOX", messages: 3, "UIDVALIDITY 1", "UIDNEXT 10")
                    + Script.answer("a3 UID FETCH 9:*", "* 3 FETCH (UID 9 RFC822.SIZE 17)")
                    + Script.answer("a4 UID FETCH 9", Script.content(3, 9)) + Script.logout)
            let rig = rig(server)
            #expect(try rig.fetch().status == 0 && rig.messages().count == 1, "\(server.sessions)")
            let seeded = try rig.fetch("--mark-seen", "-v", "peer")
            #expect(seeded.status == 0 && seeded.errorText.contains("1 message in INBOX taken as known"), "\(seeded)")
            #expect(
                try rig.fetch().status == 0 && rig.messages().count == 2, "\(server.sessions)"
            )
            #expect(server.stop().map(\.finished) == [true, true, true], "\(server.sessions)")
        }
    }

    @Test("a folder that gets another UIDVALIDITY while it is selected is left at once")
    func renumberedMeanwhile() async throws {
        try await onThread {
            let server = try FakeServer(
                Script.login + Script.select("INBOX", messages: 1, "UIDVALIDITY 1", "UIDNEXT 6")
                    + Script.answer("a3 UID FETCH 1:*", "* 1 FETCH (UID 5 RFC822.SIZE 17)")
                    + Script.answer("a4 UID FETCH 5", Script.content(1, 5), "* OK [UIDVALIDITY 2] new") + [.drain])
            let rig = rig(server, "keep off")
            let result = try rig.fetch()
            #expect(result.status == 76 && result.errorText.contains("changed the UIDVALIDITY"), "\(result)")
            let said = server.stop().reduce(into: [String]()) { $0 += $1.lines }
            #expect(!said.contains { $0.contains("STORE") || $0.contains("EXPUNGE") }, "\(said)")
        }
    }

    @Test("FE5: folders are selected, never examined, also where they are read-only, and no content is marked as seen")
    func selects() async throws {
        try await onThread {
            // As Courier does: UIDs that SELECT gave stay; those of EXAMINE are others each time.
            let selection: [FakeServer.Step] = [
                .expect("a2 SELECT \"INBOX\""), .line("* 1 EXISTS"), .line("* OK [UIDVALIDITY 1] ok"),
                .line("* OK [UIDNEXT 6] ok"), .line("a2 OK [READ-ONLY] done"),
            ]
            let server = try FakeServer(
                Script.login + selection + Script.answer("a3 UID FETCH 1:*", "* 1 FETCH (UID 5 RFC822.SIZE 17)")
                    + Script.answer("a4 UID FETCH 5 (UID FLAGS INTERNALDATE BODY.PEEK[])", Script.content(1, 5))
                    + Script.logout,
                Script.login + selection + Script.logout)
            let rig = rig(server, "keep on")
            for _ in 1...2 { #expect(try rig.fetch().status == 0) }
            #expect(rig.messages().count == 1)
            #expect(!server.stop().contains { !$0.finished }, "\(server.sessions)")
        }
    }

    @Test("a server whose UIDs do not last is not fetched from, and says so")
    func notSticky() async throws {
        try await onThread {
            let server = try FakeServer(
                Script.login + [
                    .expect("a2 SELECT"), .line("* 1 EXISTS"), .line("* OK [UIDVALIDITY 1] ok"),
                    .line("* NO [UIDNOTSTICKY] no"), .line("a2 OK done"),
                ] + Script.logout)
            let rig = rig(server, "keep on")
            let result = try rig.fetch()
            #expect(result.status == 75 && result.errorText.contains("no lasting UIDs for INBOX"), "\(result)")
            #expect(rig.messages().isEmpty)
            #expect(server.stop().first?.finished == true, "\(server.sessions)")
        }
    }

    @Test("UIDs that go down are a renumbered folder, and what is there now can be taken as known without UIDNEXT")
    func accepted() async throws {
        try await onThread {
            let server = try FakeServer(
                Script.login + Script.select("INBOX", messages: 1, "UIDVALIDITY 1", "UIDNEXT 6")
                    + Script.answer("a3 UID FETCH 1:*", "* 1 FETCH (UID 5 RFC822.SIZE 17)")
                    + Script.answer("a4 UID FETCH 5", Script.content(1, 5)) + Script.logout,
                Script.login + Script.select("INBOX", messages: 2, "UIDVALIDITY 1", "UIDNEXT 3")
                    + Script.answer("a3 UID FETCH 3:* (UID)", "* 2 FETCH (UID 2)") + Script.logout,
                Script.login + Script.select("INBOX", messages: 2, "UIDVALIDITY 2")
                    + Script.answer("a3 UID FETCH * (UID)", "* 2 FETCH (UID 40)")
                    + Script.answer("a4 UID FETCH 41:*", "* 2 FETCH (UID 40 RFC822.SIZE 17)") + Script.logout,
                Script.login + Script.select("INBOX", messages: 3, "UIDVALIDITY 2")
                    + Script.answer("a3 UID FETCH 41:*", "* 3 FETCH (UID 44 RFC822.SIZE 17)")
                    + Script.answer("a4 UID FETCH 44", Script.content(3, 44)) + Script.logout)
            let rig = rig(server, "folders inbox")
            #expect(try rig.fetch().status == 0)
            let down = try rig.fetch()
            #expect(
                down.status == 75 && down.errorText.contains("folder INBOX: the server has renumbered it"), "\(down)")
            let accepted = try rig.fetch("--accept-folder", "Inbox", "peer")
            #expect(accepted.status == 0, "\(accepted) \(server.sessions)")
            #expect(rig.messages().count == 1)
            #expect(try rig.fetch().status == 0)
            #expect(rig.messages().count == 2)
            #expect(!server.stop().contains { !$0.finished }, "\(server.sessions)")
        }
    }

    @Test("FE5: the way out of a renumbered folder can be typed as it is printed, whatever the names")
    func wayOut() async throws {
        try await onThread {
            func session(_ validity: Int) -> [FakeServer.Step] {
                Script.login + Script.select("Bob's $HOME", messages: 0, "UIDVALIDITY \(validity)", "UIDNEXT 1")
                    + Script.logout
            }
            let server = try FakeServer(session(1), session(2), session(2), session(2))
            let rig = rig(server, "folders \"Bob's $HOME\" -> Bob")
            let text = ScratchDirectory.read(rig.scratch.file("mailhubrc")) ?? []
            let rc = rig.scratch.write(text, to: "my rc; false")
            let mhfetch = try InstalledCommands.path("mhfetch")
            let environment = ["HOME": rig.scratch.path]
            func fetch() throws -> CommandResult {
                try InstalledCommands.run(["mhfetch", "-C", rc], environment: environment)
            }
            #expect(try fetch().status == 0)
            let stopped = try fetch()
            #expect(stopped.status == 75, "\(stopped)")
            let command = try #require(
                stopped.errorText.components(between: "either ", and: " (take what is there now"), "\(stopped)")
            #expect(command == "mhfetch -C '\(rc)' --accept-folder 'Bob'\\''s $HOME' peer")
            let path = mhfetch.split(separator: "/").dropLast().joined(separator: "/")
            let typed = try runProgram(["sh", "-c", "PATH=/\(path):$PATH; \(command)"], environment: environment)
            #expect(typed.status == 0 && typed.errors.isEmpty, "\(typed)")
            #expect(try fetch().status == 0)
            #expect(!server.stop().contains { !$0.finished }, "\(server.sessions)")
        }
    }

    @Test("a folder to accept or to fetch again that the rc does not have is told", arguments: ["accept", "refetch"])
    func noSuchFolder(_ verb: String) async throws {
        try await onThread {
            let server = try FakeServer([.drain])
            let result = try rig(server, "folders Sent -> Sent").fetch("--\(verb)-folder", "sent", "peer")
            #expect(result.status == 78 && result.errorText.contains("fetches from a folder \"sent\""), "\(result)")
            #expect(server.stop().isEmpty, "nobody is contacted")
        }
    }

    @Test(
        "FE4, FE5: a UIDNEXT that stands still hides nothing: there are more messages, or a day is over, and it is looked"
    )
    func staleUIDNEXT() async throws {
        try await onThread {
            let stale = { (messages: Int) in Script.select("INBOX", messages: messages, "UIDVALIDITY 1", "UIDNEXT 6") }
            func fetching(_ number: Int, _ uid: Int, from first: Int) -> [FakeServer.Step] {
                Script.answer("a3 UID FETCH \(first):*", "* \(number) FETCH (UID \(uid) RFC822.SIZE 17)")
                    + Script.answer("a4 UID FETCH \(uid) ", Script.content(number, uid))
            }
            let more = try FakeServer(
                Script.login + stale(1) + fetching(1, 5, from: 1) + Script.logout,
                Script.login + stale(1) + Script.logout,
                Script.login + stale(2) + fetching(2, 6, from: 6) + Script.logout,
                // Now it is false on the face of it, and not believed.
                Script.login + stale(2) + Script.answer("a3 UID FETCH 6:* (UID)", "* 2 FETCH (UID 6)")
                    + Script.answer("a4 UID FETCH 7:*", "* 2 FETCH (UID 6 RFC822.SIZE 17)") + Script.logout)
            let first = rig(more)
            for count in [1, 1, 2, 2] {
                let result = try first.fetch()
                #expect(result.status == 0 && first.messages().count == count, "\(result) \(more.sessions)")
            }
            // Another client has deleted one, so that the count is the same.
            let same = try FakeServer(
                Script.login + stale(1) + fetching(1, 5, from: 1) + Script.logout,
                Script.login + stale(1) + Script.logout,
                Script.login + stale(1) + Script.answer("a3 UID FETCH 6:*", "* 1 FETCH (UID 6 RFC822.SIZE 17)")
                    + Script.answer("a4 UID FETCH 1:4 ") + Script.answer("a5 UID FETCH 6 ", Script.content(1, 6))
                    + Script.logout)
            let other = rig(same)
            for (ahead, count) in [("+0", 1), ("+23h", 1), ("+25h", 2)] {
                let result = try other.fetch(at: ahead)
                #expect(result.status == 0 && other.messages().count == count, "\(result) \(same.sessions)")
            }
        }
    }

    @Test(
        "FE4: what one listing has left out comes a day later, and once",
        arguments: ["keep on", "keep off"])
    func leftOut(_ keep: String) async throws {
        try await onThread {
            let mailbox = PlayedMailbox()
            let server = try mailbox.serve("imap")
            let rig = rig(server, keep)
            // The first listing has all: 5 is here then, and is what the later ones begin behind.
            mailbox.lie {
                $0.hasPrefix("UID FETCH 1:* ")
                    ? "* 1 FETCH (UID 5 RFC822.SIZE 17)\r\n* 3 FETCH (UID 7 RFC822.SIZE 17)\r\n@tag@ OK done" : nil
            }
            // A whole listing is counted: nothing is passed over yet. A later one is not.
            #expect(try rig.fetch(at: "+0").status == 75)
            mailbox.lie(nil)
            #expect(try rig.fetch(at: "+1m").status == 0 && rig.messages().count == 3)
            mailbox.add(9...11)
            let first = mailbox.left.count - 2
            mailbox.lie { command in
                guard command.hasPrefix("UID FETCH 8:* ") else { return nil }
                return [9, 11].map { "* \(first + $0 - 9) FETCH (UID \($0) RFC822.SIZE 17)\r\n" }.joined()
                    + "@tag@ OK done"
            }
            #expect(try rig.fetch(at: "+2m").status == 0 && rig.messages().count == 5, "\(server.sessions)")
            mailbox.lie(nil)
            #expect(try rig.fetch(at: "+1h").status == 0 && rig.messages().count == 5)
            let late = try rig.fetch(at: "+25h")
            #expect(late.status == 0 && rig.messages().contains(PlayedMailbox.file(10)), "\(late) \(server.sessions)")
            for ahead in ["+26h", "+51h", "+76h"] { #expect(try rig.fetch(at: ahead).status == 0) }
            #expect(rig.messages().count == 6 && mailbox.left.isEmpty == (keep == "keep off"), "\(mailbox.left)")
        }
    }

    @Test("FE4: what a server says it has expunged, and has not, is not taken for what it left out: it comes once")
    func falselyExpunged() async throws {
        try await onThread {
            let mailbox = PlayedMailbox()
            let server = try mailbox.serve("imap")
            let rig = rig(server, "keep off")
            mailbox.lie {
                $0.hasPrefix("UID EXPUNGE") ? "* 3 EXPUNGE\r\n* 2 EXPUNGE\r\n* 1 EXPUNGE\r\n@tag@ OK done" : nil
            }
            for ahead in ["+0", "+1h", "+25h", "+50h", "+75h"] {
                let result = try rig.fetch(at: ahead)
                #expect(result.status == 0 && rig.messages().count == 3, "\(ahead): \(result) \(server.sessions)")
            }
        }
    }

    @Test(
        "FE4: what one look for fetched mail did not find is not forgotten: it goes with the next one, and comes once")
    func notFound() async throws {
        try await onThread {
            let mailbox = PlayedMailbox()
            let server = try mailbox.serve("imap")
            let rig = rig(server, "keep off")
            mailbox.lie { $0.hasPrefix("UID STORE") ? "@tag@ NO not now" : nil }
            #expect(try rig.fetch().status == 75 && rig.messages().count == 3 && mailbox.left.count == 3)
            mailbox.lie { command in
                guard command.hasPrefix("UID FETCH 5:7 (UID)") else { return nil }
                return "* 1 FETCH (UID 5)\r\n* 3 FETCH (UID 7)\r\n@tag@ OK done"
            }
            #expect(try rig.fetch().status == 0 && mailbox.left == [6], "\(server.sessions)")
            mailbox.lie(nil)
            for _ in 1...2 { #expect(try rig.fetch().status == 0) }
            #expect(mailbox.left.isEmpty && rig.messages().count == 3, "\(server.sessions)")
        }
    }

    @Test("FE5, ask 7: a folder that was renumbered is left alone, and the others are fetched; a MODSEQ tells nothing")
    func onlyThatFolder() async throws {
        try await onThread {
            func folder(_ name: String, _ validity: Int, _ next: Int, _ tag: String, _ number: Int, _ uid: Int?)
                -> [FakeServer.Step]
            {
                let count = Int(tag.dropFirst()) ?? 0
                return Script.select(
                    name, messages: number, "UIDVALIDITY \(validity)", "UIDNEXT \(next)", "HIGHESTMODSEQ 7", as: tag)
                    + (uid.map { uid in
                        Script.answer(
                            "a\(count + 1) UID FETCH", "* \(number) FETCH (UID \(uid) RFC822.SIZE 17 MODSEQ (7))")
                            + Script.answer("a\(count + 2) UID FETCH \(uid) ", Script.content(number, uid))
                    } ?? [])
            }
            let server = try FakeServer(
                Script.login + folder("A", 1, 6, "a2", 1, 5) + folder("B", 1, 6, "a5", 1, 5) + Script.logout,
                // Of B the MODSEQ stands still, though there is a new message.
                Script.login + folder("A", 2, 6, "a2", 1, nil) + folder("B", 1, 7, "a3", 2, 6) + Script.logout)
            let rig = rig(server, "folders A -> A, B -> B")
            #expect(try rig.fetch().status == 0, "\(server.sessions)")
            let second = try rig.fetch()
            #expect(second.status == 75, "\(second) \(server.sessions)")
            for way in [
                "--accept-folder A peer (take", "--refetch-folder A peer (fetch all again)",
                "--reindex peer (fetch what",
            ] {
                #expect(second.errorText.contains(way), "\(way): \(second)")
            }
            #expect(rig.messages(folder: "A").count == 1 && rig.messages(folder: "B").count == 2, "\(server.sessions)")
        }
    }

    @Test("FE4: without UIDPLUS messages are flagged and never expunged, which is told; none comes twice")
    func withoutUIDPLUS() async throws {
        try await onThread {
            for search in ["# none", "search ALL"] {
                let mailbox = PlayedMailbox(hasUIDPLUS: false)
                let server = try mailbox.serve("imap")
                let rig = FetchRig()
                rig.configure("imap 127.0.0.1:\(server.port)", "tls off", "timeout 5", "keep off", search)
                for _ in 1...3 {
                    let result = try rig.fetch()
                    #expect(result.status == 0, "\(result)")
                }
                #expect(counted(rig.messages()) == counted(PlayedMailbox.uids.map { PlayedMailbox.file($0) }))
                let commands = server.stop().flatMap(\.lines)
                #expect(commands.contains { $0.contains("UID STORE 5:7 +FLAGS.SILENT (\\Deleted)") }, "\(commands)")
                #expect(!commands.contains { $0.contains("EXPUNGE") || $0.contains("CLOSE") }, "\(commands)")
                #expect(mailbox.left == PlayedMailbox.uids)
            }
        }
    }
}

extension String {
    /// What stands between the first `start` and the next `end`.
    func components(between start: String, and end: String) -> String? {
        guard let from = firstRange(of: start)?.upperBound, let to = self[from...].firstRange(of: end)?.lowerBound
        else { return nil }
        return String(self[from..<to])
    }
}
