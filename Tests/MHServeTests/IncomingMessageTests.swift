// A message on its way in by SMTP: when it is ours, what of it is refused, and that nothing is left of that.

import MailTestKit
import Testing

@testable import mhserve

@Suite("A message on its way in", .serialized)
struct IncomingMessageTests {
    private let letter = "Subject: x\n\nhello\n"

    private func stranger(_ hub: HubInMemory) async throws -> ThreadedRig {
        let rig = try await ThreadedRig(of: hub)
        _ = try await rig.reply()
        _ = try await rig.say("EHLO c")
        return rig
    }

    private func alice(_ hub: HubInMemory) async throws -> ThreadedRig {
        let rig = try await stranger(hub)
        let said = try await rig.say("AUTH PLAIN \(base64("\0alice\0tea"))")
        guard said == "235 2.7.0 welcome" else { throw KitError("no login: \(said)") }
        return rig
    }

    /// Says an envelope and DATA.
    private func begin(
        _ rig: ThreadedRig, from sender: String = "a@far.example", to recipients: [String] = ["alice@example.org"]
    ) async throws {
        for command in ["MAIL FROM:<\(sender)>"] + recipients.map({ "RCPT TO:<\($0)>" }) + ["DATA"] {
            let said = try await rig.say(command)
            guard said.hasPrefix(command == "DATA" ? "354 " : "250 ") else { throw KitError("\(command): \(said)") }
        }
    }

    /// Says the rest.
    private func end(_ rig: ThreadedRig, _ content: String) async throws -> String {
        try await rig.say(content.replacing("\n", with: "\r\n") + ".")
    }

    private func isEmpty(_ hub: HubInMemory) -> Bool {
        hub.messages(of: "alice").isEmpty && hub.messages(of: "bob").isEmpty && hub.queued.isEmpty
            && hub.leftovers.isEmpty
    }

    @Test("for one mailbox is delivered before 250, with the fields that tell how it came, and no run is asked for")
    func delivered() async throws {
        let hub = try HubInMemory("smtp", blocks: HubInMemory.household)
        let rig = try await stranger(hub)
        // Said twice, word for word, it is one recipient.
        try await begin(rig, to: ["alice@example.org", "alice@example.org"])
        let said = try await end(rig, letter)
        #expect(said.hasPrefix("250 2.0.0 delivered as "), "\(said)")
        let id = try #require(said.split(separator: " ").last)
        let message = try #require(hub.messages(of: "alice").first)
        #expect(
            message.hasPrefix(
                "Return-Path: <a@far.example>\nDelivered-To: alice@example.org\nReceived: from c ([192.0.2.1])\n"
                    + "\tby hub.example.org with ESMTP id \(id)\n\tfor <alice@example.org>;\n\t"), "\(message)")
        #expect(message.hasSuffix("\nSubject: x\n\nhello\n"), "\(message)")
        #expect(hub.messages(of: "alice").count == 1 && hub.queued.isEmpty && hub.leftovers.isEmpty)
        #expect(hub.wakeCount == 0)
        let lines = hub.told("accepted")
        #expect(lines.count == 1 && lines[0].hasPrefix("accepted id=\(id) file="), "\(lines)")
        #expect(lines.allSatisfy { $0.hasSuffix(" status=delivered client=192.0.2.1") }, "\(lines)")
    }

    @Test("for several goes to the queue, and a run is asked for once")
    func queued() async throws {
        let hub = try HubInMemory("smtp", blocks: HubInMemory.household)
        let rig = try await stranger(hub)
        try await begin(rig, to: ["alice@example.org", "bob@example.org"])
        let said = try await end(rig, letter)
        #expect(said.hasPrefix("250 2.0.0 queued as "), "\(said)")
        #expect(hub.queued.count == 1 && hub.messages(of: "alice").isEmpty && hub.messages(of: "bob").isEmpty)
        let names = ["alice", "bob"].map { "X-Mailhub-To: <\($0)@example.org>\n" }.joined()
        #expect(hub.queued.map { $0.contains(names) } == [true])
        #expect(hub.wakeCount == 1)
        #expect(try await rig.say("NOOP") == "250 2.0.0 ok")
    }

    @Test("of a login gets what its program left out, and does not tell where it was")
    func completed() async throws {
        let hub = try HubInMemory("submissions", blocks: HubInMemory.household)
        let rig = try await alice(hub)
        try await begin(rig, from: "alice@example.org", to: ["bob"])
        #expect(try await end(rig, letter).hasPrefix("250 2.0.0 delivered as "))
        let message = try #require(hub.messages(of: "bob").first)
        #expect(
            message.hasPrefix(
                "Return-Path: <alice@example.org>\nDelivered-To: bob@example.org\n"
                    + "Received: by hub.example.org with ESMTPSA id "), "\(message)")
        #expect(message.contains("\nFrom: alice@example.org\n") && !message.contains("192.0.2.1"), "\(message)")
        #expect(message.contains("\nDate: ") && message.contains("\nMessage-ID: <"), "\(message)")
    }

    @Test("of a login that names others as its authors, or nobody, is refused for good, and the session goes on")
    func authors() async throws {
        let hub = try HubInMemory("submissions", words: ["errors-limit 100"], blocks: HubInMemory.household)
        let rig = try await alice(hub)
        let own = "From: alice@example.org\n"
        func foreign(_ field: String) -> String {
            "554 5.7.1 a \(field) field names bob@example.org, which is not an address of alice"
        }
        let cases: [(sender: String, header: String, reply: String)] = [
            ("alice@example.org", "From: bob@example.org\n", foreign("From")),
            ("alice@example.org", "From: alice@example.org, bob@example.org\n", foreign("From")),
            ("alice@example.org", own + "Sender: bob@example.org\n", foreign("Sender or Resent-")),
            ("alice@example.org", own + "Resent-From: bob@example.org\n", foreign("Sender or Resent-")),
            ("alice@example.org", own + own, "554 5.6.0 there is more than one From field"),
            ("", "Subject: x\n", "554 5.6.0 the From field names nobody"),
        ]
        for (sender, header, reply) in cases {
            try await begin(rig, from: sender, to: ["bob@example.org"])
            #expect(try await end(rig, header + "\nhello\n") == reply, "\(header)")
        }
        #expect(isEmpty(hub))
        #expect(hub.told("not accepted").count == 6)
        try await begin(rig, from: "", to: ["bob@example.org"])
        #expect(try await end(rig, own + "\nhello\n").hasPrefix("250 2.0.0 delivered as "))
    }

    @Test("is put off with 452 while less than free-space is free, and nothing of it stays")
    func freeSpace() async throws {
        let hub = try HubInMemory("smtp", words: ["free-space 1024g"], blocks: HubInMemory.household)
        let rig = try await stranger(hub)
        for recipients in [["alice@example.org"], ["alice@example.org", "bob@example.org"]] {
            try await begin(rig, to: recipients)
            let content = letter + String(repeating: String(repeating: "x", count: 99) + "\n", count: 2000)
            #expect(try await end(rig, content) == "452 4.3.1 too little free disk space; try again later")
        }
        #expect(isEmpty(hub) && hub.wakeCount == 0)
        #expect(try await rig.say("NOOP") == "250 2.0.0 ok")
        #expect(hub.told("not accepted").isEmpty, "on a full disk refusals are counted, and summed up later")
        hub.service.server.refusals.sumUp()
        #expect(hub.told("refused") == ["refused clients=2 why=\"summed up: less than free-space is free\""])
    }

    @Test("is put off with 452 while the disk is behind")
    func diskIsBehind() async throws {
        let hub = try HubInMemory("smtp", blocks: HubInMemory.household)
        let rig = try await stranger(hub)
        try await begin(rig)
        try await hub.whileTheDiskIsBehind { () async throws in
            #expect(try await end(rig, letter) == "452 4.3.1 the disk is too busy; try again")
            #expect(try await rig.say("NOOP") == "250 2.0.0 ok")
        }
        #expect(isEmpty(hub))
        try await begin(rig)
        #expect(try await end(rig, letter).hasPrefix("250 2.0.0 delivered as "))
    }

    @Test("may come in chunks, which RSET drops, and among which no recipient and no DATA is taken")
    func chunks() async throws {
        let hub = try HubInMemory("smtp", blocks: HubInMemory.household)
        let rig = try await stranger(hub)
        func envelope() async throws {
            #expect(try await rig.say("MAIL FROM:<a@far.example>") == "250 2.1.0 sender ok")
            #expect(try await rig.say("RCPT TO:<alice@example.org>") == "250 2.1.5 recipient ok")
        }
        func chunk(_ text: String, _ word: String = "") async throws -> String {
            let octets = Array(text.replacing("\n", with: "\r\n").utf8)
            try await rig.send(Array("BDAT \(octets.count)\(word)\r\n".utf8) + octets)
            return try await rig.reply()
        }
        try await envelope()
        #expect(try await chunk("Subject: dropped\n") == "250 2.0.0 18 octets received")
        #expect(try await rig.say("RSET") == "250 2.0.0 ok")
        #expect(try await chunk("\nhello\n", " LAST") == "503 5.5.1 MAIL first")
        try await envelope()
        #expect(try await chunk("Subject: dropped\n") == "250 2.0.0 18 octets received")
        #expect(try await rig.say("RCPT TO:<bob@example.org>") == "503 5.5.1 the content has begun")
        #expect(try await rig.say("DATA") == "503 5.5.1 BDAT has begun: no DATA")
        #expect(try await chunk("\nhello\n", " LAST") == "503 5.5.1 MAIL first", "that has ended the transaction")
        #expect(isEmpty(hub))
        try await envelope()
        #expect(try await chunk("Subject: x\n") == "250 2.0.0 12 octets received")
        #expect(try await chunk("\n.hello\n", " LAST").hasPrefix("250 2.0.0 delivered as "))
        #expect(hub.messages(of: "alice").map { $0.hasSuffix("\nSubject: x\n\n.hello\n") } == [true])
    }

    @Test("under way when the service stops may be ended, is taken, and only then comes 421")
    func stop() async throws {
        let hub = try HubInMemory("smtp", blocks: HubInMemory.household)
        let rig = try await stranger(hub)
        try await begin(rig)
        try await rig.send(Array("Subject: x\r\n\r\nhel".utf8))
        await rig.stopService()
        #expect(try await rig.rest() == "" && rig.isOpen)
        #expect(try await end(rig, "lo\n").hasPrefix("250 2.0.0 delivered as "))
        #expect(try await rig.reply() == "421 4.3.2 hub.example.org is shutting down; try again later")
        await rig.settle()
        #expect(!rig.isOpen)
        #expect(hub.messages(of: "alice").map { $0.hasSuffix("\nSubject: x\n\nhello\n") } == [true])
    }

    @Test("whose client leaves before its end is nobody's")
    func clientLeaves() async throws {
        let hub = try HubInMemory("smtp", blocks: HubInMemory.household)
        let rig = try await stranger(hub)
        try await begin(rig)
        try await rig.send(Array("Subject: x\r\n\r\nhello\r\n".utf8))
        await rig.leave()
        #expect(!rig.isOpen && isEmpty(hub) && hub.wakeCount == 0)
        #expect(hub.told("accepted").isEmpty && hub.service.sessions.count == 0)
    }
}
