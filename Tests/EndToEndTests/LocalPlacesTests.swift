// Where the mail of mailboxes goes, and the copies that a hub keeps.

import Glibc
import MailTestKit
import Testing

@Suite("The places of mailboxes")
struct LocalPlacesTests {
    /// A hub with these lines in the blocks of alice and bob.
    private func hub(
        _ sink: SinkServer, alice: [String] = [], bob: [String] = [], top: [String] = [], more: [String] = []
    ) -> SendHub {
        let hub = SendHub(
            account: ["auth off", "tls off", "send smtp 127.0.0.1:\(sink.port)"], top: ["retry 60 600"] + top, bob: bob,
            routes: more)
        let rc = String(decoding: ScratchDirectory.read(hub.rc) ?? [], as: UTF8.self)
        let lines = alice.map { "    \($0)\n" }.joined()
        hub.scratch.write(
            rc.replacing("    address alice@home.example\n", with: "    address alice@home.example\n\(lines)")
                .replacing("SCRATCH", with: hub.scratch.path), to: "rc")
        return hub
    }

    private func text(_ hub: SendHub, _ name: String) -> String {
        String(decoding: ScratchDirectory.read(hub.scratch.file(name)) ?? [], as: UTF8.self)
    }

    @Test(
        "SE14: an mbox and a program get a mailbox's mail, once for all its names; 75 defers, other failures return it")
    func mboxAndProgram() async throws {
        try await onThread {
            let sink = try SinkServer()
            let hub = hub(sink, alice: ["deliver mbox SCRATCH/box"], bob: ["deliver program SCRATCH/program %mailbox"])
            hub.scratch.write(
                "#!/bin/sh\ncat > \(hub.scratch.file("seen"))\necho \"$SENDER $RECIPIENT $1\" > \(hub.scratch.file("told"))\n"
                    + "exit $(cat \(hub.scratch.file("status")))\n", to: "program", mode: 0o700)
            hub.scratch.write("75\n", to: "status")
            try hub.queue(
                "Subject: x\n\nx\n", from: "x@one.example",
                to: ["alice@home.example", "alice@hub.example", "bob@home.example"])
            _ = try InstalledCommands.run(
                ["mhcarry", "-C", hub.rc], environment: ["HOME": hub.scratch.path], isOrdinary: true)
            #expect(text(hub, "box").count(of: "\nSubject: x\n") == 1, "\(hub.log)")
            #expect(text(hub, "box").contains("X-Original-To: alice@home.example\nX-Original-To: alice@hub.example\n"))
            #expect(text(hub, "told") == "x@one.example bob@home.example bob\n")
            #expect(text(hub, "seen").hasPrefix("Return-Path: <x@one.example>\nDelivered-To: bob@home.example\n"))
            let waiting = try hub.listed
            #expect(waiting.count == 1 && waiting[0].count(of: "\"tries\":1") == 3, "\(waiting)")
            hub.scratch.write("0\n", to: "status")
            let id = try #require(waiting.first.flatMap(SendHub.id))
            let tried = try InstalledCommands.run(
                ["mhqueue", "-C", hub.rc, "try", id], environment: ["HOME": hub.scratch.path], isOrdinary: true)
            #expect(tried.status == 0, "\(tried) \(hub.log)")
            let left = try hub.listed
            #expect(left.isEmpty && text(hub, "box").count(of: "\nSubject: x\n") == 1, "\(hub.log)")
        }
    }

    @Test("SE14: a program has a mailbox's mail once, by whichever names, and what it answers counts for all of them")
    func programOnce() async throws {
        try await onThread {
            let sink = try SinkServer()
            let hub = hub(
                sink, alice: ["address also@home.example", "deliver program SCRATCH/program %recipient"])
            hub.scratch.write(
                "#!/bin/sh\necho \"$1\" >> \(hub.scratch.file("told"))\nexit $(cat \(hub.scratch.file("status")))\n",
                to: "program", mode: 0o700)
            let id = try hub.queue(from: "bob@home.example", to: ["also@home.example", "alice@home.example"])
            func run(_ status: Int) throws -> (told: String, listed: [String]) {
                hub.scratch.write("\(status)\n", to: "status")
                _ = try InstalledCommands.run(
                    ["mhqueue", "-C", hub.rc, "try", id], environment: ["HOME": hub.scratch.path], isOrdinary: true)
                return (text(hub, "told"), try hub.listed)
            }
            let first = try run(75)
            #expect(first.told == "also@home.example\n" && first.listed.count == 1, "\(first)")
            #expect(first.listed.first?.count(of: "\"tries\":1") == 2, "\(first)")
            let second = try run(0)
            #expect(second.told == "also@home.example\nalso@home.example\n" && second.listed.isEmpty, "\(second)")
        }
    }

    @Test("SE14: a server of the house takes mail by LMTP, and its answer for each is the sender's: 250, 552, 451")
    func lmtp() async throws {
        try await onThread {
            let sink = try SinkServer()
            let house = try SinkServer(.lmtp) { now, words in
                guard now == .recipient else { return nil }
                if words.contains("bob@") { return .reply("552 5.2.2 mailbox full") }
                return words.contains("carol@") ? .reply("451 4.2.0 not now") : nil
            }
            let place = "deliver lmtp 127.0.0.1:\(house.port)"
            let hub = hub(
                sink, alice: [place], bob: [place],
                more: ["mailbox carol", "    address carol@home.example", "    \(place)"])
            try hub.queue(
                "Subject: x\n\nx\n", from: "x@one.example",
                to: ["alice@home.example", "bob@home.example", "carol@home.example"])
            #expect(try hub.run().status == 0)
            // x@one.example is an address of alice's account: the notice is hers, at her place and by her name there.
            let taken = house.messages.map { ($0.reversePath.prefix { $0 != " " }, $0.forwardPaths[0]) }
            #expect(
                taken.map { "\($0) \($1)" } == [
                    "<x@one.example> <alice@home.example> NOTIFY=NEVER", "<> <alice@home.example> NOTIFY=NEVER",
                ], "\(hub.log)")
            let first = String(decoding: house.messages.first?.content ?? [], as: UTF8.self)
            #expect(first.hasPrefix("Received: "), "the server writes Return-Path and Delivered-To: \(first)")
            let waiting = try hub.listed
            #expect(waiting.count == 1)
            for progress in [
                "alice@home.example\",\"state\":\"delivered\"", "bob@home.example\",\"state\":\"failed\"",
                "carol@home.example\",\"state\":\"waiting\"",
            ] {
                #expect(waiting[0].contains(progress), "\(waiting)")
            }
            #expect(hub.log.contains("552 5.2.2 mailbox full"))
        }
    }

    @Test(
        "SE14: Dovecot has the mail of mailboxes by its LMTP socket; one that is full fails, one that is broken waits",
        .needs(.dovecot))
    func dovecot() async throws {
        try await onThread {
            let sink = try SinkServer()
            let dovecot = try DovecotPeer(
                users: ["alice": "a", "bob": "b", "carol": "c"],
                settings: """
                    mail_plugins = quota
                    plugin {
                      quota = maildir:User quota
                      quota_rule = *:messages=2
                    }
                    """, takesLMTP: true)
            for number in 1...2 { dovecot.deliver(Array("Subject: old\n\nx\n".utf8), to: "bob", number: number) }
            _ = unsafe chmod(dovecot.maildir(of: "carol"), 0)
            defer { _ = unsafe chmod(dovecot.maildir(of: "carol"), 0o700) }
            func place(_ name: String) -> String { "deliver lmtp \(dovecot.lmtpSocket) for \(name)" }
            let hub = hub(
                sink, alice: [place("alice")], bob: [place("bob")],
                more: ["mailbox carol", "    address carol@home.example", "    \(place("carol"))"])
            try hub.queue(
                "Subject: to dovecot\n\nx\n", from: "x@one.example",
                to: ["alice@home.example", "bob@home.example", "carol@home.example"])
            #expect(try hub.run().status == 0)
            let there = dovecot.messages().map { String(decoding: $0, as: UTF8.self) }
            #expect(there.count { $0.contains("\nSubject: to dovecot\n") } >= 1, "\(hub.log) \(dovecot.logs)")
            // The sender is alice's: what is said of bob's mailbox comes to her.
            #expect(there.count == 2 && there.contains { $0.contains("552 5.2.2") }, "\(there)")
            let waiting = try hub.listed
            #expect(waiting.count == 1)
            for progress in [
                "alice@home.example\",\"state\":\"delivered\"", "bob@home.example\",\"state\":\"failed\"",
                "carol@home.example\",\"state\":\"waiting\"",
            ] {
                #expect(waiting[0].contains(progress), "\(waiting) \(hub.log)")
            }
        }
    }

    @Test(
        "SE14: a copy of all mail goes to one address, one of what is sent into the sender's folder; notices have none")
    func copies() async throws {
        try await onThread {
            let sink = try SinkServer { now, words in
                now == .recipient && words.contains("bad@") ? .reply("550 5.1.1 no") : nil
            }
            let user = try #require(unsafe getpwuid(geteuid()).map { unsafe String(cString: $0.pointee.pw_name) })
            let hub = hub(
                sink, alice: ["unix-user \(user)", "sent \"Sent Items\""], top: ["always-bcc archive@hub.example"],
                more: ["mailbox archive"])
            try hub.queue(
                "Subject: out\n\nx\n", to: ["far@far.example", "bad@far.example", "archive@hub.example"])
            #expect(try hub.run().status == 0)
            #expect(sink.messages.map(\.forwardPaths) == [["<far@far.example>"]], "\(hub.log)")
            #expect(hub.mail(of: "archive").count(where: { $0.contains("Subject: out") }) == 1, "\(hub.log)")
            #expect(hub.mail(of: "archive").count == 1)
            let sent = hub.scratch.file("mail/alice/.Sent Items/cur")
            let names = ScratchDirectory.names(in: sent)
            #expect(names.count == 1 && names[0].hasSuffix(":2,S"), "\(names)")
            let copy = String(decoding: ScratchDirectory.read("\(sent)/\(names.first ?? "")") ?? [], as: UTF8.self)
            #expect(
                copy.hasPrefix("Received: ") && copy.contains("\nSubject: out\n") && copy.hasSuffix("\n\nx\n"),
                "\(copy)")
            let notices = hub.mail(of: "alice")
            #expect(notices.count == 1 && notices[0].contains("bad@far.example"), "\(notices)")
            #expect(try hub.listed.isEmpty)
        }
    }

    @Test(
        "SE14, SE12: whom an alias leads to and who gets a copy of all mail has one, and its sender hears of its failure"
    )
    func copyOfAnAliasMember() async throws {
        try await onThread {
            let sink = try SinkServer { now, words in
                now == .recipient && words.contains("bad@") ? .reply("550 5.1.1 no") : nil
            }
            let hub = hub(sink, top: ["always-bcc bad@far.example", "aliases SCRATCH/aliases"])
            hub.scratch.write("team: x@far.example, bad@far.example\nnobody: a@far.example\n", to: "aliases")
            try hub.queue(to: ["nobody@hub.example"])
            #expect(try hub.run().status == 0)
            #expect(hub.mail(of: "alice").isEmpty, "nobody hears of a copy")
            try hub.queue(to: ["team@hub.example"])
            #expect(try hub.run().status == 0)
            let notices = hub.mail(of: "alice")
            #expect(notices.count == 1 && notices[0].contains("bad@far.example"), "\(notices)")
            #expect(sink.messages.flatMap(\.forwardPaths) == ["<a@far.example>", "<x@far.example>"])
            #expect(try hub.listed.isEmpty)
        }
    }

    @Test("SE14: mhserve's mail has the copies, too, and goes to the places of mailboxes")
    func served() async throws {
        try await onThread {
            let hub = try HubUnderTest(
                words: ["always-bcc alice@example.org"],
                blocks: ["mailbox carol", "    address carol@example.org", "    deliver mbox ~/box"],
                services: ["smtp"],
                carrier: .real)
            let client = try LineClient(port: hub.port("smtp"))
            _ = try client.reply()
            for line in ["EHLO x", "MAIL FROM:<a@example.net>", "RCPT TO:<carol@example.org>", "DATA"] {
                _ = try client.say(line)
            }
            #expect(try client.say("Subject: x\r\n\r\nx\r\n.").hasPrefix("250"))
            try waitUntilQueueIsEmpty(in: hub.scratch.file("state")) { hub.logs }
            #expect(hub.messages(of: "alice").count == 1, "\(hub.logs)")
            let box = String(decoding: ScratchDirectory.read(hub.scratch.file("box")) ?? [], as: UTF8.self)
            #expect(box.contains("Delivered-To: carol@example.org\n"), "\(box)")
        }
    }

    @Test("SE4: by switch each recipient gets a copy that shows only him, made of the original, each time")
    func copiesOfTheirOwn() async throws {
        try await onThread {
            let sink = try SinkServer { now, words in
                now == .recipient && words.contains("late@") ? .reply("451 4.3.0 not now") : nil
            }
            let hub = hub(
                sink, top: ["show-recipients own"],
                more: [
                    "route all", "    to *@all.example", "    use one", "    show-recipients all", "route rest",
                    "    use one",
                ])
            let names = ["bob@home.example", "x@far.example", "late@far.example", "y@all.example", "z@all.example"]
            let text =
                "From: alice@one.example\nTo: \(names.joined(separator: ", "))\nCc: alice@home.example\nSubject: s\n\nb\n"
            let id = try hub.queue(text, to: names + ["alice@home.example"])
            #expect(try hub.run().status == 0)
            let sent = sink.messages.map { (Set($0.forwardPaths), String(decoding: $0.content, as: UTF8.self)) }
            #expect(Set(sent.map(\.0)) == [["<x@far.example>"], ["<y@all.example>", "<z@all.example>"]], "\(hub.log)")
            for (paths, content) in sent {
                #expect(paths.count > 1 || content.contains("\r\nTo: x@far.example\r\nSubject: s\r\n"), "\(content)")
                #expect(paths.count == 1 || content.contains("late@far.example"), "\(content)")
            }
            let bob = try #require(hub.mail(of: "bob").first)
            #expect(bob.contains("\nTo: bob@home.example\nSubject: s\n") && !bob.contains("far.example"), "\(bob)")
            let alice = try #require(hub.mail(of: "alice").first)
            #expect(alice.contains("\nTo: alice@home.example\nSubject: s\n"), "\(alice)")
            #expect(
                try hub.mhqueue(["show", id]).outputText.contains("Cc: alice@home.example\n"),
                "the queue has the original")
            // Signed mail keeps its header, and so is held; a stranger's is not touched.
            let signed = try hub.queue(
                "From: alice@one.example\nTo: a@far.example, b@far.example\nContent-Type: multipart/signed; boundary=x;"
                    + " protocol=\"application/pgp-signature\"\n\n--x\n\nb\n--x--\n", to: ["a@far.example"])
            #expect(try hub.run().status == 0)
            #expect(try hub.mhqueue(["why", signed]).outputText.contains("show-recipients"))
            let now = try hub.mhsend(
                ["--now", "-f", "alice@one.example", "a@far.example", "b@far.example"],
                input: Array("Subject: x\n\nx\n".utf8))
            #expect(now.status == 64 && now.errorText.contains("show-recipients"), "\(now)")
        }
    }

    @Test(
        "SE11: notices speak the rc's language, in a site's own words where there are such; a mistake there costs none")
    func ownTexts() async throws {
        try await onThread {
            let sink = try SinkServer { now, _ in now == .recipient ? .reply("550 5.1.1 no") : nil }
            let german = hub(sink, top: ["notice-language de"])
            try german.queue("Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n\nx\n", to: ["a@far.example"])
            #expect(try german.run().status == 0)
            let notice = try #require(german.mail(of: "alice").first)
            #expect(
                notice.contains("Content-Language: de\n") && notice.contains("Ihre Nachricht „Grüße“ vom"), "\(notice)")
            let own = hub(sink, top: ["notice-texts SCRATCH/texts"])
            own.scratch.write("[failure]\nsubject: Returned: {subject}\n\nNo luck with\n{recipients}\n", to: "texts")
            try own.queue("Subject: a letter\n\nx\n", to: ["a@far.example"])
            #expect(try own.run().status == 0)
            let returned = try #require(own.mail(of: "alice").first)
            #expect(
                returned.contains("Subject: Returned: a letter\n") && returned.contains("\n\nNo luck with\n"),
                "\(returned)")
            own.scratch.write("[failure]\nsubject: {who}\n", to: "texts")
            let check = try own.mhsend(["--check"])
            #expect(
                check.status == 0 && check.errorText.contains("texts:2: {who} stands for nothing here"), "\(check)")
            try own.queue("Subject: b\n\nx\n", to: ["a@far.example"])
            #expect(try own.run().status == 0)
            #expect(own.mail(of: "alice").contains { $0.contains("could not be delivered: b\n") })
            #expect(own.log.contains("{who} stands for nothing here"))
        }
    }

    @Test("SE14: what nobody touches in a folder goes after its time, and a clock that jumps removes nothing")
    func expiry() async throws {
        try await onThread {
            let sink = try SinkServer()
            let hub = hub(sink, alice: ["expire Trash 30d", "expire Sent 90d", "expire INBOX 52w"])
            for folder in ["", ".Trash", ".Sent"] {
                for part in ["", "/new", "/cur", "/tmp"] {
                    hub.scratch.makeFolder("mail\(folder.isEmpty && part.isEmpty ? "" : "")")
                    hub.scratch.makeFolder("mail/alice")
                    hub.scratch.makeFolder("mail/alice/\(folder)\(part)")
                }
                hub.scratch.write("Subject: x\n\nx\n", to: "mail/alice/\(folder)/cur/1.M1P1.x:2,S")
            }
            func left(_ folder: String) -> Int {
                ScratchDirectory.names(in: hub.scratch.file("mail/alice/\(folder)/cur")).count
            }
            func run(_ ahead: String) throws {
                let result = try InstalledCommands.run(
                    ["mhsend", "-C", hub.rc, "-q"],
                    environment: ["HOME": hub.scratch.path].merging(try MovedClock.environment(ahead)) { $1 })
                #expect(result.status == 0, "\(result)")
            }
            try run("+0d")
            try run("+40d")
            try run("+40d")
            #expect(left(".Trash") == 1, "the clock has jumped: \(hub.log)")
            try run("+41d")
            #expect(left(".Trash") == 1)
            try run("+42d")
            #expect(left(".Trash") == 0 && left(".Sent") == 1 && left("") == 1, "\(hub.log)")
            #expect(hub.log.contains("expiry mailbox=alice folder=Trash removed=1"))
            try run("+3650d")
            #expect(left(".Sent") == 1, "the clock has jumped")
        }
    }
}
