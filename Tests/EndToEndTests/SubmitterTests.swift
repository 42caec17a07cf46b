// Two people, one account: whose mail it carries is asked of who has logged in.

import MailTestKit
import Testing

@Suite("Whose mail an account carries")
struct SubmitterTests {
    private func submit(_ who: String, from: String, to: String, _ hub: HubUnderTest) throws {
        let result = try python(
            """
            import smtplib
            s = smtplib.SMTP_SSL("localhost", PORT["submissions"], context=TLS)
            s.login("\(who)", "\(who)'s secret")
            s.sendmail("\(from)", ["\(to)"], b"From: \(who)@example.org\\r\\nSubject: by \(who)\\r\\n\\r\\nx\\r\\n")
            s.quit()
            """, hub)
        guard result.status == 0 else { throw KitError("not taken: \(result) \(hub.logs)") }
    }

    private func call(_ arguments: [String], _ hub: HubUnderTest) throws -> CommandResult {
        try InstalledCommands.run(
            arguments, environment: ["HOME": hub.scratch.path, "MAILHUBRC": hub.rcPath])
    }

    private func letters(of name: String, _ hub: HubUnderTest) -> [String] {
        hub.messages(of: name).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test(
        "bob's mail, his <> and his notices do not leave through alice's account, by route or without, until it is for him",
        .needs(.python3), arguments: [[], ["route out", "  use gmail", "  last on"]])
    func twoMailboxes(_ route: [String]) async throws {
        try await onThread {
            let sink = try SinkServer { moment, line in
                moment == .recipient && line.contains("bad@") ? .reply("550 5.1.1 no such user") : nil
            }
            let account = [
                "account gmail", "  owner alice", "  auth off", "  tls off", "  send smtp 127.0.0.1:\(sink.port)",
            ]
            let hub = try HubUnderTest(blocks: account + route, services: ["submissions"])
            try submit("alice", from: "alice@example.org", to: "a@far.example", hub)
            try submit("alice", from: "", to: "b@far.example", hub)
            try submit("bob", from: "bob@example.org", to: "c@far.example", hub)
            try submit("bob", from: "", to: "bad@far.example", hub)
            let run = try call(["mhsend", "-q"], hub)
            #expect(run.status == 0, "\(run)")
            #expect(
                Set(sink.messages.map { "\($0.reversePath.prefix { $0 != " " }) \($0.forwardPaths)" }) == [
                    "<alice@example.org> [\"<a@far.example>\"]", "<> [\"<b@far.example>\"]",
                ], "\(sink.messages)")
            let told = letters(of: "bob", hub)
            #expect(told.count == 2 && told.allSatisfy { $0.contains("Subject: Your message is held: ") }, "\(hub.log)")
            #expect(told.allSatisfy { $0.contains("no account is open to bob: gmail serves alice") }, "\(told)")
            #expect(letters(of: "alice", hub).isEmpty)
            let show = try call(["mhroute", "show", "-f", "bob@example.org", "c@far.example"], hub).outputText
            #expect(show.contains("submitted by bob\n") && show.contains("gmail serves alice"), "\(show)")
            let asAlice = try call(
                ["mhroute", "show", "-f", "bob@example.org", "--as", "alice", "c@far.example"], hub
            ).outputText
            #expect(asAlice.contains("submitted by alice\n") && asAlice.contains("  account gmail: smtp"), "\(asAlice)")
            #expect(try call(["mhroute", "show", "--as", "nobody", "c@far.example"], hub).status == 64)
            // What the hub's own user hands in, whoever it is from, is no mailbox's.
            for mine in [
                ["mhroute", "show", "c@far.example"],
                ["mhroute", "show", "--as-caller", "-f", "bob@example.org", "c@far.example"],
                ["mhsend", "-bv", "-f", "bob@example.org", "c@far.example"],
            ] {
                let told = try call(mine, hub)
                #expect(told.status == 0 && told.outputText.contains("submitted by the hub's own user\n"), "\(told)")
                #expect(told.outputText.contains("  account gmail: smtp"), "\(told)")
            }

            let rc = String(decoding: try #require(ScratchDirectory.read(hub.rcPath)), as: UTF8.self)
            hub.scratch.write(rc.replacing("  owner alice\n", with: "  owner alice\n  for bob\n"), to: "rc")
            try submit("bob", from: "bob@example.org", to: "bad@far.example", hub)
            let tried = try call(["mhqueue", "release", "ALL"], hub)
            #expect(tried.status == 0, "\(tried)")
            #expect(try call(["mhsend", "-q"], hub).status == 0)
            #expect(sink.messages.count == 3 && sink.messages.last?.forwardPaths == ["<c@far.example>"])
            // What came back for bob stays in the house, though a route takes `<>`: he is here.
            let mail = letters(of: "bob", hub)
            #expect(mail.count == 3 && mail.contains { $0.contains("Action: failed") }, "\(mail) \(hub.log)")
            #expect(letters(of: "alice", hub).isEmpty && hub.queued().isEmpty)
        }
    }
}
