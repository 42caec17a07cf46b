// mhfetch --idle: one process that watches all accounts.

import Blocking
import Glibc
import MailTestKit
import Testing

@Suite("mhfetch --idle")
struct FetchIdleTests {
    /// A hub whose accounts are watched.
    private final class WatchRig: Sendable {
        let rig = FetchRig()
        let process = RunningCommand()

        var rc: String { rig.scratch.file("mailhubrc") }

        deinit { if pid > 0 { _ = end(SIGKILL) } }

        /// Writes the rc: each account has a mailbox of its name.
        /// - Parameter accounts: for each its name, and its lines.
        func configure(_ accounts: [(name: String, lines: [String])]) {
            let head = """
                hostname hub.test
                state \(rig.scratch.file("state"))
                maildirs \(rig.scratch.file("Mail"))/%m
                log \(rig.scratch.file("log"))
                alert-after off

                """
            let blocks = accounts.map { name, lines in
                let words = ["owner \(name)", "user \(name)"] + lines
                return "mailbox \(name)\naccount \(name)\n" + words.map { "  \($0)\n" }.joined()
            }
            rig.scratch.write(head + blocks.joined(), to: "mailhubrc")
        }

        func configure(_ names: [String], by server: IdleServer, _ lines: String...) {
            configure(names.map { ($0, ["password x", "tls off", "fetch imap 127.0.0.1:\(server.port)"] + lines) })
        }

        /// - Parameter files: how many it may have open.
        func start(
            _ arguments: String..., by words: [String] = [], files: Int? = nil, environment: [String: String] = [:]
        ) throws {
            let words = words + (files.map { ["/bin/sh", "-c", "ulimit -n \($0); exec \"$0\" \"$@\""] } ?? [])
            let command = [try InstalledCommands.path("mhfetch"), "-C", rc, "--idle"] + arguments
            process.set(
                try ServerProcess(
                    words + command,
                    environment: [
                        "HOME": rig.scratch.path, "PATH": "/usr/bin:/bin", "SWIFT_BACKTRACE": "enable=no",
                    ].merging(environment) { _, new in new },
                    logs: [rig.scratch.file("out")]))
        }

        func end(_ signal: Int32) -> ChildEnd? {
            process.signal(signal)
            return process.end()
        }

        var pid: pid_t { process.pid }
        var said: String { String(decoding: ScratchDirectory.read(rig.scratch.file("out")) ?? [], as: UTF8.self) }

        func messages(of name: String) -> [[UInt8]] {
            ScratchDirectory.names(in: rig.scratch.file("Mail/\(name)/new")).compactMap {
                ScratchDirectory.read(rig.scratch.file("Mail/\(name)/new/\($0)"))
            }
        }

        /// Waits until `condition` holds.
        func wait(
            _ what: String, patience: Duration = .seconds(60), _ condition: () throws -> Bool,
            at location: SourceLocation = #_sourceLocation
        ) throws {
            let deadline = Deadline(after: patience)
            while try !condition() {
                let isOver = deadline.hasPassed
                try #require(
                    !isOver, "\(what): \(said.suffix(2000))\n\(rig.log.suffix(4000))", sourceLocation: location)
                usleep(10_000)
            }
        }
    }

    /// A hub that waits for news of the one account `a`.
    private func watching(
        _ server: IdleServer, _ line: String = "idle on", environment: [String: String] = [:]
    ) throws -> WatchRig {
        let rig = WatchRig()
        rig.configure(["a"], by: server, line)
        try rig.start(environment: environment)
        try rig.wait("it waits") { server.seen.idlers.count == 1 }
        return rig
    }

    private func names(_ count: Int) -> [String] { (1...count).map { "u\($0)" } }

    @Test("FE6: mail is fetched as it comes, each once; told to stop it stops, and says nothing")
    func news() async throws {
        try await onThread {
            let server = try IdleServer()
            let rig = WatchRig()
            let names = names(3)
            rig.configure(names, by: server)
            server.deliver(to: "u1")
            try rig.start()
            try rig.wait("all wait") { server.seen.idlers.count == 3 }
            #expect(rig.messages(of: "u1").count == 1)
            for number in 1...5 {
                for name in names { server.deliver(to: name) }
                try rig.wait("news \(number)") {
                    names.allSatisfy { rig.messages(of: $0).count == number + ($0 == "u1" ? 1 : 0) }
                }
            }
            for name in names {
                let expected = (1...(name == "u1" ? 6 : 5)).map { IdleServer.message($0, of: name) }
                #expect(counted(rig.messages(of: name)) == counted(expected))
            }
            #expect(server.seen.logins.sorted() == names, "one login each")
            #expect(rig.end(SIGTERM)?.signal == SIGTERM)
            #expect(rig.said.isEmpty, "\(rig.said)")
        }
    }

    @Test("FE6, ask 9: fifty accounts over TLS in one process below 64 MB, all of them told at once", .needs(.dovecot))
    func fifty() async throws {
        try await onThread {
            let names = names(50)
            let dovecot = try DovecotPeer(users: Dictionary(uniqueKeysWithValues: names.map { ($0, "x") }))
            let rig = WatchRig()
            rig.configure(
                names.map { name in
                    (
                        name,
                        [
                            "password x", "fetch imaps localhost:\(dovecot.imapsPort)",
                            "tls_trust_file \(dovecot.certificate.certificatePath)",
                        ]
                    )
                })
            try rig.start()
            let wire = smallMessages(2)
            for (number, message) in wire.enumerated() {
                for name in names { dovecot.deliver(message, to: name, number: number + 1) }
                try rig.wait("all have message \(number)") {
                    names.allSatisfy { rig.messages(of: $0).count == number + 1 }
                }
            }
            // The most that it ever had.
            let status = String(decoding: ScratchDirectory.read("/proc/\(rig.pid)/status") ?? [], as: UTF8.self)
            let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
            let size = try #require(Int(line.filter(\.isNumber)))
            #expect(size < 64 * 1024, "\(status)")
            #expect(rig.end(SIGTERM)?.signal == SIGTERM)
            #expect(rig.said.isEmpty, "\(rig.said)")
        }
    }

    @Test(
        "FE6, ask 9: where all connections end while the process stands still, four at a time are made again, and mail comes"
    )
    func storm() async throws {
        try await onThread {
            let server = try IdleServer(loginTime: .milliseconds(100))
            let rig = WatchRig()
            let names = names(50)
            rig.configure(names, by: server)
            try rig.start()
            try rig.wait("all wait") { server.seen.idlers.count == 50 }
            #expect(server.seen.mostDialing == 4)
            rig.process.signal(SIGSTOP)
            server.dropAll()
            try rig.wait("all are gone") { server.seen.idlers.isEmpty }
            for name in names { server.deliver(to: name) }
            server.takeAgain()
            rig.process.signal(SIGCONT)
            try rig.wait("all have it") { names.allSatisfy { rig.messages(of: $0).count == 1 } }
            try rig.wait("all wait again") { server.seen.idlers.count == 50 }
            #expect(server.seen.mostDialing == 4 && server.seen.logins.count == 100, "\(server.seen)")
            #expect(rig.said.isEmpty, "\(rig.said)")
        }
    }

    @Test("FE6: fifty accounts at a server that allows ten connections have their turns, all of them")
    func crowd() async throws {
        try await onThread {
            let server = try IdleServer(limit: 10)
            let rig = WatchRig()
            let names = names(50)
            rig.configure(names, by: server, "every 10s")
            for name in names { server.deliver(to: name) }
            try rig.start()
            try rig.wait("all have the first") { names.allSatisfy { rig.messages(of: $0).count == 1 } }
            for name in names { server.deliver(to: name) }
            try rig.wait("all have the second") { names.allSatisfy { rig.messages(of: $0).count == 2 } }
            #expect(server.seen.mostOpen == 10 && rig.end(SIGTERM)?.signal == SIGTERM, "\(server.seen) \(rig.said)")
            #expect(rig.said.isEmpty, "\(rig.said)")
        }
    }

    @Test(
        "FE6: servers without IDLE, POP3 and `idle off` have their turns at `every`, down to ten seconds",
        .needs(.dovecot))
    func turns() async throws {
        try await onThread {
            let server = try IdleServer(capabilities: "IMAP4rev1 UIDPLUS")
            let dovecot = try DovecotPeer(users: ["c": "x"])
            let rig = WatchRig()
            let imap = ["password x", "tls off", "fetch imap 127.0.0.1:\(server.port)", "every 10s"]
            rig.configure([
                ("a", imap), ("b", imap + ["idle off"]),
                ("c", ["password x", "tls off", "fetch pop3 127.0.0.1:\(dovecot.pop3Port)", "every 10s"]),
            ])
            try rig.start()
            for number in 1...2 {
                for name in ["a", "b"] { server.deliver(to: name) }
                dovecot.deliver(smallMessages(2)[number - 1], to: "c", number: number)
                try rig.wait("turn \(number)") { ["a", "b", "c"].allSatisfy { rig.messages(of: $0).count == number } }
            }
            #expect(server.seen.idlers.isEmpty && rig.said.isEmpty, "\(rig.said)")
        }
    }

    @Test("FE6: one process watches an account, as --status tells; another one says so, and follows when it ends")
    func second() async throws {
        try await onThread {
            let server = try IdleServer()
            let rig = WatchRig()
            let lines = ["password x", "tls off", "fetch imap 127.0.0.1:\(server.port)"]
            // The other one has its turn by the clock, and has had it.
            rig.configure([("a", lines), ("b", lines + ["at 04:00"])])
            try rig.start()
            try rig.wait("it waits") { server.seen.idlers == ["a"] && server.seen.logins.sorted() == ["a", "b"] }
            let status = try rig.rig.fetch("--status")
            #expect(
                status.status == 0 && status.outputText.contains("  watched by mhfetch --idle\n"), "\(status)")
            let other = RunningCommand()
            let said = rig.rig.scratch.file("other")
            other.set(
                try ServerProcess(
                    [try InstalledCommands.path("mhfetch"), "-C", rig.rc, "--idle"],
                    environment: ["HOME": rig.rig.scratch.path, "SWIFT_BACKTRACE": "enable=no"], logs: [said]))
            try rig.wait("it says so") {
                let lines = String(decoding: ScratchDirectory.read(said) ?? [], as: UTF8.self).split(separator: "\n")
                return lines.sorted()
                    == ["a", "b"].map { name in
                        "mhfetch: account \(name): another mhfetch --idle watches it; this one follows when that ends"
                    }
            }
            #expect(server.seen.logins.count == 2)
            #expect(rig.end(SIGTERM)?.signal == SIGTERM)
            try rig.wait("the other follows") { server.seen.idlers == ["a"] && server.seen.logins.count == 3 }
            try rig.wait("in all accounts") {
                let told = try rig.rig.fetch("--status", "--json").outputText
                return told.split(separator: "\n").count { $0.contains(#""watched":true"#) } == 2
            }
            #expect(server.seen.logins.sorted() == ["a", "a", "b"], "whose turn has not come is not asked")
            other.signal(SIGTERM)
            #expect(other.end()?.signal == SIGTERM)
        }
    }

    @Test("FE6: a run by hand goes beside it, and each message comes once")
    func byHand() async throws {
        try await onThread {
            let server = try IdleServer()
            let rig = try watching(server)
            for number in 1...10 {
                server.deliver(to: "a")
                let result = try rig.rig.fetch("a")
                #expect(result.status == 0 && result.errors.isEmpty, "\(result)")
                try rig.wait("message \(number)") { rig.messages(of: "a").count >= number }
            }
            try rig.wait("it waits again") { server.seen.idlers.count == 1 }
            #expect(counted(rig.messages(of: "a")) == counted((1...10).map { IdleServer.message($0, of: "a") }))
            #expect(rig.said.isEmpty, "\(rig.said)")
        }
    }

    @Test("FE6: a place that takes hours keeps the account neither from its mail nor from its other places")
    func slowPlace() async throws {
        try await onThread {
            let server = try IdleServer()
            let rig = WatchRig()
            let mayGo = Monitor(false)
            let sink = try SinkServer(.lmtp) { moment, _ in
                if moment == .endOfData { _ = mayGo.wait(until: Deadline(after: .seconds(120))) { $0 ? () : nil } }
                return nil
            }
            rig.configure(["a"], by: server, "idle on", "deliver maildir", "deliver lmtp 127.0.0.1:\(sink.port)")
            try rig.start("-v")
            func files() -> Int { ScratchDirectory.names(in: "/proc/\(rig.pid)/fd").count }
            var open: [Int] = []
            for number in 1...12 {
                server.deliver(to: "a")
                try rig.wait("the Maildir has \(number)") { rig.messages(of: "a").count == number }
                try rig.wait("it waits for news") { server.seen.idlers.count == 1 }
                open.append(files())
            }
            #expect(open[11] - open[1] < 8, "no more files for each round: \(open)")
            server.deliver(to: "a")
            let byHand = try rig.rig.fetch("-v", "a")
            #expect(byHand.status == 0, "\(byHand)")
            try rig.wait("the Maildir has what another process fetched") { rig.messages(of: "a").count == 13 }
            let status = try rig.rig.fetch("--status", "a").outputText
            #expect(status.contains("for a@hub.test, 1 message since"), "\(status)")
            #expect(status.contains("it has not yet said whether it takes the message"), "\(status)")
            mayGo.change { $0 = true }
            try rig.wait("the slow place has all") { sink.messages.count == 13 }
            // The next turn finds that all have it.
            server.deliver(to: "a")
            try rig.wait("all is done") {
                sink.messages.count == 14 && rig.messages(of: "a").count == 14
                    && ScratchDirectory.names(in: rig.rig.scratch.file("state/fetch/a/spool/new")).isEmpty
            }
            try rig.wait("it waits again") { server.seen.idlers.count == 1 }
            #expect(rig.end(SIGTERM)?.signal == SIGTERM)
            let after = try rig.rig.fetch("a")
            #expect(after.status == 0 && after.errors.isEmpty, "\(after)")
        }
    }

    @Test("FE6: the password is asked for at each login, and a connection that ends is made again")
    func freshSecret() async throws {
        try await onThread {
            let server = try IdleServer()
            let rig = WatchRig()
            rig.rig.scratch.makeFolder("asked", mode: 0o777)
            let script = rig.rig.scratch.write(
                "#!/bin/sh\nmktemp -p \(rig.rig.scratch.file("asked")) >/dev/null\necho x\n", to: "ask", mode: 0o755)
            rig.configure([("a", ["passwordeval \(script)", "tls off", "fetch imap 127.0.0.1:\(server.port)"])])
            try rig.start(by: OrdinaryUser.prefix)
            try rig.wait("it waits") { server.seen.idlers.count == 1 }
            server.dropAll()
            try rig.wait("it has gone") { server.seen.idlers.isEmpty }
            server.takeAgain()
            try rig.wait("it waits again") { server.seen.idlers.count == 1 }
            #expect(ScratchDirectory.names(in: rig.rig.scratch.file("asked")).count == server.seen.logins.count)
            #expect(server.seen.logins.count == 2 && rig.said.isEmpty, "\(server.seen) \(rig.said)")
        }
    }

    @Test("FE6: with a new rc the same process begins anew, by itself and at SIGHUP; a bad rc changes nothing")
    func newRC() async throws {
        try await onThread {
            let server = try IdleServer()
            let rig = WatchRig()
            rig.configure(["a"], by: server)
            try rig.start()
            try rig.wait("a waits") { server.seen.idlers == ["a"] }
            let pid = rig.pid
            rig.configure(["a", "b"], by: server)
            rig.process.signal(SIGHUP)
            try rig.wait("a and b wait") { server.seen.idlers == ["a", "b"] }
            #expect(server.seen.logins.sorted() == ["a", "a", "b"] && rig.said.isEmpty, "\(rig.said)")
            rig.configure(["a"], by: server, "what")
            rig.process.signal(SIGHUP)
            try rig.wait("it is told") { rig.said.contains("goes on with the rc as it was") }
            #expect(rig.said.contains("mailhubrc:13:3: unknown word in an account block"), "\(rig.said)")
            try rig.wait("both are back") { server.seen.logins.count == 5 && server.seen.idlers.count == 2 }
            rig.configure(["c"], by: server)
            try rig.wait("c alone waits") { server.seen.idlers == ["c"] }
            server.deliver(to: "c")
            try rig.wait("c has its mail") { rig.messages(of: "c").count == 1 }
            #expect(rig.pid == pid)
            // Whichever is heard first: the end is the stronger.
            rig.process.signal(SIGHUP)
            #expect(rig.end(SIGINT)?.signal == SIGINT)
        }
    }

    @Test("FE6: a server that calls for nothing is heard less and less, and one that floods us is left")
    func hostile() async throws {
        try await onThread {
            let server = try IdleServer()
            let rig = try watching(server)
            server.lie("* 99 EXISTS")
            // Doubled each time: after five calls more than a second.
            try rig.wait("five calls") { server.seen.idles >= 6 }
            let calls = server.seen.idles
            #expect(calls < 12, "\(calls)")
            server.lie(nil)
            server.deliver(to: "a")
            try rig.wait("it comes") { rig.messages(of: "a").count == 1 }
            server.lie(String(repeating: "* OK still here\r\n", count: 2_000) + "* OK and here")
            try rig.wait("it is left") { rig.rig.log.contains("more than 10000 lines in one IDLE") }
            #expect(rig.end(SIGTERM)?.signal == SIGTERM)
        }
    }

    @Test(
        "FE6: what comes while nobody can be told is fetched at once: by UIDNEXT, or without it; a machine that has slept tries its connections",
        arguments: [true, false])
    func gap(tellsUIDNext: Bool) async throws {
        try await onThread {
            let server = try IdleServer(tellsUIDNext: tellsUIDNext)
            let rig = try watching(server, "every 1h")
            server.deliverLate(to: "a")
            let idles = server.seen.idles
            // To the process this is the sleep of the machine: a wait of 15 s that takes more than 45.
            rig.process.signal(SIGSTOP)
            _ = sleep(46)
            rig.process.signal(SIGCONT)
            try rig.wait("it comes") { rig.messages(of: "a").count == 1 }
            try rig.wait("it waits again") { server.seen.idles > idles }
            #expect(server.seen.logins.count == 1 && rig.said.isEmpty, "\(server.seen) \(rig.said)")
        }
    }

    @Test("FE6: twelve servers that say nothing keep no other account from its mail, with few open files either")
    func silent() async throws {
        try await onThread {
            let mute = try IdleServer()
            mute.fallSilent()
            let server = try IdleServer()
            let rig = WatchRig()
            func account(_ name: String, _ port: UInt16) -> (String, [String]) {
                (name, ["password x", "tls off", "fetch imap 127.0.0.1:\(port)"])
            }
            rig.configure((1...12).map { account("m\($0)", mute.port) } + [account("z", server.port)])
            server.deliver(to: "z")
            // Files for three rounds that fetch.
            try rig.start(files: 647)
            try rig.wait("z has its mail") { rig.messages(of: "z").count == 1 }
        }
    }

    @Test("FE6: a server that refuses to let us wait is asked again soon, however rare the turns are")
    func refusedOnce() async throws {
        try await onThread {
            let server = try IdleServer()
            server.refuseIdle(times: 1)
            let rig = try watching(server, "every 12h")
            server.deliver(to: "a")
            try rig.wait("it comes") { rig.messages(of: "a").count == 1 }
            #expect(server.seen.logins.count == 2 && rig.said.isEmpty, "\(server.seen) \(rig.said)")
        }
    }

    @Test("FE6: an account whose login is refused for now takes nobody's news, and somebody is told")
    func oneRefused() async throws {
        try await onThread {
            let server = try IdleServer(refusing: ["x"])
            let rig = WatchRig()
            let names = names(3)
            rig.configure(names + ["x"], by: server, "every 1h")
            try rig.start()
            try rig.wait("it is told") { rig.said.contains("refused the login of x: this mailbox is being moved") }
            // The one whose seat was tried comes back.
            try rig.wait("the others wait") { server.seen.idlers == Set(names) }
            for name in names { server.deliver(to: name) }
            try rig.wait("all have it") { names.allSatisfy { rig.messages(of: $0).count == 1 } }
        }
    }

    @Test("FE6: who begins anew fetches what is due, and no account that has its turn by the clock or by what is sent")
    func beginsWithWhatIsDue() async throws {
        try await onThread {
            let server = try IdleServer()
            let rig = WatchRig()
            let lines = ["password x", "tls off", "fetch imap 127.0.0.1:\(server.port)"]
            rig.configure([
                ("a", lines + ["only when sending", "address a@hub.test", "send smtp 127.0.0.1:1"]),
                ("b", lines + ["at 04:00"]), ("c", lines),
            ])
            try rig.start()
            try rig.wait("all were asked once") { server.seen.logins.sorted() == ["a", "b", "c"] }
            try rig.wait("c waits") { server.seen.idlers == ["c"] }
            for number in 2...4 {
                rig.process.signal(SIGHUP)
                try rig.wait("c waits again") { server.seen.logins.count { $0 == "c" } == number }
                try rig.wait("c waits again") { server.seen.idlers == ["c"] }
            }
            #expect(server.seen.logins.sorted() == ["a", "b", "c", "c", "c", "c"] && rig.said.isEmpty, "\(rig.said)")
        }
    }

    @Test("FE6: with a clock that was never set it waits as ever, and asks no more often than by turns")
    func unsetClock() async throws {
        try await onThread {
            let server = try IdleServer()
            let rig = try watching(server)
            #expect(rig.end(SIGTERM)?.signal == SIGTERM)
            let (logins, idles) = (server.seen.logins.count, server.seen.idles)
            try rig.start(environment: MovedClock.environment("@1970-01-02 00:00:00"))
            // The server may not have noticed yet that the one before has gone.
            try rig.wait("it waits") { server.seen.idles == idles + 1 && server.seen.idlers == ["a"] }
            server.deliver(to: "a")
            try rig.wait("news come") { rig.messages(of: "a").count == 1 }
            try rig.wait("it waits again") { server.seen.idles >= idles + 2 && server.seen.idlers == ["a"] }
            #expect(server.seen.logins.count == logins + 1)
        }
    }

    @Test("FE6: nobody who reads its output keeps it from mail, nor from the order to stop", arguments: [false, true])
    func fullPipe(isTerminal: Bool) async throws {
        try await onThread {
            let server = try IdleServer()
            let rig = WatchRig()
            rig.configure(["a"], by: server)
            let terminal = isTerminal ? UnreadTerminal() : nil
            #expect((terminal != nil) == isTerminal)
            let pipe = terminal?.path ?? rig.rig.scratch.file("pipe")
            let isMade = unsafe isTerminal || mkfifo(pipe, 0o600) == 0
            let descriptor = unsafe open(pipe, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
            defer { close(descriptor) }
            let filling = [UInt8](repeating: 0x78, count: 4096)
            while unsafe write(descriptor, filling, filling.count) > 0 {}
            #expect(isMade && errno == EAGAIN)
            // A terminal says that it has room when it has less than a line needs: one of those that follow.
            if let terminal { #expect(terminal.read(300) == 300) }
            try rig.start("--json", "-v", by: ["/bin/sh", "-c", "exec \"$0\" \"$@\" >\(pipe) 2>&1"])
            for number in 1...30 {
                server.deliver(to: "a")
                try rig.wait("message \(number)") { rig.messages(of: "a").count == number }
            }
            #expect(rig.end(SIGTERM)?.signal == SIGTERM)
        }
    }

    @Test("FE6: as many rounds go on at once as files may be open; with too few for one it does not start")
    func openFiles() async throws {
        try await onThread {
            let server = try IdleServer()
            let rig = WatchRig()
            let names = names(3)
            rig.configure(names, by: server)
            for name in names { server.deliver(to: name) }
            try rig.start(files: 233)
            try rig.wait("all have it") { names.allSatisfy { rig.messages(of: $0).count == 1 } }
            try rig.wait("all wait") { server.seen.idlers == Set(names) }
            #expect(rig.said.isEmpty, "\(rig.said)")
            // A new rc that takes more changes nothing.
            rig.configure(names + ["u4"], by: server)
            rig.process.signal(SIGHUP)
            try rig.wait("it is told") { rig.said.contains("takes 236 open files at least, and the limit is 233") }
            try rig.wait("all wait again") { server.seen.logins.count == 6 && server.seen.idlers == Set(names) }
            #expect(rig.end(SIGTERM)?.signal == SIGTERM)
            rig.configure(names, by: server)
            try rig.start(files: 232)
            #expect(
                rig.process.end()?.status == 71
                    && rig.said.contains("takes 233 open files at least, and the limit is 232"),
                "\(rig.said)")
        }
    }

    @Test(
        "FE6: an rc that no start can use changes nothing; one that comes behind the back of the restart is waited for")
    func unusableRC() async throws {
        try await onThread {
            let server = try IdleServer()
            let rig = try watching(server)
            let log = rig.rig.scratch.file("log")
            let good = String(decoding: ScratchDirectory.read(rig.rc) ?? [], as: UTF8.self)
            rig.rig.scratch.write(good.replacing("log \(log)", with: "log \(log)/none/log"), to: "mailhubrc")
            rig.process.signal(SIGHUP)
            try rig.wait("it is told") { rig.said.contains("goes on with the rc as it was") }
            #expect(rig.said.contains("log/none/log: cannot write the log"), "\(rig.said)")
            try rig.wait("it waits again") { server.seen.logins.count == 2 && server.seen.idlers == ["a"] }
            #expect(rig.end(SIGTERM)?.signal == SIGTERM)
            // As whoever begins anew does: marked with its own number.
            try rig.start(by: ["/bin/sh", "-c", "MAILHUB_AGAIN=$$ exec \"$0\" \"$@\""])
            try rig.wait("it is told") { rig.said.contains("waits until that is mended") }
            rig.rig.scratch.write(good, to: "mailhubrc")
            rig.process.signal(SIGHUP)
            try rig.wait("it has begun") { server.seen.logins.count == 3 && server.seen.idlers == ["a"] }
            #expect(rig.end(SIGTERM)?.signal == SIGTERM)
            rig.rig.scratch.write("what\n", to: "mailhubrc")
            try rig.start()
            #expect(rig.process.end()?.status == 78, "\(rig.said)")
        }
    }

    @Test("FE6: --idle stands alone, and `idle` names a folder that is fetched")
    func words() async throws {
        try await onThread {
            let rig = FetchRig()
            rig.configure("imap 127.0.0.1:1", "idle Work", "tls off")
            let fault = try rig.fetch("--idle")
            #expect(
                fault.status == 78 && fault.errorText.contains(":11:3: account peer: folder \"Work\" is not fetched"),
                "\(fault)")
            for words in ["--due", "--status", "--dry-run", "--check", "--retry", "--count"] {
                let result = try rig.fetch("--idle", words)
                #expect(result.status == 64 && result.errorText.contains("--idle goes with"), "\(result)")
            }
        }
    }

    @Test("FE6: of a folder to wait in that the server does not have a person is told", .needs(.dovecot))
    func missingFolder() async throws {
        try await onThread {
            let dovecot = try DovecotPeer(users: ["a": "x"])
            let rig = WatchRig()
            rig.configure([
                (
                    "a",
                    [
                        "password x", "tls off", "fetch imap localhost:\(dovecot.imapPort)", "folders INBOX, Lists/*",
                        "idle Lists/swfit",
                    ]
                )
            ])
            try rig.start()
            try rig.wait("it is told") { rig.said.contains("Lists/swfit") }
            #expect(rig.said.contains("SELECT"), "\(rig.said)")
            #expect(rig.end(SIGTERM)?.signal == SIGTERM)
        }
    }

    @Test("FE6: `idle` names the folder that is watched; the others have their turns", .needs(.dovecot))
    func folder() async throws {
        try await onThread {
            let dovecot = try DovecotPeer(users: ["a": "x"])
            dovecot.deliver(smallMessages(1)[0], to: "a", folder: "Work", number: 1)
            let rig = WatchRig()
            rig.configure([
                (
                    "a",
                    [
                        "password x", "tls off", "fetch imap 127.0.0.1:\(dovecot.imapPort)", "folders INBOX, Work",
                        "idle Work", "every 20s", "keep off",
                    ]
                )
            ])
            func stored(_ folder: String) -> Int {
                ScratchDirectory.names(in: rig.rig.scratch.file("Mail/a/\(folder)new")).count
            }
            try rig.start()
            try rig.wait("the first") { stored(".Work/") == 1 }
            for number in 2...3 {
                let before = rig.rig.log.split(separator: "\n").count { $0.contains(": fetched ") }
                dovecot.deliver(smallMessages(number)[number - 1], to: "a", folder: "Work", number: number)
                try rig.wait("message \(number)") { stored(".Work/") == number }
                try rig.wait("it is told") {
                    rig.rig.log.split(separator: "\n").count { $0.contains(": fetched ") } > before
                }
            }
            dovecot.deliver(smallMessages(4)[3], to: "a", number: 4)
            try rig.wait("the inbox has its turn") { stored("") == 1 }
            try rig.wait("the source is emptied") {
                dovecot.messages(of: "a").isEmpty && dovecot.messages(of: "a", folder: "Work").isEmpty
            }
            #expect(rig.said.isEmpty, "\(rig.said)")
        }
    }
}
