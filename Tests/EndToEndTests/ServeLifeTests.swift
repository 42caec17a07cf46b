// mhserve from start to end: deaths, reloads, stops, a full disk, and clients that only want to hold it up.

import Blocking
import Glibc
import MailTestKit
import Synchronization
import Testing

@Suite("mhserve lives")
struct ServeLifeTests {
    @Test("a worker that is killed is started again on the same sockets, and again")
    func workerKilled() async throws {
        try await onThread {
            let hub = try HubUnderTest(services: ["smtp"])
            for round in 1...3 {
                let client = try LineClient(port: hub.port("smtp"))
                #expect(try client.reply().last?.hasPrefix("220") == true)
                kill(try hub.worker(), SIGKILL)
                _ = try? client.rest()
                try deliver("round \(round)", to: "alice", hub)
                try hub.waitForLog("worker died", count: round)
            }
            #expect(hub.messages(of: "alice").count == 3)
            #expect(!hub.server.child.hasEnded)
        }
    }

    @Test("a worker whose keeper is killed ends by itself")
    func keeperKilled() async throws {
        try await onThread {
            let hub = try HubUnderTest(services: ["smtp"])
            let idle = try LineClient(port: hub.port("smtp"))
            _ = try idle.reply()
            let worker = try hub.worker()
            kill(hub.server.pid, SIGKILL)
            #expect(try idle.rest().hasPrefix("421"))
            let deadline = Deadline(after: .seconds(10))
            while kill(worker, 0) == 0, !deadline.hasPassed { usleep(10_000) }
            #expect(kill(worker, 0) != 0)
        }
    }

    @Test(
        "SIGHUP: a good rc counts at once, old sessions go on with the old one; a bad rc, listener or certificate changes nothing"
    )
    func reload() async throws {
        try await onThread {
            let hub = try HubUnderTest(words: ["max-recipients 3"], services: ["smtp"])
            let good = String(decoding: ScratchDirectory.read(hub.rcPath) ?? [], as: UTF8.self)
            func limit() throws -> String {
                let client = try LineClient(port: hub.port("smtp"))
                _ = try client.reply()
                try client.send("EHLO x\r\n")
                return try client.reply().first { $0.contains("RCPTMAX") }.map { String($0.dropFirst(4)) } ?? "none"
            }
            func reload(_ text: String, expecting word: String, count: Int) throws {
                hub.scratch.write(text, to: "rc")
                hub.server.child.send(SIGHUP)
                try hub.waitForLog(word, count: count)
            }
            #expect(try limit() == "LIMITS RCPTMAX=3")
            let old = try LineClient(port: hub.port("smtp"))
            _ = try old.reply()
            for command in ["EHLO x", "MAIL FROM:<a@example.net>", "RCPT TO:<alice@example.org>", "DATA"] {
                _ = try old.say(command)
            }
            try old.send("Subject: old\r\n\r\n")
            let worker = try hub.worker()

            try reload(good + "bogus words\n", expecting: ": reload ", count: 1)
            try reload(
                good.replacing("listen smtp 127.0.0.1:0", with: "listen smtp 127.0.0.2:0"), expecting: ": reload ",
                count: 2)
            #expect(moveFile(hub.certificatePath, to: hub.scratch.file("away.crt")))
            try reload(good.replacing("max-recipients 3", with: "max-recipients 4"), expecting: ": reload ", count: 3)
            #expect(try hub.worker() == worker)
            #expect(try limit() == "LIMITS RCPTMAX=3")

            #expect(moveFile(hub.scratch.file("away.crt"), to: hub.certificatePath))
            #expect(moveFile(hub.scratch.file("hub.log"), to: hub.scratch.file("hub.log.1")))
            try reload(good.replacing("max-recipients 3", with: "max-recipients 5"), expecting: ": reloaded", count: 1)
            let begun = ContinuousClock.now
            // The old worker may take a connection or two until it has heard of it, and says goodbye to them.
            var inARow = 0
            while inARow < 5 {
                do { inARow = try limit() == "LIMITS RCPTMAX=5" ? inARow + 1 : 0 } catch is KitError { inARow = 0 }
                try #require(begun.duration(to: .now) < .seconds(30))
            }
            #expect(try old.say("end\r\n.").hasPrefix("250"), "the old session may end what it had begun")
            #expect(try old.rest().hasPrefix("421"))
            #expect(hub.messages(of: "alice").count == 1)
        }
    }

    @Test("a start with a bad certificate says so and ends with 78; without listeners likewise")
    func badStart() async throws {
        try await onThread {
            let scratch = ScratchDirectory()
            scratch.write("not a certificate\n", to: "bad.pem")
            for (lines, words) in [
                ("tls_certificate bad.pem key bad.pem\nmailbox a\nlisten smtp 127.0.0.1:0\n", "bad.pem"),
                ("mailbox a\n", "listen"),
            ] {
                scratch.write(
                    "hostname h.example\nstate \(scratch.path)/s\nmaildirs \(scratch.path)/%m\nlog stderr\n"
                        + lines.replacing("bad.pem", with: scratch.file("bad.pem")), to: "rc")
                let result = try InstalledCommands.run(
                    ["mhserve", "-C", scratch.file("rc")], environment: ["HOME": scratch.path], deadline: .seconds(10))
                #expect(result.status == 78 && result.errorText.contains(words), "\(result)")
            }
        }
    }

    @Test("--check warns of an address that cannot be had, and not of one that we use ourselves")
    func checkedAddresses() async throws {
        try await onThread {
            let scratch = ScratchDirectory()
            func check(_ address: String) throws -> CommandResult {
                scratch.write(
                    """
                    hostname hub.test
                    state \(scratch.file("state"))
                    maildirs \(scratch.file("Mail"))/%m
                    mailbox alice
                      address alice@hub.test
                    listen smtp \(address)

                    """, to: "rc")
                return try InstalledCommands.run(
                    ["mhserve", "-C", scratch.file("rc"), "--check"],
                    environment: ["HOME": scratch.path])
            }
            let absent = try check("192.0.2.1:2525")
            #expect(absent.status == 0, "\(absent)")
            #expect(
                absent.errorText.hasSuffix(
                    "rc:6:8: warning: cannot listen on smtp 192.0.2.1:2525: Cannot assign requested address\n"),
                "\(absent)")
            let silent = try FakeServer([])
            let used = try check("127.0.0.1:\(silent.port)")
            #expect(used.status == 0 && used.errorText.isEmpty, "\(used)")
        }
    }

    @Test("one file for certificate and key, no days, a password too long, a hash that is none: each is told as it is")
    func toolsMisused() async throws {
        try await onThread {
            let scratch = ScratchDirectory()
            let (one, two) = (scratch.file("one.pem"), scratch.file("two.pem"))
            func run(arguments: [String], input: [UInt8] = []) throws -> CommandResult {
                try InstalledCommands.run(["mhserve"] + arguments, input: input, environment: ["HOME": scratch.path])
            }
            func run(_ arguments: String..., input: [UInt8] = []) throws -> CommandResult {
                try run(arguments: arguments, input: input)
            }
            #expect(try run("certificate", "hub.test", "--certificate", one, "--key", one).status == 64)
            for wrong in [["hub.test", "--days", "0"], ["hub.test", "--days", "36501"], ["no host!"]] {
                let told = try run(arguments: ["certificate", "--certificate", one, "--key", two] + wrong)
                #expect(told.status == 64 && told.errorText.contains("Usage: mhserve certificate "), "\(told)")
            }
            let nothing = try run("passwd")
            #expect(nothing.status == 64 && nothing.errorText == "mhserve: standard input holds no password\n")
            for count in [2000, 5000] {
                let long = try run("passwd", input: [UInt8](repeating: 0x61, count: count) + [0x0A])
                #expect(long.status == 65 && long.errorText.contains("choose another one"), "\(long)")
            }
            let nul = try run("passwd", input: [0x61, 0, 0x62, 0x0A])
            #expect(nul.status == 65, "\(nul)")
            scratch.write(
                """
                hostname hub.test
                state \(scratch.file("state"))
                maildirs \(scratch.file("Mail"))/%m
                listen smtp 127.0.0.1:0
                mailbox alice
                  address alice@hub.test
                  passwordhash $2y$05$abc

                """, to: "mailhubrc")
            let check = try run("-C", scratch.file("mailhubrc"), "--check")
            #expect(
                check.status == 78 && check.errorText.contains(":7:3: mailbox alice: not a password hash of ours"),
                "\(check)")
            let start = try run("-C", scratch.file("mailhubrc"))
            #expect(start.status == 78 && start.errorText.contains("mailbox alice: not a password hash"), "\(start)")
        }
    }

    @Test(
        "SIGTERM: idle sessions hear it, DATA under way is taken, nothing is deleted, no process stays",
        .needs(.python3))
    func stop() async throws {
        try await onThread {
            let hub = try HubUnderTest()
            hub.deliver(Array("Subject: kept\n\n".utf8), to: "bob", as: "1700000001.M1.host")
            let idle = try LineClient(port: hub.port("smtp"))
            _ = try idle.reply()
            let popper = try LineClient(port: hub.port("pop3"))
            _ = try popper.reply()
            let silent = try LineClient(port: hub.port("pop3s"))
            let sender = try LineClient(port: hub.port("smtp"))
            _ = try sender.reply()
            for command in ["EHLO x", "MAIL FROM:<a@example.net>", "RCPT TO:<alice@example.org>", "DATA"] {
                _ = try sender.say(command)
            }
            try sender.send("Subject: taken\r\n\r\nhalf")
            let worker = try hub.worker()
            let deleting = try python(
                """
                import poplib, os, signal
                p = poplib.POP3_SSL("localhost", PORT["pop3s"], context=TLS)
                p.user("bob"); p.pass_("bob's secret"); p.dele(1)
                os.kill(\(hub.server.pid), signal.SIGTERM)
                assert p._getline()[0].startswith(b"-ERR [SYS/TEMP]")
                """, hub)
            #expect(deleting.status == 0, "\(deleting)")
            #expect(try idle.rest().hasPrefix("421 4.3.2"))
            #expect(try popper.rest().hasPrefix("-ERR [SYS/TEMP]"))
            _ = try silent.rest()
            #expect(throws: KitError.self) { try LineClient(port: hub.port("smtp")).line() }
            #expect(try sender.say("\r\n.").hasPrefix("250"))
            #expect(try sender.rest().hasPrefix("421"))
            let end = hub.server.child.wait(until: Deadline(after: .seconds(10)))
            #expect(end?.status == 0, "\(hub.logs)")
            #expect(kill(worker, 0) != 0)
            #expect(hub.messages(of: "alice").count == 1 && hub.messages(of: "bob").count == 1)
        }
    }

    @Test("when the disk says no, the client hears 4xx and nothing is left", .needs(.strace))
    func diskFull() async throws {
        try await onThread {
            for (call, error, code) in [
                ("fsync", "ENOSPC", "452"), ("fsync", "EIO", "451"), ("renameat2", "ENOSPC", "452"),
                ("renameat2", "EIO", "451"),
            ] {
                let hub = try HubUnderTest(services: ["smtp"])
                let strace = try inject("\(call):error=\(error)", hub)
                defer { strace.stop() }
                for recipients in [["alice"], ["alice", "bob"]] {
                    let client = try LineClient(port: hub.port("smtp"))
                    _ = try client.reply()
                    _ = try client.say("EHLO x")
                    _ = try client.say("MAIL FROM:<a@example.net>")
                    for recipient in recipients { _ = try client.say("RCPT TO:<\(recipient)@example.org>") }
                    _ = try client.say("DATA")
                    for _ in 0..<100 { try client.send([UInt8](repeating: 0x61, count: 900) + [0x0D, 0x0A]) }
                    let verdict = try client.say(".")
                    #expect(verdict.hasPrefix(code), "\(call) \(error) \(recipients): \(verdict) \(hub.logs)")
                    #expect(try client.say("NOOP").hasPrefix("250"))
                    #expect(try client.say("QUIT").hasPrefix("221"))
                }
                #expect(hub.messages(of: "alice").isEmpty && hub.queued().isEmpty, "\(call) \(error)")
                #expect(hub.leftovers().isEmpty, "\(call) \(error) \(hub.leftovers())")
                #expect(hub.carrierCalls.isEmpty)
            }
            let full = try HubUnderTest(words: ["free-space 1024g"], services: ["smtp"])
            #expect(throws: KitError.self) { try deliver("x", to: "alice", full) }
            #expect(full.messages(of: "alice").isEmpty && full.leftovers().isEmpty)
        }
    }

    @Test(
        "a worker killed at any step of accepting has left the message whole or not at all", .needs(.strace),
        arguments: ["fsync", "renameat2", "unlink,unlinkat,close"])
    func killedWhileAccepting(_ calls: String) async throws {
        try await onThread {
            let hub = try HubUnderTest(services: ["smtp"])
            var answered = 0
            for step in 1...3 {
                let strace = try inject("\(calls):signal=KILL:when=\(step)", hub)
                do { try deliver("step \(step)", to: "alice", hub) } catch { answered -= 1 }
                answered += 1
                strace.stop()
            }
            let messages = hub.messages(of: "alice").map { String(decoding: $0, as: UTF8.self) }
            #expect((answered...3).contains(messages.count), "\(hub.logs)")
            #expect(messages.allSatisfy { $0.hasPrefix("Return-Path: <a@example.net>\n") && $0.hasSuffix("\n\n") })
            #expect(Set(messages).count == messages.count)
            #expect(hub.log.contains("worker died") && answered < 3, "a worker was killed")
            try deliver("after", to: "alice", hub)
        }
    }

    private func inject(_ what: String, on path: String? = nil, _ hub: HubUnderTest) throws -> ServerProcess {
        try hub.inject(what, into: try hub.worker(), on: path)
    }

    @Test(
        "a message that the disk cannot read is left out and logged; its neighbours are served",
        .needs(.strace, .python3))
    func unreadableMessage() async throws {
        try await onThread {
            let hub = try HubUnderTest(services: ["pop3s"])
            for number in 1...3 {
                hub.deliver(Array("Subject: \(number)\n\n".utf8), to: "alice", as: "170000000\(number).M1.host")
            }
            let bad = "\(hub.maildir(of: "alice"))/new/1700000002.M1.host"
            let strace = try inject("pread64:error=EIO", on: bad, hub)
            defer { strace.stop() }
            let result = try python(
                """
                import poplib
                p = poplib.POP3_SSL("localhost", PORT["pop3s"], context=TLS)
                p.user("alice"); p.pass_("alice's secret")
                assert [l.split()[1] for l in p.uidl()[1]] == [b"1700000001.M1.host", b"1700000003.M1.host"]
                assert p.stat()[0] == 2 and p.retr(2)[1] == [b"Subject: 3", b""]
                p.dele(1)
                p.quit()
                """, hub)
            #expect(result.status == 0, "\(result) \(hub.logs)")
            let lines = hub.log.split(separator: "\n").filter { $0.contains("messages left out") }
            #expect(lines.count == 1 && lines[0].contains(bad) && lines[0].contains("count=1"), "\(hub.logs)")
            #expect(ScratchDirectory.names(in: "\(hub.maildir(of: "alice"))/new").count == 2)
        }
    }

    @Test(
        "out of descriptors, accepting pauses: it is said once, who is there is served, nothing spins, and it goes on")
    func outOfDescriptors() async throws {
        try await onThread {
            let hub = try HubUnderTest(words: ["max-connections-per-address 500"], services: ["smtp", "pop3"])
            let worker = try hub.worker()
            let there = try LineClient(port: hub.port("smtp"), patience: .seconds(120))
            _ = try there.reply()
            let limit = ScratchDirectory.names(in: "/proc/\(worker)/fd").count + 20
            let lowered = try runProgram(["prlimit", "--pid", "\(worker)", "--nofile=\(limit):\(limit)"])
            try #require(lowered.status == 0, "\(lowered)")
            var idle: [LineClient] = []
            for number in 0..<200 { idle.append(try LineClient(port: hub.port(number % 2 == 0 ? "smtp" : "pop3"))) }
            try hub.waitForLog("accepting pauses")

            // 100 KB are more than stays in memory: the session needs files of its own.
            for command in ["EHLO x", "MAIL FROM:<a@example.net>", "RCPT TO:<alice@example.org>", "DATA"] {
                _ = try there.say(command)
            }
            for _ in 0..<100 { try there.send([UInt8](repeating: 0x61, count: 998) + [0x0D, 0x0A]) }
            #expect(try there.say(".").hasPrefix("250"), "\(hub.logs)")
            #expect(hub.messages(of: "alice").count == 1)

            // Clients wait all the while; a worker that asked for them over and over would take all the time there is.
            let (begun, before) = (ContinuousClock.now, try processorTime(of: worker))
            while begun.duration(to: .now) < .seconds(3) { usleep(50_000) }
            let used = try processorTime(of: worker) - before
            #expect(used < begun.duration(to: .now) / 4, "\(used) of processor time")

            idle = []
            try hub.waitForLog("accepting again")
            #expect(try LineClient(port: hub.port("smtp")).line().hasPrefix("220"))
            #expect(try LineClient(port: hub.port("pop3")).line().hasPrefix("+OK"))
            #expect(hub.log.split(separator: "\n").count { $0.contains("accepting pauses") } == 1, "\(hub.logs)")
            #expect(try hub.worker() == worker && !hub.log.contains("worker died"))
        }
    }

    @Test(
        "listeners that may have more connections than there are descriptors are lowered at the start, and that is said"
    )
    func fewDescriptors() async throws {
        try await onThread {
            let hub = try HubUnderTest(
                words: ["max-connections-per-address 500"], services: ["smtp", "pop3"],
                tracer: ["sh", "-c", "ulimit -n 300; exec \"$@\"", "sh"])
            let lines = hub.log.split(separator: "\n").filter { $0.contains("fewer connections") }
            #expect(lines.count == 2, "\(hub.logs)")
            #expect(lines.allSatisfy { $0.contains("max-connections=500 lowered-to=37 open-files=300 ") }, "\(lines)")
            var held: [LineClient] = []
            for (service, greeting) in [("smtp", "220"), ("pop3", "+OK")] {
                for _ in 1...37 {
                    held.append(try LineClient(port: hub.port(service)))
                    #expect(try held.last?.line().hasPrefix(greeting) == true)
                }
                #expect(try LineClient(port: hub.port(service)).rest().contains("too many connections"))
            }
            #expect(!hub.log.contains("accepting pauses"), "\(hub.logs)")
        }
    }

    @Test("on a full disk refused clients are summed up in one line; logins are written all the same", .needs(.python3))
    func fullDiskLog() async throws {
        try await onThread {
            let hub = try HubUnderTest(words: ["free-space 1024g", "errors-limit 100"], services: ["smtp", "pop3s"])
            for round in 1...3 {
                let client = try LineClient(port: hub.port("smtp"))
                _ = try client.reply()
                for command in ["EHLO x", "MAIL FROM:<a@example.net>"] { _ = try client.say(command) }
                for _ in 1...9 { #expect(try client.say("RCPT TO:<nobody@example.org>").hasPrefix("550")) }
                for command in ["RCPT TO:<alice@example.org>", "DATA"] { _ = try client.say(command) }
                #expect(try client.say(".").hasPrefix("452"), "round \(round)")
            }
            let login = try python(
                """
                import poplib
                for word in ["guess", "alice's secret"]:
                    p = poplib.POP3_SSL("localhost", PORT["pop3s"], context=TLS)
                    p.user("alice")
                    try: p.pass_(word)
                    except poplib.error_proto: pass
                    p.close()
                """, hub)
            #expect(login.status == 0, "\(login)")
            hub.server.child.send(SIGTERM)
            #expect(hub.server.child.wait(until: Deadline(after: .seconds(10)))?.status == 0, "\(hub.logs)")
            let lines = hub.log.split(separator: "\n")
            #expect(lines.filter { $0.contains(" refused ") }.count == 1, "\(hub.logs)")
            #expect(lines.contains { $0.contains(" refused clients=30 ") }, "\(hub.logs)")
            #expect(!hub.log.contains("not accepted"))
            #expect(lines.count { $0.contains(" login ") } == 2, "\(hub.logs)")
        }
    }

    /// The processor time that a process has used so far (proc(5), `stat`).
    private func processorTime(of pid: pid_t) throws -> Duration {
        let text = String(decoding: ScratchDirectory.read("/proc/\(pid)/stat") ?? [], as: UTF8.self)
        // Behind the name, which may hold blanks: state is field 3, utime 14, stime 15.
        let fields = text.split(separator: ")").last?.split(separator: " ") ?? []
        let (user, system) = (try #require(Int(fields[11])), try #require(Int(fields[12])))
        return .milliseconds((user + system) * 1000 / Int(sysconf(Int32(_SC_CLK_TCK))))
    }

    @Test("a disk too small for a message refuses that one with 452 and takes the next", .needsMounts)
    func smallDisk() async throws {
        try await onThread {
            // The state directory of this mhserve alone, gone with it.
            let hub = try HubUnderTest(
                words: ["free-space 0"], services: ["smtp"],
                tracer: [
                    "unshare", "-m", "sh", "-c",
                    "mkdir -p state && mount -t tmpfs -o size=600k,mode=700 none state && exec \"$@\"", "sh",
                ])
            let queue = "/proc/\(hub.server.pid)/root\(hub.scratch.path)/state/queue"
            for (size, code) in [(1_000_000, "452"), (1000, "250"), (550_000, "452"), (1000, "250")] {
                let client = try LineClient(port: hub.port("smtp"))
                _ = try client.reply()
                for command in [
                    "EHLO x", "MAIL FROM:<a@example.net>", "RCPT TO:<alice@example.org>", "RCPT TO:<bob@example.org>",
                    "DATA",
                ] {
                    _ = try client.say(command)
                }
                for _ in 0..<(size / 500) { try client.send([UInt8](repeating: 0x61, count: 498) + [0x0D, 0x0A]) }
                #expect(try client.say(".").hasPrefix(code), "\(size) \(hub.logs)")
            }
            #expect(ScratchDirectory.names(in: "\(queue)/new").count == 2)
            #expect(ScratchDirectory.names(in: "\(queue)/tmp").isEmpty)
        }
    }

    @Test("sockets of the service manager are taken by name, and left open at the end", .needs(.python3))
    func activation() async throws {
        try await onThread {
            // The service manager holds the socket, before and after.
            let script = """
                import os, signal, socket, sys
                manager = socket.socket(); manager.bind(("127.0.0.1", 0)); manager.listen()
                open("manager.port", "w").write(str(manager.getsockname()[1]))
                service = os.fork()
                if service == 0:
                    os.dup2(manager.fileno(), 3); os.set_inheritable(3, True)
                    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="pop3")
                    os.execvp(sys.argv[1], sys.argv[1:])
                signal.signal(signal.SIGTERM, lambda *_: os.kill(service, signal.SIGTERM))
                status = os.waitstatus_to_exitcode(os.waitpid(service, 0)[1])
                open("manager.alone", "w").close()
                manager.settimeout(30)
                manager.accept()[0].sendall(b"+OK the service manager\\r\\n")
                sys.exit(status)
                """
            let hub = try HubUnderTest(services: ["smtp", "pop3"], tracer: ["python3", "-c", script])
            let told = ScratchDirectory.read(hub.scratch.file("manager.port")) ?? []
            let port = try #require(UInt16(String(decoding: told, as: UTF8.self)))
            #expect(hub.port("pop3") == port, "the one socket for POP3 is the manager's")
            #expect(try LineClient(port: hub.port("smtp")).line().hasPrefix("220"))
            #expect(try LineClient(port: port).line() != "+OK the service manager")
            hub.server.child.send(SIGTERM)
            let deadline = Deadline(after: .seconds(30))
            while ScratchDirectory.read(hub.scratch.file("manager.alone")) == nil {
                guard !deadline.hasPassed else { throw KitError("mhserve does not end: \(hub.logs)") }
                usleep(10_000)
            }
            #expect(try LineClient(port: port).line() == "+OK the service manager", "\(hub.logs)")
            #expect(hub.server.child.wait(until: Deadline(after: .seconds(10)))?.status == 0, "\(hub.logs)")
        }
    }

    @Test("slow clients are ended by their deadlines: silent, dripping, in the handshake, in content, never reading")
    func slowClients() async throws {
        try await onThread {
            let hub = try HubUnderTest(words: ["smtp-idle 1s", "pop3-idle 1s"])
            var threads: [BlockingThread] = []
            func left(_ name: String, _ service: String, _ play: @escaping @Sendable (LineClient) throws -> Void) throws
            {
                let port = hub.port(service)
                let issue = "\(name) on \(service)"
                threads.append(
                    try BlockingThread(name: "slow") {
                        let begun = ContinuousClock.now
                        do {
                            let client = try LineClient(port: port, patience: .seconds(120))
                            do { try play(client) } catch {}  // the server may hang up while we send
                            _ = try client.rest()
                            if begun.duration(to: .now) > .seconds(100) { Self.late.withLock { $0.append(issue) } }
                        } catch {
                            Self.late.withLock { $0.append("\(issue): \(error)") }
                        }
                    })
            }
            for service in HubUnderTest.allServices { try left("silent", service) { _ in } }
            for service in ["submissions", "pop3s"] {
                try left("dripping handshake", service) { client in
                    for octet: UInt8 in [0x16, 0x03, 0x01, 0x01, 0x00] + [UInt8](repeating: 1, count: 30) {
                        try client.send([octet])
                        usleep(200_000)
                    }
                }
            }
            for (service, command) in [("submission", "STARTTLS"), ("pop3", "STLS")] {
                try left("silent after \(command)", service) { client in
                    _ = try client.reply()
                    if service == "submission" { _ = try client.say("EHLO x") }
                    _ = try client.say(command)
                }
            }
            for service in ["smtp", "pop3"] {
                try left("dripping command", service) { client in
                    for _ in 0..<50 {
                        try client.send("N")
                        usleep(200_000)
                    }
                }
                try left("never reading", service) { client in
                    for _ in 0..<4000 {
                        try client.send(String(repeating: service == "smtp" ? "EHLO x\r\n" : "CAPA\r\n", count: 1000))
                    }
                }
            }
            try left("dripping content", "smtp") { client in
                _ = try client.reply()
                for command in ["EHLO x", "MAIL FROM:<a@example.net>", "RCPT TO:<alice@example.org>", "DATA"] {
                    _ = try client.say(command)
                }
                for _ in 0..<50 {
                    try client.send("x")
                    usleep(200_000)
                }
            }
            for thread in threads { thread.join() }
            #expect(Self.late.withLock { $0 } == [])
            #expect(hub.messages(of: "alice").isEmpty && hub.leftovers().isEmpty)
            // And all that time others are served.
            try deliver("after", to: "alice", hub)
        }
    }

    @Test("300 idle connections cost bounded memory, in clear and in TLS", .needs(.python3))
    func idleConnections() async throws {
        try await onThread {
            let hub = try HubUnderTest(words: ["max-connections-per-address 400"])
            let result = try python(
                """
                import gc
                pid = \(try hub.worker())
                memory = lambda: int([l for l in open("/proc/%d/status" % pid) if l.startswith("VmRSS")][0].split()[1])
                def tls(port):
                    return TLS.wrap_socket(socket.create_connection(("localhost", port)), server_hostname="localhost")
                for make, name, limit in [(socket.create_connection, "smtp", 32), (tls, "pop3s", 128)]:
                    port = PORT[name]
                    warm = [make(("localhost", port)) if name == "smtp" else make(port) for _ in range(10)]
                    for s in warm: s.recv(100)
                    before = memory()
                    held = [make(("localhost", port)) if name == "smtp" else make(port) for _ in range(300)]
                    for s in held: assert s.recv(100)[:1] in b"2+"
                    each = (memory() - before) / 300
                    print("idle %s connections: %.1f KiB each" % (name, each))
                    assert each < limit, each
                    for s in held + warm: s.close()
                """, hub)
            #expect(result.status == 0, "\(result) \(hub.logs)")
            print(result.outputText, terminator: "")
        }
    }

    @Test("what the threads of a worker have used is shared: two arenas, not one for each")
    func arenas() async throws {
        try await onThread {
            let hub = try HubUnderTest(words: ["max-connections-per-address 400"], services: ["smtp"])
            let threads = try (0..<16).map { number in
                try BlockingThread(name: "sender \(number)") {
                    for round in 0..<5 {
                        do {
                            try deliver("\(number) \(round)", to: number % 2 == 0 ? "alice" : "bob", hub)
                        } catch {
                            Issue.record(error)
                        }
                    }
                }
            }
            for thread in threads { thread.join() }
            #expect(hub.messages(of: "alice").count + hub.messages(of: "bob").count == 80)
            // An arena of glibc begins, without a name, at a multiple of 64 MiB.
            let maps = String(decoding: ScratchDirectory.read("/proc/\(try hub.worker())/maps") ?? [], as: UTF8.self)
            let heaps = maps.split(separator: "\n").filter { line in
                let words = line.split(separator: " ")
                guard words.count == 5, words[1].hasPrefix("rw-p"), words[4] == "0" else { return false }
                let start = words[0].split(separator: "-").first.flatMap { UInt($0, radix: 16) }
                return start.map { $0.isMultiple(of: 64 << 20) } ?? false
            }
            #expect((1...2).contains(heaps.count), "\(maps)")
        }
    }

    @Test("a worker that dies is noticed also where whoever started the service ignores the end of children")
    func ignoredChildren() async throws {
        try await onThread {
            let hub = try HubUnderTest(services: ["smtp"], starter: ["/usr/bin/env", "--ignore-signal=CHLD"])
            kill(try hub.worker(), SIGKILL)
            try hub.waitForLog("worker died", count: 1)
            try deliver("and again", to: "alice", hub)
            #expect(hub.messages(of: "alice").count == 1)
        }
    }

    @Test("a queue run that cannot be started, or is killed, is tried again; one that was told to stop is not")
    func lostRuns() async throws {
        try await onThread {
            let hub = try HubUnderTest(services: ["smtp"])
            let (carrier, log) = (hub.scratch.file("bin/mhcarry"), hub.scratch.file("carrier.log"))
            let signal = hub.scratch.file("signal")
            hub.scratch.write(
                "#!/bin/sh\ns=$(cat '\(signal)')\n: >'\(signal)'\necho run >>'\(log)'\n[ -z \"$s\" ] || kill -$s $$\n",
                to: "bin/mhcarry", mode: 0o700)
            func waitForRuns(_ count: Int) throws {
                let deadline = Deadline(after: .seconds(20))
                while (ScratchDirectory.read(log) ?? []).count(where: { $0 == 0x0A }) < count {
                    guard !deadline.hasPassed else { throw KitError("no run \(count)\n\(hub.logs)") }
                    usleep(5_000)
                }
            }
            hub.scratch.write("", to: "signal")
            #expect(unsafe chmod(carrier, 0) == 0)
            try deliver("one", to: "alice", and: "bob", hub)
            try hub.waitForLog("carrier error=")
            #expect(unsafe chmod(carrier, 0o700) == 0)
            try waitForRuns(1)
            for (number, name) in ["KILL", "TERM"].enumerated() {
                hub.scratch.write(name, to: "signal")
                try deliver(name, to: "alice", and: "bob", hub)
                // The killed one and its repetition; then the one that was told to stop.
                try waitForRuns(number == 0 ? 3 : 4)
            }
            try hub.waitForLog("status=137")
            try deliver("last", to: "alice", and: "bob", hub)
            try waitForRuns(5)
            #expect(!hub.log.contains("status=143"))
        }
    }

    @Test("no thread of a worker can gain rights by a program: it was locked in before the first of them was started")
    func lockedIn() async throws {
        try await onThread {
            let hub = try HubUnderTest(services: ["smtp", "pop3"])
            try deliver("to have its pools at work", to: "alice", hub)
            let tasks = "/proc/\(try hub.worker())/task"
            let threads = ScratchDirectory.names(in: tasks)
            #expect(threads.count > 16, "\(threads)")
            for thread in threads {
                let status = String(decoding: ScratchDirectory.read("\(tasks)/\(thread)/status") ?? [], as: UTF8.self)
                #expect(status.contains("NoNewPrivs:\t1"), "\(status)")
            }
        }
    }

    private static let late = Mutex<[String]>([])

    /// Sends a small message to a mailbox.
    /// - Parameter other: with two recipients it is queued.
    private func deliver(
        _ subject: String, to mailbox: String, and other: String? = nil, _ hub: HubUnderTest
    ) throws {
        let client = try LineClient(port: hub.port("smtp"))
        _ = try client.reply()
        let recipients = [mailbox, other].compactMap { $0 }.map { "RCPT TO:<\($0)@example.org>" }
        for command in ["EHLO x", "MAIL FROM:<a@example.net>"] + recipients + ["DATA"] {
            _ = try client.say(command)
        }
        let verdict = try client.say("Subject: \(subject)\r\n\r\n.")
        guard verdict.hasPrefix("250") else { throw KitError("not delivered: \(verdict)\n\(hub.logs)") }
    }
}
