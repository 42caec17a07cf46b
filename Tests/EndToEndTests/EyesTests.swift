// What a person or a program sees of a run: FE15, FE16, OP3.

import Glibc
import MailTestKit
import Testing

@Suite("What is seen of a run, and what never is")
struct EyesTests {
    private func message(_ name: String, size: Int = 10) -> [UInt8] {
        Array("Subject: \(name)\n\n\(String(repeating: "x", count: size))\n".utf8)
    }

    private func rig(_ dovecot: DovecotPeer, _ service: String, _ lines: String...) -> FetchRig {
        let rig = FetchRig()
        let port = service == "pop3s" ? dovecot.pop3sPort : dovecot.imapsPort
        rig.configure("\(service) localhost:\(port)", trusting: dovecot, lines.joined(separator: "\n  "))
        return rig
    }

    @Test("ask 30: -v names host, login, TLS and folder; without it nothing is said", .needs(.dovecot))
    func verbose() async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            dovecot.deliver(message("1"), number: 1)
            let rig = rig(dovecot, "imaps")
            let told = try rig.fetch("-v").errorText
            for words in [
                "peer: localhost:\(dovecot.imapsPort), as alice by ", ", TLSv1.3, TLS_",
                "peer: folder INBOX: 1 message",
                "peer: 1 fetched (23 octets)",
            ] {
                #expect(told.contains(words), "\(words): \(told)")
            }
            let silent = try rig.fetch()
            #expect(silent.errors.isEmpty && silent.output.isEmpty, "\(silent)")
        }
    }

    @Test(
        "OP3: -vv and transcript show what is said with the server, of content the length, and no secret, as one",
        .needs(.dovecot), arguments: ["pop3s", "imaps"])
    func transcript(_ service: String) async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            dovecot.deliver(message("hidden in the letter", size: 3000), number: 1)
            let rig = rig(dovecot, service)
            let folder = rig.scratch.file("transcripts")
            let port = service == "pop3s" ? dovecot.pop3sPort : dovecot.imapsPort
            for auth in ["plain", "login", "auto"] {
                rig.configure(
                    "\(service) localhost:\(port)", trusting: dovecot, "transcript \(folder)\n  auth \(auth)\n  keep on"
                )
                let result = try rig.fetch("-vv")
                #expect(result.status == 0, "\(result) \(dovecot.logs)")
                let shown = result.errorText.split(separator: "\n").map(String.init).filter {
                    $0.hasPrefix("mhfetch: peer: > ") || $0.hasPrefix("mhfetch: peer: < ")
                }
                #expect(shown.contains { $0.contains("[secret]") } || auth == "auto", "\(auth): \(result)")
                #expect(shown.contains { $0.contains(service == "pop3s" ? "> UIDL" : "> a") }, "\(result)")
                // SCRAM's salt, its count of rounds, and its proof: with these a password can be guessed.
                #expect(shown.contains { $0.hasSuffix("< + [challenge]") } == (auth != "plain"), "\(shown)")
                for start in ["+ cj", "+ dj"] { #expect(!result.errorText.contains(start), "\(result.errorText)") }
                if auth == "plain" { #expect(shown.contains { $0.contains(" octets]") }, "\(shown)") }
                // Neither the password nor any coding of it, nor the letter.
                for secret in ["secret\"", " secret", "c2VjcmV0", "AHNlY3JldA", "hidden in the letter"] {
                    #expect(!result.errorText.contains(secret), "\(auth), \(secret): \(result.errorText)")
                }
                let names = ScratchDirectory.names(in: folder)
                let files = names.map {
                    String(decoding: ScratchDirectory.read("\(folder)/\($0)") ?? [], as: UTF8.self)
                }
                let written = shown.map { String($0.dropFirst("mhfetch: peer: ".count)) }.joined(separator: "\n") + "\n"
                #expect(files.contains(written), "\(files)")
                for name in names {
                    var status = stat()
                    #expect(unsafe stat("\(folder)/\(name)", &status) == 0 && status.st_mode & 0o777 == 0o600)
                    #expect(name.hasPrefix("peer-\(service)-") && name.hasSuffix(".transcript"), "\(name)")
                }
            }
            #expect(ScratchDirectory.names(in: folder).count == 3)
        }
    }

    @Test(
        "OP3: a server that repeats what it refuses brings the password nowhere: transcript, -vv, errors, log, state, status"
    )
    func echo() async throws {
        try await onThread {
            let plain = "AGFsaWNlAGhvcnNlYmF0dGVyeQ=="
            let server = try FakeServer(
                [
                    .line("* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hello"), .expect("a1 AUTHENTICATE PLAIN"),
                    .line("* OK I was told \(plain) and horsebattery"),
                    .line("a1 NO [AUTHENTICATIONFAILED] AUTHENTICATE PLAIN \(plain) is not alice horsebattery"),
                ],
                [
                    .line("* OK [CAPABILITY IMAP4rev1] hello"), .expect("a1 LOGIN"),
                    .line("a1 NO a1 LOGIN alice \"horsebattery\" aG9yc2ViYXR0ZXJ5"),
                ],
                [
                    .line("* OK [CAPABILITY IMAP4rev1] hello"), .expect("a1 LOGIN"), .line("+ horsebattery?"),
                    .line("a1 NO"),
                ])
            let rig = FetchRig()
            let folder = rig.scratch.file("transcripts")
            for (run, auth) in ["plain", "auto", "login"].enumerated() {
                rig.configure(
                    "imap 127.0.0.1:\(server.port)", "tls off", "timeout 5", "transcript \(folder)", "auth \(auth)",
                    password: "horsebattery")
                let result = try rig.fetch("-vv", "--json")
                #expect(result.status == (run == 2 ? 76 : 77), "\(run): \(result) \(server.sessions)")
                let status = try rig.fetch("--status", "--json")
                var texts = [result.errorText, result.outputText, status.outputText, rig.log, "\(rig.journal)"]
                for path in ["transcripts", "state/login"] {
                    for name in ScratchDirectory.names(in: rig.scratch.file(path)) {
                        let octets = ScratchDirectory.read(rig.scratch.file("\(path)/\(name)")) ?? []
                        texts.append(String(decoding: octets, as: UTF8.self))
                    }
                }
                for text in texts {
                    for secret in ["horsebattery", plain, "aG9yc2ViYXR0ZXJ5"] {
                        #expect(!text.contains(secret), "\(run), \(secret): \(text)")
                    }
                }
                #expect(result.errorText.contains("[secret]") && texts.count > 6, "\(run): \(texts)")
            }
        }
    }

    @Test(
        "OP3: a transcript holds 64 KiB of a session, and its folder no files that are older than a week; others stay")
    func transcriptLimits() async throws {
        try await onThread {
            let ids = (1...4000).map { FakeServer.Step.line("\($0) a-rather-long-unique-id-of-a-message-\($0)") }
            let server = try FakeServer(
                [
                    .line("+OK fake"), .expect("CAPA"), .line("-ERR"), .expect("USER alice"), .line("+OK"),
                    .expect("PASS secret"), .line("+OK"), .expect("CAPA"), .line("-ERR"), .expect("UIDL"), .line("+OK"),
                ] + ids + [.line("."), .expect("QUIT"), .line("+OK")])
            let rig = FetchRig()
            let folder = rig.scratch.file("transcripts")
            rig.configure("pop3 127.0.0.1:\(server.port)", "tls off", "timeout 5", "transcript \(folder)")
            for name in ["old-1-2.3.transcript", "old.transcript", "new-1-2.3.transcript"] {
                _ = try runProgram(["mkdir", "-p", folder])
                rig.scratch.write("x", to: "transcripts/\(name)")
                let age = name.hasPrefix("old") ? 8 * 86_400 : 6 * 86_400
                var times = [
                    timeval(tv_sec: time(nil) - age, tv_usec: 0), timeval(tv_sec: time(nil) - age, tv_usec: 0),
                ]
                #expect(unsafe utimes("\(folder)/\(name)", &times) == 0)
            }
            #expect(try rig.fetch("--mark-seen", "peer").status == 0, "\(server.sessions)")
            let names = ScratchDirectory.names(in: folder)
            #expect(
                names.count == 3 && names.contains("old.transcript") && names.contains("new-1-2.3.transcript"),
                "\(names)")
            let own = try #require(names.first { $0.hasPrefix("peer-pop3-") })
            let text = String(decoding: ScratchDirectory.read("\(folder)/\(own)") ?? [], as: UTF8.self)
            #expect(text.utf8.count < 66_000 && text.hasSuffix("[cut here]\n") && text.contains("> PASS [secret]\n"))
        }
    }

    @Test("--json tells of each run in an object a line, also of one that fails", .needs(.dovecot))
    func summary() async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            dovecot.deliver(message("1"), number: 1)
            let rig = rig(dovecot, "imaps", "keep off")
            let result = try rig.fetch("--json")
            #expect(
                result.outputText.hasPrefix(
                    #"{"v":1,"account":"peer","status":0,"words":"","messages":1,"octets":23,"deleted":1,"failed":0,"gone":0,"#
                        + #""passed":0,"stopped":0,"waiting":0,"seconds":"#), "\(result)")
            rig.configure("imaps localhost:1")
            let failed = try rig.fetch("--json")
            #expect(
                failed.status == 75
                    && failed.outputText.hasPrefix(#"{"v":1,"account":"peer","status":75,"words":"localhost"#),
                "\(failed)")
            #expect(try rig.fetch("--json", "--count").status == 64)
        }
    }

    @Test(
        "FE15, ask 30: log-messages: a line for each message that is safe; and what all runs have fetched",
        .needs(.dovecot))
    func messageLog() async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            for number in 1...3 { dovecot.deliver(message("\(number)"), number: number) }
            let rig = rig(dovecot, "imaps", "log-messages")
            #expect(try rig.fetch().status == 0)
            let lines = rig.log.split(separator: "\n").filter {
                $0.contains(": delivered account=peer folder=INBOX uid=")
            }
            #expect(lines.count == 3 && lines.allSatisfy { $0.hasSuffix(" octets=23") }, "\(rig.log)")
            rig.configure("pop3s localhost:\(dovecot.pop3sPort)", trusting: dovecot, "log-messages")
            #expect(try rig.fetch().status == 0)
            #expect(rig.log.split(separator: "\n").count { $0.contains(": delivered account=peer uidl=") } == 3)
            var now = time(nil)
            var parts = unsafe tm()
            unsafe gmtime_r(&now, &parts)
            let status = try rig.fetch("--status").outputText
            #expect(status.contains("; 6 messages (138 octets) fetched since 20"), "\(status)")
            let json = try rig.fetch("--status", "--json").outputText
            #expect(json.contains(#""messages":6,"messageoctets":138,"#) && json.contains(#""since":17"#), "\(json)")
            // What is there is kept when the journal is written anew.
            for _ in 0..<110 { #expect(try rig.fetch().status == 0) }
            #expect(
                rig.journal.contains { $0.hasPrefix("since ") } && rig.journal.contains("sum 6 138"), "\(rig.journal)")
        }
    }

    @Test("FE16: on a terminal a line tells how far a long run has come, and is taken away at its end")
    func progress() async throws {
        try await onThread {
            let body = Array("Subject: x\r\n\r\n\(String(repeating: "y", count: 40))\r\n.\r\n".utf8)
            let server = try FakeServer([
                .line("+OK fake"), .expect("CAPA"), .line("-ERR"), .expect("USER alice"), .line("+OK"),
                .expect("PASS secret"), .line("+OK"), .expect("CAPA"), .line("-ERR"), .expect("UIDL"), .line("+OK"),
                .line("1 a"), .line("2 b"), .line("."), .expect("LIST"), .line("+OK"), .line("1 58"), .line("2 58"),
                .line("."), .expect("RETR 1"), .line("+OK"), .drip(body, every: .milliseconds(30)), .expect("RETR 2"),
                .line("+OK"), .drip(body, every: .milliseconds(30)), .expect("QUIT"), .line("+OK"),
            ])
            let rig = FetchRig()
            rig.configure("pop3 127.0.0.1:\(server.port)", "tls off", "timeout 5")
            let command = [try InstalledCommands.path("mhfetch"), "-C", rig.scratch.file("mailhubrc")]
            let terminal = try runProgram(
                ["script", "-qec", command.joined(separator: " "), "/dev/null"],
                environment: ["HOME": rig.scratch.path, "PATH": "/usr/bin:/bin", "TERM": "xterm"])
            #expect(terminal.status == 0, "\(terminal) \(server.sessions)")
            let text = terminal.outputText
            #expect(text.contains("peer: 0 of 2 messages, ") && text.contains(" of 116 octets, "), "\(text)")
            #expect(text.contains("/s, 0:0") && text.contains(" left"), "\(text)")
            #expect(text.hasSuffix("\r\u{1B}[J"), "\(text.debugDescription)")
            #expect(rig.messages().count == 2)
        }
    }

    @Test("FE16, ask 30: a long run without a terminal says nothing, whatever TERM is")
    func silence() async throws {
        try await onThread {
            let server = try FakeServer([
                .line("+OK fake"), .expect("CAPA"), .line("-ERR"), .expect("USER alice"), .line("+OK"),
                .expect("PASS secret"), .line("+OK"), .expect("CAPA"), .line("-ERR"), .expect("UIDL"), .line("+OK"),
                .line("1 a"), .line("."), .expect("LIST"), .line("+OK"), .line("1 58"), .line("."), .expect("RETR 1"),
                .line("+OK"),
                .drip(
                    Array("Subject: x\r\n\r\n\(String(repeating: "y", count: 60))\r\n.\r\n".utf8),
                    every: .milliseconds(40)),
                .expect("QUIT"), .line("+OK"),
            ])
            let rig = FetchRig()
            rig.configure("pop3 127.0.0.1:\(server.port)", "tls off", "timeout 5")
            let result = try InstalledCommands.run(
                ["mhfetch", "-C", rig.scratch.file("mailhubrc")],
                environment: ["HOME": rig.scratch.path, "TERM": "xterm"])
            #expect(result.status == 0 && result.elapsed > .seconds(2), "\(result)")
            #expect(result.output.isEmpty && result.errors.isEmpty, "\(result)")
        }
    }

    @Test(
        "OP3: a transcript is not written where others may write, or by a full disk; it is told, and mail is fetched",
        .needs(.dovecot))
    func noTranscript() async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            let rig = FetchRig()
            let open = rig.scratch.file("open")
            rig.scratch.makeFolder("open")
            _ = unsafe chmod(open, 0o777)
            for (number, place) in [open, "/dev/full/transcripts"].enumerated() {
                dovecot.deliver(smallMessages(2)[number], number: number + 1)
                rig.configure("imaps localhost:\(dovecot.imapsPort)", trusting: dovecot, "transcript \(place)")
                let result = try rig.fetch()
                #expect(rig.messages().count == number + 1 || result.status == 78, "\(place): \(result)")
                #expect(result.errorText.contains(place), "\(place): \(result)")
                #expect(ScratchDirectory.names(in: open).isEmpty)
            }
        }
    }
}
