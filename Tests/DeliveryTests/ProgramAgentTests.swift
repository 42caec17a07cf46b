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
                try ["/bin/sh", "-c", script.replacing("%", with: "%%"), "sh", "$(touch \(path)/evil)"]
                    .map(ArgumentTemplate.init), within: patience, to: .relayed,
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
            [try ArgumentTemplate("/no/such/program")], within: .seconds(60), to: .relayed,
            in: try Directory(path: scratch.path))
        agent.isForced = true
        let missing = agent.deliver(message)[0]
        #expect(missing.kind == .temporary && missing.status == .transient(3, 5), "\(missing)")
    }

    /// Delivers to a shell that writes its arguments and the message to `got`.
    private func record(_ arguments: String..., as form: MboxForm = MboxForm(), to recipients: String...) throws
        -> [Verdict]
    {
        let path = scratch.path
        let envelope = Envelope(
            reversePath: .address(try .init("s@a.example")),
            recipients: try recipients.map { .init(try .init($0)) })
        let script = "{ for word; do echo \"[$word]\"; done; cat; } >>\(path)/got"
        var agent = ProgramAgent(
            try (["/bin/sh", "-c", script, "sh"] + arguments).map(ArgumentTemplate.init), as: form, at: 1_795_000_000,
            within: .seconds(60), to: .relayed, in: try Directory(path: path), mailbox: { "box of \($0.localPart)" })
        agent.isForced = true
        return agent.deliver(Prepared(Message(envelope, ContentInMemory(Array("S: x\n\nFrom x\n".utf8)))))
    }

    private var got: String { String(decoding: ScratchDirectory.read(scratch.file("got")) ?? [], as: UTF8.self) }

    @Test(
        "arguments that tell of the recipient: it runs for each, in order; what would be an option is refused for that one"
    )
    func perRecipient() async throws {
        try await onThread {
            let verdicts = try record(
                "%user", "a %mailbox of %domain", to: "bob@b.example", "-x@b.example", #""$(id) c"@b.example"#)
            #expect(verdicts.map(\.kind) == [.delivered(.relayed), .permanent, .delivered(.relayed)], "\(verdicts)")
            #expect(verdicts[1].status == .permanent(1, 3))
            let message = "S: x\n\nFrom x\n"
            #expect(
                got == "[bob]\n[a box of bob of b.example]\n" + message
                    + "[$(id) c]\n[a box of $(id) c of b.example]\n" + message)
        }
    }

    @Test("a line as in an mbox, and quoting, each by itself")
    func mboxForm() async throws {
        try await onThread {
            let line = "From s@a.example Wed Nov 18 11:06:40 2026\n"
            for (form, text) in [
                (MboxForm(hasFromLine: true), line + "S: x\n\nFrom x\n"), (.init(isQuoted: true), "S: x\n\n>From x\n"),
                (.init(hasFromLine: true, isQuoted: true), line + "S: x\n\n>From x\n"),
            ] {
                let verdicts = try record("-f", "%sender", as: form, to: "a@b.example", "c@b.example")
                #expect(verdicts.count == 2 && verdicts[0].kind == .delivered(.relayed), "\(verdicts)")
                #expect(got == "[-f]\n[s@a.example]\n" + text)
                removeFile(scratch.file("got"))
            }
        }
    }
}
