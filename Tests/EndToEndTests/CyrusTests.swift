// mhfetch and Cyrus, whose answers are of its own kind: capitals, order, quoting, and what it says unasked.

import MailTestKit
import Testing

@Suite("mhfetch and Cyrus")
struct CyrusTests {
    private func configure(_ rig: FetchRig, _ cyrus: CyrusPeer, _ lines: String...) {
        rig.configure(
            "imaps localhost:\(cyrus.imapsPort)", "tls_trust_file \(cyrus.certificate.certificatePath)", "timeout 20",
            lines.joined(separator: "\n  "))
    }

    @Test(
        "FE1, FE3: logs in by SCRAM, by PLAIN, and by IMAP's own command, with TLS from the start and by STARTTLS",
        .needs(.cyrus)
    )
    func logins() async throws {
        try await onThread {
            let cyrus = try CyrusPeer()
            try cyrus.deliver(smallMessages(1))
            let rig = FetchRig()
            for auth in ["scram-sha-256", "scram-sha-1", "plain", "login"] {
                for server in ["imaps localhost:\(cyrus.imapsPort)", "imap localhost:\(cyrus.imapPort)"] {
                    rig.configure(server, "tls_trust_file \(cyrus.certificate.certificatePath)", "auth \(auth)")
                    let result = try rig.fetch("-v")
                    #expect(result.status == 0, "\(auth), \(server): \(result) \(cyrus.logs)")
                }
            }
            #expect(rig.messages() == smallMessages(1))
        }
    }

    @Test("FE3: ties a login to TLS in a way that is not ours: it is told which word does without", .needs(.cyrus))
    func otherBinding() async throws {
        try await onThread {
            let cyrus = try CyrusPeer()
            let rig = FetchRig()
            configure(rig, cyrus)
            let result = try rig.fetch()
            #expect(result.status == 77 && result.errorText.contains("`auth scram-sha-256` does without"), "\(result)")
        }
    }

    @Test(
        "what is new comes once, octet for octet, also with NULs; keep off deletes it and nothing else", .needs(.cyrus))
    func collects() async throws {
        try await onThread {
            let cyrus = try CyrusPeer()
            let messages = smallMessages(300)
            try cyrus.deliver(Array(messages.prefix(299)))
            let rig = FetchRig()
            configure(rig, cyrus, "auth scram-sha-256")
            let first = try rig.fetch()
            #expect(first.status == 0 && first.errors.isEmpty, "\(first) \(cyrus.logs)")
            try cyrus.deliver(Array(messages.suffix(1)))
            try cyrus.carryOut("n APPEND INBOX ~{17+}\r\nSubject: n\r\n\r\n\u{0}\r\n\r\n")
            let second = try rig.fetch()
            let withNUL = Array("Subject: n\n\n\u{0}\n".utf8)
            #expect(second.status == 0 && counted(rig.messages()) == counted(messages + [withNUL]), "\(second)")
            configure(rig, cyrus, "auth scram-sha-256", "keep off")
            let third = try rig.fetch()
            #expect(third.status == 0 && third.errors.isEmpty, "\(third)")
            #expect(try cyrus.count() == 0 && rig.messages().count == 301)
        }
    }

    @Test(
        "FE5: folders by pattern, also one called nil; what was fetched is moved, by MOVE, and only that",
        .needs(.cyrus))
    func foldersAndMoves() async throws {
        try await onThread {
            let cyrus = try CyrusPeer()
            try cyrus.carryOut("f CREATE nil\r\ng CREATE \"Two words\"\r\nh CREATE Lists.Swift\r\n")
            let folders = ["INBOX", "nil", "\"Two words\"", "Archive"]
            for (folder, message) in zip(folders, smallMessages(4)) { try cyrus.deliver([message], folder: folder) }
            let rig = FetchRig()
            configure(rig, cyrus, "auth scram-sha-256", "folders *", "move Fetched")
            for _ in 1...2 {
                let result = try rig.fetch()
                #expect(result.status == 0, "\(result) \(cyrus.logs)")
            }
            for (folder, message) in zip(["", "nil", "Two words", "Archive"], smallMessages(4)) {
                #expect(rig.messages(folder: folder) == [message], "\(folder)")
            }
            #expect(try cyrus.count(of: "Fetched") == 4)
            for folder in folders { #expect(try cyrus.count(of: folder) == 0, "\(folder)") }
            let listed = try rig.fetch("--folders", "peer")
            #expect(listed.status == 0, "\(listed)")
            for name in ["nil", "\"Two words\"", "Archive", "Fetched"] {
                #expect(listed.outputText.contains(name), "\(name): \(listed.outputText)")
            }
        }
    }

    @Test("FE5: flags, the day of arrival, headers alone, and a folder that is made anew", .needs(.cyrus))
    func more() async throws {
        try await onThread {
            let cyrus = try CyrusPeer()
            try cyrus.carryOut(
                "p APPEND INBOX (\\Seen \\Flagged) \" 1-Jan-2020 10:00:00 +0000\" {16+}\r\nSubject: old\r\n\r\n\r\n")
            let large = Array("Subject: large\n\n\(String(repeating: "x", count: 9000))\n".utf8)
            try cyrus.deliver([large])
            try cyrus.carryOut("c CREATE Once\r\n")
            try cyrus.deliver(smallMessages(2), folder: "Once")
            let rig = FetchRig()
            configure(rig, cyrus, "auth scram-sha-256", "folders INBOX, Once", "header-only over 4k", "flags on")
            let first = try rig.fetch()
            #expect(first.status == 0, "\(first) \(cyrus.logs)")
            #expect(
                counted(rig.messages())
                    == counted([
                        Array("Subject: old\n\n".utf8),
                        Array("X-Mailhub-Header-Only: 9020 octets are left at localhost\nSubject: large\n\n".utf8),
                    ]))
            let names = ScratchDirectory.names(in: "\(rig.maildir)/cur")
            #expect(names.count == 1 && names.first?.hasSuffix(":2,FS") == true, "\(names)")
            try cyrus.carryOut("d DELETE Once\r\nc CREATE Once\r\n")
            try cyrus.deliver(smallMessages(3), folder: "Once")
            let renumbered = try rig.fetch()
            #expect(
                renumbered.status == 75 && renumbered.errorText.contains("--accept-folder Once peer"), "\(renumbered)")
            #expect(rig.messages(folder: "Once").count == 2)
        }
    }
}
