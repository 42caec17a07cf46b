// mhfetch with `keep off` and POP3 servers that say +OK to a deletion and do not delete.

import MailTestKit
import Testing

@Suite("mhfetch and deletions that are none")
struct FetchDeletionTests {
    private typealias Step = FakeServer.Step

    private static let login: [Step] = [
        .line("+OK fake"), .expect("CAPA"), .line("-ERR"), .expect("USER alice"), .line("+OK"),
        .expect("PASS secret"), .line("+OK"), .expect("CAPA"), .line("-ERR"),
    ]
    private static let farewell: [Step] = [.expect("QUIT"), .line("+OK")]

    private static func uidl(_ ids: [String]) -> [Step] {
        let numbered = ids.enumerated().map { Step.line("\($0.offset + 1) \($0.element)") }
        return [.expect("UIDL"), .line("+OK")] + numbered + [.line(".")]
    }

    private static let sizes: [Step] = [.expect("LIST"), .line("-ERR")]

    private static func retrieve(_ number: Int, _ text: String) -> [Step] {
        [.expect("RETR \(number)"), .line("+OK"), .octets(Array("Subject: \(text)\r\n\r\nbody\r\n.\r\n".utf8))]
    }

    private static func delete(_ numbers: Int...) -> [Step] {
        numbers.flatMap { [.expect("DELE \($0)"), .line("+OK")] }
    }

    private func rig(_ server: FakeServer) -> FetchRig {
        let rig = FetchRig()
        rig.configure("pop3 127.0.0.1:\(server.port)", "tls off", "keep off", "timeout 5")
        return rig
    }

    @Test("messages that stay though they were deleted come once, are told once and never asked for again")
    func staying() async throws {
        try await onThread {
            let (login, farewell) = (Self.login, Self.farewell)
            let both = Self.uidl(["a", "b"])
            let server = try FakeServer(
                login + both + Self.sizes + Self.retrieve(1, "one") + Self.retrieve(2, "two") + Self.delete(1, 2)
                    + farewell,
                login + both + Self.sizes + Self.retrieve(1, "one") + Self.retrieve(2, "two") + farewell,
                login + both + farewell,
                login + Self.uidl(["a", "b", "c"]) + Self.sizes + Self.retrieve(3, "three") + Self.delete(3) + farewell,
                login + Self.uidl(["a", "b", "c"]) + Self.sizes + Self.retrieve(3, "three") + farewell)
            let rig = rig(server)
            #expect(try rig.fetch().status == 0)
            let told = try rig.fetch()
            #expect(told.status == 0, "\(told) \(server.sessions)")
            #expect(told.errorText.contains("said that it has deleted 2 messages and has them still"), "\(told)")
            for run in 3...5 {
                let result = try rig.fetch()
                #expect(result.status == 0 && result.errors.isEmpty, "run \(run): \(result) \(server.sessions)")
            }
            #expect(rig.messages().count == 3)
            #expect(ScratchDirectory.names(in: "\(rig.maildir)/tmp").isEmpty)
            #expect(
                try rig.fetch("--status").outputText.contains(" 0 messages known, 3 that the server does not delete"))
            #expect(!server.stop().contains { !$0.finished }, "\(server.sessions)")
        }
    }

    @Test("an id that comes again with another message is delivered, and once two listings lack it any message is")
    func again() async throws {
        try await onThread {
            let (login, farewell, one) = (Self.login, Self.farewell, Self.uidl(["a"]))
            let server = try FakeServer(
                login + one + Self.sizes + Self.retrieve(1, "one") + Self.delete(1) + farewell,
                login + one + Self.sizes + Self.retrieve(1, "two") + Self.delete(1) + farewell,
                login + Self.uidl([]) + farewell,
                // Away for one listing only: it is the one that was deleted.
                login + one + Self.sizes + Self.retrieve(1, "two") + farewell,
                login + Self.uidl([]) + farewell, login + Self.uidl([]) + farewell,
                login + one + Self.sizes + Self.retrieve(1, "two") + Self.delete(1) + farewell)
            let rig = rig(server)
            for count in [1, 2, 2, 2, 2, 2, 3] {
                let result = try rig.fetch()
                #expect(result.status == 0, "\(result) \(server.sessions)")
                #expect(rig.messages().count == count, "\(server.sessions)")
            }
            #expect(!server.stop().contains { !$0.finished }, "\(server.sessions)")
        }
    }

    @Test("where ids are message numbers, what was deleted is known by its octets, wherever it is listed")
    func numbers() async throws {
        try await onThread {
            let (login, farewell) = (Self.login, Self.farewell)
            let server = try FakeServer(
                login + Self.uidl(["1", "2"]) + Self.sizes + Self.retrieve(1, "one") + Self.retrieve(2, "two")
                    + Self.delete(1, 2) + farewell,
                // The first is gone, so that the second has its number; and a new one has come.
                login + Self.uidl(["1", "2"]) + Self.sizes + Self.retrieve(1, "two") + Self.retrieve(2, "three")
                    + Self.delete(2) + farewell,
                login + Self.uidl(["1"]) + Self.sizes + Self.retrieve(1, "four") + Self.delete(1) + farewell)
            let rig = rig(server)
            for count in [2, 3, 4] {
                let result = try rig.fetch()
                #expect(result.status == 0, "\(result) \(server.sessions)")
                #expect(rig.messages().count == count)
            }
            #expect(!server.stop().contains { !$0.finished }, "\(server.sessions)")
        }
    }
}
