// The lanes of a run: who waits for whom, how many sessions there are, and what goes out together.

import Blocking
import Glibc
import MailTestKit
import Synchronization
import Testing

@Suite("The lanes of a run")
struct LanesTests {
    /// A hub with a second account, bob's, beside alice's.
    private func hub(one: UInt16, two: UInt16, retry: String = "60 600") -> SendHub {
        SendHub(
            account: ["auth off", "tls off", "timeout 1m", "send smtp 127.0.0.1:\(one)"], top: ["retry \(retry)"],
            routes: [
                "account two", "    owner bob", "    address bob@two.example", "    auth off", "    tls off",
                "    timeout 1m", "    send smtp 127.0.0.1:\(two)",
            ])
    }

    @Test(
        "ask 17: a hop that says nothing holds up neither other accounts nor mailboxes, nor the same message elsewhere")
    func slowHop() async throws {
        try await onThread {
            let gate = Gate()
            let slow = try SinkServer { moment, _ in
                if moment == .greeting { gate.wait() }
                return nil
            }
            let quick = try SinkServer()
            let hub = hub(one: slow.port, two: quick.port)
            for number in 0..<40 { try hub.queue(to: ["a\(number)@far.example"]) }
            for number in 0..<40 { try hub.queue(from: "bob@two.example", to: ["b\(number)@far.example"]) }
            try hub.queue(to: ["last@far.example", "bob@home.example"])
            let run = RunningCommand()
            try hub.startRun(as: run)
            _ = try quick.waitForMessages(40)
            let deadline = Deadline(after: .seconds(20))
            while hub.mail(of: "bob").isEmpty, !deadline.hasPassed { usleep(10_000) }
            #expect(hub.mail(of: "bob").count == 1 && slow.messages.isEmpty)
            gate.open()
            #expect(run.end()?.status == 0)
            #expect(Set(slow.messages.flatMap(\.forwardPaths)).count == 41 && slow.messages.count == 41)
            #expect(try hub.listed.isEmpty)
        }
    }

    @Test(
        "ask 17: a hop at fault costs one probe; the rest of its mail is passed over until the next, and nothing is counted"
    )
    func deadHop() async throws {
        try await onThread {
            let server = try FakeServer([.line("554 go away")])
            let quick = try SinkServer()
            let hub = hub(one: server.port, two: quick.port)
            for number in 0..<30 { try hub.queue(to: ["a\(number)@far.example"]) }
            try hub.queue(from: "bob@two.example", to: ["b@far.example"])
            #expect(try hub.run().status == 0)
            #expect(server.sessions.count == 1 && quick.messages.count == 1)
            let waiting = hub.files(in: "new")
            #expect(
                waiting.count == 30 && waiting.allSatisfy { $0.contains(",P=") && !$0.hasSuffix(",J") }, "\(waiting)")
            #expect(hub.files(in: "log").isEmpty && hub.files(in: "cur").isEmpty)
            #expect(hub.log.count(of: "hop fault") == 1)
            // Another run does not even open them; a person is told what they wait for.
            #expect(try hub.run().status == 0)
            #expect(server.sessions.count == 1 && hub.files(in: "new") == waiting)
            let id = try #require(waiting.first?.split(separator: ",").first.map(String.init))
            let why = try hub.mhqueue(["why", id])
            #expect(why.outputText.contains("account one is at fault since") && why.outputText.contains("554 go away"))
            #expect(why.outputText.contains("mhqueue try \(id)"), "\(why)")
            #expect(try hub.mhqueue(["list"]).outputText.count(of: "waits for its way out") == 30)
            // And by name it is asked at once.
            let tried = try hub.mhqueue(["try", id])
            #expect(tried.status == 75 && tried.errorText.contains("554 go away"), "\(tried)")
            #expect(server.sessions.count == 2)
        }
    }

    @Test("mail for a route whose first account is at fault goes out by the second")
    func fallThrough() async throws {
        try await onThread {
            let server = try FakeServer([.line("554 go away")])
            let quick = try SinkServer()
            let hub = SendHub(
                account: ["auth off", "tls off", "send smtp 127.0.0.1:\(server.port)"], top: ["retry 60 600"],
                routes: [
                    "account two", "    owner alice", "    auth off", "    tls off",
                    "    send smtp 127.0.0.1:\(quick.port)", "route out", "    use one two",
                ])
            for number in 0..<10 { try hub.queue(to: ["a\(number)@far.example"]) }
            #expect(try hub.run().status == 0)
            #expect(server.sessions.count == 1 && quick.messages.count == 10)
            #expect(try hub.listed.isEmpty && hub.files(in: "log").isEmpty)
        }
    }

    @Test("a hop that works has as many sessions as its account allows, over all runs, and no more", arguments: [1, 3])
    func sessions(_ limit: Int) async throws {
        try await onThread {
            let open = Monitor((now: 0, most: 0, messages: 0))
            // Each session but the first waits at its end of data until all that may be are there.
            let sink = try SinkServer { moment, _ in
                switch moment {
                case .hello:
                    open.change { state in
                        state.now += 1
                        state.most = max(state.most, state.now)
                    }
                case .endOfData:
                    let isFirst = open.change { state in
                        state.messages += 1
                        return state.messages == 1
                    }
                    guard !isFirst else { return nil }
                    _ = open.wait(until: Deadline(after: .seconds(20))) { $0.most >= limit ? true : nil }
                case .quit: open.change { $0.now -= 1 }
                default: break
                }
                return nil
            }
            let hub = SendHub(plainTo: sink.port, ["connections \(limit)"])
            for number in 0..<30 { try hub.queue(to: ["a\(number)@far.example"]) }
            let runs = (0..<2).map { _ in RunningCommand() }
            for run in runs {
                try hub.startRun(as: run)
            }
            for run in runs { #expect(run.end()?.status == 0) }
            #expect(open.read { $0.most } == limit)
            let paths = sink.messages.flatMap(\.forwardPaths)
            #expect(paths.count == 30 && Set(paths).count == 30, "each of them once")
            #expect(try hub.listed.isEmpty)
        }
    }

    @Test("a further session that is refused while one works is no fault of the hop")
    func refusedSession() async throws {
        try await onThread {
            let sessions = Mutex(0)
            let sink = try SinkServer { moment, _ in
                guard moment == .greeting else { return nil }
                let number = sessions.withLock { count in
                    count += 1
                    return count
                }
                return number == 1 ? nil : .reply("421 4.7.0 one is enough")
            }
            let hub = SendHub(plainTo: sink.port, ["connections 5"])
            for number in 0..<30 { try hub.queue(to: ["a\(number)@far.example"]) }
            let run = try hub.run()
            #expect(run.status == 0 && run.errorText.isEmpty, "\(run)")
            #expect(sink.messages.count == 30 && !hub.log.contains("hop fault"), "\(hub.log)")
            #expect(try hub.listed.isEmpty)
        }
    }

    @Test("where there is PIPELINING the end of a message and the envelope of the next are one group")
    func group() async throws {
        try await onThread {
            // This server answers the end of data only when DATA of the next message is there.
            let transaction: [FakeServer.Step] = [
                .expect("RCPT"), .expect("DATA"), .line("250 ok"), .line("250 ok"), .line("354 go"), .content,
            ]
            let server = try FakeServer(
                [.line("220 fake"), .expect("EHLO"), .octets(Array("250-fake\r\n250 PIPELINING\r\n".utf8))]
                    + [.expect("MAIL")] + transaction + [.expect("MAIL"), .line("250 taken")]
                    + transaction + [.expect("MAIL"), .line("250 taken")]
                    + transaction + [.line("250 taken"), .expect("QUIT"), .line("221 bye")])
            let hub = SendHub(plainTo: server.port)
            for number in 0..<3 { try hub.queue("Subject: x\n\n\(number)\n", to: ["a\(number)@far.example"]) }
            let run = try hub.run()
            #expect(run.status == 0 && run.errorText.isEmpty, "\(run)")
            #expect(try hub.listed.isEmpty)
            let seen = server.stop()
            #expect(seen.count == 1 && seen.first?.surprise == nil && seen.first?.finished == true, "\(seen)")
        }
    }

    @Test(
        "a session that ends between two messages costs nobody a try, and the next has what was begun",
        arguments: ["421 enough", nil])
    func between(_ goodbye: String?) async throws {
        try await onThread {
            let first: [FakeServer.Step] =
                [
                    .line("220 fake"), .expect("EHLO"), .octets(Array("250-fake\r\n250 PIPELINING\r\n".utf8)),
                    .expect("MAIL"), .expect("RCPT"), .expect("DATA"), .line("250 ok"), .line("250 ok"),
                    .line("354 go"),
                    .content, .expect("MAIL"), .expect("RCPT"), .expect("DATA"), .line("250 taken"),
                ] + (goodbye.map { [.line($0)] } ?? [])
            let server = try FakeServer(first)
            let hub = SendHub(plainTo: server.port)
            for number in 0..<4 { try hub.queue("Subject: x\n\n\(number)\n", to: ["a\(number)@far.example"]) }
            _ = try hub.run()
            // The last has nothing behind it, so that the script of its session waits in vain.
            #expect(server.sessions.count == 4)
            let listed = try hub.listed
            #expect(listed.count <= 1 && !hub.log.contains("hop fault"), "\(listed) \(hub.log)")
            #expect(hub.log.count(of: "status=sent") >= 3)
        }
    }

    @Test(
        "a server that lets us in and says goodbye at once is a hop at fault, and is not dialled again",
        arguments: ["421 4.7.0 too many", nil])
    func goodbyeAtOnce(_ words: String?) async throws {
        try await onThread {
            let goodbye = words.map { "\($0)\r\n" } ?? ""
            let server = try FakeServer(
                [.line("220 fake"), .expect("EHLO"), .octets(Array("250-fake\r\n250 PIPELINING\r\n\(goodbye)".utf8))])
            let hub = SendHub(plainTo: server.port)
            for number in 0..<3 { try hub.queue(to: ["a\(number)@far.example"]) }
            let run = try hub.run()
            #expect(run.status == 0 && run.errorText.contains("account one: "), "\(run)")
            #expect(server.sessions.count <= 3, "\(server.sessions.count) connections")
            // A goodbye without words may come when a message has been begun.
            #expect(try hub.listed.count(where: { $0.contains("\"tries\":0") }) >= (words == nil ? 2 : 3))
        }
    }

    @Test(
        "a reply too many to one message is never taken for the answer to the next",
        arguments: ["552 5.3.4 too big", "550 5.1.1 no", "452 4.3.1 later", "250 ok"])
    func surplus(_ words: String) async throws {
        try await onThread {
            let isFirst = Mutex(true)
            let sink = try SinkServer { moment, line in
                switch moment {
                case .endOfData:
                    isFirst.withLock { isFirst in
                        defer { isFirst = false }
                        return isFirst ? .reply("250 2.0.0 kept\r\n\(words)") : nil
                    }
                case .recipient where line.contains("bad"): .reply("550 5.1.1 nobody")
                default: nil
                }
            }
            let hub = SendHub(plainTo: sink.port, ["connections 1"])
            for number in 0..<4 { try hub.queue(to: ["good\(number)@far.example", "bad\(number)@far.example"]) }
            #expect(try hub.run().status == 0)
            let paths = sink.messages.flatMap(\.forwardPaths)
            #expect(paths.sorted() == (0..<4).map { "<good\($0)@far.example>" }, "\(hub.log)")
            let told = hub.mail(of: "alice")
            #expect(told.count == 4 && told.allSatisfy { $0.contains("bad") && !$0.contains("552 ") }, "\(told)")
            #expect(told.allSatisfy { !$0.contains("Final-Recipient: rfc822; good") })
            #expect(try hub.listed.isEmpty)
        }
    }

    @Test("a session that the server refuses while another run has one is no fault of the hop")
    func refusedBesideAnotherRun() async throws {
        try await onThread {
            let gate = Gate()
            let sessions = Mutex(0)
            let sink = try SinkServer { moment, _ in
                if moment == .endOfData { gate.wait() }
                guard moment == .greeting else { return nil }
                let number = sessions.withLock { count in
                    count += 1
                    return count
                }
                return number == 1 ? nil : .reply("421 4.7.0 one is enough")
            }
            let hub = SendHub(plainTo: sink.port)
            for number in 0..<3 { try hub.queue(to: ["a\(number)@far.example"]) }
            let first = RunningCommand()
            try hub.startRun(as: first)
            _ = try sink.waitForMessages(1)
            let second = try hub.run()
            #expect(second.status == 0 && second.errorText.isEmpty, "\(second)")
            #expect(sessions.withLock { $0 } == 2 && !hub.log.contains("hop fault"), "\(hub.log)")
            gate.open()
            #expect(first.end()?.status == 0)
            #expect(sink.messages.count == 3)
            #expect(try hub.listed.isEmpty)
        }
    }

    @Test("a lock of a connection that cannot be had is told once, and the run ends")
    func noSlot() async throws {
        try await onThread {
            let sink = try SinkServer()
            let hub = SendHub(plainTo: sink.port)
            for number in 0..<5 { try hub.queue(to: ["a\(number)@far.example"]) }
            let folder = hub.scratch.file("state/hop/account-one.slot.0")
            #expect(try runProgram(["mkdir", "-p", folder]).status == 0)
            let run = try hub.run()
            #expect(run.status != 0 && run.errorText.contains("account-one.slot.0"), "\(run)")
            #expect(hub.log.count(of: "\n") < 10 && sink.messages.isEmpty, "\(hub.log)")
            #expect(try hub.listed.count == 5)
        }
    }

    @Test("mail that comes in during a run does not wait for the run's slow lanes")
    func laterMail() async throws {
        try await onThread {
            let gate = Gate()
            let slow = try SinkServer { moment, _ in
                if moment == .greeting { gate.wait() }
                return nil
            }
            let hub = SendHub(plainTo: slow.port)
            try hub.queue(to: ["a@far.example"])
            let run = RunningCommand()
            try hub.startRun(as: run)
            let deadline = Deadline(after: .seconds(20))
            while slow.commands.isEmpty, !deadline.hasPassed { usleep(10_000) }
            try hub.queue(to: ["bob@home.example"])
            while hub.mail(of: "bob").isEmpty, !deadline.hasPassed { usleep(10_000) }
            #expect(hub.mail(of: "bob").count == 1 && slow.messages.isEmpty)
            gate.open()
            #expect(run.end()?.status == 0)
            #expect(try hub.listed.isEmpty && slow.messages.count == 1)
        }
    }

    @Test("a run that goes on probes a hop when its time has come, and carries what has waited for it")
    func laterProbe() async throws {
        try await onThread {
            let gate = Gate()
            let slow = try SinkServer { moment, _ in
                if moment == .greeting { gate.wait() }
                return nil
            }
            let sessions = Mutex(0)
            let other = try SinkServer { moment, _ in
                guard moment == .greeting else { return nil }
                let number = sessions.withLock { count in
                    count += 1
                    return count
                }
                return number == 1 ? .reply("421 4.3.2 closed for a moment") : nil
            }
            let hub = hub(one: slow.port, two: other.port, retry: "1 1")
            try hub.queue(to: ["a@far.example"])
            try hub.queue(from: "bob@two.example", to: ["b@far.example"])
            let run = RunningCommand()
            try hub.startRun(as: run)
            // Each message that comes in makes the run look; once the pause is over it finds the one that waits, too.
            let deadline = Deadline(after: .seconds(20))
            while other.messages.isEmpty, !deadline.hasPassed {
                try hub.queue(from: "bob@two.example", to: ["later@far.example"])
                usleep(100_000)
            }
            gate.open()
            #expect(run.end()?.status == 0)
            #expect(other.messages.flatMap(\.forwardPaths).contains("<b@far.example>") && slow.messages.count == 1)
            #expect(try hub.listed.isEmpty, "\(hub.log)")
        }
    }

    @Test(
        "SE10: 421 to the content, or to a recipient, is that message's doing: it counts a try, and the others go out",
        arguments: [SinkServer.Moment.endOfData, .recipient])
    func goodbyeToContent(_ where: SinkServer.Moment) async throws {
        try await onThread {
            let sink = try SinkServer { moment, line in
                moment == `where` && line.contains("poison") ? .reply("421 4.3.0 no") : nil
            }
            let hub = SendHub(plainTo: sink.port)
            for name in ["a", "b", "poison", "c", "d"] { try hub.queue(to: ["\(name)@far.example"]) }
            #expect(try hub.run().status == 0)
            let listed = try hub.listed
            #expect(listed.count == 1 && listed[0].contains("poison") && listed[0].contains("\"tries\":1"), "\(listed)")
            #expect(!hub.log.contains("hop fault"), "\(hub.log)")
        }
    }

    @Test("a session has one message under way and one next: no more are marked as tried")
    func marked() async throws {
        try await onThread {
            let place = Mutex<SendHub?>(nil)
            let marked = Mutex<[Int]>([])
            // At the end of data of one message those before it are gone, and the next one is marked.
            let sink = try SinkServer { moment, _ in
                guard moment == .endOfData, let hub = place.withLock({ $0 }) else { return nil }
                let count = hub.files(in: "cur").count
                marked.withLock { $0.append(count) }
                return nil
            }
            let hub = SendHub(plainTo: sink.port, ["connections 1"])
            place.withLock { $0 = hub }
            for number in 0..<8 { try hub.queue(to: ["a\(number)@far.example"]) }
            #expect(try hub.run().status == 0)
            let counts = marked.withLock { $0 }
            #expect(counts.count == 8 && counts.max() == 2, "\(counts)")
            #expect(try hub.listed.isEmpty)
        }
    }

    @Test("a fault that shows within a session says when the hop is asked again")
    func faultWithin() async throws {
        try await onThread {
            let sink = try SinkServer { moment, _ in moment == .mail ? .reply("530 5.7.0 log in first") : nil }
            let hub = SendHub(plainTo: sink.port)
            for number in 0..<3 { try hub.queue(to: ["a\(number)@far.example"]) }
            let before = Int(time(nil))
            #expect(try hub.run().status == 0)
            let files = hub.files(in: "new") + hub.files(in: "cur")
            let times = files.compactMap { name in
                name.split(separator: ",").compactMap { hint in
                    hint.hasPrefix("R=") || hint.hasPrefix("P=") ? Int(hint.dropFirst(2)) : nil
                }.max()
            }
            // The first delay, a tenth more or less, from some moment of the run.
            let after = Int(time(nil))
            #expect(times.count == 3 && times.allSatisfy { $0 >= before + 54 && $0 <= after + 66 }, "\(files)")
        }
    }

    @Test(
        "killed at any call while two sessions and a mailbox have mail: nothing lost, doubled at most what was at a dot",
        .needs(.strace), arguments: ["fdatasync", "fsync", "unlinkat", "renameat"])
    func killed(_ call: String) async throws {
        try await onThread {
            var kills = 0
            for number in stride(from: 1, through: 40, by: call == "fdatasync" ? 1 : 3) {
                let sink = try SinkServer()
                let hub = SendHub(plainTo: sink.port, top: ["retry 1 1"])
                for number in 0..<12 { try hub.queue(to: ["a\(number)@far.example"]) }
                try hub.queue(to: ["both@far.example", "bob@home.example"])
                let trace = hub.scratch.file("trace")
                _ = try runProgram(
                    [
                        "strace", "-f", "-o", trace, "-e", "trace=\(call)", "-e",
                        "inject=\(call):signal=KILL:when=\(number)", try InstalledCommands.path("mhcarry"), "-C",
                        hub.rc,
                    ],
                    environment: ["HOME": hub.scratch.path, "PATH": "/usr/bin:/bin", "SWIFT_BACKTRACE": "enable=no"])
                let traced = String(decoding: ScratchDirectory.read(trace) ?? [], as: UTF8.self)
                let isKilled = traced.contains("killed by SIGKILL")
                if isKilled { kills += 1 }
                for _ in 0..<3 where try !hub.listed.isEmpty { _ = try hub.mhqueue(["try", "ALL"]) }
                #expect(try hub.listed.isEmpty, "\(call) \(number): \(hub.log)")
                #expect(hub.mail(of: "bob").count == 1, "\(call) \(number)")
                let paths = sink.messages.flatMap(\.forwardPaths)
                #expect(Set(paths).count == 13, "\(call) \(number): lost")
                #expect(paths.count <= 13 + (isKilled ? 2 : 0), "\(call) \(number): \(paths.count)")
                if !isKilled { break }
            }
            #expect(kills >= 1, "\(kills) kills")
        }
    }
}
