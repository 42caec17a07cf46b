// Mail of users who have no hub of their own, handed to the hub of the machine.

import Blocking
import Glibc
import MailTestKit
import Octets
import Testing

@Suite("The drop directory")
struct DropTests {
    @Test("SE1: a user without an rc hands mail to the machine's hub, which knows him", .needsMounts)
    func handedOver() async throws {
        try await onThread {
            let hub = try MachineHub()
            try hub.open()
            var status = stat()
            #expect(unsafe stat(hub.drop, &status) == 0 && status.st_mode & 0o7777 == 0o3777)
            #expect(unsafe stat(hub.state, &status) == 0 && status.st_mode & 0o7777 == 0o711)
            let result = try hub.send(
                as: "alice", ["-v", "bob", "alice@home.example"], "Subject: one\n\n.\nnot the end\n")
            #expect(result.status == 0 && result.errorText.hasPrefix("mhsend: left for the hub as "), "\(result)")
            let name = try #require(hub.dropped.first)
            #expect(unsafe stat("\(hub.drop)/\(name)", &status) == 0)
            #expect(status.st_mode & 0o7777 == 0o640 && status.st_uid == 64_002 && status.st_gid == 64_001)
            // Nobody but its owner and the hub can read it, nobody else remove it.
            let cat = try hub.run(as: "mallory", ["mhsend", "-C", "/var/lib/mailhub/drop/\(name)", "bob"])
            #expect(cat.status == 77, "\(cat)")
            #expect(try hub.carry().status == 0)
            #expect(hub.dropped.isEmpty)
            for (mailbox, address) in [("bob", "bob@home.example"), ("alice", "alice@home.example")] {
                let mail = hub.mail(of: mailbox)
                #expect(mail.count == 1, "\(mailbox): \(mail)")
                let text = mail.first ?? ""
                #expect(text.contains("Return-Path: <alice@home.example>\n"), "\(text)")
                #expect(text.contains("Delivered-To: \(address)\n"), "\(text)")
                #expect(text.contains("from userid 64002"), "\(text)")
                #expect(text.contains("From: Alice Liddell <alice@home.example>\n"), "\(text)")
                #expect(text.hasSuffix("\n\n.\nnot the end\n"), "\(text)")
            }
        }
    }

    @Test("SE1: what is handed in while a run is at work is taken in by it", .needsMounts)
    func duringARun() async throws {
        try await onThread {
            let hub = try MachineHub(["aliases /etc/aliases"])
            hub.scratch.write("slow: \"|/bin/cat /mnt/home/hub/gate\"\n", to: "etc/aliases", mode: 0o644)
            let gate = hub.scratch.file("home/hub/gate")
            _ = unsafe mkfifo(gate, 0o600)
            _ = unsafe chown(gate, 64_001, 64_001)
            try hub.open()
            #expect(try hub.send(as: "hub", ["-odq", "slow"]).status == 0)
            let ended = Monitor<Result<CommandResult, any Error>?>(nil)
            let run = try BlockingThread(name: "slow run") {
                let result = Result { try hub.carry(deadline: .seconds(60)) }
                ended.change { $0 = result }
            }
            // The program has the gate open now, and the run waits for it.
            let writer = unsafe open(gate, O_WRONLY | O_CLOEXEC)
            #expect(writer >= 0)
            #expect(try hub.send(as: "alice", ["bob"]).status == 0)
            let patience = Deadline(after: .seconds(30))
            while hub.mail(of: "bob").isEmpty, !patience.hasPassed { usleep(50_000) }
            #expect(hub.mail(of: "bob").count == 1 && hub.dropped.isEmpty)
            close(writer)
            run.join()
            let result = try #require(ended.read { $0 }).get()
            #expect(result.status == 0, "\(result)")
        }
    }

    @Test("SE1: -t, -f, -F, -N, -R, -V, -B reach the hub; what is wrong with them is told at once", .needsMounts)
    func words() async throws {
        try await onThread {
            let hub = try MachineHub()
            try hub.open()
            let mail = "To: bob, \"B\" <alice@home.example>\nBcc: postmaster\nSubject: x\n\nx\n"
            let words = ["-t", "-f", "list@lists.example", "-F", "The List", "-N", "never", "-R", "hdrs", "-V", "id 7"]
            #expect(try hub.send(as: "mallory", words, mail).status == 0)
            let kept = String(
                decoding: ScratchDirectory.read("\(hub.drop)/\(hub.dropped.first ?? "")") ?? [], as: UTF8.self)
            for line in [
                "Sender: <list@lists.example>", "Full-Name: The List", "Notify: NEVER", "Return: HDRS",
                "Envelope-Id: id 7", "Read: recipients",
            ] { #expect(kept.contains("\n\(line)\n"), "\(kept)") }
            #expect(try hub.carry().status == 0)
            for mailbox in ["bob", "alice", "postmaster"] {
                let text = hub.mail(of: mailbox).first ?? ""
                #expect(text.contains("Return-Path: <list@lists.example>\n"), "\(mailbox): \(text)")
                #expect(text.contains("From: The List <list@lists.example>\n") && !text.contains("Bcc"), "\(text)")
            }
            for (arguments, text, status) in [
                ([], mail, 64), (["-t"], "Subject: x\n\nx\n", 64), (["a@@b"], mail, 65),
                (["-t"], "To: a@@b\n\nx\n", 65),
                ((0...10_000).map { "a\($0)" }, mail, 65), (["-N", "maybe", "bob"], mail, 64),
                (["-f", "a@@b", "bob"], mail, 65),
            ] as [([String], String, Int32)] {
                let result = try hub.send(as: "mallory", arguments, text)
                #expect(result.status == status, "\(arguments): \(result)")
            }
            #expect(ScratchDirectory.names(in: hub.drop).isEmpty, "nothing is left of what was refused")
        }
    }

    @Test("SE1: -bs of a user without an rc: each message is a drop file", .needsMounts)
    func dialogue() async throws {
        try await onThread {
            let hub = try MachineHub()
            try hub.open()
            let talk = [
                "EHLO me", "MAIL FROM:<>", "RCPT TO:<bob>", "RCPT TO:<alice@home.example> NOTIFY=NEVER", "DATA",
                "Subject: one", "", "..dot", ".", "MAIL FROM:<mallory@home.example>", "RCPT TO:<bob@home.example>",
                "DATA", "Subject: two", "", "two", ".", "QUIT",
            ]
            let result = try hub.run(
                as: "mallory", ["mhsend", "-bs"], input: talk.map { "\($0)\r\n" }.joined())
            #expect(result.status == 0, "\(result)")
            #expect(result.outputText.components(of: "left for the hub as ") == 2, "\(result)")
            #expect(hub.dropped.count == 2)
            #expect(try hub.carry().status == 0)
            let mail = hub.mail(of: "bob")
            #expect(mail.count == 2, "\(mail)")
            #expect(mail.contains { $0.contains("Return-Path: <>\n") && $0.hasSuffix("\n\n.dot\n") }, "\(mail)")
            #expect(hub.mail(of: "alice").count == 1)
        }
    }

    @Test("SE1: what only the hub's user may do is 77, as is a machine without a hub", .needsMounts)
    func refused() async throws {
        try await onThread {
            let hub = try MachineHub()
            let closed = try hub.send(as: "mallory", ["bob"])
            #expect(closed.status == 77 && closed.errorText.contains("/var/lib/mailhub/drop"), "\(closed)")
            try hub.open()
            for arguments in [
                ["mhsend", "-q"], ["mhsend", "-bp"], ["mhsend", "-qR", "bob"], ["mhsend", "--now", "bob"],
                ["mhsend", "--take-drop"], ["mhqueue", "list"],
            ] {
                let result = try hub.run(as: "mallory", arguments, input: "Subject: x\n\nx\n")
                #expect(result.status == 77, "\(arguments): \(result)")
                #expect(!result.errorText.contains("chgrp"), "nobody is told to let him read passwords: \(result)")
            }
            #expect(hub.dropped.isEmpty)
            #expect(try hub.send(as: "mallory", ["-odi", "bob"]).status == 0, "-odi is as good as -odb")
            _ = unsafe chmod(hub.drop, 0o700)
            let shut = try hub.send(as: "mallory", ["bob"])
            #expect(shut.status == 77 && shut.errorText.contains("you may not write there"), "\(shut)")
            // Who may read the machine's rc is not its user for all that.
            let open = try MachineHub(mode: 0o644)
            try open.open()
            #expect(try open.send(as: "mallory", ["bob"]).status == 0)
            #expect(open.dropped.count == 1)
            // And his own hub comes first, whatever state it is in.
            open.scratch.write("nonsense\n", to: "home/mallory/.mailhubrc")
            _ = unsafe chown(open.scratch.file("home/mallory/.mailhubrc"), 64_003, 64_003)
            #expect(try open.send(as: "mallory", ["bob"]).status == 78)
            #expect(open.dropped.count == 1)
        }
    }

    @Test(
        "SE1: whoever sets the machine's hub up is told what root has to make, in words that can be typed", .needsMounts
    )
    func firstDay() async throws {
        try await onThread {
            let hub = try MachineHub()
            #expect(unsafe rmdir(hub.state) == 0)
            let words = "install -d -o hub -g hub -m 700 /var/lib/mailhub"
            for command in [["mhsend", "-q"], ["mhsend", "bob"], ["mhqueue", "list"]] {
                let result = try hub.run(as: "hub", command, input: "Subject: x\n\nx\n")
                #expect(
                    result.status == 77 && result.errorText.hasSuffix("as root: \(words)\n"), "\(command): \(result)")
            }
            for user in ["hub", "root"] {
                let check = try hub.run(as: user, ["mhsend", "--check"])
                #expect(
                    check.status == 78 && check.errorText.contains("/var/lib: Permission denied; as root: \(words)\n"),
                    "\(check)")
            }
            let none = try hub.send(as: "mallory", ["bob"])
            #expect(none.status == 77 && none.errorText.contains("there is no /var/lib/mailhub/drop"), "\(none)")
            try hub.asRoot(words)
            #expect(try hub.run(as: "hub", ["mhsend", "--check"]).status == 0)
            let early = try hub.send(as: "mallory", ["bob"])
            #expect(early.status == 77 && early.errorText.contains("or it has never run its queue"), "\(early)")
            try hub.open()
            #expect(try hub.send(as: "mallory", ["bob"]).status == 0)
            let list = try hub.run(as: "hub", ["mhqueue", "list"]).outputText
            #expect(
                list
                    == "the queue is empty\n(1 message in /var/lib/mailhub/drop: taken in by the next run of the queue)\n"
            )
            #expect(try hub.carry().status == 0)
            #expect(hub.mail(of: "bob").count == 1)
        }
    }

    @Test("SE1: a drop directory with odd rights or of another is mended, or --check and the log say how", .needsMounts)
    func oddRights() async throws {
        try await onThread {
            let hub = try MachineHub(["log stderr"])
            try hub.open()
            for mode in [0, 0o1777, 0o2755] as [mode_t] {
                #expect(unsafe chmod(hub.drop, mode) == 0)
                try hub.open()
                #expect(try hub.send(as: "mallory", ["bob"]).status == 0, "\(mode)")
            }
            #expect(unsafe chown(hub.drop, 0, 0) == 0)
            let words = "chown hub /var/lib/mailhub/drop"
            let check = try hub.run(as: "hub", ["mhsend", "--check"])
            #expect(
                check.status == 0 && check.errorText.contains("no mail in it is taken in; as root: \(words)\n"),
                "\(check)")
            let run = try hub.carry()
            #expect(run.status == 0 && run.errorText.contains("as root: \(words)"), "\(run)")
            try hub.asRoot(words)
            #expect(try hub.carry().status == 0)
            #expect(hub.mail(of: "bob").count == 3)
        }
    }

    @Test("SE1: with a state directory elsewhere, --check says how root makes the drop directory", .needsMounts)
    func stateElsewhere() async throws {
        try await onThread {
            let hub = try MachineHub(["state ~/state"])
            let words = "install -d -o hub -g hub -m 3777 /var/lib/mailhub/drop"
            #expect(unsafe (chown(hub.state, 0, 0), chmod(hub.state, 0o755)) == (0, 0))
            let check = try hub.run(as: "hub", ["mhsend", "--check"])
            #expect(check.status == 0 && check.errorText.contains("as root: \(words)\n"), "\(check)")
            try hub.open()
            #expect(try hub.send(as: "mallory", ["bob"]).status == 77)
            try hub.asRoot(words)
            #expect(try hub.run(as: "hub", ["mhsend", "--check"]).errorText.contains("drop") == false)
            #expect(try hub.send(as: "mallory", ["bob"]).status == 0)
            #expect(try hub.carry().status == 0)
            #expect(hub.dropped.isEmpty)
        }
    }

    @Test(
        "SE1: an account that is not open to a user holds what he drops for it, and nobody's but its owner's leaves",
        .needsMounts)
    func closedAccount() async throws {
        try await onThread {
            let server = try FakeServer([])
            let hub = try MachineHub(blocks: [
                "account one", "    owner alice", "    address alice@one.example", "    auth off",
                "    tls off insecure", "    send smtp 127.0.0.1:\(server.port)",
            ])
            try hub.open()
            for account in ["one", "none"] {
                #expect(try hub.send(as: "mallory", ["-a", account, "x@far.example"]).status == 0)
            }
            try hub.carry()
            #expect(server.stop().isEmpty, "nothing of it left")
            var why: [String] = []
            for folder in ["new", "cur"] {
                for name in ScratchDirectory.names(in: "\(hub.state)/queue/\(folder)") {
                    let id = String(name.prefix { $0 != "," })
                    why.append(try hub.run(as: "hub", ["mhqueue", "why", id]).outputText)
                }
            }
            #expect(why.contains { $0.contains("account one: chosen for this message, and not open") }, "\(why)")
            #expect(why.contains { $0.contains("account none: chosen for this message") }, "\(why)")
        }
    }

    @Test(
        "SE1: a FIFO, a socket, a device, a directory, links and foreign names are left and told once; other mail goes on",
        .needsMounts)
    func oddities() async throws {
        try await onThread {
            let hub = try MachineHub()
            try hub.open()
            let form = try Self.form(hub)
            func name(_ number: Int) -> String { "170000000\(number).aaaaaaaaaaaaaaaaaaaa.hub" }
            let drop = hub.drop
            _ = unsafe mkfifo("\(drop)/\(name(0))", 0o666)
            _ = unsafe mknod("\(drop)/\(name(1))", S_IFSOCK | 0o666, 0)
            _ = unsafe mknod("\(drop)/\(name(2))", S_IFCHR | 0o666, 0x105)
            _ = unsafe mkdir("\(drop)/\(name(3))", 0o777)
            try hub.put(form(name(4)), as: name(4), of: "root")
            _ = unsafe symlink("/etc/mailhubrc", "\(drop)/\(name(5))")
            // A hard link to a file of root's, and to one that another has left.
            _ = unsafe link(hub.scratch.file("etc/mailhubrc"), "\(drop)/\(name(6))")
            try hub.put(form(name(7)), as: name(7), of: "alice")
            _ = unsafe link("\(drop)/\(name(7))", hub.scratch.file("lib/mailhub/elsewhere"))
            try hub.put("x", as: "anything", of: "mallory")
            // A name that is no text, and longer than a name may be when it is made one.
            let odd = "\(drop)/!".utf8CString.dropLast() + [CChar](repeating: -1, count: 254) + [0]
            close(unsafe open(odd, O_WRONLY | O_CREAT, 0o644))
            // More recipients than the queue takes: not by mhsend, which says so.
            let many = (0...10_000).map { "Recipient: <a\($0)@b.example>\n" }.joined()
            let crowd = "1500000000.aaaaaaaaaaaaaaaaaaaa.hub"
            try hub.put(Self.file(crowd, "Body: 7BIT\n\(many)\nx\n"), as: crowd, of: "mallory")
            // These are plain files of their owners, and are put aside.
            try hub.put("X-Mailhub-Drop: 1 \(name(8)) 0000000000 00000000\n", as: name(8), of: "mallory")
            try hub.put(form(name(8)), as: name(9), of: "mallory")
            let sparse = "1800000000.aaaaaaaaaaaaaaaaaaaa.hub"
            try hub.put("x", as: sparse, of: "mallory")
            _ = unsafe truncate("\(drop)/\(sparse)", 2 << 30)
            try hub.put(
                form("1800000001.aaaaaaaaaaaaaaaaaaaa.hub") + "more", as: "1800000001.aaaaaaaaaaaaaaaaaaaa.hub",
                of: "mallory")
            #expect(try hub.send(as: "alice", ["bob"]).status == 0)
            #expect(try hub.carry().status == 0)
            #expect(hub.mail(of: "bob").count == 1, "the good one has come")
            #expect(hub.mail(of: "bob").allSatisfy { !$0.contains("run-as") })
            #expect(hub.dropped.filter { !$0.hasPrefix("!") } == (0...7).map(name) + ["anything"])
            #expect(
                ScratchDirectory.names(in: "\(hub.state)/drop-refused").sorted() == [
                    crowd, name(8), name(9), sparse, "1800000001.aaaaaaaaaaaaaaaaaaaa.hub",
                ])
            for _ in 0..<2 { #expect(try hub.carry().status == 0) }
            let letters = hub.mail(of: "postmaster")
            #expect(letters.count == 1, "\(letters)")
            for words in [
                "not a plain file", "of mallory: ", "root's", "second name", "none that mhsend gives", "calls itself",
                "checksum",
                "64m",
            ] { #expect(letters[0].contains(words), "\(words): \(letters)") }
        }
    }

    /// The octets of a file of this name, with these behind its first line.
    private static func file(_ name: String, _ rest: String) throws -> String {
        let sum = CRC32C.hex(Array(rest.utf8))
        let count = String(rest.utf8.count)
        return "X-Mailhub-Drop: 1 \(name) \(String(repeating: "0", count: 10 - count.count))\(count) \(sum)\n\(rest)"
    }

    /// Makes the octets of a good file by another name, from one that `mhsend` has made.
    private static func form(_ hub: MachineHub) throws -> (String) -> String {
        try hub.send(as: "alice", ["bob"], "Subject: form\n\nx\n")
        let name = try #require(hub.dropped.first)
        let text = String(decoding: ScratchDirectory.read("\(hub.drop)/\(name)") ?? [], as: UTF8.self)
        removeFile("\(hub.drop)/\(name)")
        return { text.replacing(name, with: $0) }
    }

    @Test(
        "SE1: 100,000 files of one user keep nobody else's mail waiting, and his own comes in by parts", .needsMounts)
    func flood() async throws {
        try await onThread {
            let hub = try MachineHub(inMemory: true)
            try hub.open()
            let form = try Self.form(hub)
            let letters = Array("abcdefghijklmnopqrstuvwxyz")
            for number in 0..<100_000 {
                let tail = String((0..<4).reversed().map { letters[number / [1, 26, 676, 17_576][$0] % 26] })
                let name = "1600000000.aaaaaaaaaaaaaaaa\(tail).hub"
                // Only the first can be taken in one pass.
                try hub.put(number < 3000 ? form(name) : "", as: name, of: "mallory")
            }
            #expect(try hub.send(as: "alice", ["alice@home.example"]).status == 0)
            let run = try hub.carry(deadline: .seconds(500))
            #expect(run.status == 0, "\(run)")
            #expect(hub.mail(of: "alice").count == 1)
            #expect(hub.dropped.count == 99_000)
            #expect(hub.mail(of: "bob").count == 1000)
        }
    }

    @Test("SE11: a thousand messages of a user without a mailbox that may not leave make one letter", .needsMounts)
    func unowned() async throws {
        try await onThread {
            let hub = try MachineHub(
                blocks: [
                    "account one", "    owner alice", "    address alice@one.example", "    auth off",
                    "    tls off insecure", "    send smtp 127.0.0.1:1",
                ], inMemory: true)
            try hub.open()
            #expect(try hub.send(as: "mallory", ["x@far.example"], "Subject: form\n\nx\n").status == 0)
            let form = String(decoding: ScratchDirectory.read("\(hub.drop)/\(hub.dropped[0])") ?? [], as: UTF8.self)
            let letters = Array("abcdefghijklmnopqrstuvwxyz")
            for number in 1..<1000 {
                let tail = String([letters[number / 676], letters[number / 26 % 26], letters[number % 26]])
                let name = "1700000000.aaaaaaaaaaaaaaaaa\(tail).hub"
                try hub.put(form.replacing(hub.dropped.last ?? "", with: name), as: name, of: "mallory")
            }
            #expect(hub.dropped.count == 1000)
            let run = try hub.carry(deadline: .seconds(300))
            #expect(run.status == 0, "\(run)")
            let told = hub.mail(of: "postmaster")
            #expect(told.count == 1, "\(told.count) letters")
            let text = told.first ?? ""
            #expect(text.contains("Their number is 1000:") && text.count < 6000, "\(text)")
            #expect(text.contains("from <mallory@home.example> to <x@far.example>: no route"), "\(text)")
            // The next day's letter tells of what came since; on the same day there is none.
            try hub.send(as: "mallory", ["y@far.example"])
            try hub.carry(deadline: .seconds(300))
            #expect(hub.mail(of: "postmaster").count == 1)
            let record = "\(hub.state)/unowned"
            let words = String(decoding: ScratchDirectory.read(record) ?? [], as: UTF8.self)
            #expect(words.contains("owed 1\n"), "\(words)")
            hub.scratch.write(words.replacing(/last [0-9]+/, with: "last 1700000000"), to: "lib/mailhub/unowned")
            _ = unsafe chown(record, 64_001, 64_001)
            // Nothing is due: but once in an hour a run takes place all the same.
            try hub.run(as: "hub", ["mhcarry"], deadline: .seconds(300))
            #expect(hub.mail(of: "postmaster").count == 2)
            #expect(hub.mail(of: "postmaster").contains { $0.contains("Their number is 1001:") })
        }
    }

    @Test("SE1: mhserve starts a run as soon as somebody leaves mail", .needsMounts)
    func keeper() async throws {
        try await onThread {
            let port = try Loopback.freePort()
            let hub = try MachineHub(blocks: ["listen smtp 127.0.0.1:\(port)"])
            try hub.open()
            let log = hub.scratch.file("serve.log")
            let server = try ServerProcess(
                try hub.words(as: "root", ["mhserve"]),
                environment: ["HOME": "/root", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"], logs: [log])
            defer { server.stop() }
            try server.waitForPorts([port])
            for number in 1...2 {
                #expect(try hub.send(as: "alice", ["bob"]).status == 0)
                let deadline = Deadline(after: .seconds(60))
                while hub.mail(of: "bob").count < number, !deadline.hasPassed { usleep(20_000) }
                #expect(hub.mail(of: "bob").count == number, "\(server.logs)")
            }
        }
    }

    @Test(
        "SE1: killed anywhere between drop directory and queue, the message comes once", .needsMounts, .needs(.strace),
        arguments: ["fsync", "unlinkat", "renameat", "renameat2", "openat", "flock"])
    func killedAnywhere(_ call: String) async throws {
        try await onThread {
            let hub = try MachineHub()
            try hub.open()
            var number = 1
            while number < 200 {
                for text in ["one", "two"] {
                    #expect(try hub.send(as: "alice", ["bob"], "Subject: \(text)\n\nx\n").status == 0)
                }
                let trace = hub.scratch.file("lib/trace")
                let strace = [
                    "strace", "-f", "-o", "/var/lib/trace", "-e", "trace=\(call)", "-e",
                    "inject=\(call):signal=KILL:when=\(number)",
                ]
                _ = try hub.run(as: "root", ["mhsend", "--take-drop"], through: strace)
                let isKilled = String(decoding: ScratchDirectory.read(trace) ?? [], as: UTF8.self)
                    .contains("killed by SIGKILL")
                #expect(try hub.carry().status == 0)
                let mail = hub.mail(of: "bob")
                #expect(mail.count == 2, "\(call) \(number): \(mail)")
                #expect(hub.dropped.isEmpty, "\(call) \(number)")
                _ = try runProgram(["rm", "-rf", "\(hub.state)/mail/bob"])
                if !isKilled { break }
                number += 1
            }
            #expect(number > 1 && number < 200 || call == "renameat2", "\(number - 1) kills")
        }
    }
}

extension String {
    fileprivate func components(of text: String) -> Int { ranges(of: text).count }
}
