// Runs that are for something else than fetching all that is new: FE8, FE17.

import Blocking
import Glibc
import MailTestKit
import Testing

@Suite("A run that seeds, flushes, only tells, or stops short")
struct FetchErrandTests {
    private func rig(_ dovecot: DovecotPeer, _ service: String, _ lines: String...) -> FetchRig {
        let rig = FetchRig()
        let port = service == "pop3s" ? dovecot.pop3sPort : dovecot.imapsPort
        rig.configure("\(service) localhost:\(port)", trusting: dovecot, lines.joined(separator: "\n  "))
        return rig
    }

    private func message(_ name: String, size: Int = 10) -> [UInt8] {
        Array("Subject: \(name)\n\n\(String(repeating: "x", count: size))\n".utf8)
    }

    private func fill(_ dovecot: DovecotPeer, _ range: ClosedRange<Int>) {
        for number in range { dovecot.deliver(message("\(number)"), number: number) }
    }

    @Test(
        "FE8, ask 6: --mark-seen takes what is there as known: only what comes later is fetched, and nothing of it is deleted",
        .needs(.dovecot), arguments: ["pop3s", "imaps"])
    func markSeen(_ service: String) async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            fill(dovecot, 1...3)
            let rig = rig(dovecot, service, "keep off")
            let seeded = try rig.fetch("--mark-seen", "peer")
            #expect(seeded.status == 0 && rig.messages().isEmpty, "\(seeded) \(dovecot.logs)")
            dovecot.deliver(message("4"), number: 4)
            #expect(try rig.fetch().status == 0)
            #expect(rig.messages() == [message("4")])
            #expect(counted(dovecot.messages()) == counted((1...3).map { message("\($0)") }))
            // Nor does anything of it go by --flush.
            #expect(try rig.fetch("--flush", "peer").status == 0 && dovecot.messages().count == 3)
            #expect(try rig.fetch("--status").outputText.contains("well"))
        }
    }

    @Test("FE8: --mark-seen --before takes only what came before that day; POP3 tells no days", .needs(.dovecot))
    func before() async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            fill(dovecot, 1...2)
            // The names of its files are of November 2023; what came in today has today's time.
            let path = dovecot.maildir() + "/new"
            let names = ScratchDirectory.names(in: path)
            var old = [timeval(tv_sec: 1_600_000_000, tv_usec: 0), timeval(tv_sec: 1_600_000_000, tv_usec: 0)]
            #expect(unsafe utimes("\(path)/\(names[0])", &old) == 0)
            let rig = rig(dovecot, "imaps")
            #expect(try rig.fetch("--mark-seen", "--before", "2021-01-01", "peer").status == 0, "\(dovecot.logs)")
            #expect(try rig.fetch().status == 0 && rig.messages() == [message("2")])
            let pop3 = self.rig(dovecot, "pop3s")
            let refused = try pop3.fetch("--mark-seen", "--before", "2021-01-01", "peer")
            #expect(refused.status == 78 && refused.errorText.contains("POP3 tells no dates"), "\(refused)")
        }
    }

    @Test(
        "FE17: --flush deletes what was fetched, whatever keep says, and nothing else", .needs(.dovecot),
        arguments: ["pop3s", "imaps"])
    func flush(_ service: String) async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            fill(dovecot, 1...3)
            let rig = rig(dovecot, service, "keep on")
            #expect(try rig.fetch().status == 0)
            dovecot.deliver(message("4"), number: 4)
            let flushed = try rig.fetch("--flush", "peer")
            #expect(flushed.status == 0, "\(flushed) \(dovecot.logs)")
            #expect(dovecot.messages() == [message("4")] && rig.messages().count == 3)
            #expect(try rig.fetch().status == 0 && rig.messages().count == 4)
        }
    }

    @Test(
        "FE17: --dry-run tells what would be done and writes nothing, here or there", .needs(.dovecot, .strace),
        arguments: ["pop3s", "imaps"])
    func dryRun(_ service: String) async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            fill(dovecot, 1...2)
            let rig = rig(dovecot, service, "keep off")
            func dry() throws -> CommandResult {
                let trace = rig.scratch.file("trace")
                let result = try runProgram(
                    [
                        "strace", "-f", "-o", trace, "-e",
                        "trace=open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,link,linkat,ftruncate,"
                            + "fallocate,utimensat,chmod,fchmod,fchmodat",
                        try InstalledCommands.path("mhfetch"), "-C", rig.scratch.file("mailhubrc"), "-v", "--dry-run",
                    ], environment: ["HOME": rig.scratch.path, "PATH": "/usr/bin:/bin"])
                let lines = String(decoding: ScratchDirectory.read(trace) ?? [], as: UTF8.self).split(separator: "\n")
                let writes = lines.filter { line in
                    let opens =
                        line.contains("open") && !["O_WRONLY", "O_RDWR", "O_CREAT"].contains { line.contains($0) }
                    let isHarmless =
                        opens || line.contains("/dev/null") || line.contains("/proc/self/task/") || line.contains("+++")
                        || line.contains("---")
                    return !isHarmless && !line.contains(rig.scratch.file("log"))
                }
                #expect(!lines.isEmpty && writes.isEmpty, "\(writes)")
                return result
            }
            let first = try dry()
            let from = service == "imaps" ? " from INBOX" : ""
            #expect(
                first.status == 0
                    && first.outputText.contains("peer: 2 messages would be fetched\(from), ")
                    && first.outputText.contains(" into \(rig.maildir); at the server they are deleted\n"), "\(first)")
            #expect(!ScratchDirectory.names(in: rig.scratch.path).contains("state") && dovecot.messages().count == 2)
            #expect(!ScratchDirectory.names(in: rig.scratch.path).contains("Mail"))
            rig.configure(
                "\(service) localhost:\(service == "pop3s" ? dovecot.pop3sPort : dovecot.imapsPort)", trusting: dovecot,
                "keep on")
            #expect(try rig.fetch().status == 0)
            rig.configure(
                "\(service) localhost:\(service == "pop3s" ? dovecot.pop3sPort : dovecot.imapsPort)", trusting: dovecot,
                service == "imaps" ? "move Done" : "keep off")
            let journal = rig.journal
            let second = try dry()
            let deed = service == "imaps" ? "moved from INBOX to Done" : "deleted"
            #expect(second.outputText.contains("peer: 2 messages would be \(deed)\n"), "\(second)")
            #expect(second.outputText.contains("nothing new"), "\(second)")
            #expect(rig.journal == journal && dovecot.messages().count == 2)
            #expect(!dovecot.logs.contains("deleted=1"), "\(dovecot.logs)")
        }
    }

    @Test(
        "FE8: a message over the size of `skip` stays, is told once, and comes when the rc lets it in",
        .needs(.dovecot),
        arguments: ["pop3s", "imaps"])
    func skip(_ service: String) async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            let large = message("large", size: 5000)
            dovecot.deliver(message("1"), number: 1)
            dovecot.deliver(large, number: 2)
            dovecot.deliver(message("3"), number: 3)
            let port = service == "pop3s" ? dovecot.pop3sPort : dovecot.imapsPort
            let rig = rig(dovecot, service, "skip over 4k", "keep off")
            let first = try rig.fetch()
            #expect(
                first.status == 0 && first.errorText.contains("octets, is not fetched, as \"skip\" says"), "\(first)")
            #expect(rig.messages().count == 2 && dovecot.messages() == [large])
            let second = try rig.fetch()
            #expect(second.status == 0 && second.errors.isEmpty && rig.messages().count == 2, "\(second)")
            rig.configure("\(service) localhost:\(port)", trusting: dovecot, "skip over 10k\n  keep off")
            #expect(try rig.fetch().status == 0 && rig.messages().contains(large) && dovecot.messages().isEmpty)
        }
    }

    @Test(
        "FE8: per-run stops after so many messages, or octets, and the next run goes on there", .needs(.dovecot),
        arguments: ["pop3s", "imaps"])
    func perRun(_ service: String) async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            fill(dovecot, 1...150)
            let port = service == "pop3s" ? dovecot.pop3sPort : dovecot.imapsPort
            let rig = rig(dovecot, service, "per-run 100", "keep on")
            #expect(try rig.fetch().status == 0 && rig.messages().count == 100, "\(dovecot.logs)")
            #expect(try rig.fetch("--status").outputText.contains("the rest follows"))
            #expect(try rig.fetch().status == 0 && rig.messages().count == 150)
            #expect(counted(rig.messages()) == counted((1...150).map { message("\($0)") }))
            try rig.reset()
            // Some 26 octets each; one at least is fetched, whatever its size.
            rig.configure("\(service) localhost:\(port)", trusting: dovecot, "per-run 1k")
            #expect(try rig.fetch().status == 0 && (20...60).contains(rig.messages().count), "\(rig.messages().count)")
        }
    }

    /// A filter that takes, deletes or passes over by the subject, and notes what it has seen.
    private func filter(in rig: FetchRig, hanging: Bool = false) -> String {
        rig.scratch.write(
            """
            #!/bin/sh
            header=$(cat)
            echo "$header" | sed -n 's/^Subject: //p' >> \(rig.scratch.file("seen"))
            case "$header" in
            *"Subject: spam"*) exit 1 ;;
            *"Subject: later"*) exit 2 ;;
            *"Subject: odd"*) \(hanging ? "exec sleep 100" : "exit 9") ;;
            esac
            exit 0
            """, to: "judge", mode: 0o700)
    }

    @Test(
        "FE8: a filter sees the header alone, and says what is fetched, deleted and passed over; one that fails stops nothing",
        .needs(.dovecot), arguments: ["pop3s", "imaps"])
    func filtered(_ service: String) async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            for (number, name) in ["one", "spam", "later", "odd", "two"].enumerated() {
                dovecot.deliver(message(name, size: 3000), number: number + 1)
            }
            let rig = rig(dovecot, service)
            let port = service == "pop3s" ? dovecot.pop3sPort : dovecot.imapsPort
            rig.configure("\(service) localhost:\(port)", trusting: dovecot, "filter \(filter(in: rig))")
            func seen() -> [Substring] {
                String(decoding: ScratchDirectory.read(rig.scratch.file("seen")) ?? [], as: UTF8.self).split(
                    separator: "\n")
            }
            let first = try rig.fetch(isOrdinary: true)
            #expect(first.status == 75 && first.errorText.contains("filter: "), "\(first) \(dovecot.logs)")
            #expect(first.errorText.contains("exit status 9"), "\(first)")
            #expect(counted(rig.messages()) == counted(["one", "two"].map { message($0, size: 3000) }))
            #expect(
                counted(dovecot.messages()) == counted(["one", "later", "odd", "two"].map { message($0, size: 3000) }))
            #expect(seen().sorted() == ["later", "odd", "one", "spam", "two"])
            // The next run asks only about what could not be judged; what was passed over stays so.
            #expect(try rig.fetch(isOrdinary: true).status == 75)
            #expect(seen().count == 6 && seen().last == "odd" && rig.messages().count == 2)
            #expect(try rig.fetch("--status").outputText.contains("  failed "))
            // `keep off` deletes what was fetched, and not what was passed over.
            rig.configure("\(service) localhost:\(port)", trusting: dovecot, "keep off")
            #expect(try rig.fetch("--retry").status == 0)
            #expect(dovecot.messages() == [message("later", size: 3000)])
        }
    }

    @Test("FE8: a filter that hangs is stopped with the run, and nothing is fetched unseen", .needs(.dovecot))
    func hangingFilter() async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            dovecot.deliver(message("odd"), number: 1)
            let rig = rig(dovecot, "imaps")
            rig.configure(
                "imaps localhost:\(dovecot.imapsPort)", trusting: dovecot, "filter \(filter(in: rig, hanging: true))")
            let command = RunningCommand()
            try rig.start(by: OrdinaryUser.prefix, as: command)
            let deadline = Deadline(after: .seconds(20))
            while ScratchDirectory.read(rig.scratch.file("seen")) == nil, !deadline.hasPassed { usleep(10_000) }
            command.signal(SIGTERM)
            #expect(command.end()?.signal == SIGTERM)
            #expect(rig.messages().isEmpty && dovecot.messages().count == 1)
            // The order to stop is not the message's fault.
            #expect(!rig.journal.contains { $0.hasPrefix("fail ") })
        }
    }

    /// Messages with a Message-ID each.
    private func letters(_ range: ClosedRange<Int>) -> [[UInt8]] {
        range.map { Array("Subject: \($0)\nMessage-Id:\n  <\($0)@example.org> \n\nx\n".utf8) }
    }

    @Test(
        "FE8, ask 6: --reindex takes as known what is here by its Message-ID, wherever it was put, and fetches the rest",
        .needs(.dovecot), arguments: ["pop3s", "imaps"])
    func reindex(_ service: String) async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            for (number, letter) in letters(1...4).enumerated() { dovecot.deliver(letter, number: number + 1) }
            let rig = rig(dovecot, service, "keep off")
            let port = service == "pop3s" ? dovecot.pop3sPort : dovecot.imapsPort
            rig.configure("\(service) localhost:\(port)", trusting: dovecot, "keep on")
            #expect(try rig.fetch().status == 0)
            // One has been read, one filed, and the state is lost.
            let new = "\(rig.maildir)/new"
            let names = ScratchDirectory.names(in: new)
            for folder in [".Filed", ".Filed/new", ".Filed/cur", ".Filed/tmp"] {
                _ = unsafe mkdir("\(rig.maildir)/\(folder)", 0o700)
            }
            #expect(unsafe rename("\(new)/\(names[0])", "\(rig.maildir)/cur/\(names[0]):2,S") == 0)
            #expect(unsafe rename("\(new)/\(names[1])", "\(rig.maildir)/.Filed/cur/\(names[1]):2,S") == 0)
            _ = try runProgram(["rm", "-rf", rig.scratch.file("state")])
            for (number, letter) in letters(5...6).enumerated() { dovecot.deliver(letter, number: number + 5) }
            rig.configure("\(service) localhost:\(port)", trusting: dovecot, "keep off")
            let result = try rig.fetch("--reindex", "peer")
            #expect(result.status == 0, "\(result) \(dovecot.logs)")
            #expect(counted(rig.messages() + rig.messages(folder: "Filed")) == counted(letters(1...6)))
            // What was only taken as known stays at the server.
            #expect(counted(dovecot.messages()) == counted(letters(1...4)))
            #expect(try rig.fetch().status == 0 && rig.messages().count == 5)
        }
    }

    @Test(
        "FE5, ask 7: --reindex is the third way out of a renumbering, and is printed with the others", .needs(.dovecot))
    func renumbered() async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            for (number, letter) in letters(1...3).enumerated() { dovecot.deliver(letter, number: number + 1) }
            let rig = rig(dovecot, "imaps")
            #expect(try rig.fetch().status == 0)
            let script = """
                cd "$1" && rm -f dovecot.index* dovecot.list.index* &&
                awk 'NR == 1 { for (i = 2; i <= NF; i++) if ($i ~ /^V/) $i = "V" (substr($i, 2) + 7) } { print }' \
                dovecot-uidlist >x && cat x >dovecot-uidlist && rm x
                """
            #expect(try runProgram(["sh", "-c", script, "sh", dovecot.maildir()]).status == 0)
            dovecot.deliver(letters(4...4)[0], number: 4)
            let stopped = try rig.fetch()
            #expect(
                stopped.status == 75 && stopped.errorText.contains("--reindex peer (fetch what is not here yet"),
                "\(stopped)")
            let result = try rig.fetch("--reindex", "peer")
            #expect(result.status == 0 && counted(rig.messages()) == counted(letters(1...4)), "\(result)")
            #expect(try rig.fetch().status == 0 && rig.messages().count == 4)
        }
    }

    @Test(
        "FE15: --count tells what is there, --probe whom we meet and how; neither fetches or writes anything",
        .needs(.dovecot), arguments: ["pop3s", "imaps"])
    func look(_ service: String) async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            fill(dovecot, 1...3)
            let rig = rig(dovecot, service)
            let counted = try rig.fetch("--count")
            let size = (1...3).reduce(0) { $0 + message("\($1)").count + 3 }
            let place = service == "imaps" ? "INBOX: " : ""
            #expect(
                counted.status == 0 && counted.outputText == "peer: \(place)3 messages, \(size) octets\n", "\(counted)")
            let probed = try rig.fetch("--probe", "peer")
            #expect(probed.status == 0, "\(probed)")
            for words in [
                "peer: \(service) localhost port ", "connected to 127.0.0.1:", "TLSv1.3, TLS_",
                "certificate of CN=localhost, valid until 20",
                "tls_fingerprint \(dovecot.certificate.fingerprint)", "tls_fingerprint sha256//", "offers ",
                "the login was accepted, by SCRAM-SHA-256",
            ] {
                #expect(probed.outputText.contains(words), "\(words): \(probed)")
            }
            // What it prints is good to be pinned.
            let pin = try #require(probed.outputText.split(separator: "\n").first { $0.contains("sha256//") })
            let pinned = FetchRig()
            let port = service == "pop3s" ? dovecot.pop3sPort : dovecot.imapsPort
            pinned.configure("\(service) localhost:\(port)", String(pin.drop { $0 == " " }))
            #expect(try pinned.fetch("--probe").status == 0)
            #expect(!ScratchDirectory.names(in: rig.scratch.path).contains("state"))
            let wrong = FetchRig()
            wrong.configure(
                "\(service) localhost:\(port)", "tls_trust_file \(dovecot.certificate.certificatePath)",
                password: "wrong")
            #expect(try wrong.fetch("--probe").status == 77 && wrong.fetch("--count").status == 77)
        }
    }

    @Test(
        "FE8: a filter that cannot do what it should hides no mail: its complaint makes it a failure", .needs(.dovecot))
    func brokenFilter() async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            fill(dovecot, 1...3)
            let rig = rig(dovecot, "imaps")
            func configure(_ filter: String) {
                rig.configure("imaps localhost:\(dovecot.imapsPort)", trusting: dovecot, "filter \(filter)")
            }
            // sh ends with 2 when there is no such script, python with 1 after a traceback.
            for filter in ["sh \(rig.scratch.file("missing"))", "python3 -c \"import nosuchmodule\""] {
                configure(filter)
                let result = try rig.fetch(isOrdinary: true)
                #expect(result.status == 75 && result.errorText.contains("filter: "), "\(result)")
            }
            // One that is not there counts against no message, and --check tells of it.
            configure(rig.scratch.file("missing"))
            let missing = try rig.fetch(isOrdinary: true)
            #expect(missing.status == 78 && missing.errorText.contains("cannot be started"), "\(missing)")
            let check = try InstalledCommands.run(
                ["mhfetch", "-C", rig.scratch.file("mailhubrc"), "--check"], environment: ["HOME": rig.scratch.path],
                isOrdinary: true)
            #expect(check.status == 78 && check.errorText.contains("filter: "), "\(check)")
            #expect(dovecot.messages().count == 3 && rig.messages().isEmpty)
            configure("true")
            #expect(try rig.fetch(isOrdinary: true).status == 0 && rig.messages().count == 3)
        }
    }

    @Test("a filter deletes no message that shares its id with another, and asks no server twice to delete")
    func sharedIDs() async throws {
        try await onThread {
            func header(_ number: Int, _ subject: String) -> [FakeServer.Step] {
                [.expect("TOP \(number) 0"), .line("+OK"), .octets(Array("Subject: \(subject)\r\n\r\n.\r\n".utf8))]
            }
            let script = FetchHostileTests.self
            let server = try FakeServer(
                script.login + script.listing(["x", "x", "y", "z"]) + header(1, "spam") + header(2, "x")
                    + header(3, "spam")
                    + [.expect("TOP 4 0"), .line("+OK"), .line(".")] + [.expect("DELE 3"), .line("-ERR no")]
                    + script.message(2) + script.message(4) + script.farewell,
                script.login + script.listing(["x", "x", "y", "z"], sizes: false) + script.farewell)
            let rig = FetchRig()
            rig.configure(
                "pop3 127.0.0.1:\(server.port)", "tls off", "timeout 5", "filter \"\(filter(in: rig))\"")
            for _ in 1...2 {
                let result = try rig.fetch(isOrdinary: true)
                #expect(result.status == 0 && rig.messages().count == 2, "\(result) \(server.sessions)")
            }
            #expect(!server.stop().contains { !$0.finished }, "\(server.sessions)")
        }
    }

    @Test(
        "FE8, ask 6: --reindex: a letter with another's Message-ID is not taken for it; fields of this house's are no difference",
        .needs(.dovecot))
    func forgedID() async throws {
        try await onThread {
            func letter(_ from: String, _ stamp: String) -> [UInt8] {
                let header = [
                    "Received: from b by c; \(stamp)", "Received: from a by b; \(stamp)",
                    "Message-ID: <same@example.org>",
                    "From: \(from)", "Date: Sun, 22 Nov 2026 10:00:00 +0000",
                ]
                return Array((header + ["", "x", ""]).joined(separator: "\n").utf8)
            }
            let here = letter("a@example.org", "1")
            let dovecot = try DovecotPeer()
            dovecot.deliver(here, number: 1)
            let rig = FetchRig()
            rig.configure("imaps localhost:\(dovecot.imapsPort)", trusting: dovecot, "received_header\n  delivered-to")
            #expect(try rig.fetch().status == 0)
            _ = try runProgram(["rm", "-rf", rig.scratch.file("state")])
            dovecot.deliver(letter("forger@example.org", "1"), number: 2)
            dovecot.deliver(letter("a@example.org", "2"), number: 3)
            let result = try rig.fetch("--reindex", "peer")
            #expect(result.status == 0 && rig.messages().count == 3, "\(result)")
            // Of two that look alike, one of which is here, the other one is fetched.
            _ = try runProgram(["rm", "-rf", rig.scratch.file("state")])
            dovecot.deliver(Array("\(String(decoding: here, as: UTF8.self))another body\n".utf8), number: 4)
            let twins = try rig.fetch("--reindex", "peer")
            #expect(twins.status == 0 && rig.messages().count == 4, "\(twins)")
        }
    }

    @Test(
        "FE8: a filter that never ends makes a failure of its message, and at the second ends the run", .needs(.dovecot)
    )
    func endlessFilter() async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            fill(dovecot, 1...3)
            let rig = FetchRig()
            let script = rig.scratch.write("#!/bin/sh\nexec sleep 600.1234\n", to: "endless", mode: 0o755)
            rig.configure("imaps localhost:\(dovecot.imapsPort)", trusting: dovecot, "filter \(script)")
            let result = try rig.fetch(isOrdinary: true, deadline: .seconds(200))
            #expect(
                result.status == 75
                    && result.errorText.contains("mhfetch: peer: message UID 1 of INBOX could not be fetched: filter: "),
                "\(result)")
            #expect(result.elapsed > .seconds(100) && rig.messages().isEmpty)
            #expect(rig.journal.count { $0.hasPrefix("fail ") } == 1, "\(rig.journal)")
            let left = try runProgram(["pgrep", "-f", "sleep 600.1234"])
            #expect(left.status == 1, "\(left)")
        }
    }
}
