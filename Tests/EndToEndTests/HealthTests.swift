// Health: what --status tells of the hub, and alerts: a letter and a command, once for each episode.

import Glibc
import MailTestKit
import Testing

@Suite("What lasts is told, once")
struct HealthTests {
    private func letters(_ rig: FetchRig) -> [String] {
        rig.messages().map { String(decoding: $0, as: UTF8.self) }.filter { $0.contains("MAILER-DAEMON") }
    }

    /// What the command was given.
    private func calls(_ rig: FetchRig) -> String {
        String(decoding: ScratchDirectory.read(rig.scratch.file("called")) ?? [], as: UTF8.self)
    }

    private func notify(_ rig: FetchRig, ending: String = "exit 0") -> String {
        "notify \(rig.scratch.write("#!/bin/sh\ncat >> \(rig.scratch.file("called"))\n\(ending)\n", to: "notify", mode: 0o755))"
    }

    @Test(
        "OP4, ask 2: a login that is refused: a letter to the owner and the command, once, and again after it was accepted"
    )
    func refusedLogin() async throws {
        try await onThread {
            let refuse: [FakeServer.Step] = [
                .line("+OK fake"), .expect("CAPA"), .line("-ERR"), .expect("USER alice"), .line("+OK"), .expect("PASS"),
                .line("-ERR [AUTH] no \u{1B}[31msuch password"),
            ]
            let accept: [FakeServer.Step] = [
                .line("+OK fake"), .expect("CAPA"), .line("-ERR"), .expect("USER alice"), .line("+OK"), .expect("PASS"),
                .line("+OK"), .expect("CAPA"), .line("-ERR"), .expect("UIDL"), .line("+OK"), .line("."),
                .expect("QUIT"), .line("+OK"),
            ]
            let server = try FakeServer(refuse, refuse, refuse, accept, refuse, refuse)
            let rig = FetchRig()
            rig.configure("pop3 127.0.0.1:\(server.port)", "tls off", "timeout 5")
            rig.addTop(notify(rig))
            rig.addTop("alert-after 2h")
            #expect(try rig.fetch(at: "+0").status == 77 && letters(rig).isEmpty)
            #expect(try rig.fetch(at: "+1h").status == 77 && letters(rig).isEmpty)
            #expect(try rig.fetch(at: "+130m").status == 77)
            let letter = try #require(letters(rig).first)
            #expect(letter.contains("To: alice@hub.test\n") && letter.contains("\nAuto-Submitted: auto-generated\n"))
            #expect(
                letter.contains("Subject: The mail hub needs you: account peer: the login is refused\n"), "\(letter)")
            #expect(letter.contains("such password") && !letter.contains("\u{1B}"), "\(letter)")
            #expect(calls(rig).hasPrefix("The mail hub needs you: account peer: the login is refused"), "\(calls(rig))")
            // In the pause, and an hour later: nothing more.
            for ahead in ["+131m", "+140m"] { _ = try rig.fetch(at: ahead) }
            #expect(letters(rig).count == 1, "\(server.sessions)")
            let mended = try rig.fetch(at: "+6h", "--retry")
            #expect(mended.status == 0, "\(mended) \(server.sessions)")
            #expect(try rig.fetch(at: "+7h").status == 77 && letters(rig).count == 1)
            #expect(try rig.fetch(at: "+10h").status == 77 && letters(rig).count == 2)
        }
    }

    @Test("OP4: a server that is dead: told after its time; off says nothing; a command that fails is no letter less")
    func deadServer() async throws {
        try await onThread {
            let rig = FetchRig()
            rig.configure("pop3 127.0.0.1:1", "tls off", "every 30m")
            rig.addTop(notify(rig, ending: "exit 9"))
            let first = try rig.fetch(at: "+0", "--due")
            #expect(first.status == 75, "\(first)")
            #expect(try rig.fetch(at: "+23h", "--due").status == 75 && letters(rig).isEmpty)
            // Also where nothing is due.
            #expect(try rig.fetch(at: "+1440m", "--due").status == 75)
            #expect(
                letters(rig).count == 1 && calls(rig).contains("not all mail is fetched: "), "\(calls(rig)) \(rig.log)")
            #expect(rig.log.contains("exit status 9"), "\(rig.log)")
            let silent = FetchRig()
            silent.configure("pop3 127.0.0.1:1", "tls off")
            silent.addTop("alert-after off")
            for ahead in ["+0", "+10d"] { #expect(try silent.fetch(at: ahead).status == 75) }
            #expect(letters(silent).isEmpty)
        }
    }

    @Test("OP4: --status tells of certificates, disk and queue; what is well is not told", .needs(.dovecot))
    func status() async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            let rig = FetchRig()
            rig.configure(
                "imaps localhost:\(dovecot.imapsPort)", trusting: dovecot,
                "send smtp 127.0.0.1:1\n  address a@b.example")
            #expect(try rig.fetch().status == 0)
            let well = try rig.fetch("--status")
            #expect(well.status == 0 && !well.outputText.contains("hub: "), "\(well)")
            #expect(
                try rig.fetch("--status", "--json").outputText.hasSuffix(
                    "{\"v\":1,\"hub\":\"hub.test\",\"concerns\":[]}\n"))
            let sent = try InstalledCommands.run(
                ["mhsend", "-C", rig.scratch.file("mailhubrc"), "-odq", "-f", "a@b.example", "c@d.example"],
                input: Array("Subject: x\n\nx\n".utf8), environment: ["HOME": rig.scratch.path])
            #expect(sent.status == 0, "\(sent)")
            rig.addTop("free-space 1000g")
            rig.addTop("tls_certificate \(dovecot.certificate.certificatePath) key \(dovecot.certificate.keyPath)")
            let told = try rig.fetch(at: "+20d", "--status")
            #expect(told.status == 75, "\(told)")
            for words in [
                "hub: \(dovecot.certificate.certificatePath): the certificate ",
                "are free there, and `free-space` keeps 1000 GiB",
                "1 message late in the queue, the oldest of 20 days ago; mhqueue list tells which",
            ] {
                #expect(told.outputText.contains(words), "\(words): \(told)")
            }
            let json = try rig.fetch(at: "+20d", "--status", "--json").outputText
            #expect(json.contains(#"{"kind":"queue","subject":"#) && json.contains(#"{"kind":"disk","#), "\(json)")
            // Of one account nothing else is told.
            #expect(try !rig.fetch("--status", "peer").outputText.contains("hub: "))
            // Of the disk nobody knows since when.
            #expect(try rig.fetch(at: "+20d").status == 0)
            #expect(letters(rig).count == 1 && letters(rig)[0].contains("; and 1 more\n"), "\(letters(rig))")
            #expect(try rig.fetch(at: "+22d").status == 0)
            #expect(letters(rig).count == 2, "\(letters(rig))")
        }
    }

    @Test(
        "OP4, ask 2: a login that is refused three times is told a quarter of an hour after the first, however long `alert-after` is"
    )
    func refusedThrice() async throws {
        try await onThread {
            let server = try FakeServer([
                .line("+OK fake"), .expect("CAPA"), .line("-ERR"), .expect("USER alice"), .line("+OK"), .expect("PASS"),
                .line("-ERR [AUTH] no"),
            ])
            let rig = FetchRig()
            rig.configure("pop3 127.0.0.1:\(server.port)", "tls off", "timeout 5")
            for (ahead, count) in [("+0", 0), ("+11m", 0), ("+22m", 1), ("+40m", 1)] {
                #expect(
                    try rig.fetch(at: ahead).status == 77 && letters(rig).count == count, "\(ahead) \(letters(rig))")
            }
        }
    }

    @Test("OP4: runs that die are told, also where nothing is due")
    func diedRuns() async throws {
        try await onThread {
            let running = RunningCommand()
            let hello: [FakeServer.Step] = [
                .line("+OK fake"), .expect("CAPA"), .perform { running.signal(SIGKILL) }, .drain,
            ]
            let server = try FakeServer(hello, hello)
            let rig = FetchRig()
            rig.configure("pop3 127.0.0.1:\(server.port)", "tls off", "timeout 5", "every 30d")
            for _ in 1...2 {
                try rig.start(as: running)
                #expect(running.end()?.signal == SIGKILL)
            }
            #expect(letters(rig).isEmpty)
            #expect(try rig.fetch("--status").outputText.contains("the last 2 runs died"))
            for ahead in ["+15m", "+26h", "+27h"] { _ = try rig.fetch(at: ahead, "--due") }
            #expect(
                letters(rig).count == 1 && letters(rig)[0].contains("the last 2 runs died"),
                "\(letters(rig)) \(rig.log)")
            #expect(server.sessions.count == 2, "nothing was due")
        }
    }

    @Test("OP4: where the state's disk is full that is told once a day, and the runs complain", .needsMounts)
    func fullState() async throws {
        try await onThread {
            let rig = FetchRig()
            rig.configure("pop3 127.0.0.1:1", "tls off")
            rig.addTop("free-space 4m")
            rig.addTop("alert-after 1h")
            rig.scratch.makeFolder("state")
            let library = try #require(MovedClock.environment("+0")["LD_PRELOAD"])
            // From eight in the morning on, so that the first four runs are of one day, by UTC.
            let morning = 86_400 - time(nil) % 86_400 + 8 * 3600
            let script = """
                mount -t tmpfs -o size=200k,mode=700 none "$1/state"
                dd if=/dev/zero of="$1/state/filling" bs=1k 2>/dev/null
                for ahead in 0 1 2 3 25 26; do
                    env LD_PRELOAD=\(library) FAKETIME=+$((\(morning) + ahead * 3600)) FAKETIME_DONT_FAKE_MONOTONIC=1 NO_FAKE_STAT=1 "$2" -C "$1/mailhubrc"
                done
                """
            let result = try runProgram(
                ["unshare", "-rm", "sh", "-c", script, "sh", rig.scratch.path, try InstalledCommands.path("mhfetch")],
                deadline: .seconds(60))
            #expect(letters(rig).count == 2, "\(letters(rig)) \(result)")
            #expect(
                letters(rig).allSatisfy { $0.contains("are free there, and `free-space` keeps 4") },
                "\(letters(rig))")
            #expect(result.errorText.contains("mhfetch: nobody is told of what is not well: "), "\(result)")
        }
    }
}
