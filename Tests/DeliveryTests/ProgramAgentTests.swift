// Programs that take mail: what their ends mean.

import DurableFiles
import Glibc
import MailEnvelope
import MailTestKit
import MessageContent
import Testing

@testable import Delivery

@Suite("Delivery into a program")
struct ProgramAgentTests {
    private let scratch = ScratchDirectory()

    /// Delivers to a program of /bin/sh's words: the child may use a shell, we do not.
    private func deliver(_ script: String, within patience: Duration = .seconds(60)) async throws -> [Verdict] {
        let path = scratch.path
        return try await onThread {
            let envelope = Envelope(
                reversePath: .null, recipients: [.init(try .init("a@x.example")), .init(try .init("b@x.example"))])
            let content = ContentInMemory(Array("Subject: x\n\nx\n".utf8))
            var agent = ProgramAgent(
                ["/bin/sh", "-c", script, "sh", "$(touch \(path)/evil)"], within: patience, to: .relayed,
                in: try Directory(path: path))
            agent.isForced = true
            return agent.deliver(Prepared(Message(envelope, content), top: Array("T: 1\n".utf8)))
        }
    }

    @Test("it gets the whole message once, by standard input, and nothing lies about")
    func whole() async throws {
        let verdicts = try await deliver("cat >>\(scratch.file("got")); echo thanks")
        #expect(verdicts.map(\.kind) == [.delivered(.relayed), .delivered(.relayed)])
        #expect(verdicts[0].text == "delivered to the program /bin/sh")
        #expect(ScratchDirectory.read(scratch.file("got")) == Array("T: 1\nSubject: x\n\nx\n".utf8))
        #expect(ScratchDirectory.names(in: scratch.path) == ["got"])
    }

    @Test(
        "a status of sysexits, a signal and words of its own decide",
        arguments: [
            ("exit 0", "2.0.0"), ("exit 75", "4.3.0"), ("exit 71", "4.3.0"), ("exit 74", "4.3.0"), ("exit 1", "5.3.0"),
            ("exit 67", "5.3.0"), ("kill -9 $$", "4.3.0"), ("echo 5.1.1 no such user; exit 75", "5.1.1"),
            ("echo '4.2.1 not now'; echo 5.0.0; exit 1", "4.2.1"), ("echo 2.0.0 fine; exit 1", "5.3.0"),
            ("echo 5.1.1 what; exit 0", "2.0.0"), ("echo 5.1; exit 1", "5.3.0"),
        ])
    func endings(_ script: String, _ status: String) async throws {
        let verdicts = try await deliver("cat >/dev/null; \(script)")
        #expect(verdicts.map { "\($0.status)" } == [status, status], "\(script): \(verdicts)")
        let kind: Verdict.Kind =
            switch status.first {
            case "2": .delivered(.relayed)
            case "4": .temporary
            default: .permanent
            }
        #expect(verdicts.allSatisfy { $0.kind == kind }, "\(script): \(verdicts)")
    }

    @Test("what it says is told, harmless and in one line; else its last complaint")
    func words() async throws {
        #expect(
            try await deliver("printf '5.7.1 no \\033[31mspam\\nmore'; exit 1")[0].text
                == #"/bin/sh: 5.7.1 no \x1B[31mspam"#
        )
        #expect(try await deliver("echo trouble >&2; exit 75")[0].text == "/bin/sh: exit status 75: trouble")
    }

    @Test("one that hangs is killed, and one that cannot start is tried again")
    func trouble() async throws {
        let hung = try await deliver("exec sleep 600", within: .milliseconds(100))
        #expect(hung.allSatisfy { $0.kind == .temporary && $0.text.contains("did not end in time") }, "\(hung)")
        let message = Prepared(
            Message(Envelope(reversePath: .null, recipients: [.init(try .init("a@x.example"))]), ContentInMemory([])))
        var agent = ProgramAgent(
            ["/no/such/program"], within: .seconds(60), to: .relayed, in: try Directory(path: scratch.path))
        agent.isForced = true
        let missing = agent.deliver(message)[0]
        #expect(missing.kind == .temporary && missing.status == .transient(3, 5), "\(missing)")
    }
}
