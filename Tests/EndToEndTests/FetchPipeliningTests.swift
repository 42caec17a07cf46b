// Commands ahead of their answers, so that a long way costs little; one at a time where a server is broken.

import MailTestKit
import Testing

@Suite("A long way to the server")
struct FetchPipeliningTests {
    private func session(_ middle: [FakeServer.Step], hasPipelining: Bool = true) -> [FakeServer.Step] {
        let offers: [FakeServer.Step] =
            [.expect("CAPA"), .line("+OK"), .line("UIDL"), .line("USER")]
            + (hasPipelining ? [.line("PIPELINING")] : []) + [.line(".")]
        return [.line("+OK fake")] + offers + [
            .expect("USER alice"), .line("+OK"), .expect("PASS secret"), .line("+OK"),
        ]
            + offers + [
                .expect("UIDL"), .line("+OK"), .line("1 a"), .line("2 b"), .line("3 c"), .line("."), .expect("LIST"),
                .line("+OK"), .line("1 17"), .line("2 17"), .line("3 17"), .line("."),
            ] + middle + [.expect("QUIT"), .line("+OK")]
    }

    private func answer(_ number: Int) -> [FakeServer.Step] {
        [.line("+OK"), .octets(Array(PlayedMailbox.wire(number + 4).utf8)), .line(".")]
    }

    private func fetch(_ server: FakeServer, _ word: String) throws -> FetchRig {
        let rig = FetchRig()
        rig.configure("pop3 127.0.0.1:\(server.port)", "tls off", "timeout 5", "keep off", word)
        let result = try rig.fetch()
        #expect(result.status == 0, "\(result) \(server.sessions)")
        #expect(rig.messages().count == 3 && server.stop().first?.finished == true, "\(server.sessions)")
        return rig
    }

    @Test("FE9: POP3: all is asked for before the first answer comes, and all deleted so")
    func ahead() async throws {
        try await onThread {
            let script =
                [.expect("RETR 1"), .expect("RETR 2"), .expect("RETR 3")] + answer(1) + answer(2) + answer(3) + [
                    .expect("DELE 1"), .expect("DELE 2"), .expect("DELE 3"), .line("+OK"), .line("+OK"), .line("+OK"),
                ]
            _ = try fetch(FakeServer(session(script)), "# as it comes")
            _ = try fetch(FakeServer(session(script, hasPipelining: false)), "pipelining on")
        }
    }

    @Test("FE17: pipelining off, or a server that does not offer it: nothing is said before the answer")
    func oneAtATime() async throws {
        try await onThread {
            func single(_ command: String, _ answer: [FakeServer.Step]) -> [FakeServer.Step] {
                [.expect(command), .quiet(.milliseconds(150))] + answer
            }
            let script =
                (1...3).flatMap { single("RETR \($0)", answer($0)) }
                + (1...3).flatMap { single("DELE \($0)", [.line("+OK")]) }
            _ = try fetch(FakeServer(session(script)), "pipelining off")
            _ = try fetch(FakeServer(session(script, hasPipelining: false)), "# as it comes")
        }
    }

    @Test("FE9: IMAP: a thousand messages are listed with one command, and asked for with one", .needs(.dovecot))
    func together() async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            for (number, message) in smallMessages(1000).enumerated() { dovecot.deliver(message, number: number + 1) }
            let rig = FetchRig()
            let folder = rig.scratch.file("transcripts")
            rig.configure("imaps localhost:\(dovecot.imapsPort)", trusting: dovecot, "transcript \(folder)")
            let result = try rig.fetch("-vv")
            #expect(result.status == 0 && rig.messages().count == 1000, "\(result.status)")
            let asked = result.errorText.split(separator: "\n").filter { $0.contains("UID FETCH ") }
            #expect(asked.count == 2, "\(asked)")
        }
    }
}
