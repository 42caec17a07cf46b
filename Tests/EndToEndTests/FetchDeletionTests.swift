// mhfetch with `keep off` and POP3 servers that say +OK to a deletion and do not delete.

import MailTestKit
import Testing

@Suite("mhfetch and deletions that are none")
struct FetchDeletionTests {
    private typealias Step = FakeServer.Step

    private static let (login, farewell) = (POP3Script.login, POP3Script.farewell)

    private static func uidl(_ ids: [String]) -> [Step] { POP3Script.uidl(ids) }

    private static let sizes: [Step] = [.expect("LIST"), .line("-ERR")]

    private static func retrieve(_ number: Int, _ text: String) -> [Step] {
        [.expect("RETR \(number)"), .line("+OK"), .octets(Array("Subject: \(text)\r\n\r\nbody\r\n.\r\n".utf8))]
    }

    private static func delete(_ numbers: Int...) -> [Step] {
        numbers.flatMap { [.expect("DELE \($0)"), .line("+OK")] }
    }

    private func rig(_ server: FakeServer, _ line: String = "# nothing more") -> FetchRig {
        let rig = FetchRig()
        rig.configure("pop3 127.0.0.1:\(server.port)", "tls off", "keep off", "timeout 5", line)
        return rig
    }

    @Test(
        "messages that stay though they were deleted come once, are told once and never asked for again; fields of ours above them are not compared",
        arguments: ["# nothing more", "received_header on"])
    func staying(_ line: String) async throws {
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
            let rig = rig(server, line)
            #expect(try rig.fetch().status == 0)
            let told = try rig.fetch()
            #expect(told.status == 0, "\(told) \(server.sessions)")
            #expect(told.errorText.contains("said that it deleted, and still has, 2 messages: left there"), "\(told)")
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

    @Test(
        "a new message under the id of one whose QUIT was never answered is delivered", arguments: ["cut off", "-ERR"])
    func unansweredFarewell(_ end: String) async throws {
        try await onThread {
            let (login, one) = (Self.login, Self.uidl(["a"]))
            let farewell: [Step] = [.expect("QUIT")] + (end == "-ERR" ? [.line("-ERR busy")] : [])
            let server = try FakeServer(
                login + one + Self.sizes + Self.retrieve(1, "one") + Self.delete(1) + farewell,
                // The server had deleted it all the same.
                login + one + Self.sizes + Self.retrieve(1, "two") + Self.delete(1) + Self.farewell)
            let rig = rig(server)
            #expect(try rig.fetch().status == 75)
            let result = try rig.fetch()
            #expect(result.status == 0 && rig.messages().count == 2, "\(result) \(server.sessions)")
            #expect(server.stop().last?.finished == true, "\(server.sessions)")
        }
    }

    @Test("what was fetched under `keep on` goes in the end, also where QUIT was not answered once")
    func withoutDigest() async throws {
        try await onThread {
            let (login, one) = (Self.login, Self.uidl(["a"]))
            let server = try FakeServer(
                login + one + Self.sizes + Self.retrieve(1, "one") + Self.farewell,
                login + one + Self.delete(1) + [.expect("QUIT")], login + one + Self.delete(1) + Self.farewell)
            let rig = FetchRig()
            for (keep, status) in [("keep on", 0), ("keep off", 75), ("keep off", 0)] as [(String, Int32)] {
                rig.configure("pop3 127.0.0.1:\(server.port)", "tls off", keep, "timeout 5")
                let result = try rig.fetch()
                #expect(result.status == status, "\(result) \(server.sessions)")
            }
            #expect(rig.messages().count == 1)
            #expect(server.stop().last?.finished == true, "\(server.sessions)")
        }
    }

    @Test("where one of several with one id was refused to go, each that is listed is looked at")
    func refusedAmongTwins() async throws {
        try await onThread {
            let login = Self.login
            let three = ["one", "two", "three"].enumerated().flatMap { Self.retrieve($0.offset + 1, $0.element) }
            let server = try FakeServer(
                login + Self.uidl(["x", "x", "x"]) + Self.sizes + three + Self.delete(1)
                    + [.expect("DELE 2"), .line("-ERR busy")] + Self.delete(3) + Self.farewell,
                login + Self.uidl(["x", "x"]) + Self.sizes + Self.retrieve(1, "two") + Self.retrieve(2, "four")
                    + Self.delete(1, 2) + Self.farewell)
            let rig = rig(server)
            #expect(try rig.fetch().status == 0)
            let result = try rig.fetch()
            #expect(result.status == 0, "\(result) \(server.sessions)")
            let subjects = rig.messages().map { String(decoding: $0.prefix { $0 != 0x0A }, as: UTF8.self) }
            #expect(
                subjects.sorted() == ["four", "one", "three", "two"].map { "Subject: \($0)" }, "\(server.sessions)")
        }
    }

    @Test("one message number for two ids is no listing: nothing is fetched by it, and nothing deleted")
    func numberTwice() async throws {
        try await onThread {
            let server = try FakeServer(
                Self.login + [
                    .expect("UIDL"), .line("+OK"), .line("1 a"), .line("1 b"), .line("3 c"), .line("."), .drain,
                ])
            let rig = rig(server)
            let result = try rig.fetch()
            #expect(result.status == 76 && result.errorText.contains("one message number for two"), "\(result)")
            #expect(rig.messages().isEmpty)
            #expect(!server.stop().flatMap(\.lines).contains { $0.hasPrefix("DELE") })
        }
    }
}
