// mhfetch and servers without bounds: of disk, of memory, of time it takes what it may, and the rest goes on.

import Glibc
import MailTestKit
import Testing

@Suite("mhfetch keeps within bounds")
struct FetchBoundsTests {
    /// Runs mhfetch where the hub's folders are on a disk of `size` with 4 MiB to stay free, after that with more room.
    /// - Returns: the output, which has a line with the status of each run, and the messages there are at the end.
    private func fetch(_ rig: FetchRig, on size: String, runs: [String]) throws -> (CommandResult, [[UInt8]]) {
        rig.addTop("free-space 4m")
        for folder in ["Mail", "state", "disk"] { rig.scratch.makeFolder(folder) }
        let script = """
            set -e
            mount -t tmpfs -o size=\(size) none "$1"
            mkdir "$1/Mail" "$1/state"
            mount --bind "$1/Mail" "$2/Mail"
            mount --bind "$1/state" "$2/state"
            \(runs.map { #""$3" -C "$2/mailhubrc" \#($0) && echo "status 0" || echo "status $?""# }.joined(separator: "\n"))
            "$3" -C "$2/mailhubrc" --status || :
            cp -r "$2/Mail/alice" "$2/copy"
            """
        let result = try runProgram(
            [
                "unshare", "-rm", "sh", "-c", script, "sh", rig.scratch.file("disk"), rig.scratch.path,
                try InstalledCommands.path("mhfetch"),
            ], deadline: .seconds(100))
        let copied = ScratchDirectory.names(in: rig.scratch.file("copy/new")).compactMap {
            ScratchDirectory.read(rig.scratch.file("copy/new/\($0)"))
        }
        #expect(ScratchDirectory.names(in: rig.scratch.file("copy/tmp")).isEmpty)
        return (result, copied)
    }

    @Test(
        "FE12: a message that takes the space that is to stay free is dropped, told and listed; the others are fetched",
        .needsMounts)
    func endlessContent() async throws {
        try await onThread {
            let flood = Array(repeating: UInt8(0x78), count: 70) + [0x0D, 0x0A]
            let chunk = (0..<1000).flatMap { _ in flood }
            let listing =
                POP3Script.login + POP3Script.uidl(["a", "b"]) + [
                    .expect("LIST"), .line("+OK"), .line("1 17"), .line("2 17"), .line("."),
                ]
            let endless: [FakeServer.Step] = [
                .expect("RETR 1"), .line("+OK"), .flood(chunk: chunk, octets: 200 << 20),
            ]
            let other: [FakeServer.Step] = [
                .expect("RETR 2"), .line("+OK"), .line("Subject: b"), .line(""), .line("b"), .line("."),
            ]
            let server = try FakeServer(listing + endless, listing + endless, listing + other + endless)
            let rig = FetchRig()
            rig.configure("pop3 127.0.0.1:\(server.port)", "tls off", "timeout 20")
            let (result, messages) = try fetch(rig, on: "24m", runs: ["-v", "-v", "-v"])
            #expect(result.outputText.hasPrefix("status 76\nstatus 76\nstatus 76\n"), "\(result) \(server.sessions)")
            #expect(result.errorText.contains("of a message, and no end of it"), "\(result)")
            #expect(messages == [Array("Subject: b\n\nb\n".utf8)], "\(result)")
            #expect(result.outputText.contains("  failed a: 3 times"), "\(result) \(server.sessions)")
        }
    }

    @Test(
        "FE12, ask 8: a message larger than what is free is not asked for, and stops none behind it", .needs(.dovecot),
        .needsMounts,
        arguments: ["pop3s", "imaps"])
    func largeMessage(_ service: String) async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            let large = Array("Subject: large\n\n".utf8) + Array(repeating: UInt8(0x78), count: 30 << 20) + [0x0A]
            dovecot.deliver(large, number: 1)
            for (number, message) in smallMessages(20).enumerated() { dovecot.deliver(message, number: number + 2) }
            let rig = FetchRig()
            let port = service == "pop3s" ? dovecot.pop3sPort : dovecot.imapsPort
            rig.configure("\(service) localhost:\(port)", trusting: dovecot, "keep off")
            let (result, messages) = try fetch(rig, on: "24m", runs: [""])
            #expect(result.outputText.hasPrefix("status 75\n"), "\(result)")
            #expect(result.errorText.contains("there is no room for its 31457"), "\(result)")
            #expect(counted(messages) == counted(smallMessages(20)))
            #expect(result.outputText.contains("  failed ") && dovecot.messages() == [large], "\(result)")
        }
    }

    @Test(
        "FE12: a message that the file system does not take, for its size, is a failure and stops no other",
        .needs(.dovecot))
    func tooLargeForFiles() async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            let large = Array("Subject: large\n\n".utf8) + Array(repeating: UInt8(0x78), count: 3 << 20) + [0x0A]
            dovecot.deliver(large, number: 1)
            for (number, message) in smallMessages(5).enumerated() { dovecot.deliver(message, number: number + 2) }
            let rig = FetchRig()
            rig.configure("imaps localhost:\(dovecot.imapsPort)", trusting: dovecot, "keep off")
            let result = try runProgram(
                [
                    "sh", "-c", #"ulimit -f 2048; exec "$@""#, "sh", try InstalledCommands.path("mhfetch"), "-C",
                    rig.scratch.file("mailhubrc"),
                ],
                environment: ["HOME": rig.scratch.path, "PATH": "/usr/bin:/bin"])
            #expect(result.status == 75 && result.errorText.contains("`ulimit -f`"), "\(result)")
            #expect(counted(rig.messages()) == counted(smallMessages(5)) && dovecot.messages() == [large])
        }
    }

    @Test(
        "no server costs memory by what it says: lines without end, content of one line, words without number",
        .needs(.python3))
    func memory() async throws {
        try await onThread {
            let large = 12 << 20
            func rig(_ mailbox: PlayedMailbox, _ service: String) throws -> (FetchRig, FakeServer) {
                let server = try mailbox.serve(service)
                let rig = FetchRig()
                rig.configure("\(service) 127.0.0.1:\(server.port)", "tls off", "timeout 60")
                return (rig, server)
            }
            let (honest, first) = try rig(PlayedMailbox(), "imap")
            let small = try honest.residentKiB()
            withExtendedLifetime(first) {}
            let endless = String(repeating: "x", count: large)
            let lies: [(String, String, Int32, @Sendable (String) -> String?)] = [
                ("one line of content", "pop3", 0, { $0 == "RETR 2" ? "+OK\r\n\(endless)\r\n." : nil }),
                (
                    "one line of content", "imap", 0,
                    { command in
                        guard command.hasPrefix("UID FETCH 5:7"), command.contains("BODY.PEEK[]") else { return nil }
                        return "* 2 FETCH (UID 6 BODY[] {\(endless.utf8.count)}\r\n\(endless))\r\n@tag@ OK done"
                    }
                ),
                ("a reply without end", "pop3", 76, { $0 == "RETR 2" ? "+OK \(endless)" : nil }),
                ("a reply without end", "imap", 76, { $0.hasPrefix("SELECT") ? "* OK \(endless)" : nil }),
                (
                    "words without number", "imap", 0,
                    { command in
                        guard command.hasPrefix("UID FETCH 1:*") else { return nil }
                        return String(repeating: "* OK still here\r\n", count: large / 17)
                            + PlayedMailbox.uids.map { "* \($0 - 4) FETCH (UID \($0) RFC822.SIZE 17)\r\n" }.joined()
                            + "@tag@ OK done"
                    }
                ),
                (
                    "ids without end", "pop3", 76,
                    { command in
                        guard command == "UIDL" else { return nil }
                        return "+OK\r\n" + (1...2_000_000).map { "\($0) \($0)-abcdef\r\n" }.joined() + "."
                    }
                ),
            ]
            for (name, service, status, lie) in lies {
                let mailbox = PlayedMailbox()
                mailbox.lie(lie)
                let (rig, server) = try rig(mailbox, service)
                let more = try rig.residentKiB([status]) - small
                withExtendedLifetime(server) {}
                print("\(service), \(name): \(more) KiB more than with three small messages")
                // A listing is held, at about a hundred octets a message, up to a million of them.
                #expect(more < (name == "ids without end" ? 160 : 6) * 1024, "\(service), \(name): \(more) KiB")
            }
        }
    }

    @Test(
        "an octet a second is too slow for content, and ends the session within two minutes; what is whole stays",
        arguments: ["pop3", "imap"])
    func drip(_ service: String) async throws {
        try await onThread {
            let drops = Array(PlayedMailbox.wire(6).replacing("6\r\n", with: String(repeating: "6", count: 500)).utf8)
            let script: [FakeServer.Step]
            if service == "pop3" {
                script =
                    POP3Script.login + POP3Script.uidl(["a", "b"]) + [
                        .expect("LIST"), .line("+OK"), .line("1 17"), .line("2 500"), .line("."), .expect("RETR 1"),
                        .line("+OK"), .octets(Array(PlayedMailbox.wire(5).utf8)), .line("."), .expect("RETR 2"),
                        .line("+OK"),
                        .drip(drops, every: .seconds(1)),
                    ]
            } else {
                script =
                    IMAPScript.login + IMAPScript.select("INBOX", messages: 2, "UIDVALIDITY 1", "UIDNEXT 7")
                    + IMAPScript.answer(
                        "a3 UID FETCH 1:*", "* 1 FETCH (UID 5 RFC822.SIZE 17)", "* 2 FETCH (UID 6 RFC822.SIZE 500)")
                    + [
                        .expect("a4 UID FETCH 5:6"), .line("* 1 FETCH (UID 5 BODY[] \(PlayedMailbox.literal(5)))"),
                        .line("* 2 FETCH (UID 6 BODY[] {500}"), .drip(drops, every: .seconds(1)),
                    ]
            }
            let server = try FakeServer(script)
            let rig = FetchRig()
            rig.configure("\(service) 127.0.0.1:\(server.port)", "tls off", "timeout 5", "keep off")
            let result = try rig.fetch(deadline: .seconds(160))
            #expect(result.status == 75 && result.elapsed < .seconds(130), "\(result)")
            #expect(rig.messages() == [PlayedMailbox.file(5)], "\(result)")
        }
    }

    @Test("FE4: ids that look like paths are ids: known the next time, and no file is made by them")
    func pathsAsIDs() async throws {
        try await onThread {
            let ids = ["../../escaped", "a/b", "..", "%2e%2e%2f", "~", "/etc/passwd"]
            let listing = POP3Script.login + POP3Script.uidl(ids)
            let messages = (1...ids.count).flatMap { number -> [FakeServer.Step] in
                [.expect("RETR \(number)"), .line("+OK"), .octets(Array(PlayedMailbox.wire(number).utf8)), .line(".")]
            }
            let server = try FakeServer(
                listing + [.expect("LIST"), .line("-ERR")] + messages + POP3Script.farewell,
                listing + POP3Script.farewell)
            let rig = FetchRig()
            rig.configure("pop3 127.0.0.1:\(server.port)", "tls off", "timeout 5")
            for _ in 1...2 {
                let result = try rig.fetch()
                #expect(result.status == 0 && rig.messages().count == ids.count, "\(result) \(server.sessions)")
            }
            let found = try runProgram(["find", rig.scratch.path, "-name", "*escaped*", "-o", "-name", "b"])
            #expect(found.outputText.isEmpty, "\(found)")
        }
    }

    @Test(
        "FE12: a message that nobody can be told of, before its first octet, is found out, and stops neither others nor folders"
    )
    func unspeakable() async throws {
        try await onThread {
            for (service, lie) in [
                ("imap", "* 2 FETCH (UID 6 BODY[] {5368709120}\r\nSubject: "),
                ("imap", "* 2 FETCH (UID 6 BODY[] {9223372036854775808}\r\nx"),
                ("imap", "* 2 FETCH (UID 0 BODY[] foo)\r\n"), ("pop3", "what?"),
            ] {
                let mailbox = PlayedMailbox()
                let server = try mailbox.serve(service)
                let rig = FetchRig()
                rig.configure("\(service) 127.0.0.1:\(server.port)", "tls off", "timeout 5", "keep off")
                mailbox.lie { command in
                    if service == "pop3" { return command == "RETR 2" ? lie : nil }
                    guard command.hasPrefix("UID FETCH "), command.contains("BODY.PEEK[]") else { return nil }
                    let asked = command.split(separator: " ")[2]
                    if asked == "5:7" { return "* 1 FETCH (UID 5 BODY[] \(PlayedMailbox.literal(5)))\r\n\(lie)" }
                    return ["6", "6:7"].contains(asked) ? lie : nil
                }
                for _ in 1...5 { _ = try rig.fetch() }
                let status = try rig.fetch("--status")
                #expect(
                    counted(rig.messages()) == counted([5, 7].map { PlayedMailbox.file($0) }),
                    "\(service) \(lie): \(server.sessions)")
                #expect(status.status == 75 && status.outputText.contains("\n  failed "), "\(status)")
                #expect(Set(mailbox.deleted) == [5, 7], "\(mailbox.deleted)")
                mailbox.lie(nil)
                let last = try rig.fetch("--retry")
                #expect(last.status == 0 && rig.messages().count == 3 && mailbox.left.isEmpty, "\(last)")
            }
        }
    }
}
