// One recipient under many names: every RCPT is answered and counted, and one copy is made.

import MailTestKit
import Testing

@Suite("Copies")
struct CopiesTests {
    /// Sends a message to `recipients` on the listener for strangers.
    /// - Returns: the replies to each RCPT.
    private func send(_ hub: HubUnderTest, to recipients: [String]) throws -> [String] {
        let client = try LineClient(port: hub.port("smtp"))
        _ = try client.reply()
        _ = try client.say("EHLO stranger.example")
        #expect(try client.say("MAIL FROM:<x@stranger.example>").hasPrefix("250"))
        let replies = try recipients.map { try client.say("RCPT TO:<\($0)>") }
        #expect(try client.say("DATA").hasPrefix("354"))
        #expect(try client.say("Subject: x\r\n\r\nx\r\n.").hasPrefix("250"))
        #expect(try client.say("QUIT").hasPrefix("221"))
        return replies
    }

    @Test("a stranger who names a mailbox by five names makes one copy, not five; each name is told and counted")
    func stranger() async throws {
        try await onThread {
            let hub = try HubUnderTest(words: ["max-recipients 6"], services: ["smtp"], carrier: .real)
            let names = [
                "alice@example.org", "Alice@example.org", "alice@hub.example.org", "alice@example.org",
                "postmaster@example.org",
            ]
            let replies = try send(hub, to: names + ["bob@example.org", "alice@localhost"])
            #expect(replies.map { $0.prefix(3) } == ["250", "250", "250", "250", "250", "250", "452"], "\(replies)")
            try waitUntilQueueIsEmpty(in: hub.scratch.file("state")) { hub.logs }
            #expect(hub.log.count(of: "status=sent") == 5, "the same words again are the same recipient")
            let copies = hub.messages(of: "alice").map { String(decoding: $0, as: UTF8.self) }
            #expect(copies.count == 1, "\(hub.log)")
            let original =
                copies.first.map { $0.split(separator: "\n").filter { $0.hasPrefix("X-Original-To: ") } } ?? []
            #expect(original.map { String($0.dropFirst(15)) } == [names[0], names[1], names[2], names[4]])
            #expect(copies.first?.count(of: "Delivered-To: ") == 1)
            #expect(hub.messages(of: "bob").count == 1)
        }
    }

    @Test("who asked to hear of success hears it for each name, though there is one copy")
    func success() async throws {
        try await onThread {
            let hub = SendHub(plainTo: 9)
            let names = ["alice@home.example", "alice@hub.example"]
            let sent = try hub.mhsend(
                ["-odi", "-f", "bob@home.example", "-N", "success"] + names, input: Array("x\n".utf8))
            #expect(sent.status == 0, "\(sent)")
            #expect(hub.mail(of: "alice").count == 1)
            let notices = hub.mail(of: "bob")
            #expect(notices.count == 1, "\(hub.log)")
            for name in names {
                #expect(notices.first?.contains("Final-Recipient: rfc822; \(name)\nAction: delivered\n") == true)
            }
        }
    }

    @Test("the very same name twice is one recipient, delivered at once")
    func sameName() async throws {
        try await onThread {
            let hub = try HubUnderTest(services: ["smtp"])
            let replies = try send(hub, to: ["alice@example.org", "alice@example.org"])
            #expect(replies.allSatisfy { $0.hasPrefix("250") })
            let copies = hub.messages(of: "alice").map { String(decoding: $0, as: UTF8.self) }
            #expect(copies.count == 1 && copies.first?.contains("X-Original-To") == false, "\(copies)")
            #expect(hub.queued().isEmpty)
        }
    }
}
