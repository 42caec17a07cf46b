// mhfetch and the folders of an IMAP server: their names there, here, and in what a person reads.

import MailTestKit
import Testing

@Suite("mhfetch and folders")
struct FetchFolderTests {
    private typealias Script = IMAPScript

    private func rig(_ server: FakeServer, _ lines: String...) -> FetchRig {
        let rig = FetchRig()
        rig.configure("imap 127.0.0.1:\(server.port)", "timeout 5", "tls off", lines.joined(separator: "\n  "))
        return rig
    }

    /// A folder with one message, asked for by its delimiter first.
    private func folder(_ name: String, listed: String?, tags: Int) -> [FakeServer.Step] {
        let line = listed.map { ["* LIST () \($0)"] } ?? []
        return [.expect("a\(tags) LIST \"\" \"\(name)\"")] + line.map { .line($0) } + [.line("a\(tags) OK done")]
            + Script.select(name, messages: 1, "UIDVALIDITY 1", "UIDNEXT 2", as: "a\(tags + 1)")
            + Script.answer("a\(tags + 2) UID FETCH 1:*", "* 1 FETCH (UID 1 RFC822.SIZE 17)")
            + Script.answer("a\(tags + 3) UID FETCH 1", Script.content(1, 1))
    }

    @Test("a folder goes into the local folder of its name, by the server's delimiter and without its INBOX. prefix")
    func ownNames() async throws {
        try await onThread {
            let server = try FakeServer(
                Script.login + folder("INBOX.Lists.Swift", listed: #""." INBOX.Lists.Swift"#, tags: 2)
                    + folder("A.b", listed: #""/" "A.b""#, tags: 6)
                    + folder("Entw&APw-rfe/x", listed: #""/" "Entw&APw-rfe/x""#, tags: 10)
                    + folder("flat.name", listed: "NIL flat.name", tags: 14)
                    + folder("INBOX.INBOX", listed: #""." INBOX.INBOX"#, tags: 18) + Script.logout)
            let rig = rig(server, "folders INBOX.Lists.Swift, A.b, Entwürfe/x, flat.name, INBOX.INBOX")
            let result = try rig.fetch()
            #expect(result.status == 0, "\(result) \(server.sessions)")
            for name in ["Lists.Swift", "A&AC4-b", "Entw&APw-rfe.x", "flat&AC4-name", "INBOX.INBOX"] {
                #expect(rig.messages(folder: name).count == 1, "\(name)")
            }
            #expect(server.stop().first?.finished == true, "\(server.sessions)")
        }
    }

    @Test("a folder whose name cannot be one here is told with what to write, and other folders go on")
    func noLocalName() async throws {
        try await onThread {
            let server = try FakeServer(
                Script.login + [FakeServer.Step](folder("a/b.c", listed: #""." "a/b.c""#, tags: 2).prefix(8))
                    + Script.select("INBOX", messages: 0, "UIDVALIDITY 1", "UIDNEXT 1", as: "a4") + Script.logout)
            let result = try rig(server, "folders a/b.c, INBOX").fetch()
            #expect(result.status == 75 && result.errorText.contains("`folders a/b.c -> NAME`"), "\(result)")
            #expect(server.stop().first?.finished == true, "\(server.sessions)")
        }
    }

    @Test(
        "a folder that the server lacks names the nearest one, also in --status",
        arguments: [
            ("Sent", "INBOX.Sent"), ("INBOX.Snet", "INBOX.Sent"), ("snet", "INBOX.Sent"), ("entwürfe", "Entwürfe"),
            ("Archive", nil),
        ] as [(String, String?)])
    func nearest(_ wrong: String, _ right: String?) async throws {
        try await onThread {
            let server = try FakeServer(
                Script.login + [.expect("a2 SELECT"), .line("a2 NO [NONEXISTENT] no such mailbox")]
                    + Script.answer(
                        "a3 LIST \"\" \"*\"", #"* LIST () "." INBOX"#, #"* LIST () "." INBOX.Sent"#,
                        #"* LIST (\Noselect) "." Snet"#, #"* LIST () "." Entw&APw-rfe"#, #"* LIST () "." Archiv&-"#,
                        #"* LIST () "." "Archive%""#) + Script.logout)
            let rig = rig(server, "folders \(wrong) -> X")
            let result = try rig.fetch()
            #expect(result.status == 75, "\(result) \(server.sessions)")
            let words =
                "folder \(wrong): 127.0.0.1 has no such folder; "
                + (right.map { "did you mean \"\($0)\"?" } ?? "")
            #expect(result.errorText.contains(words), "\(result)")
            #expect(try rig.fetch("--status").outputText.contains(words))
            #expect(server.stop().first?.finished == true, "\(server.sessions)")
        }
    }

    @Test("a folder that is there and refused is told in the server's words")
    func refused() async throws {
        try await onThread {
            let server = try FakeServer(
                Script.login + [.expect("a2 SELECT"), .line("a2 NO [NOPERM] not for you")]
                    + Script.answer("a3 LIST", #"* LIST () "." Entw&APw-rfe"#) + Script.logout)
            let result = try rig(server, "folders Entwürfe -> X").fetch()
            #expect(result.status == 75, "\(result)")
            #expect(result.errorText.contains("refused SELECT of folder Entwürfe: not for you"), "\(result)")
        }
    }

    @Test("FE17: --folders lists what the server has as the rc would name it, and POP3 has none", .needs(.dovecot))
    func lists() async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            for folder in ["Spam", "Lists.Swift &- more", "Entw&APw-rfe"] {
                dovecot.deliver(Array("Subject: \(folder)\n\nx\n".utf8), folder: folder, number: 1)
            }
            let rig = FetchRig()
            rig.configure("imaps localhost:\(dovecot.imapsPort)", trusting: dovecot)
            let listed = try rig.fetch("--folders", "peer")
            #expect(listed.status == 0 && listed.errors.isEmpty, "\(listed) \(dovecot.logs)")
            let lines = listed.outputText.split(separator: "\n").map(String.init)
            #expect(lines == ["INBOX", "Entwürfe", #""Lists.Swift & more""#, "Spam"], "\(listed)")
            #expect(ScratchDirectory.names(in: rig.scratch.file("state")).isEmpty, "nothing is written")
            // What it lists can be fetched, each folder into that of its name.
            rig.configure(
                "imaps localhost:\(dovecot.imapsPort)", trusting: dovecot, "folders \(lines.joined(separator: ", "))")
            #expect(try rig.fetch().status == 0)
            for folder in ["Spam", "Lists.Swift &- more", "Entw&APw-rfe"] {
                #expect(rig.messages(folder: folder) == [Array("Subject: \(folder)\n\nx\n".utf8)])
            }
            rig.configure("pop3s localhost:\(dovecot.pop3sPort)", trusting: dovecot)
            let none = try rig.fetch("--folders", "peer")
            #expect(none.status == 78 && none.errorText.contains("POP3, which knows no folders"), "\(none)")
            #expect(try rig.fetch("--folders", "a", "b").status == 64)
        }
    }

    @Test("a name that no rc can say is not listed, and is counted")
    func unsayable() async throws {
        try await onThread {
            let server = try FakeServer(
                Script.login
                    + Script.answer(
                        "a2 LIST \"\" \"*\"", #"* LIST () "." inbox"#, #"* LIST () "." "a b""#,
                        #"* LIST () "." "&bad""#,
                        #"* LIST () "." "50%""#, #"* LIST (\Noselect) "." Parent"#, #"* LIST () "." "&AOk-&AOk-""#)
                    + Script.logout)
            let result = try rig(server).fetch("--folders")
            #expect(result.status == 0 && result.outputText == "INBOX\n\"a b\"\n", "\(result)")
            #expect(
                result.errorText == "mhfetch: peer: folders left out, as an rc cannot express their names: 3\n",
                "\(result)")
            #expect(server.stop().first?.finished == true, "\(server.sessions)")
        }
    }
}
