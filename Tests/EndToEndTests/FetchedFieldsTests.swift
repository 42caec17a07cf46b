// What stands above a fetched message, and a header alone: FE8, FE17; and the commands around a connection.

import MailTestKit
import Testing

@Suite("Fields on top, headers alone, and the commands before and after a connection")
struct FetchedFieldsTests {
    private func rig(_ dovecot: DovecotPeer, _ service: String, _ lines: String...) -> FetchRig {
        let rig = FetchRig()
        configure(rig, dovecot, service, lines)
        return rig
    }

    private func configure(_ rig: FetchRig, _ dovecot: DovecotPeer, _ service: String, _ lines: [String]) {
        let port = service == "pop3s" ? dovecot.pop3sPort : dovecot.imapsPort
        rig.configure("\(service) localhost:\(port)", trusting: dovecot, lines.joined(separator: "\n  "))
    }

    private func message(_ name: String, size: Int = 10) -> [UInt8] {
        Array("Subject: \(name)\n\n\(String(repeating: "x", count: size))\n".utf8)
    }

    @Test(
        "FE8: header-only: of a larger message the header comes, once; it is never deleted, and comes whole when the rc lets it in",
        .needs(.dovecot), arguments: ["pop3s", "imaps"])
    func headerOnly(_ service: String) async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            let large = message("large", size: 5000)
            for (number, content) in [message("1"), large, message("3")].enumerated() {
                dovecot.deliver(content, number: number + 1)
            }
            let rig = rig(dovecot, service, "header-only over 4k", "keep off")
            let told = try rig.fetch("--dry-run")
            #expect(told.outputText.contains("3 messages would be fetched"), "\(told)")
            #expect(told.outputText.contains("; of 1 only the header"), "\(told)")
            let first = try rig.fetch()
            #expect(first.status == 0 && first.errors.isEmpty, "\(first) \(dovecot.logs)")
            // The two small ones are gone from there.
            #expect(dovecot.messages() == [large] && rig.messages().count == 3)
            let header = try #require(rig.messages().first { $0.starts(with: Array("X-Mailhub".utf8)) })
            let lines = String(decoding: header, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
            #expect(lines[0].hasPrefix("X-Mailhub-Header-Only: 50"), "\(lines)")
            #expect(lines[0].hasSuffix(" octets are left at localhost"), "\(lines)")
            #expect(lines.dropFirst() == ["Subject: large", "", ""], "\(lines)")
            let second = try rig.fetch()
            #expect(second.status == 0 && second.errors.isEmpty && rig.messages().count == 3, "\(second)")
            #expect(try rig.fetch("--flush", "peer").status == 0 && dovecot.messages() == [large])
            #expect(try rig.fetch("--status").outputText.contains("; of 1 only the header"))
            #expect(try rig.fetch("--status", "--json").outputText.contains("\"headersonly\":1"))
            configure(rig, dovecot, service, ["keep off"])
            #expect(try rig.fetch().status == 0 && rig.messages().contains(large) && dovecot.messages().isEmpty)
            #expect(try !rig.fetch("--status").outputText.contains("only the header"))
        }
    }

    @Test("what `header-only` and `skip` left out stays so when the journal is written anew", .needs(.dovecot))
    func compacted() async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            dovecot.deliver(message("a", size: 5000), number: 1)
            dovecot.deliver(message("b", size: 50_000), number: 2)
            let rig = rig(dovecot, "imaps", "header-only over 4k", "skip over 40k")
            for _ in 0..<110 { #expect(try rig.fetch().status == 0) }
            #expect(rig.journal.count < 100 && rig.messages().count == 1, "\(rig.journal.count)")
            #expect(rig.journal.contains { $0.hasPrefix("large ") && $0.hasSuffix(" 2") }, "\(rig.journal)")
            #expect(rig.journal.contains { $0.hasPrefix("large ") && $0.hasSuffix(" 0") }, "\(rig.journal)")
            let status = try rig.fetch("--status").outputText
            #expect(status.contains("; 1 too large to be fetched; of 1 only the header"), "\(status)")
        }
    }

    @Test(
        "FE17: received_header and delivered-to: how it came, and for whom, above octets that stay as they were",
        .needs(.dovecot), arguments: ["pop3s", "imaps"])
    func topFields(_ service: String) async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            dovecot.deliver(message("1"), number: 1)
            let rig = rig(dovecot, service, "address alice@example.org", "received_header", "delivered-to")
            #expect(try rig.fetch().status == 0, "\(dovecot.logs)")
            let text = String(decoding: try #require(rig.messages().first), as: UTF8.self)
            let protocolName = service == "pop3s" ? "POP3" : "IMAP"
            #expect(text.hasPrefix("Delivered-To: alice@example.org\nReceived: from localhost ("), "\(text)")
            #expect(text.contains(")\n\tby hub.test with \(protocolName) id "), "\(text)")
            #expect(text.contains("\n\tfor <alice@example.org>;\n\t"), "\(text)")
            #expect(text.hasSuffix("\n" + String(decoding: message("1"), as: UTF8.self)), "\(text)")
            configure(rig, dovecot, service, ["# neither"])
            try rig.reset()
            #expect(try rig.fetch().status == 0 && rig.messages() == [message("1")])
        }
    }

    @Test(
        "FE17: preconnect comes before the connection and postconnect behind it, each run; a failure of either is told",
        .needs(.dovecot))
    func commands() async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            dovecot.deliver(message("1"), number: 1)
            let rig = rig(dovecot, "imaps")
            func script(_ name: String, _ end: String) -> String {
                rig.scratch.write(
                    "#!/bin/sh\necho \(name) $(ls \(rig.scratch.file("Mail/alice/new")) | wc -l) >> \(rig.scratch.file("seen"))\n\(end)\n",
                    to: name, mode: 0o755)
            }
            func seen() -> [Substring] {
                String(decoding: ScratchDirectory.read(rig.scratch.file("seen")) ?? [], as: UTF8.self).split(
                    separator: "\n")
            }
            func fetch(_ before: String, _ after: String, _ arguments: String...) throws -> CommandResult {
                configure(rig, dovecot, "imaps", ["preconnect \(before)", "postconnect \(after)"])
                return try InstalledCommands.run(
                    ["mhfetch", "-C", rig.scratch.file("mailhubrc")] + arguments,
                    environment: ["HOME": rig.scratch.path], isOrdinary: true)
            }
            let (good, done) = (script("before", ""), script("after", ""))
            // Nothing but a look, and no command.
            for look in ["--dry-run", "--count", "--probe"] { #expect(try fetch(good, done, look).status == 0) }
            #expect(seen().isEmpty)
            let first = try fetch(good, done)
            #expect(first.status == 0 && rig.messages().count == 1, "\(first) \(dovecot.logs)")
            #expect(seen() == ["before 0", "after 1"], "\(seen())")
            // One that fails keeps us away from the server, and what it began is not ended.
            dovecot.deliver(message("2"), number: 2)
            let refused = try fetch(script("broken", "echo no tunnel >&2; exit 3"), done)
            #expect(refused.status == 75 && refused.errorText.contains("preconnect: "), "\(refused)")
            #expect(
                refused.errorText.contains("exit status 3") && refused.errorText.contains("no tunnel"), "\(refused)")
            #expect(rig.messages().count == 1 && seen() == ["before 0", "after 1", "broken 1"], "\(seen())")
            // What was fetched is here, whatever becomes of what follows.
            let late = try fetch(good, script("late", "exit 4"))
            #expect(late.status == 75 && late.errorText.contains("postconnect: "), "\(late)")
            #expect(rig.messages().count == 2 && seen().suffix(2) == ["before 1", "late 2"], "\(seen())")
            // Also behind a session that fails.
            rig.configure("imaps localhost:1", "preconnect \(good)", "postconnect \(done)")
            let dead = try InstalledCommands.run(
                ["mhfetch", "-C", rig.scratch.file("mailhubrc")], environment: ["HOME": rig.scratch.path],
                isOrdinary: true)
            #expect(dead.status == 75 && seen().suffix(2) == ["before 2", "after 2"], "\(dead) \(seen())")
            let checked = try fetch("/nonexistent/program", good, "--check")
            #expect(checked.status == 78 && checked.errorText.contains("preconnect"), "\(checked)")
        }
    }
}
