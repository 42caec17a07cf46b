// The carrier told to stop: the transaction under way comes to its end, no other begins, nothing counts as a try.

import Blocking
import Glibc
import MailTestKit
import Testing

@Suite("The carrier told to stop")
struct SendStopTests {
    @Test("a transaction under way ends, its verdict is written down, and the rest waits as if untried")
    func inTheMidst() async throws {
        try await onThread {
            let command = RunningCommand()
            let sink = try SinkServer { moment, _ in
                // Behind the final dot: who leaves now sends twice.
                if moment == .endOfData { command.signal(SIGTERM) }
                return nil
            }
            let hub = SendHub(plainTo: sink.port)
            for name in ["a", "b", "c"] { try hub.queue("Subject: \(name)\n\n\(name)\n", to: ["\(name)@far.example"]) }
            for left in [2, 1, 0] {
                try hub.startRun(as: command)
                #expect(command.end()?.signal == SIGTERM)
                #expect(sink.messages.count == 3 - left && sink.messages.allSatisfy(\.acknowledged))
                let listed = try hub.listed
                #expect(listed.count == left, "\(hub.log)")
                #expect(listed.allSatisfy { $0.contains("\"tries\":0") && !$0.contains("\"tries\":1") }, "\(listed)")
            }
            #expect(Set(sink.messages.flatMap(\.forwardPaths)).count == 3, "none of them twice")
        }
    }

    @Test("told to stop before the end of the content it goes at once: nothing is in doubt")
    func beforeTheEnd() async throws {
        try await onThread {
            let command = RunningCommand()
            let server = try FakeServer([
                .line("220 slow"), .expect("EHLO"), .line("250 slow"), .expect("MAIL"),
                .perform { command.signal(SIGTERM) }, .drain,
            ])
            let hub = SendHub(plainTo: server.port)
            try hub.queue(to: ["a@far.example"])
            let began = Deadline.now
            try hub.startRun(as: command)
            #expect(command.end()?.signal == SIGTERM)
            #expect(began.elapsed < .seconds(20), "not as long as the answer to an end is waited for")
            let listed = try hub.listed
            #expect(listed.count == 1 && listed.allSatisfy { !$0.contains("\"tries\":1") }, "\(listed)")
        }
    }

    @Test("told to stop while it connects and logs in, it blames neither the message nor the account")
    func beforeTheFirst() async throws {
        try await onThread {
            let command = RunningCommand()
            let server = try FakeServer([
                .line("220 slow"), .expect("EHLO"), .perform { command.signal(SIGINT) }, .drain,
            ])
            let hub = SendHub(plainTo: server.port)
            try hub.queue(to: ["a@far.example", "b@far.example"])
            try hub.startRun(as: command)
            #expect(command.end()?.signal == SIGINT)
            let listed = try hub.listed
            #expect(listed.count == 1 && listed.allSatisfy { !$0.contains("\"tries\":1") }, "\(listed)")
            let states = ScratchDirectory.names(in: hub.scratch.file("state/hop"))
            #expect(!states.contains("account-one"), "no fault of the account: \(states)")
            // And it is due at once.
            let sink = try SinkServer()
            let rc = String(decoding: ScratchDirectory.read(hub.rc) ?? [], as: UTF8.self)
            hub.scratch.write(rc.replacing("127.0.0.1:\(server.port)", with: "127.0.0.1:\(sink.port)"), to: "rc")
            #expect(try hub.run().status == 0)
            #expect(sink.messages.count == 1)
        }
    }
}
