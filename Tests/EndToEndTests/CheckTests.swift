// What every command says of its rc, and by which name it says it.

import Glibc
import MailTestKit
import Testing

@Suite("checks and names")
struct CheckTests {
    private static let commands = ["mhfetch", "mhsend", "mhcarry", "mhqueue", "mhserve", "mhroute"]

    private let scratch = ScratchDirectory()

    private func rc(_ text: String) -> String {
        let top = "hostname hub.test\nstate \(scratch.file("state"))\nmaildirs \(scratch.file("Mail"))/%m\nlog none\n"
        return scratch.write(top + text + "\n", to: "rc")
    }

    private func run(_ command: String, _ arguments: String...) throws -> CommandResult {
        try InstalledCommands.run([command, "-C", scratch.file("rc")] + arguments, environment: ["HOME": scratch.path])
    }

    @Test("--check stands alone behind every command, and makes nothing")
    func alone() async throws {
        try await onThread {
            let rc = rc("mailbox m\naccount a\n  user u\n  password x\n  fetch imaps i.test\nlisten smtp 127.0.0.1:0")
            for command in Self.commands {
                let result = try run(command, "--check")
                #expect(result.status == 0 && result.outputText == "\(rc): good\n", "\(command) \(result)")
                #expect(result.errorText == "", "\(command)")
            }
            for words in [["show"], ["why"], ["rm"], ["try"], ["list"]] {
                let result = try InstalledCommands.run(["mhqueue"] + words + ["-C", rc, "--check"])
                #expect(result.status == 0 && result.outputText == "\(rc): good\n", "\(words) \(result)")
            }
            #expect(ScratchDirectory.names(in: scratch.path) == ["rc"])
        }
    }

    @Test("each command refuses what its own run would, at the line, and tells a warning without refusing")
    func perCommand() async throws {
        try await onThread {
            let one = try TestCertificate(in: scratch, name: "one")
            let two = try TestCertificate(in: scratch, name: "two")
            scratch.write("open to all\n", to: "open", mode: 0o644)
            scratch.write("no certificate", to: "trust")
            let rc = rc(
                """
                mailbox m
                  passwordfile \(scratch.file("open"))
                account a
                  user u
                  passwordeval no-such-program-here x
                  fetch imap i.test:993
                  folders INBOX, x -> a//b
                  tls_trust_file \(scratch.file("trust"))
                account b
                  address u@hub.test
                  passwordfile \(scratch.file("gone"))
                  send smtp s.test
                  tls off insecure
                listen pop3s 127.0.0.1:0
                  tls_certificate \(one.certificatePath) key \(two.keyPath)
                """)
            func check(_ command: String) throws -> [String] {
                let result = try run(command, "--check")
                #expect(result.status == 78, "\(command) \(result)")
                return result.errorText.split(separator: "\n").map { line in
                    // The place, and how the message begins.
                    #expect(line.hasPrefix("\(command): \(rc):"), "\(line)")
                    return String(line.dropFirst("\(command): \(rc):".count))
                }
            }
            func expect(_ found: [String], _ wanted: [(String, String)], _ command: String) {
                #expect(found.count == wanted.count, "\(command): \(found)")
                for (line, (place, words)) in zip(found, wanted) {
                    #expect(line.hasPrefix(place) && line.contains(words), "\(command): \(line)")
                }
            }
            let program = geteuid() == 0 ? "never run as root" : "no-such-program-here: cannot be started: not found in"
            expect(
                try check("mhfetch"),
                [
                    ("9:3: account a: ", program), ("10:3: account a: port 993 begins with TLS", "fetch imaps i.test"),
                    ("11:3: account a: folders: ", "a//b"), ("11:3: warning: ", "POP3 shows the inbox alone"),
                    ("12:3: account a: ", "tls_trust_file"),
                ], "mhfetch")
            let sending = [
                ("15:3: account b: ", "gone: cannot be read: No such file"), ("17:3: warning: ", "in clear"),
            ]
            expect(try check("mhcarry"), sending, "mhcarry")
            expect(try check("mhsend"), sending, "mhsend")
            expect(
                try check("mhserve"),
                [
                    ("6:3: mailbox m: ", "others may read it; run: chmod 600"),
                    ("11:3: warning: ", "POP3 shows the inbox alone"),
                    ("19:3: ", "is not the key of the certificate"),
                ], "mhserve")
            for command in ["mhqueue", "mhroute"] {
                #expect(try run(command, "--check").outputText == "\(rc): good\n")
            }
        }
    }

    @Test("a service without listeners, and a fetch without accounts, are faults of that command alone")
    func nothingToDo() async throws {
        try await onThread {
            _ = rc("mailbox m")
            for (command, words) in [("mhserve", "no `listen` line"), ("mhfetch", "no account has a `fetch` line")] {
                let result = try run(command, "--check")
                #expect(result.status == 78 && result.errorText.contains(words), "\(result)")
                #expect(try run(command).errorText.contains(words))
            }
            for command in ["mhsend", "mhcarry", "mhqueue", "mhroute"] {
                #expect(try run(command, "--check").status == 0)
            }
        }
    }

    @Test("a warning alone is told, and the rc is good")
    func warning() async throws {
        try await onThread {
            let rc = rc("mailbox m\naccount b\n  auth off\n  send smtp s.test\n  tls off insecure")
            let result = try run("mhcarry", "--check")
            #expect(result.status == 0 && result.outputText == "\(rc): good\n")
            #expect(
                result.errorText == "mhcarry: \(rc):9:3: warning: account b: mail goes to s.test in clear, for anybody "
                    + "between to read\n")
        }
    }

    @Test("FE11: what keeps a place of fetched mail from taking it is told, and words that do nothing")
    func places() async throws {
        try await onThread {
            scratch.makeFolder("box")
            scratch.write("no socket", to: "plain")
            let rc = rc(
                """
                mailbox m
                account b
                  owner m
                  fetch imap i.test
                  user u
                  password x
                  deliver mbox \(scratch.file("box"))
                  deliver mbox \(scratch.file("none/mbox"))
                  deliver lmtp \(scratch.file("missing"))
                  deliver lmtp \(scratch.file("plain"))
                  deliver smtp s.test tls off insecure
                account c : b
                  deliver maildir
                  from-line
                  from-quoting
                  fallback m
                account d : b
                  deliver program no-such-program-here %user
                """)
            let result = try InstalledCommands.run(
                ["mhfetch", "-C", rc, "--check"], environment: ["HOME": scratch.path], isOrdinary: true)
            let told = result.errorText.split(separator: "\n").map {
                $0.split(separator: ": account ", maxSplits: 1).last ?? ""
            }
            #expect(
                result.errorText.contains("rc:12:3: account b: deliver: \(scratch.file("none"))"), "each at its line")
            #expect(
                told == [
                    "b: deliver: \(scratch.file("box")): is a folder; an mbox is a file",
                    "b: deliver: \(scratch.file("none")): cannot open: No such file or directory",
                    "b: deliver: \(scratch.file("missing")): there is no such socket now",
                    "b: deliver: \(scratch.file("plain")): this is no socket",
                    "b: mail goes to s.test in clear, for anybody between to read",
                    "c: fetches from the mailbox of account b, so that its mail comes twice",
                    "c: from-line is for programs of \"deliver\", and there is none",
                    "c: from-quoting is for programs of \"deliver\", and there is none",
                    "c: its mail goes into its owner's Maildir alone, which refuses nothing, so that \"fallback\" gets none",
                    "d: fetches from the mailbox of account b, so that its mail comes twice",
                    "d: deliver: no-such-program-here: cannot be started: not found in /usr/local/bin:/usr/bin:/bin; write "
                        + "its whole path",
                ], "\(result.errorText)")
            #expect(result.status == 78)
        }
    }

    @Test("messages bear the name the command was called by, also those of the command that does the work")
    func names() async throws {
        try await onThread {
            _ = rc("mailbox m\nwhat")
            let folder = try InstalledCommands.directory()
            for name in ["sendmail", "mailq", "runq", "mailrm", "newaliases"] {
                #expect(unsafe symlink("\(folder)/mhsend", scratch.file(name)) == 0)
                let arguments =
                    ["-C", scratch.file("rc")] + (name == "mailrm" ? ["x"] : name == "sendmail" ? ["-bp"] : [])
                let result = try runProgram(
                    [scratch.file(name)] + arguments, environment: ["HOME": scratch.path, "PATH": "/usr/bin:/bin"])
                guard name != "newaliases" else {
                    #expect(result.status == 0, "\(result)")
                    continue
                }
                #expect(
                    result.status == 78 && result.errorText.hasPrefix("\(name): \(scratch.file("rc")):6:1: "),
                    "\(result)")
            }
            let odd = try runProgram([scratch.file("sendmail"), "--nonsense"], environment: ["HOME": scratch.path])
            #expect(odd.status == 64 && odd.errorText.hasPrefix("sendmail: unknown option --nonsense"), "\(odd)")
            for command in Self.commands {
                let result = try run(command, "--nonsense")
                #expect(result.status == 64 && result.errorText.hasPrefix("\(command): "), "\(result)")
            }
            let lost = try run("mhqueue", "try", "no-such-id")
            #expect(lost.errorText.hasPrefix("mhqueue: "), "\(lost)")
        }
    }

    @Test("a verb and an account that were mistyped name the nearest one")
    func nearest() async throws {
        try await onThread {
            _ = rc("mailbox m\naccount gmail\n  user u\n  password x\n  fetch imaps i.test")
            #expect(try run("mhfetch", "gmial").errorText.contains("no account \"gmial\"; did you mean \"gmail\"?"))
            #expect(try run("mhqueue", "shwo").errorText.contains("did you mean \"show\"?"))
            let way = try InstalledCommands.run(["mhroute", "shwo", "-C", scratch.file("rc"), "b@example.org"])
            #expect(way.status == 64 && way.errorText.contains("did you mean \"show\"?"), "\(way)")
            let box = try run("mhroute", "--as", "n", "b@example.org")
            #expect(box.status == 64 && box.errorText.contains("no such mailbox; did you mean \"m\"?"), "\(box)")
            let named = try run("mhroute", "--as", "m", "b@example.org")
            #expect(named.outputText.hasPrefix("to b@example.org, from <m@hub.test>, submitted by m\n"), "\(named)")
            let good = try run("mhroute", "b@example.org")
            #expect(good.status == 0 && good.outputText.hasPrefix("to b@example.org"), "\(good)")
        }
    }

    @Test("words that contradict each other are refused before anything is done")
    func contradictions() async throws {
        try await onThread {
            _ = rc("mailbox m\naccount a\n  user u\n  password x\n  fetch pop3s i.test")
            for command in ["mhfetch", "mhsend", "mhqueue", "mhserve", "mhroute"] {
                let both = try run(command, "--check", "--print-config")
                #expect(both.status == 64, "\(command) \(both)")
            }
            for words in [
                ["--check", "a"], ["--print-config", "a"], ["--check", "--status"], ["--check", "--folders"],
                ["--status", "--due"], ["--status", "--retry"], ["--status", "--accept-folder", "INBOX"],
            ] {
                let result = try InstalledCommands.run(
                    ["mhfetch", "-C", scratch.file("rc")] + words, environment: ["HOME": scratch.path])
                #expect(result.status == 64, "\(words) \(result)")
            }
            // POP3 has no folders that could have been renumbered.
            #expect(try run("mhfetch", "--accept-folder", "INBOX").status == 78)
            #expect(ScratchDirectory.names(in: scratch.path) == ["rc"])
        }
    }

    @Test("a server that greets in another protocol is told of as a matter of the rc")
    func otherProtocol() async throws {
        try await onThread {
            for (service, greeting, name) in [
                ("imap", "+OK Dovecot ready", "POP3"), ("imap", "220 mx ESMTP", "SMTP"),
                ("pop3", "* OK [CAPABILITY IMAP4rev1] ready", "IMAP"), ("pop3", "220-mx ESMTP", "SMTP"),
            ] {
                let server = try FakeServer([.line(greeting), .drain])
                let rig = FetchRig()
                rig.configure("\(service) 127.0.0.1:\(server.port)", "timeout 5", "tls off")
                let result = try rig.fetch()
                #expect(result.status == 76, "\(result)")
                #expect(
                    result.errorText.hasSuffix("that is \(name): look at the service and the port in the rc\n"),
                    "\(result)")
            }
        }
    }

    @Test("a server that says nothing is told of with the word to try", arguments: ["pop3", "imap"])
    func silent(_ service: String) async throws {
        try await onThread {
            let server = try FakeServer([.drain])
            let rig = FetchRig()
            rig.configure("\(service) 127.0.0.1:\(server.port)", "timeout 1", "tls off")
            let result = try rig.fetch()
            #expect(result.status == 75, "\(result)")
            #expect(
                result.errorText.contains(
                    "took the connection and says nothing; if port \(server.port) begins with TLS, write \"fetch "
                        + "\(service)s 127.0.0.1:\(server.port)\""), "\(result)")
            let hub = SendHub(plainTo: server.port, ["timeout 1"])
            try hub.queue(to: ["x@elsewhere.example"])
            #expect(try hub.run().errorText.contains("write \"send submissions 127.0.0.1:\(server.port)\""))
        }
    }
}
