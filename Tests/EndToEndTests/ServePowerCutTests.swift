// The power goes at any point of a session with mhserve: what was answered stands.

import MailTestKit
import Testing

@Suite("mhserve and a power cut", .serialized)
struct ServePowerCutTests {
    /// What stands in new and cur of bob's Maildir after a power cut.
    private func mail(after cut: PowerCut, of log: DiskLog) -> [[UInt8]] {
        log.image(after: cut).filter { name, _ in
            name.hasPrefix("Mail/bob/new/") && name.count > 13 || name.hasPrefix("Mail/bob/cur/") && name.count > 13
        }.map(\.value)
    }

    private func record(
        _ service: String, letters: [String: String] = [:], _ talk: (HubUnderTest) throws -> Void
    ) throws -> DiskLog {
        let hub = try HubUnderTest(services: [service], letters: letters, isRecorded: true)
        try talk(hub)
        hub.server.stop()
        return try #require(hub.recorder).read()
    }

    @Test(
        "what POP3 deleted stays deleted once QUIT is answered, and each synchronization is needed for that",
        .needs(.python3))
    func deletions() async throws {
        try await onThread {
            let letters = [
                "new/1700000000.M1P1.other": "Subject: new\n\nx\n",
                "cur/1700000001.M2P1.other:2,S": "Subject: read\n\nx\n",
                "new/1700000002.M3P1.other": "Subject: kept\n\nx\n",
            ]
            let log = try record("pop3s", letters: letters) { hub in
                let script = """
                    import poplib, ssl, sys
                    trust = ssl.create_default_context(cafile=sys.argv[2])
                    session = poplib.POP3_SSL("localhost", int(sys.argv[1]), context=trust)
                    session.user("bob"); session.pass_("bob's secret"); session.dele(1); session.dele(2)
                    print(session.quit().decode())
                    """
                let result = try runProgram(
                    ["python3", "-c", script, "\(hub.port("pop3s"))", hub.certificatePath])
                #expect(result.outputText.hasPrefix("+OK"), "\(result) \(hub.logs)")
            }
            // In TLS the answer cannot be read, but nothing else is said once the messages are gone.
            let answer = try #require(log.wordAfterRemovals)
            try expectSafety(of: log, turningPoints: [answer], spare: Self.spare) { cut in
                let left = mail(after: cut, of: log).count
                return cut.events > answer ? (left == 1 ? [] : ["\(left) messages left"]) : left > 0 ? [] : ["all gone"]
            }
        }
    }

    @Test("what SMTP answered with 250 is in the Maildir, and each synchronization is needed for that")
    func direct() async throws {
        try await onThread {
            let log = try record("smtp") { hub in
                let client = try LineClient(port: hub.port("smtp"))
                _ = try client.reply()
                for command in ["EHLO client.example", "MAIL FROM:<a@x.example>", "RCPT TO:<bob@example.org>"] {
                    #expect(try client.say(command).hasPrefix("250"))
                }
                #expect(try client.say("DATA").hasPrefix("354"))
                #expect(try client.say("Subject: one\r\n\r\nthe letter\r\n.").hasPrefix("250"))
            }
            let answer = try #require(log.said("250 2.").last)
            try expectSafety(of: log, turningPoints: [answer], spare: Self.spare) { cut in
                let found = mail(after: cut, of: log)
                let isWhole = found.count == 1 && found[0].suffix(12) == Array("\nthe letter\n".utf8)
                return cut.events <= answer || isWhole ? [] : ["answered and not whole: \(found.count)"]
            }
        }
    }

    /// Folders made at the start, before anything was promised; the Maildir's size cache, which can be counted anew.
    private static let spare: Set<String> = [".", "state", "state/queue", "state/sizes"]
}
