// The kit's own servers and runner, tried with clients of others.

import Blocking
import Glibc
import MailTestKit
import Testing

@Suite("The fakes")
struct FakesTests {
    @Test(
        "a scripted server plays its script through TLS and tells what it read", .needs(.curl, .python3)
    )
    func scripted() async throws {
        try await onThread {
            let scratch = ScratchDirectory()
            let server = try FakeServer([
                .line("+OK fake"), .expect("CAPA"), .line("-ERR"), .expect("USER alice"), .line("+OK"),
                .expect("PASS"), .line("+OK"), .expect("RETR 1"), .line("+OK"),
                .drip(Array("Subject: x\r\n\r\n..x\r\n.\r\n".utf8), every: .milliseconds(1)),
                .expect("QUIT"),
                .line("+OK"),
            ])
            let certificate = try TestCertificate(in: scratch)
            let front = try TLSFront(to: server.port, with: certificate)
            let result = try runProgram([
                "curl", "-sS", "--cacert", certificate.certificatePath, "-u", "alice:secret",
                "pop3s://localhost:\(front.port)/1",
            ])
            #expect(result.outputText == "Subject: x\r\n\r\n.x\r\n", "\(result) \(front.logs)")
            let session = try #require(server.stop().first)
            #expect(session.lines == ["CAPA", "USER alice", "PASS secret", "RETR 1", "QUIT"])
            #expect(session.finished)
        }
    }

    @Test(
        "a stalling server is left as soon as the client gives up, and stopping waits for nobody",
        .needs(.curl))
    func stalling() async throws {
        try await onThread {
            let server = try FakeServer([.stall(.seconds(600))])
            let result = try runProgram(["curl", "-sS", "-m", "1", "pop3://127.0.0.1:\(server.port)/"])
            #expect(result.status == 28, "\(result)")
            let flooding = try FakeServer([.flood(chunk: [0x41], octets: .max)])
            let other = try Loopback.connect(to: flooding.port)
            defer { closeDescriptor(other) }
            let begun = ContinuousClock.now
            #expect(server.stop().first?.hungUp == true)
            #expect(flooding.stop().count <= 1)
            #expect(begun.duration(to: .now) < .seconds(60))
        }
    }

    @Test(
        "the sink records, refuses one recipient, and vanishes at the final dot when told to",
        .needs(.swaks))
    func sink() async throws {
        try await onThread {
            let sink = try SinkServer { moment, line in
                switch moment {
                case .recipient where line.contains("nobody@"): .reply("550 5.1.1 no such user")
                case .endOfData where line.contains("last@"): .close
                default: nil
                }
            }
            func send(to recipients: String) throws -> CommandResult {
                try runProgram([
                    "swaks", "--server", "127.0.0.1:\(sink.port)", "--from", "a@example.org", "--to",
                    recipients,
                    "--data", "Subject: x\\n\\n.dot\\nend\\n",
                ])
            }
            let first = try send(to: "nobody@example.net,b@example.net")
            #expect(first.status == 0, "\(first)")
            #expect(try send(to: "last@example.net").status != 0)
            let messages = sink.messages
            #expect(messages.map(\.forwardPaths) == [["<b@example.net>"], ["<last@example.net>"]])
            // The sink notes a message before its 250 has left.
            let limit = Deadline(after: .seconds(60))
            while sink.messages.first?.acknowledged != true, !limit.hasPassed { usleep(5_000) }
            #expect(sink.messages.map(\.acknowledged) == [true, false])
            #expect(messages.map(\.reversePath) == ["<a@example.org>", "<a@example.org>"])
            let text = String(decoding: try #require(messages.first).content, as: UTF8.self)
            #expect(text.contains("\r\n.dot\r\nend\r\n"))
        }
    }

    @Test("work on a thread of its own belongs to its test all the same")
    func ownThread() async throws {
        let name = try #require(Test.current?.name)
        try await withKnownIssue {
            let inside = try await onThread { Test.current?.name }
            #expect(inside == name)
            try await onThread { throw KitError("thrown inside") }
        } matching: {
            $0.error != nil
        }
    }

    @Test("a program past its deadline is killed with its children, and its output so far is kept")
    func deadline() async throws {
        let result = try await onThread {
            try runProgram(
                ["sh", "-c", "echo begun; sleep 600 & sleep 600"], deadline: .milliseconds(300))
        }
        #expect(result.timedOut)
        #expect(result.outputText == "begun\n")
        #expect(result.elapsed < .seconds(60))
    }

    @Test("much input and output pass through a program that reads and writes at once")
    func pipes() async throws {
        var random = SplitMix(seed: 4)
        let octets = random.octets(1_000_000)
        let result = try await onThread { try runProgram(["cat"], input: octets) }
        #expect(result.output == octets)
        #expect(try await onThread { try runProgram(["true"], input: octets) }.status == 0)
        #expect(try await onThread { try runProgram(["sh", "-c", "kill -9 $$"]) }.signal == 9)
    }

    @Test(
        "the corpus has a thousand different messages, 330 of them real, the same for the same seed",
        .needs(.spamassassin))
    func corpus() throws {
        #expect(try MailCorpus.real().count == 330)
        let all = try MailCorpus.thousand()
        #expect(all.count == 1000)
        #expect(Set(all.map(\.octets)).count == 1000)
        #expect(try MailCorpus.thousand().map(\.octets) == all.map(\.octets))
    }

    @Test("each oddity is what it says, on the wire and in a file", arguments: Oddity.quick)
    func oddities(_ oddity: Oddity) {
        let wire = oddity.wire()
        #expect(wire == oddity.wire())
        if ![.bareLF, .bareCR].contains(oddity) {
            #expect(Oddity.wire(fromFile: oddity.file()) == wire)
        }
    }
}
