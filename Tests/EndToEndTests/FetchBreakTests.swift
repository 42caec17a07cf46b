// mhfetch when the line breaks in the midst of a message, and when it is told to stop: one message stops no account.

import Glibc
import MailTestKit
import Testing

@Suite("mhfetch interrupted")
struct FetchBreakTests {
    private typealias Step = FakeServer.Step
    private typealias Script = FetchHostileTests

    private static let ids = ["good-1", "bad", "good-3"]
    private static let body = "Subject: x\r\n\r\nx\r\n"

    private func rig(_ service: String, _ server: FakeServer) -> FetchRig {
        let rig = FetchRig()
        rig.configure("\(service) 127.0.0.1:\(server.port)", "timeout 5", "tls off")
        return rig
    }

    /// The content of message `number`, up to the same octet each time.
    private static func half(_ number: Int) -> [Step] {
        [.expect("RETR \(number)"), .line("+OK"), .octets(Array("Subject: \(number)\r\n\r\nbo".utf8))]
    }

    /// What IMAP sends of the message `uid`: all of it, or the first octets.
    private static func fetched(_ uid: Int, whole: Bool = true) -> Step {
        let content = whole ? "\(body))\r\n" : String(body.prefix(7))
        return .octets(Array("* \(uid) FETCH (UID \(uid) BODY[] {\(body.utf8.count)}\r\n\(content)".utf8))
    }

    private static let three = (1...3).map { (uid: $0, size: body.utf8.count) }

    @Test(
        "FE12, ask 8: a POP3 line that always breaks in the same message stops no other, and the message is listed as failed"
    )
    func samePOP3() async throws {
        try await onThread {
            let login = Script.login + Script.listing(Self.ids)
            let server = try FakeServer(
                login + Script.message(1) + Self.half(2),
                // Once may be chance: it is asked for in its turn, and not blamed before it breaks again.
                login + Self.half(2),
                login + Script.message(3) + Self.half(2),
                Script.login + Script.listing(Self.ids, sizes: false) + Script.farewell,
                login + Script.message(2) + Script.farewell)
            let rig = rig("pop3", server)
            for (count, tries) in [(1, 0), (1, 2), (2, 3)] {
                let result = try rig.fetch()
                #expect(result.status == 75 && result.errorText.contains("closed the connection early"), "\(result)")
                #expect(rig.messages().count == count, "\(result)")
                #expect(rig.journal.contains { $0.hasPrefix("fail p0:bad \(tries) ") }, "\(rig.journal)")
                let status = try rig.fetch("--status")
                #expect(status.outputText.contains("failed bad: \(tries) times") == (tries > 0), "\(status)")
            }
            let alone = try rig.fetch()
            #expect(alone.status == 75 && alone.errorText.contains("failed three times"), "\(alone)")
            #expect(try rig.fetch("--retry").status == 0)
            #expect(counted(rig.messages()) == counted((1...3).map(Script.file)))
            #expect(try rig.fetch("--status").status == 0, "a success clears it")
            #expect(!server.stop().contains { !$0.finished }, "\(server.sessions)")
        }
    }

    @Test(
        "FE12: an IMAP line that always breaks in the same message stops no other, and the message is listed as failed")
    func sameIMAP() async throws {
        try await onThread {
            let bye: [Step] = [.skip(lines: 1), .tagged("@tag@ OK bye")]
            // Those that are there already are passed over without a word.
            let login = Script.imap(next: 4, sizes: Self.three)
            // Behind what is new, what failed is looked for.
            let again: [Step] =
                login + [
                    .expect("a4 UID FETCH 2 (UID RFC822.SIZE)"),
                    .line("* 2 FETCH (UID 2 RFC822.SIZE \(Self.body.utf8.count))"),
                    .line("a4 OK done"),
                ]
            let server = try FakeServer(
                login + [.expect("a4 UID FETCH 1:3"), Self.fetched(1), Self.fetched(2, whole: false)],
                login + [.expect("a4 UID FETCH 2:3"), Self.fetched(2, whole: false)],
                again + [
                    .expect("a5 UID FETCH 3 "), Self.fetched(3), .line("a5 OK done"), .expect("a6 UID FETCH 2 "),
                    Self.fetched(2, whole: false),
                ],
                again + bye)
            let rig = rig("imap", server)
            for count in [1, 1, 2] {
                let result = try rig.fetch()
                #expect(result.status == 75 && rig.messages().count == count, "\(result)")
            }
            let status = try rig.fetch("--status")
            #expect(status.status == 75 && status.outputText.contains("failed UID 2 of INBOX: 3 times"), "\(status)")
            let alone = try rig.fetch()
            #expect(alone.status == 75 && alone.errorText.contains("failed three times"), "\(alone)")
            #expect(!server.stop().contains { !$0.finished }, "\(server.sessions)")
        }
    }

    @Test("breaks before the first octet of a message are nobody's fault")
    func beforeFirstOctet() async throws {
        try await onThread {
            let login = Script.login + Script.listing(Self.ids)
            let early = login + [.expect("RETR 2"), .line("+OK")]
            let server = try FakeServer(
                login + Script.message(1) + [.expect("RETR 2"), .line("+OK")], early, early, early,
                login + Script.message(2) + Script.message(3) + Script.farewell)
            let rig = rig("pop3", server)
            for _ in 1...4 {
                #expect(try rig.fetch().status == 75)
                #expect(!rig.journal.contains { $0.hasPrefix("fail ") }, "\(rig.journal)")
            }
            #expect(try rig.fetch().status == 0)
            #expect(server.stop().last?.finished == true, "\(server.sessions)")
        }
    }

    @Test("messages that another client has deleted meanwhile are one line and no failure, by POP3 and IMAP")
    func deletedMeanwhile() async throws {
        try await onThread {
            let ids = ["one", "two", "three"]
            func gone(_ number: Int) -> [Step] { [.expect("RETR \(number)"), .line("-ERR message expunged")] }
            let pop3 = try FakeServer(
                Script.login + Script.listing(ids) + gone(1) + Script.message(2) + gone(3) + Script.farewell,
                Script.login + Script.listing(["two"], sizes: false) + Script.farewell)
            let imap = try FakeServer(
                Script.imap(next: 4, sizes: Self.three) + [
                    .expect("a4 UID FETCH 1:3"), Self.fetched(2), .line("a4 OK done"),
                    .expect("a5 UID FETCH 1,3 "), .line("a5 OK done"), .skip(lines: 1), .tagged("@tag@ OK bye"),
                ])
            // As Dovecot says it.
            let refusing = try FakeServer(
                Script.imap(next: 4, sizes: Self.three) + [
                    .expect("a4 UID FETCH 1:3"), Self.fetched(2), .line("a4 NO [EXPUNGEISSUED] some are gone"),
                    .expect("a5 UID FETCH 1 "), .line("a5 NO [EXPUNGEISSUED] gone"), .expect("a6 UID FETCH 1 "),
                    .line("a6 OK done"), .expect("a7 UID FETCH 3 "), .line("a7 OK done"), .expect("a8 UID FETCH 3 "),
                    .line("a8 OK done"), .skip(lines: 1), .tagged("@tag@ OK bye"),
                ])
            for (service, server) in [("pop3", pop3), ("imap", imap), ("imap", refusing)] {
                let rig = rig(service, server)
                let result = try rig.fetch()
                #expect(result.status == 0 && rig.messages().count == 1, "\(service): \(result)")
                #expect(
                    result.errorText
                        == "mhfetch: peer: 2 messages were gone before being fetched, "
                        + "apparently deleted by another client\n",
                    "\(service)")
                #expect(try rig.fetch("--status").status == 0, "\(service)")
                if service == "pop3" {
                    let next = try rig.fetch()
                    #expect(next.status == 0 && next.errors.isEmpty, "\(next)")
                    #expect(try rig.fetch("--status").outputText.contains("failed") == false)
                }
                #expect(!server.stop().contains { !$0.finished }, "\(service): \(server.sessions)")
            }
        }
    }

    @Test(
        "ask 5: told to stop, mhfetch keeps what is whole, blames no message, and dies of the signal",
        arguments: ["pop3", "imap"])
    func stopped(by service: String) async throws {
        try await onThread {
            let command = RunningCommand()
            let signals = [SIGTERM, SIGINT, SIGHUP]
            func stop(_ signal: Int32) -> [Step] { [.perform { command.signal(signal) }, .drain] }
            let scripts: [[Step]] =
                if service == "pop3" {
                    signals.map { signal in
                        Script.login + Script.listing(Self.ids) + (signal == SIGTERM ? Script.message(1) : [])
                            + Self.half(2) + stop(signal)
                    } + [
                        Script.login + Script.listing(Self.ids) + Script.message(2) + Script.message(3)
                            + Script.farewell
                    ]
                } else {
                    signals.map { signal in
                        Script.imap(next: 4, sizes: Self.three) + [.skip(lines: 1)]
                            + (signal == SIGTERM ? [Self.fetched(1)] : []) + [Self.fetched(2, whole: false)]
                            + stop(signal)
                    } + [
                        Script.imap(next: 4, sizes: Self.three) + [
                            .expect("a4 UID FETCH 2:3"), Self.fetched(2), Self.fetched(3), .line("a4 OK done"),
                            .skip(lines: 1), .tagged("@tag@ OK bye"),
                        ]
                    ]
                }
            let server = try FakeServer(scripts[0], scripts[1], scripts[2], scripts[3])
            let rig = rig(service, server)
            for signal in signals {
                try rig.start(as: command)
                #expect(command.end()?.signal == signal)
                #expect(ScratchDirectory.read(rig.scratch.file("out")) == [])
                #expect(rig.messages().count == 1)
                #expect(ScratchDirectory.names(in: "\(rig.maildir)/tmp").isEmpty)
                #expect(!rig.journal.contains { $0.hasPrefix("fail ") }, "\(rig.journal)")
            }
            let status = try rig.fetch("--status")
            #expect(status.outputText.contains("status 75: told to stop before all was fetched"), "\(status)")
            #expect(!status.outputText.contains("died"), "\(status)")
            #expect(try rig.fetch().status == 0)
            #expect(rig.messages().count == 3)
            #expect(server.stop().last?.finished == true, "\(server.sessions)")
        }
    }

    @Test("a signal that was ignored when mhfetch began, as under nohup, stays ignored")
    func ignored() async throws {
        try await onThread {
            let command = RunningCommand()
            let server = try FakeServer(
                Script.login + Script.listing(["one"]) + [.perform { command.signal(SIGHUP) }] + Script.message(1)
                    + Script.farewell)
            let rig = rig("pop3", server)
            try rig.start(by: ["sh", "-c", "trap '' HUP; exec \"$@\"", "sh"], as: command)
            #expect(command.end()?.status == 0)
            #expect(rig.messages().count == 1)
        }
    }

    @Test("a password program does not keep mhfetch from stopping")
    func passwordProgram() async throws {
        try await onThread {
            let server = try FakeServer(Script.login)
            let rig = FetchRig()
            let program = rig.scratch.write(
                "#!/bin/sh\nkill -TERM $PPID\nexec sleep 100\n", to: "program", mode: 0o700)
            rig.configure("pop3 127.0.0.1:\(server.port)", "tls off", secret: "passwordeval \(program)")
            let command = RunningCommand()
            try rig.start(by: OrdinaryUser.prefix, as: command)
            #expect(command.end()?.signal == SIGTERM)
        }
    }

    @Test("FE15, SC3: --status tells that a run is under way, and how many runs before it have died")
    func underWay() async throws {
        try await onThread {
            let command = RunningCommand()
            let hanging = Script.login + [.expect("UIDL"), .perform { command.signal(SIGKILL) }, .drain]
            let looking = FetchRig()
            let server = try FakeServer(
                hanging, hanging,
                Script.login + [
                    .expect("UIDL"),
                    .perform {
                        do {
                            let status = try looking.fetch("--status")
                            let text = status.outputText
                            #expect(text.contains("no run has come to its end yet; the last 2 runs died"), "\(status)")
                            #expect(text.contains("; a run is under way, begun just now; 3 runs"), "\(status)")
                            #expect(status.status == 75)
                        } catch { Issue.record(error) }
                    }, .line("+OK"), .line("."),
                ] + Script.farewell)
            looking.configure("pop3 127.0.0.1:\(server.port)", "timeout 20", "tls off")
            for _ in 1...2 {
                try looking.start(as: command)
                #expect(command.end()?.signal == SIGKILL)
            }
            #expect(try looking.fetch().status == 0)
            let last = try looking.fetch("--status")
            #expect(last.status == 0 && last.outputText.hasPrefix("peer: well, just now; 3 runs"), "\(last)")
        }
    }

    @Test(
        "without room nothing is asked for, it is told, and what is here already is deleted at the server all the same")
    func noRoom() async throws {
        try await onThread {
            let server = try FakeServer(
                // The deletion is refused: the message is known, and still there.
                Script.login + Script.listing(["one"]) + Script.message(1) + [.expect("DELE 1"), .line("-ERR busy")]
                    + Script.farewell,
                Script.login + [
                    .expect("UIDL"), .line("+OK"), .line("1 one"), .line("2 two"), .line("."), .expect("DELE 1"),
                    .line("+OK"), .expect("LIST"), .line("-ERR"),
                ] + Script.farewell)
            let rig = FetchRig()
            rig.configure("pop3 127.0.0.1:\(server.port)", "tls off", "keep off")
            #expect(try rig.fetch().status == 0)
            rig.addTop("free-space 1024g")
            let result = try rig.fetch()
            #expect(result.status == 75, "\(result)")
            #expect(
                result.errorText.contains("MiB are free there, and `free-space` keeps 1048576: make room"), "\(result)")
            #expect(rig.messages() == [Script.file(1)])
            #expect(rig.journal.contains("dele p0:one"), "\(rig.journal)")
            #expect(server.stop().last?.finished == true, "\(server.sessions)")
        }
    }
}
