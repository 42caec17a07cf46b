// mhfetch with `keep off` at servers that lie: what they are told to delete is counted, and all of it is here.

import MailTestKit
import Testing

@Suite("mhfetch, bad servers, and `keep off`")
struct FetchStakesTests {
    /// What a server does once, and what it comes to.
    struct Case: Sendable, CustomStringConvertible {
        let description: String
        let service: String
        let status: ClosedRange<Int32>
        /// Commands to it, and what is said then.
        let lie: @Sendable (String) -> String?

        init(
            _ description: String, _ service: String, _ status: ClosedRange<Int32>,
            _ lie: @escaping @Sendable (String) -> String?
        ) {
            (self.description, self.service, self.status, self.lie) = (description, service, status, lie)
        }
    }

    /// The answer to the fetch of all three, with this for the second one and what follows.
    private static func imap(
        _ name: String, _ status: ClosedRange<Int32>, _ rest: String
    ) -> Case {
        Case(name, "imap", status) { command in
            guard command.hasPrefix("UID FETCH 5:7 "), command.contains("BODY.PEEK[]") else { return nil }
            return "* 1 FETCH (UID 5 BODY[] \(PlayedMailbox.literal(5)))\r\n\(rest)"
        }
    }

    private static func pop3(_ name: String, _ status: ClosedRange<Int32>, _ second: String) -> Case {
        Case(name, "pop3", status) { $0 == "RETR 2" ? second : nil }
    }

    private static let third = "* 3 FETCH (UID 7 BODY[] \(PlayedMailbox.literal(7)))\r\n@tag@ OK done"

    static let cases: [Case] = [
        imap(
            "a literal that swallows what follows it", 75...75,
            "* 2 FETCH (UID 6 BODY[] {400}\r\n\(PlayedMailbox.wire(6)))\r\n\(third)"),
        imap(
            "a literal shorter than its content", 76...76,
            "* 2 FETCH (UID 6 BODY[] {9}\r\n\(PlayedMailbox.wire(6)))\r\n\(third)"),
        imap("content that is NIL", 75...75, "* 2 FETCH (UID 6 BODY[] NIL)\r\n\(third)"),
        imap("content that is \"\"", 75...75, "* 2 FETCH (UID 6 BODY[] \"\")\r\n\(third)"),
        imap("content of {0}", 75...75, "* 2 FETCH (UID 6 BODY[] {0}\r\n)\r\n\(third)"),
        imap("BYE in the middle", 75...75, "* BYE the house is on fire"),
        imap("a literal that breaks off", 75...75, "* 2 FETCH (UID 6 BODY[] {17}\r\nSubject:"),
        imap(
            "a literal of 5,000,000,000 octets", 76...76,
            "* 2 FETCH (UID 6 BODY[] {5000000000}\r\n\(PlayedMailbox.wire(6))"),
        imap("a line without an end", 76...76, "* OK " + String(repeating: "x", count: 2 << 20)),
        imap(
            "EXPUNGE of a message that is asked for", 0...75,
            "* 2 EXPUNGE\r\n* 2 FETCH (UID 7 BODY[] \(PlayedMailbox.literal(7)))\r\n@tag@ OK done"),
        imap("a NO in the middle", 0...0, "@tag@ NO out of breath"),
        imap(
            "a thousand words about nothing", 0...0,
            String(repeating: "* OK still there\r\n* 3 EXISTS\r\n", count: 1000)
                + "* 2 FETCH (UID 6 BODY[] \(PlayedMailbox.literal(6)))\r\n\(third)"),
        Case("sizes that are lies", "imap", 0...0) { command in
            guard command.hasPrefix("UID FETCH 1:* ") else { return nil }
            return PlayedMailbox.uids.map {
                "* \($0 - 4) FETCH (UID \($0) RFC822.SIZE \($0 == 6 ? "1" : "3000000"))\r\n"
            }.joined() + "@tag@ OK done"
        },
        Case("sizes that can be none", "imap", 0...0) { command in
            guard command.hasPrefix("UID FETCH 1:* ") else { return nil }
            let sizes = ["-1", "18446744073709551621", "99999999999999999999999999999999999999"]
            return zip(PlayedMailbox.uids, sizes).map { "* \($0 - 4) FETCH (UID \($0) RFC822.SIZE \($1))\r\n" }.joined()
                + "@tag@ OK done"
        },
        Case("sizes that can be none", "pop3", 0...0) {
            $0 == "LIST" ? "+OK\r\n1 -1\r\n2 18446744073709551621\r\n3 many\r\n." : nil
        },
        Case("5,000,000,000 messages", "imap", 0...76) { command in
            guard command.hasPrefix("SELECT") else { return nil }
            return "* 5000000000 EXISTS\r\n* OK [UIDVALIDITY 1] ok\r\n* OK [UIDNEXT 8] ok\r\n@tag@ OK [READ-WRITE] done"
        },
        Case("4,294,967,295 messages", "imap", 0...76) { command in
            guard command.hasPrefix("SELECT") else { return nil }
            return "* 4294967295 EXISTS\r\n* OK [UIDVALIDITY 1] ok\r\n* OK [UIDNEXT 8] ok\r\n@tag@ OK [READ-WRITE] done"
        },
        pop3("content without its final dot", 75...75, "+OK\r\n\(PlayedMailbox.wire(6))"),
        pop3("content that is a lone dot", 75...75, "+OK\r\n."),
        pop3("-ERR for one that is there", 0...75, "-ERR what message?"),
        pop3("a line without an end", 76...76, "+OK " + String(repeating: "x", count: 2 << 20)),
        pop3("an answer that is none", 76...76, "Hello?"),
        Case("sizes that are lies", "pop3", 0...0) { $0 == "LIST" ? "+OK\r\n1 1\r\n2 3000000\r\n3 0\r\n." : nil },
        Case("5,000,000,000 messages", "pop3", 75...76) { $0 == "UIDL" ? "+OK\r\n5000000000 id5\r\n." : nil },
        Case("QUIT that is refused", "pop3", 0...76) { $0 == "QUIT" ? "-ERR not all was deleted" : nil },
    ]

    @Test(
        "FE4, ask 4: nothing is deleted that is not stored; once the server is well all is here, once, and gone there",
        arguments: cases)
    func stakes(_ bad: Case) async throws {
        try await onThread {
            let mailbox = PlayedMailbox()
            let server = try mailbox.serve(bad.service)
            let rig = FetchRig()
            rig.configure("\(bad.service) 127.0.0.1:\(server.port)", "tls off", "timeout 2", "keep off")
            mailbox.lie(bad.lie)
            let first = try rig.fetch()
            #expect(bad.status.contains(first.status), "\(first) \(server.sessions)")
            #expect(first.status == 0 || first.errorText.hasPrefix("mhfetch: "), "\(first)")
            #expect(
                Set(mailbox.deleted).isSubset(of: PlayedMailbox.stored(rig.messages())), "\(mailbox.deleted) \(first)")
            #expect(ScratchDirectory.names(in: "\(rig.maildir)/tmp").isEmpty)
            #expect(
                rig.messages().allSatisfy { message in PlayedMailbox.uids.contains { PlayedMailbox.file($0) == message }
                })
            mailbox.lie(nil)
            for _ in 1...2 {
                let next = try rig.fetch("--retry")
                #expect(next.status == 0, "\(next) \(server.sessions)")
            }
            #expect(counted(rig.messages()) == counted(PlayedMailbox.uids.map { PlayedMailbox.file($0) }))
            #expect(mailbox.left.isEmpty && Set(mailbox.deleted) == Set(PlayedMailbox.uids), "\(mailbox.deleted)")
        }
    }
}
