// Aliases, what mailboxes forward, programs and files, as a message meets them on its way.

import Blocking
import Glibc
import MailTestKit
import Testing

@Suite("Aliases of a hub")
struct AliasesTests {
    /// A hub whose account `one` is at `sink`, with this aliases file.
    private func hub(
        _ sink: SinkServer, _ aliases: String, top: [String] = [], bob: [String] = [], routes: [String] = []
    )
        -> SendHub
    {
        let hub = SendHub(
            account: ["auth off", "tls off", "send smtp 127.0.0.1:\(sink.port)"],
            top: ["retry 60 600", "aliases ALIASES"] + top, bob: bob, routes: routes)
        let path = hub.scratch.write(aliases, to: "aliases")
        let rc = String(decoding: ScratchDirectory.read(hub.rc) ?? [], as: UTF8.self)
        hub.scratch.write(rc.replacing("aliases ALIASES", with: "aliases \(path)"), to: "rc")
        return hub
    }

    /// Runs the queue as an ordinary user, who may run programs.
    @discardableResult
    private func run(_ hub: SendHub) throws -> CommandResult {
        try InstalledCommands.run(
            ["mhcarry", "-C", hub.rc], environment: ["HOME": hub.scratch.path], isOrdinary: true)
    }

    @Test("SE13: an alias leads to mailboxes, addresses, programs and files, each once, and all in one run")
    func leadsEverywhere() async throws {
        try await onThread {
            let sink = try SinkServer()
            let hub = hub(sink, "")
            let (seen, told) = (hub.scratch.file("seen"), hub.scratch.file("told"))
            let program = hub.scratch.write(
                "#!/bin/sh\ncat > \(seen)\necho \"$SENDER $RECIPIENT $LOCAL_PART $DOMAIN $1\" > \(told)\n",
                to: "program",
                mode: 0o700)
            let box = hub.scratch.file("box")
            hub.scratch.write(
                """
                staff: alice, bob, x@far.example, "|\(program) 'a b'", \(box), /dev/null, more
                more: BOB, y@far.example, staff

                """, to: "aliases")
            try hub.queue("Subject: to all\n\nhello\n", to: ["staff@hub.example", "bob@hub.example"])
            let result = try run(hub)
            #expect(result.status == 0, "\(result)")
            #expect(hub.mail(of: "alice").count == 1 && hub.mail(of: "bob").count == 1, "\(hub.log)")
            #expect(sink.messages.flatMap(\.forwardPaths).sorted() == ["<x@far.example>", "<y@far.example>"])
            let given = String(decoding: ScratchDirectory.read(seen) ?? [], as: UTF8.self)
            #expect(given.hasPrefix("Return-Path: <alice@one.example>\nDelivered-To: staff@hub.example\n"), "\(given)")
            #expect(given.hasSuffix("\nhello\n"))
            let words = String(decoding: ScratchDirectory.read(told) ?? [], as: UTF8.self)
            #expect(words == "alice@one.example staff@hub.example staff hub.example a b\n")
            let mbox = String(decoding: ScratchDirectory.read(box) ?? [], as: UTF8.self)
            #expect(mbox.hasPrefix("From alice@one.example ") && mbox.hasSuffix("\nhello\n\n"), "\(mbox)")
            let left = try hub.listed
            #expect(left.isEmpty, "\(left)")
        }
    }

    @Test("SE13: a program that several aliases name is run for each; a file that they name has one copy")
    func sameTarget() async throws {
        try await onThread {
            let sink = try SinkServer()
            let hub = hub(sink, "")
            let told = hub.scratch.file("told")
            let program = hub.scratch.write(
                "#!/bin/sh\necho \"$1 $RECIPIENT\" >> \(told)\n[ $LOCAL_PART != info ] || exit 67\n", to: "program",
                mode: 0o700)
            let box = hub.scratch.file("box")
            hub.scratch.write(
                "sales: \"|\(program) %user\", \(box)\ninfo: \"|\(program) %user\", \(box)\nall: sales, info\n",
                to: "aliases")
            try hub.queue(from: "bob@home.example", to: ["sales", "info", "all"].map { "\($0)@hub.example" })
            #expect(try run(hub).status == 0)
            let words = String(decoding: ScratchDirectory.read(told) ?? [], as: UTF8.self)
            #expect(
                words.split(separator: "\n").sorted() == ["info info@hub.example", "sales sales@hub.example"],
                "\(words) \(hub.log)")
            let mbox = String(decoding: ScratchDirectory.read(box) ?? [], as: UTF8.self)
            #expect(mbox.count(of: "\nSubject: x\n") == 1)
            let notices = hub.mail(of: "bob")
            let left = try hub.listed
            #expect(notices.count == 1 && notices[0].contains("info@hub.example") && left.isEmpty, "\(notices)")
        }
    }

    @Test("SE13: lines of two lists that cannot be read wait each by itself, and each is served when it is mended")
    func twoUnreadable() async throws {
        try await onThread {
            let sink = try SinkServer()
            let hub = hub(sink, "")
            let (one, two) = (hub.scratch.file("one"), hub.scratch.file("two"))
            hub.scratch.write("la: :include:\(one)\nlb: :include:\(two)\n", to: "aliases")
            hub.scratch.write("alice@home.example\nbob@hub\u{1}.example\n", to: "one")
            hub.scratch.write("alice@home.example\ncarol@far\u{1}.example\n", to: "two")
            let id = try hub.queue(from: "bob@home.example", to: ["la@hub.example", "lb@hub.example"])
            #expect(try hub.run().status == 0)
            #expect(hub.mail(of: "bob").isEmpty && sink.messages.isEmpty)
            hub.scratch.write("alice@home.example\nbob@home.example\n", to: "one")
            hub.scratch.write("alice@home.example\ncarol@far.example\n", to: "two")
            _ = try hub.mhqueue(["try", id])
            let left = try hub.listed
            #expect(hub.mail(of: "bob").count == 1 && left.isEmpty, "\(left) \(hub.log)")
            #expect(sink.messages.flatMap(\.forwardPaths) == ["<carol@far.example>"])
        }
    }

    @Test("SE13: whoever is written to as well as led to by an alias with `via` leaves by that")
    func viaOfKnown() async throws {
        try await onThread {
            let sink = try SinkServer()
            let hub = hub(sink, "far: dave@far.example via one\n")
            try hub.queue(from: "bob@home.example", to: ["dave@far.example", "far@hub.example"])
            #expect(try hub.run().status == 0)
            let left = try hub.listed
            #expect(sink.messages.flatMap(\.forwardPaths) == ["<dave@far.example>"] && left.isEmpty, "\(left)")
        }
    }

    @Test("SE13: the postmaster hears of aliases that cannot be read though he would be one of them")
    func postmasterAlias() async throws {
        try await onThread {
            let sink = try SinkServer()
            let hub = hub(sink, "staff: bob\n")
            _ = unsafe chmod(hub.scratch.file("aliases"), 0o666)
            try hub.queue(from: "bob@home.example", to: ["staff@hub.example"])
            #expect(try hub.run().status == 0)
            #expect(try hub.run().status == 0)
            #expect(hub.mail(of: "alice").count { $0.contains("Subject: Mail waits for aliases") } == 1, "\(hub.log)")
            #expect(try hub.listed.count == 1)
        }
    }

    @Test(
        "SE13: a target that cannot be delivered to now waits alone, after a crash and an edited file nobody gets it twice"
    )
    func partlyDelayed() async throws {
        try await onThread {
            let sink = try SinkServer { now, words in
                now == .recipient && words.contains("late@") ? .reply("451 4.3.0 not now") : nil
            }
            let hub = hub(sink, "staff: bob, x@far.example, late@far.example, @@\n")
            let id = try hub.queue(to: ["staff@hub.example"])
            #expect(try hub.run().status == 0)
            #expect(hub.mail(of: "bob").count == 1)
            #expect(sink.messages.flatMap(\.forwardPaths) == ["<x@far.example>"])
            let why = try hub.mhqueue(["why", id]).outputText
            #expect(why.contains("aliases:1: \"@@\""), "\(why)")
            #expect(hub.log.contains("expansion"))
            hub.scratch.write("staff: bob, x@far.example, late@far.example, alice\nlate: bob\n", to: "aliases")
            #expect(try hub.mhqueue(["try", id]).status == 0)
            let mine = hub.mail(of: "alice").filter { !$0.contains("Subject: Mail waits for aliases") }
            #expect(mine.count == 1, "what was mended gets its copy: \(hub.log)")
            #expect(hub.mail(of: "bob").count == 1)
            #expect(sink.messages.flatMap(\.forwardPaths) == ["<x@far.example>"])
            #expect(try hub.listed.count == 1)
        }
    }

    @Test("SE13: a faulty line defers its own name and tells the line; --check tells all of them")
    func faultyLine() async throws {
        try await onThread {
            let sink = try SinkServer()
            let hub = hub(sink, "good: bob\nbad bob\n* : alice\n")
            let id = try hub.queue(to: ["good@hub.example", "bad@hub.example", "other@hub.example"])
            #expect(try hub.run().status == 0)
            let mine = hub.mail(of: "alice").filter { $0.contains("Subject: x\n") }
            #expect(hub.mail(of: "bob").count == 1 && mine.count == 1)
            let path = hub.scratch.file("aliases")
            #expect(try hub.mhqueue(["release", id]).status == 0)
            #expect(try hub.run().status == 0)
            let letters = hub.mail(of: "alice").filter { $0.contains("Subject: Mail waits for aliases") }
            #expect(
                letters.count == 1 && letters[0].contains("\n\(path):2: the colon behind"), "\(hub.mail(of: "alice"))")
            #expect(
                try hub.mhqueue(["why", id]).outputText.contains(
                    "\(path):2: the colon behind the name \"bad\" is missing"))
            let check = try hub.mhsend(["--check"])
            #expect(check.status == 0, "a service must start with it: \(check)")
            #expect(
                check.errorText.contains(
                    "\(path):2:1: warning: alias bad: the colon behind the name \"bad\" is missing"),
                "\(check)")
        }
    }

    @Test(
        "SE13: what a mailbox forwards goes on besides its own copy; to a stranger's mail the mailbox's account is open"
    )
    func forwards() async throws {
        try await onThread {
            let sink = try SinkServer()
            let hub = hub(
                sink, "",
                routes: ["mailbox carol", "    forward carol@far.example, bob@hub.example".replacing(",", with: "")])
            let rc = String(decoding: ScratchDirectory.read(hub.rc) ?? [], as: UTF8.self)
            hub.scratch.write(rc.replacing("    owner alice\n", with: "    owner carol\n"), to: "rc")
            try hub.queue("Subject: x\n\nx\n", from: "alice@one.example", to: ["carol@hub.example"])
            #expect(try hub.run().status == 0)
            #expect(hub.mail(of: "carol").count == 1 && hub.mail(of: "bob").count == 1, "\(hub.log)")
            #expect(sink.messages.flatMap(\.forwardPaths) == ["<carol@far.example>"])
        }
    }

    @Test("SE13, ask 20: default: takes the mail of names nobody has")
    func fallback() async throws {
        try await onThread {
            let sink = try SinkServer()
            let hub = hub(sink, "root: alice\ndefault: bob\n")
            try hub.queue(to: ["root", "www-data", "alice@hub.example"])
            #expect(try hub.run().status == 0)
            #expect(hub.mail(of: "alice").count == 1 && hub.mail(of: "bob").count == 1, "\(hub.log)")
        }
    }

    @Test("SE13: the hook knows what no file has; one that fails puts off, and its address is never an option")
    func hook() async throws {
        try await onThread {
            let sink = try SinkServer()
            let hub = hub(sink, "staff: bob\n", top: ["alias-hook HOOK"])
            let asked = hub.scratch.file("asked")
            let program = hub.scratch.write(
                """
                #!/bin/sh
                echo "$@" >> \(asked)
                case "$1" in
                    staff@*) echo alice ;;
                    list@*) printf 'x@far.example, bob\n# nobody\nalice\n' ;;
                    broken@*) echo 'no data base' >&2; exit 1 ;;
                esac

                """, to: "hook", mode: 0o700)
            let rc = String(decoding: ScratchDirectory.read(hub.rc) ?? [], as: UTF8.self)
            hub.scratch.write(rc.replacing("alias-hook HOOK", with: "alias-hook \(program)"), to: "rc")
            try hub.queue(to: ["staff@hub.example"])
            try hub.queue(to: ["list@hub.example", "nobody@hub.example"])
            let id = try hub.queue(to: ["broken@hub.example", "alice@home.example"])
            #expect(try run(hub).status == 0)
            #expect(hub.mail(of: "bob").count == 2, "\(hub.log)")
            // Three messages, and a notice that nobody is nobody.
            #expect(hub.mail(of: "alice").count { !$0.contains("Subject: Mail waits for aliases") } == 4, "\(hub.log)")
            #expect(sink.messages.flatMap(\.forwardPaths) == ["<x@far.example>"])
            let why = try hub.mhqueue(["why", id]).outputText
            #expect(why.contains("alias-hook") && why.contains("no data base"), "\(why)")
            // An address that a mailbox itself has is not asked about.
            let questions = String(decoding: ScratchDirectory.read(asked) ?? [], as: UTF8.self)
            #expect(!questions.contains("home.example"), "\(questions)")
            try hub.queue(to: ["-v@hub.example"])
            #expect(try run(hub).status == 0)
            #expect(!String(decoding: ScratchDirectory.read(asked) ?? [], as: UTF8.self).contains("-v@"))
        }
    }

    @Test("SE13: mhroute show and -bv tell where an alias leads; 67 where it leads to nobody")
    func told() async throws {
        try await onThread {
            let sink = try SinkServer()
            let hub = hub(sink, "staff: alice, x@far.example via one, more\nmore: |/bin/true a\nlost: nobody\n")
            let show = try InstalledCommands.run(
                ["mhroute", "-C", hub.rc, "-f", "alice@one.example", "staff@hub.example"], environment: [:])
            #expect(show.status == 0, "\(show)")
            for line in [
                "  the alias staff leads to 3 recipients\n",
                "  to alice@hub.example\n    local: delivered into the mailbox alice",
                "  to x@far.example\n    the alias names the way\n    account one: smtp 127.0.0.1",
                "  to more@hub.example\n    the alias more leads to 1 recipient\n    to |/bin/true a\n      local: given to this program\n",
            ] {
                #expect(show.outputText.contains(line), "\(show.outputText)")
            }
            let verify = try hub.mhsend(["-bv", "lost@hub.example"])
            #expect(verify.status == 67 && verify.outputText.contains("nobody has this address here"), "\(verify)")
        }
    }

    @Test("SE13: via sends by the accounts that the alias names, whatever the routes say")
    func via() async throws {
        try await onThread {
            let one = try SinkServer { now, _ in now == .mail ? .reply("451 4.3.0 not now") : nil }
            let two = try SinkServer()
            let hub = hub(
                one, "far: x@far.example via one/two\n",
                routes: [
                    "account two", "    auth off", "    tls off", "    send smtp 127.0.0.1:\(two.port)", "route none",
                    "    to *@near.example", "    use one",
                ])
            try hub.queue(to: ["far@hub.example"])
            #expect(try hub.run().status == 0)
            #expect(two.messages.flatMap(\.forwardPaths) == ["<x@far.example>"], "\(hub.log)")
        }
    }

    @Test(
        "SE13: a .forward in a home that is closed to the hub is none: the mail stays, and --check says so; in an open one it counts",
        .needsMounts)
    func closedHome() async throws {
        try await onThread {
            let hub = try MachineHub()
            try hub.open()
            let home = hub.scratch.file("home/alice")
            let file = hub.scratch.write("bob@home.example\n", to: "home/alice/.forward", mode: 0o644)
            _ = unsafe (chown(file, 64_002, 64_002), chmod(home, 0o700))
            #expect(try hub.send(as: "hub", ["alice@home.example"]).status == 0)
            #expect(try hub.carry().status == 0)
            #expect(hub.mail(of: "alice").count == 1 && hub.mail(of: "bob").isEmpty)
            let hidden = "whether there is a /mnt/home/alice/.forward cannot be seen from here, and so none counts"
            let closed = try hub.run(as: "hub", ["mhsend", "--check"])
            #expect(closed.errorText.contains(hidden), "\(closed)")
            _ = unsafe chmod(home, 0o711)
            // The file is believed a second after its last change.
            let patience = Deadline(after: .seconds(20))
            var open = closed
            while open.errorText.contains(".forward"), !patience.hasPassed {
                open = try hub.run(as: "hub", ["mhsend", "--check"])
            }
            #expect(!open.errorText.contains(".forward"), "\(open)")
            #expect(try hub.send(as: "hub", ["alice@home.example"]).status == 0)
            #expect(try hub.carry().status == 0)
            #expect(hub.mail(of: "alice").count == 1 && hub.mail(of: "bob").count == 1)
        }
    }

    @Test("SE13: mhserve takes mail for aliases, for mailboxes that forward, and puts off what it cannot know")
    func served() async throws {
        try await onThread {
            let files = ScratchDirectory()
            let aliases = files.write("staff: bob, x@far.example\n", to: "aliases")
            let hub = try HubUnderTest(words: ["aliases \(aliases)"], services: ["smtp"])
            func answers(_ names: [String]) throws -> [String] {
                let client = try LineClient(port: hub.port("smtp"))
                _ = try client.reply()
                _ = try client.say("EHLO x")
                _ = try client.say("MAIL FROM:<a@example.net>")
                return try names.map { String(try client.say("RCPT TO:<\($0)@hub.example.org>").prefix(3)) }
            }
            #expect(try answers(["Staff", "nobody", "alice"]) == ["250", "550", "250"])
            let client = try LineClient(port: hub.port("smtp"))
            _ = try client.reply()
            for line in ["EHLO x", "MAIL FROM:<a@example.net>", "RCPT TO:<staff@hub.example.org>", "DATA"] {
                _ = try client.say(line)
            }
            #expect(try client.say("Subject: x\r\n\r\nx\r\n.").hasPrefix("250"))
            #expect(hub.queued().count == 1, "the carrier finds out who gets it")
            // A name that was not known when it began; and a file that others may change.
            files.write("staff: bob\nnews: alice\n", to: "aliases")
            let deadline = Deadline(after: .seconds(20))
            var news = try answers(["news"])
            while news != ["250"], !deadline.hasPassed {
                usleep(100_000)
                news = try answers(["news"])
            }
            #expect(news == ["250"], "\(hub.logs)")
            _ = unsafe chmod(aliases, 0o666)
            var both = try answers(["staff", "nobody"])
            while both != ["451", "451"], !deadline.hasPassed {
                usleep(100_000)
                both = try answers(["staff", "nobody"])
            }
            #expect(both == ["451", "451"], "\(hub.logs)")
            #expect(hub.log.contains("others may change it"))
        }
    }

    @Test(
        "SE13, SE4: a carrier killed at any call that changes the disk: who an alias leads to gets it once, mboxes and copies too",
        .needs(.strace), arguments: ["fsync", "fdatasync", "renameat", "unlinkat", "write", "pwrite64"])
    func killedAnywhere(_ call: String) async throws {
        try await onThread {
            let sink = try SinkServer()
            let files = ScratchDirectory()
            var number = 1
            while number < 80 {
                // One file for all: it is believed a second after it was written.
                if number == 1 {
                    files.write("team: bob, more, \(files.path)/box\nmore: x@far.example, BOB\n", to: "aliases")
                }
                let hub = SendHub(
                    plainTo: sink.port,
                    top: [
                        "retry 1 1", "aliases \(files.file("aliases"))", "always-bcc archive@hub.example",
                        "mailbox archive",
                    ])
                removeFile(files.file("box"))
                let before = sink.messages.count
                try hub.queue(to: ["team@hub.example"])
                let trace = hub.scratch.file("trace")
                _ = try runProgram(
                    [
                        "strace", "-f", "-o", trace, "-e", "trace=\(call)", "-e",
                        "inject=\(call):signal=KILL:when=\(number)",
                        try InstalledCommands.path("mhcarry"), "-C", hub.rc,
                    ], environment: ["HOME": hub.scratch.path, "PATH": "/usr/bin:/bin", "SWIFT_BACKTRACE": "enable=no"])
                let traced = String(decoding: ScratchDirectory.read(trace) ?? [], as: UTF8.self)
                let isKilled = traced.contains("killed by SIGKILL")
                for _ in 0..<3 where try !hub.listed.isEmpty { _ = try hub.mhqueue(["try", "ALL"]) }
                let left = try hub.listed
                #expect(left.isEmpty, "\(call) \(number): \(left) \(hub.log)")
                #expect(hub.mail(of: "bob").count == 1, "\(call) \(number): local copies \(hub.log)")
                #expect(hub.mail(of: "archive").count == 1, "\(call) \(number): copies of all mail")
                let text = String(decoding: ScratchDirectory.read(files.file("box")) ?? [], as: UTF8.self)
                #expect(
                    text.count(of: "\nSubject: x\n") == 1 && text.count(of: "From alice@one.example ") == 1,
                    "\(call) \(number): the mbox \(text)")
                let sent = sink.messages.count - before
                #expect(sent == 1 || isKilled && sent == 2, "\(call) \(number): sent \(sent) times")
                #expect(hub.mail(of: "alice").isEmpty, "\(call) \(number)")
                if !isKilled { break }
                number += 1
            }
            #expect(number < 80 && (number > 1 || call == "pwrite64"), "\(number - 1) kills")
        }
    }

    @Test("SE13: an alias whose people need no hop is done with in the run that finds them, and its sender told")
    func settledAtOnce() async throws {
        try await onThread {
            let sink = try SinkServer()
            let hub = hub(sink, "nowhere: /dev/null\nnobody: nobody1, nobody2\n")
            try hub.queue(to: ["nowhere@hub.example"])
            #expect(try hub.run().status == 0)
            #expect(try hub.listed.isEmpty, "\(hub.log)")
            try hub.queue(to: ["nobody@hub.example"])
            #expect(try hub.run().status == 0)
            #expect(try hub.listed.isEmpty, "\(hub.log)")
            let told = hub.mail(of: "alice")
            #expect(told.count == 1 && told[0].contains("nobody1@hub.example"), "\(told)")
        }
    }

    @Test("SE12: an alias of several answers a wish for a notice of success with one \"expanded\"")
    func expandedNotice() async throws {
        try await onThread {
            let sink = try SinkServer()
            let hub = hub(sink, "staff: bob, x@far.example\n")
            let sent = try hub.mhsend(
                ["-odq", "-N", "success,failure", "-f", "alice@one.example", "staff@hub.example"],
                input: Array("Subject: x\n\nx\n".utf8))
            #expect(sent.status == 0)
            #expect(try hub.run().status == 0)
            let notices = hub.mail(of: "alice")
            #expect(notices.count == 1, "\(hub.log)")
            #expect(notices.first?.contains("Action: expanded\nStatus: 2.0.0\n") ?? false, "\(notices)")
            #expect(notices.first?.contains("Final-Recipient: rfc822; staff@hub.example\n") ?? false)
            #expect(!sink.commands.joined().contains("SUCCESS"), "\(sink.commands)")
        }
    }
}
