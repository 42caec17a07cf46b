// Which way mail takes: rules in order, one provider after the other, and each recipient served once.

import Glibc
import MailTestKit
import Testing

@Suite("Routes of a hub", .serialized)
struct RoutesTests {
    /// A hub whose accounts `one` and `two` are at these servers.
    private func hub(_ one: SinkServer, _ two: SinkServer, routes: [String], top: [String] = []) -> SendHub {
        SendHub(
            account: ["auth off", "tls off", "send smtp 127.0.0.1:\(one.port)"], top: ["retry 60 600"] + top,
            routes: [
                "account two", "    owner alice", "    auth off", "    tls off",
                "    send smtp 127.0.0.1:\(two.port)",
            ] + routes)
    }

    @Test(
        "SE5, ask 12: what a provider puts off, or breaks off before it has the message, goes out by the next; nobody gets it twice",
        arguments: [SinkServer.Moment.recipient, .mail, .data, .endOfData], [false, true])
    func finishesElsewhere(at moment: SinkServer.Moment, byClosing: Bool) async throws {
        try await onThread {
            let one = try SinkServer { now, words in
                guard now == moment, now != .recipient || words.contains("b@") else { return nil }
                return byClosing ? .close : .reply("451 4.3.0 not now")
            }
            let two = try SinkServer()
            let hub = hub(one, two, routes: ["route out", "    use one", "route then", "    use two"])
            try hub.queue(to: ["a@far.example", "b@far.example", "c@far.example"])
            #expect(try hub.run().status == 0)
            // The one moment of which nobody can know: the message may have arrived.
            let isInDoubt = moment == .endOfData && byClosing
            // The sink notes a message before it answers.
            let taken = moment == .endOfData ? two.messages : one.messages + two.messages
            let served = taken.flatMap(\.forwardPaths).sorted()
            #expect(
                served == (isInDoubt ? [] : ["<a@far.example>", "<b@far.example>", "<c@far.example>"]), "\(hub.log)")
            #expect(try hub.listed.count == (isInDoubt ? 1 : 0), "\(hub.log)")
            #expect(hub.mail(of: "alice").isEmpty)
            if isInDoubt {
                #expect(two.commands.isEmpty)
                #expect(try hub.listed[0].count(of: "\"tries\":1") == 3)
            }
            if moment == .recipient, !byClosing {
                #expect(one.messages.flatMap(\.forwardPaths) == ["<a@far.example>", "<c@far.example>"])
                #expect(hub.log.contains("to=<b@far.example> route=one") && hub.log.contains("status=elsewhere"))
            }
        }
    }

    @Test("SE7: a route hands mail to a program, once for each recipient; what it puts off goes by the next route")
    func program() async throws {
        try await onThread {
            let (one, two) = (try SinkServer(), try SinkServer())
            let script = ScratchDirectory()
            let path = script.write(
                """
                #!/bin/sh
                cat > "$SCRATCH/mail.$LOCAL_PART"; echo "$SENDER $RECIPIENT $*" >> "$SCRATCH/calls"
                case $LOCAL_PART in late) exit 75;; bad) echo no such user; exit 67;; esac
                """.replacing("$SCRATCH", with: script.path), to: "carry", mode: 0o755)
            let hub = hub(
                one, two,
                routes: [
                    "route uucp", "    to *@far.example", "    pipe \(path) -r %user %domain", "    from-line",
                    "    from-quoting",
                    "    rewrite envelope alice@one.example uucp!alice@one.example", "route rest", "    use two",
                ])
            _ = unsafe chmod(script.path, 0o777)
            try hub.queue(
                "Subject: x\n\nFrom here\n.\n",
                to: ["good@far.example", "bad@far.example", "late@far.example", "else@near.example"])
            let run = try InstalledCommands.run(
                ["mhcarry", "-C", hub.rc], environment: ["HOME": hub.scratch.path], isOrdinary: true)
            #expect(run.status == 0, "\(run)")
            let calls = String(decoding: ScratchDirectory.read(script.file("calls")) ?? [], as: UTF8.self)
            #expect(
                calls
                    == ["good", "bad", "late"].map { "uucp!alice@one.example \($0)@far.example -r \($0) far.example\n" }
                    .joined())
            let seen = String(decoding: ScratchDirectory.read(script.file("mail.good")) ?? [], as: UTF8.self)
            #expect(seen.hasPrefix("From uucp!alice@one.example ") && seen.hasSuffix("\n\n>From here\n.\n"), "\(seen)")
            #expect(
                two.messages.flatMap(\.forwardPaths).sorted() == ["<else@near.example>", "<late@far.example>"],
                "\(hub.log)")
            let notices = hub.mail(of: "alice")
            #expect(notices.count == 1 && notices[0].contains("no such user"), "\(notices)")
            let left = try hub.listed
            #expect(left.isEmpty && one.messages.isEmpty)
            #expect(hub.log.contains("to=<good@far.example> route=uucp"))
        }
    }

    @Test("SE7: a carrier that dies in the program of one recipient has recorded what came of those before")
    func killedInProgram() async throws {
        try await onThread {
            let (one, two) = (try SinkServer(), try SinkServer())
            let hub = hub(one, two, routes: [])
            let (calls, killed) = (hub.scratch.file("calls"), hub.scratch.file("killed"))
            let program = hub.scratch.write(
                "#!/bin/sh\necho $LOCAL_PART >> \(calls)\n[ $LOCAL_PART != b ] || [ -e \(killed) ] || { : > \(killed); kill -9 $PPID; }\n",
                to: "carry", mode: 0o700)
            let rc = String(decoding: try #require(ScratchDirectory.read(hub.rc)), as: UTF8.self)
            hub.scratch.write(rc + "route out\n    pipe \(program)\n", to: "rc")
            let id = try hub.queue(to: ["a@far.example", "b@far.example", "c@far.example"])
            let died = try InstalledCommands.run(
                ["mhcarry", "-C", hub.rc], environment: ["HOME": hub.scratch.path], isOrdinary: true)
            #expect(died.status != 0, "\(died)")
            let after = try InstalledCommands.run(
                ["mhqueue", "-C", hub.rc, "try", id], environment: ["HOME": hub.scratch.path], isOrdinary: true)
            let left = try hub.listed
            #expect(after.status == 0 && left.isEmpty, "\(after) \(left)")
            let words = String(decoding: ScratchDirectory.read(calls) ?? [], as: UTF8.self)
            #expect(words == "a\nb\nb\nc\n", "\(words)")
        }
    }

    @Test("SE7: an account hands mail to a server by LMTP, at a port or a socket, and each recipient has its answer")
    func lmtp() async throws {
        try await onThread {
            let one = try SinkServer(.lmtp) { now, words in
                now == .endOfData && words.contains("b@") ? .reply("552 5.2.2 full") : nil
            }
            let hub = SendHub(
                account: ["password x", "send lmtp 127.0.0.1:\(one.port)"], top: ["retry 60 600"],
                routes: ["route out", "    use one"])
            try hub.queue(to: ["a@far.example", "b@far.example"])
            #expect(try hub.run().status == 0)
            #expect(one.messages.map(\.forwardPaths) == [["<a@far.example>", "<b@far.example>"]], "\(hub.log)")
            #expect(one.commands.first?.first?.hasPrefix("LHLO ") == true, "\(one.commands)")
            let notices = hub.mail(of: "alice")
            let left = try hub.listed
            #expect(left.isEmpty && notices.count == 1 && notices[0].contains("552 5.2.2 full"), "\(notices)")
        }
    }

    @Test("SE7: Dovecot has mail by the LMTP socket of an account", .needs(.dovecot))
    func dovecot() async throws {
        try await onThread {
            let dovecot = try DovecotPeer(users: ["alice@far.example": "x"], takesLMTP: true)
            let hub = SendHub(account: ["send lmtp \(dovecot.lmtpSocket)"], routes: ["route out", "    use one"])
            try hub.queue("Subject: to dovecot\n\nx\n", to: ["alice@far.example"])
            #expect(try hub.run().status == 0)
            let notices = hub.mail(of: "alice")
            let there = dovecot.messages(of: "alice@far.example")
            #expect(notices.isEmpty && there.count == 1, "\(hub.log) \(notices)")
        }
    }

    @Test(
        "SE6: local mail leaves at once, outside mail when the hub is online, or when that is announced, and only by its routes"
    )
    func online() async throws {
        try await onThread {
            let one = try SinkServer()
            let two = try SinkServer()
            let routes = [
                "route abroad", "    online train*", "    to *@*.example", "    use two", "route home",
                "    online home",
                "    use one",
            ]
            let hub = hub(one, two, routes: routes, top: ["online-query file here"])
            hub.scratch.write("#", to: "unused")
            let rc = String(decoding: try #require(ScratchDirectory.read(hub.rc)), as: UTF8.self)
            hub.scratch.write(
                rc.replacing("online-query file here", with: "online-query file \(hub.scratch.file("here"))"), to: "rc")
            let id = try hub.queue(to: ["a@far.example", "bob@home.example"])
            #expect(try hub.run().status == 0)
            #expect(hub.mail(of: "bob").count == 1 && one.messages.isEmpty && two.messages.isEmpty)
            let waiting = try hub.listed
            #expect(waiting.count == 1 && waiting[0].contains("\"tries\":0"), "\(waiting)")
            #expect(hub.mail(of: "alice").isEmpty)
            let why = try hub.mhqueue(["why", id]).outputText
            #expect(
                why.contains(
                    "route abroad: matches, and waits: it is for the connection train*, and the hub is offline"))
            // A second run counts nothing either.
            #expect(try hub.run().status == 0)
            #expect(try hub.listed[0].contains("\"tries\":0"))
            try hub.queue(to: ["bob@home.example"])
            #expect(try hub.mhsend(["-qo", "nothing"]).status == 0)
            #expect(try hub.listed.count == 2, "no local mail either")
            #expect(try hub.listed.allSatisfy { $0.contains("\"tries\":0") })
            #expect(try hub.mhsend(["-qotrain7"]).status == 0)
            #expect(two.messages.map(\.forwardPaths) == [["<a@far.example>"]] && one.messages.isEmpty)
            let next = try hub.queue(to: ["b@far.example"])
            #expect(try hub.mhqueue(["why", next]).outputText.contains("    offline, as online-query said "))
            let list = try hub.mhqueue(["list"]).outputText
            #expect(
                list.contains("\n(offline, as online-query said ") && list.hasSuffix("waits for a connection)\n"),
                "\(list)")
            hub.scratch.write("home\n", to: "here")
            #expect(
                try hub.mhqueue(["try", next]).status == 0,
                "who tries is asked for, however short a time ago it was asked")
            #expect(try !hub.mhqueue(["list"]).outputText.contains("offline"))
            #expect(try hub.run().status == 0)
            #expect(one.messages.map(\.forwardPaths) == [["<b@far.example>"]] && two.messages.count == 1)
            #expect(hub.mail(of: "bob").count == 2)
            #expect(try hub.listed.isEmpty)
            let show = try InstalledCommands.run(
                ["mhroute", "-C", hub.rc, "--online", "train", "x@far.example"], environment: [:]
            ).outputText
            #expect(show.contains("route abroad: matches, use two") && show.contains("online by train"), "\(show)")
        }
    }

    @Test("ask 10: each sender has a provider and a login of his own, also two of them at one host")
    func ownLogins() async throws {
        try await onThread {
            let sink = try SinkServer(extensions: ["PIPELINING", "AUTH PLAIN"])
            let hub = SendHub(
                account: [
                    "user alice", "password one", "auth plain", "tls off insecure", "send smtp 127.0.0.1:\(sink.port)",
                ],
                top: ["retry 60 600"],
                routes: [
                    "account two", "    owner bob", "    address bob@one.example", "    user bob", "    password two",
                    "    auth plain", "    tls off insecure", "    send smtp 127.0.0.1:\(sink.port)",
                ])
            try hub.queue(from: "alice@one.example", to: ["a@far.example"])
            try hub.queue(from: "bob@one.example", to: ["b@far.example"])
            #expect(try hub.run().status == 0)
            let sent = sink.messages.map { "\($0.user ?? "-") \($0.forwardPaths[0])" }.sorted()
            #expect(sent == ["alice <a@far.example>", "bob <b@far.example>"], "\(hub.log)")
        }
    }

    @Test("SE8, ask 20: each route writes mail anew in its own way, and the queue keeps it as it came")
    func rewritten() async throws {
        try await onThread {
            let one = try SinkServer()
            let routes = [
                "route friends", "    to *@near.example", "    use one", "    rewrite from * *@friends.example",
                "route rest",
                "    use one", "    rewrite from root \"Alice <alice@one.example>\"", "    rewrite to * *@one.example",
                "    rewrite envelope * alice@one.example",
            ]
            let hub = hub(one, one, routes: routes)
            let id = try hub.queue(
                "From: root (Cron Daemon)\nTo: root, x@near.example\nSubject: x\n\nx\n", from: "root",
                to: ["a@near.example", "b@far.example", "c@near.example"])
            let queued = try hub.mhqueue(["show", id]).outputText
            #expect(
                queued.contains("From: root@hub.example (Cron Daemon)\nTo: root@hub.example, x@near.example\n"),
                "\(queued)")
            let show = try InstalledCommands.run(
                ["mhroute", "-C", hub.rc, "-f", "root", "--header-from", "root", "b@far.example"], environment: [:]
            ).outputText
            #expect(
                show.contains("route rest: the envelope sender root@hub.example becomes alice@one.example\n"), "\(show)"
            )
            #expect(show.contains("route rest: the author root@hub.example becomes alice@one.example\n"), "\(show)")
            #expect(try hub.run().status == 0)
            let sent = one.messages.sorted { $0.forwardPaths.count > $1.forwardPaths.count }
            #expect(sent.map(\.forwardPaths) == [["<a@near.example>", "<c@near.example>"], ["<b@far.example>"]])
            #expect(sent.map { $0.reversePath.prefix { $0 != " " } } == ["<root@hub.example>", "<alice@one.example>"])
            let texts = sent.map { String(decoding: $0.content, as: UTF8.self) }
            #expect(
                texts[0].contains(
                    "From: root@friends.example (Cron Daemon)\r\nTo: root@hub.example, x@near.example\r\n"))
            #expect(
                texts[1].contains("From: alice@one.example (Cron Daemon)\r\nTo: root@one.example, x@near.example\r\n"))
            #expect(try hub.listed.isEmpty)
        }
    }

    @Test(
        "SE7: an account has several servers, of which the next is asked when one is not to be had; a login is not tried again"
    )
    func servers() async throws {
        try await onThread {
            let closing = try FakeServer([.line("421 4.3.2 too busy")])
            let refusing = try FakeServer([
                .line("220 fake"), .expect("EHLO"), .line("250-fake\r\n250 AUTH PLAIN"), .expect("AUTH"),
                .line("535 5.7.8 no"), .expect("QUIT"), .line("221 bye"),
            ])
            let sink = try SinkServer()
            let hub = SendHub(
                account: [
                    "auth off", "tls off", "send smtp 127.0.0.1:1 127.0.0.1:\(closing.port) 127.0.0.1:\(sink.port)",
                ])
            try hub.queue(to: ["a@far.example"])
            #expect(try hub.run().status == 0)
            #expect(sink.messages.count == 1 && hub.log.contains("421 4.3.2 too busy"), "\(hub.log)")
            #expect(try hub.listed.isEmpty && closing.stop().count == 1)
            let second = SendHub(
                account: [
                    "password geheim", "tls off", "send submission 127.0.0.1:\(refusing.port) 127.0.0.1:\(sink.port)",
                ])
            try second.queue(to: ["a@far.example"])
            #expect(try second.run().errorText.contains("535 5.7.8 no"))
            #expect(sink.messages.count == 1 && refusing.stop().count == 1)
        }
    }

    @Test(
        "SE9: people of the hub with addresses at any domain write to one another here, and nowhere else without an account"
    )
    func localOnly() async throws {
        try await onThread {
            let sink = try SinkServer()
            let hub = SendHub(
                account: ["auth off", "tls off", "send smtp 127.0.0.1:\(sink.port)"],
                bob: ["address bob@gmail.example"],
                routes: ["mailbox carol", "    address carol@no.where", "    unix-user nobody"])
            try hub.queue(from: "carol@no.where", to: ["bob@gmail.example", "alice@home.example"])
            try hub.queue(from: "bob@gmail.example", to: ["carol@no.where"])
            #expect(try hub.run().status == 0)
            #expect(
                hub.mail(of: "bob").count == 1 && hub.mail(of: "alice").count == 1 && hub.mail(of: "carol").count == 1)
            #expect(sink.commands.isEmpty)
            let show = try InstalledCommands.run(
                ["mhroute", "-C", hub.rc, "--as", "carol", "x@far.example"], environment: [:]
            ).outputText
            #expect(show.contains("held: no account carries it"), "\(show)")
        }
    }

    @Test("SE5, ask 11, ask 14: only some recipients by a relay; a changed rc counts for what is queued already")
    func byRecipient() async throws {
        try await onThread {
            let one = try SinkServer { moment, _ in moment == .mail ? .reply("451 4.3.0 not now") : nil }
            let two = try SinkServer()
            let routes = ["route big", "    to *@big.example", "    use two", "route rest", "    use one"]
            let hub = hub(one, two, routes: routes)
            try hub.queue(to: ["a@big.example", "b@small.example"])
            #expect(try hub.run().status == 0)
            #expect(two.messages.map(\.forwardPaths) == [["<a@big.example>"]])
            #expect(try hub.listed.count == 1)
            let rc = String(decoding: try #require(ScratchDirectory.read(hub.rc)), as: UTF8.self)
            hub.scratch.write(rc.replacing("    to *@big.example\n", with: ""), to: "rc")
            #expect(try hub.mhqueue(["try", "ALL"]).status == 0)
            #expect(two.messages.map(\.forwardPaths).last == ["<b@small.example>"])
            #expect(try hub.listed.isEmpty)
        }
    }
}
