// Messages of which only the header is fetched, or nothing, beside others with the same unique id, lost answers and lists
// that leave something out: nothing that is not here whole is deleted, or taken for known.

import MailTestKit
import Testing

@Suite("Large messages, and servers that confuse them")
struct FetchLargeTests {
    private typealias Step = FakeServer.Step

    private static let (login, farewell) = (POP3Script.login, POP3Script.farewell)

    private static func uidl(_ ids: [String]) -> [Step] { POP3Script.uidl(ids) }

    private static func sizes(_ sizes: Int...) -> [Step] {
        [.expect("LIST"), .line("+OK")] + sizes.enumerated().map { .line("\($0.offset + 1) \($0.element)") }
            + [.line(".")]
    }

    private static func content(_ request: String, _ text: String) -> [Step] {
        [.expect(request), .line("+OK"), .octets(Array("Subject: \(text)\r\n\r\n.\r\n".utf8))]
    }

    private func rig(_ server: FakeServer, _ lines: String...) -> FetchRig {
        let rig = FetchRig()
        rig.configure(
            "pop3 127.0.0.1:\(server.port)", "tls off", "timeout 5", "keep off", lines.joined(separator: "\n  "))
        return rig
    }

    /// Whether the server was told to delete anything in session `number`.
    private func deletes(_ server: FakeServer, _ number: Int) -> Bool {
        server.sessions[number].lines.contains { $0.hasPrefix("DELE") }
    }

    @Test(
        "of two with one id the one that was not fetched is not deleted when the other has gone",
        arguments: ["header-only over 1k", "skip over 1k"])
    func sharedID(_ line: String) async throws {
        try await onThread {
            let header = line.hasPrefix("header") ? Self.content("TOP 2 0", "large") : []
            // They go together or not at all; then another client removes the small one: the large one is listed alone.
            let later =
                line.hasPrefix("header") ? Self.sizes(9000) + Self.content("TOP 1 0", "large") : Self.sizes(9000)
            let server = try FakeServer(
                Self.login + Self.uidl(["X", "X"]) + Self.sizes(20, 9000) + Self.content("RETR 1", "small") + header
                    + Self.farewell,
                Self.login + Self.uidl(["X"]) + later + Self.farewell,
                Self.login + Self.uidl(["X"]) + Self.sizes(9000) + Self.farewell,
                Self.login + Self.uidl(["X"]) + Self.sizes(9000) + Self.farewell)
            let rig = rig(server, line)
            for run in 0..<4 {
                let result = try rig.fetch()
                #expect(result.status == 0, "\(run): \(result) \(server.sessions)")
                #expect(!deletes(server, run), "\(run): \(server.sessions)")
            }
            #expect(!server.stop().contains { !$0.finished }, "\(server.sessions)")
        }
    }

    @Test("a header is never compared with a message: what a lost answer left in doubt is not deleted by it")
    func headerOfDoubt() async throws {
        try await onThread {
            let small: [Step] = [.expect("RETR 1"), .line("+OK"), .octets(Array("Subject: same\r\n\r\n.\r\n".utf8))]
            let server = try FakeServer(
                // The answer to QUIT is lost.
                Self.login + Self.uidl(["U"]) + Self.sizes(17) + small + [
                    .expect("DELE 1"), .line("+OK"), .expect("QUIT"),
                ],
                // The id is that of another message now, with the same header.
                Self.login + Self.uidl(["U"]) + Self.sizes(9000) + Self.content("TOP 1 0", "same") + Self.farewell,
                Self.login + Self.uidl(["U"]) + Self.sizes(9000) + Self.farewell)
            let rig = rig(server, "header-only over 1k")
            _ = try rig.fetch()
            for run in 1...2 {
                let result = try rig.fetch()
                #expect(result.status == 0 && !deletes(server, run), "\(run): \(result) \(server.sessions)")
            }
            #expect(
                rig.messages().count == 2 && !rig.journal.contains { $0.hasPrefix("stay ") || $0.hasPrefix("here ") })
        }
    }

    @Test("one listing that leaves it out forgets no message that was not fetched: its header does not come again")
    func leftOut() async throws {
        try await onThread {
            let server = try FakeServer(
                Self.login + Self.uidl(["a"]) + Self.sizes(9000) + Self.content("TOP 1 0", "large") + Self.farewell,
                Self.login + Self.uidl([]) + Self.farewell,
                Self.login + Self.uidl(["a"]) + Self.sizes(9000) + Self.farewell,
                Self.login + Self.uidl([]) + Self.farewell, Self.login + Self.uidl([]) + Self.farewell)
            let rig = rig(server, "header-only over 1k")
            for run in 0..<5 {
                let result = try rig.fetch()
                #expect(result.status == 0 && rig.messages().count == 1, "\(run): \(result) \(server.sessions)")
            }
            #expect(try !rig.fetch("--status").outputText.contains("only the header"))
            #expect(!server.stop().contains { !$0.finished }, "\(server.sessions)")
        }
    }

    @Test("FE8: what --mark-seen takes as known is not fetched later, whatever was asked of it before")
    func seeded() async throws {
        try await onThread {
            let server = try FakeServer(
                // The connection breaks before the header comes.
                Self.login + Self.uidl(["a"]) + Self.sizes(9000) + [.expect("TOP 1 0"), .reset],
                Self.login + Self.uidl(["a"]) + Self.farewell, Self.login + Self.uidl(["a"]) + Self.farewell)
            let rig = rig(server, "header-only over 1k")
            _ = try rig.fetch()
            #expect(rig.journal.contains { $0.hasPrefix("large ") && $0.hasSuffix(" 1") }, "\(rig.journal)")
            #expect(try rig.fetch("--mark-seen", "peer").status == 0)
            rig.configure("pop3 127.0.0.1:\(server.port)", "tls off", "timeout 5", "keep off")
            #expect(try rig.fetch().status == 0 && rig.messages().isEmpty, "\(server.sessions)")
            #expect(!deletes(server, 2) && !server.stop().dropFirst().contains { !$0.finished }, "\(server.sessions)")
        }
    }

    @Test("where numbers stand for unique ids no header is fetched, as it would come again with each run")
    func numbered() async throws {
        try await onThread {
            let session = Self.login + Self.uidl(["1"]) + Self.sizes(9000) + Self.farewell
            let server = try FakeServer(session, session, session)
            let rig = rig(server, "header-only over 1k")
            let first = try rig.fetch()
            #expect(first.status == 0 && first.errorText.contains("the server has no unique ids"), "\(first)")
            for run in 1...2 {
                let result = try rig.fetch()
                #expect(result.status == 0 && result.errors.isEmpty && rig.messages().isEmpty, "\(run): \(result)")
            }
            #expect(!server.stop().contains { !$0.finished }, "\(server.sessions)")
        }
    }

    @Test("IMAP: a header that was not sent is asked for again as a header; one listing that omits it forgets nothing")
    func headerAgain() async throws {
        try await onThread {
            let listing = ["* 1 FETCH (UID 1 RFC822.SIZE 9000)", "* 2 FETCH (UID 2 RFC822.SIZE 9000)"]
            func header(_ number: Int) -> String {
                "* \(number) FETCH (UID \(number) BODY[HEADER] {14}\r\nSubject: x\r\n\r\n)"
            }
            let server = try FakeServer(
                IMAPScript.login + IMAPScript.select("INBOX", messages: 2, "UIDVALIDITY 1", "UIDNEXT 3")
                    + IMAPScript.answer("a3 UID FETCH 1:*", listing[0], listing[1])
                    + IMAPScript.answer("a4 UID FETCH 1:2 (UID FLAGS INTERNALDATE BODY.PEEK[HEADER])", header(1))
                    + IMAPScript.answer("a5 UID FETCH 2", listing[1])
                    + IMAPScript.answer("a6 UID FETCH 2 (UID FLAGS INTERNALDATE BODY.PEEK[HEADER])", header(2))
                    + IMAPScript.logout,
                IMAPScript.login + IMAPScript.select("INBOX", messages: 2, "UIDVALIDITY 1", "UIDNEXT 3")
                    + IMAPScript.answer("a3 UID FETCH 1:2", listing[0]) + IMAPScript.logout,
                IMAPScript.login + IMAPScript.select("INBOX", messages: 2, "UIDVALIDITY 1", "UIDNEXT 3")
                    + IMAPScript.answer("a3 UID FETCH 1:2", listing[0], listing[1]) + IMAPScript.logout)
            let rig = FetchRig()
            rig.configure("imap 127.0.0.1:\(server.port)", "timeout 5", "tls off", "header-only over 1k")
            for run in 0..<3 {
                let result = try rig.fetch()
                #expect(result.status == 0 && rig.messages().count == 2, "\(run): \(result) \(server.sessions)")
            }
            #expect(try rig.fetch("--status").outputText.contains("; of 2 only the header"))
            #expect(!server.stop().contains { !$0.finished }, "\(server.sessions)")
        }
    }
}
