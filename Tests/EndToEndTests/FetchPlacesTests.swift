// Where fetched mail goes: mboxes, programs, servers by LMTP and SMTP, folders upstream, and several of them at once.

import Blocking
import Glibc
import MailTestKit
import Testing

@Suite("Fetched mail goes to the places that the rc names")
struct FetchPlacesTests {
    /// A rig that fetches by IMAP from a Dovecot with `messages`.
    private func rig(_ dovecot: DovecotPeer, _ lines: String...) -> FetchRig {
        let rig = FetchRig()
        let words = ["tls off"] + lines
        rig.configure("imap 127.0.0.1:\(dovecot.imapPort)", words.joined(separator: "\n  "))
        return rig
    }

    private func source(_ count: Int) throws -> DovecotPeer {
        let dovecot = try DovecotPeer()
        for (number, message) in smallMessages(count).enumerated() { dovecot.deliver(message, number: number + 1) }
        return dovecot
    }

    /// Messages of an mbox.
    private func entries(_ mbox: String) -> Int {
        mbox.split(separator: "\n").count { $0.hasPrefix("From MAILER-DAEMON ") }
    }

    /// What waits in the spool.
    private func spooled(_ rig: FetchRig) -> [String] {
        ["new", "cur"].flatMap { ScratchDirectory.names(in: rig.scratch.file("state/fetch/peer/spool/\($0)")) }
    }

    @Test("FE11: an mbox that Dovecot and mutt read, quoted, once each; the source is emptied", .needs(.dovecot))
    func mbox() async throws {
        try await onThread {
            let dovecot = try source(3)
            dovecot.deliver(Array("From: a@example.org\n\nFrom the beginning\n>From b\nno end".utf8), number: 4)
            let rig = rig(dovecot, "keep off", "deliver mbox \(FetchRig.mbox)")
            rig.expand()
            let first = try rig.fetch()
            #expect(first.status == 0 && first.errors.isEmpty, "\(first)")
            let text = String(decoding: ScratchDirectory.read(rig.scratch.file("mbox")) ?? [], as: UTF8.self)
            #expect(entries(text) == 4, "\(text)")
            #expect(text.contains("\n\n>From the beginning\n>>From b\nno end\n\n"), "\(text)")
            #expect(dovecot.messages().isEmpty && spooled(rig).isEmpty && rig.messages().isEmpty)
            #expect(try rig.fetch().status == 0)
            #expect(ScratchDirectory.read(rig.scratch.file("mbox")) == Array(text.utf8))
        }
    }

    @Test("FE11: LMTP to Dovecot, at a port and at its socket, for a name of its own", .needs(.dovecot))
    func lmtp() async throws {
        try await onThread {
            let dovecot = try source(3)
            let target = try DovecotPeer(takesLMTP: true)
            let port = try #require(target.lmtpPort)
            for place in ["127.0.0.1:\(port)", target.lmtpSocket] {
                let rig = rig(dovecot, "deliver lmtp \(place) for alice")
                let result = try rig.fetch()
                #expect(result.status == 0 && result.errors.isEmpty, "\(result) \(rig.log)")
                #expect(spooled(rig).isEmpty && rig.messages().isEmpty)
            }
            #expect(target.messages().count == 6, "\(target.logs)")
            let bodies = target.messages().map { String(decoding: $0, as: UTF8.self) }
            #expect(bodies.allSatisfy { $0.hasPrefix("Return-Path: <>\nDelivered-To: alice") }, "\(bodies)")
        }
    }

    @Test("FE11: several places: each gets it once, one that is down holds up no other, and the source waits for all")
    func several() async throws {
        try await onThread {
            let mailbox = PlayedMailbox()
            let server = try mailbox.serve("imap")
            let port = try Loopback.freePort()
            let rig = FetchRig()
            rig.configure(
                "imap 127.0.0.1:\(server.port)", "tls off", "keep off", "every 1d", "deliver maildir",
                "deliver lmtp 127.0.0.1:\(port)", "deliver mbox \(rig.scratch.file("mbox"))")
            for ahead in ["+0", "+2m"] {
                let down = try rig.fetch(at: ahead)
                #expect(down.status == 75 && down.errorText.contains("3 messages fetched and waiting: lmtp"), "\(down)")
                #expect(rig.messages().count == 3 && mailbox.left.count == 3 && spooled(rig).count == 3)
            }
            let status = try rig.fetch(at: "+3m", "--status")
            #expect(
                status.status == 75
                    && status.outputText.contains(
                        "3 messages fetched and waiting for their places\n    lmtp 127.0.0.1:\(port), 3 messages since"),
                "\(status)")
            #expect(
                try rig.fetch(at: "+3m", "--status", "--json").outputText.contains(
                    #""waiting":3,"places":[{"place":"lmtp"#))
            let sink = try SinkServer(.lmtp, extensions: ["PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES"], port: port)
            // The mailbox itself is not due, and nothing is wrong any more.
            let up = try rig.fetch(at: "+2h", "--due")
            #expect(up.status == 0, "\(up) \(rig.log)")
            #expect(sink.messages.count == 3 && mailbox.left.count == 3 && spooled(rig).isEmpty)
            #expect(try rig.fetch(at: "+2h", "--status").status == 0)
            #expect(try rig.fetch(at: "+3h").status == 0)
            #expect(sink.messages.count == 3 && mailbox.left.isEmpty && spooled(rig).isEmpty)
            #expect(
                sink.messages.allSatisfy { $0.reversePath == "<>" && $0.forwardPaths == ["<alice@hub.test>"] },
                "\(sink.messages)")
            #expect(rig.messages().count == 3, "none twice")
            let mbox = String(decoding: ScratchDirectory.read(rig.scratch.file("mbox")) ?? [], as: UTF8.self)
            #expect(entries(mbox) == 3, "\(mbox)")
            // Each content was asked for once.
            let said: [String] = server.sessions.flatMap(\.lines)
            let asked = said.filter { $0.contains("BODY.PEEK") }
            #expect(asked.count == 1, "\(asked)")
        }
    }

    @Test("FE11: of mail that waits for its places for a day a person is told")
    func alert() async throws {
        try await onThread {
            let server = try PlayedMailbox().serve("imap")
            let rig = FetchRig()
            let port = try Loopback.freePort()
            rig.configure("imap 127.0.0.1:\(server.port)", "tls off", "deliver lmtp 127.0.0.1:\(port)")
            for ahead in ["+0", "+23h"] {
                #expect(try rig.fetch(at: ahead).status == 75)
                #expect(rig.messages().isEmpty)
            }
            #expect(try rig.fetch(at: "+25h").status == 75)
            let letters = rig.messages().map { String(decoding: $0, as: UTF8.self).replacing("\n", with: " ") }
            #expect(
                letters.count == 1
                    && letters[0].contains("3 messages fetched and waiting for lmtp 127.0.0.1:\(port)"), "\(letters)")
        }
    }

    @Test("FE11: a program gets each message once, its words filled in; one that ends with 75 is asked again, alone")
    func program() async throws {
        try await onThread {
            let mailbox = PlayedMailbox()
            let server = try mailbox.serve("imap")
            let rig = FetchRig()
            let got = rig.scratch.file("got")
            let script = rig.scratch.write(
                "#!/bin/sh\n{ echo \"[$*]\"; cat; } >>\(got)/$$\ntest -e \(got)/busy && exit 75\nexit 0\n", to: "take",
                mode: 0o755)
            rig.scratch.makeFolder("got", mode: 0o777)
            rig.scratch.write("", to: "got/busy")
            rig.configure(
                "imap 127.0.0.1:\(server.port)", "tls off", "keep off", "from-line", "deliver maildir",
                "deliver program \(script) %user \"<%recipient of %mailbox>\" %sender")
            let busy = try rig.fetch(at: "+0")
            #expect(busy.status == 75 && busy.errorText.contains("exit status 75"), "\(busy) \(rig.log)")
            #expect(mailbox.left.count == 3 && rig.messages().count == 3)
            removeFile("\(got)/busy")
            for name in ScratchDirectory.names(in: got) { removeFile("\(got)/\(name)") }
            let pause = try rig.fetch(at: "+1m")
            #expect(pause.status == 75 && ScratchDirectory.names(in: got).isEmpty, "\(pause)")
            let done = try rig.fetch(at: "+1m", "--retry")
            #expect(done.status == 0 && mailbox.left.isEmpty && spooled(rig).isEmpty, "\(done)")
            let texts = ScratchDirectory.names(in: got).compactMap { ScratchDirectory.read("\(got)/\($0)") }
                .map { String(decoding: $0, as: UTF8.self) }
            #expect(texts.count == 3 && rig.messages().count == 3)
            for text in texts {
                #expect(text.hasPrefix("[alice <alice@hub.test of alice> ]\nFrom MAILER-DAEMON "), "\(text)")
            }
        }
    }

    @Test(
        "FE11: SMTP to Postfix: what it refuses for good goes to the fall-back mailbox, and no bounce leaves",
        .needs(.postfix))
    func smtp() async throws {
        try await onThread {
            let outside = try SinkServer()
            let postfix = try PostfixPeer(
                delivering: .smtp(outside.port),
                settings: "smtpd_recipient_restrictions = check_recipient_access inline:{carol@hub.test=REJECT}, permit"
            )
            let dovecot = try DovecotPeer()
            let forged = Array("Return-Path: <victim@example.net>\nSubject: forged\n\nx\n".utf8)
            dovecot.deliver(forged, number: 1)
            let rig = rig(dovecot, "keep off", "deliver smtp 127.0.0.1:\(postfix.port) for carol@hub.test")
            let refused = try rig.fetch()
            #expect(
                refused.status == 0 && refused.errorText.contains("which is in the mailbox alice: "),
                "\(refused)")
            #expect(rig.messages() == [forged] && spooled(rig).isEmpty && dovecot.messages().isEmpty)
            #expect(try rig.fetch().status == 0 && rig.messages().count == 1)
            // Taken: with the sender, and with a word that asks for no notice.
            try rig.reset()
            dovecot.deliver(forged, number: 2)
            rig.configure(
                "imap 127.0.0.1:\(dovecot.imapPort)", "tls off",
                "deliver smtp 127.0.0.1:\(postfix.port) for dave@hub.test")
            #expect(try rig.fetch().status == 0)
            let got = try outside.waitForMessages(1)
            #expect(got.count == 1 && got[0].reversePath.hasPrefix("<victim@example.net>"), "\(got)")
            let said: [String] = outside.commands.flatMap(\.self)
            #expect(said.contains { $0.contains("NOTIFY=NEVER") }, "\(said)")
            #expect(!outside.messages.contains { $0.forwardPaths.contains { $0.contains("victim") } })
        }
    }

    @Test(
        "FE11: upstream by IMAP: flags, date and octets go along, a folder is made, a server that is down is asked again",
        .needs(.dovecot))
    func append() async throws {
        try await onThread {
            let (source, upstream) = (try DovecotPeer(), try DovecotPeer())
            let odd = Array("Subject: 8-bit \u{E9}\n\nno end".utf8)
            source.deliver(odd, number: 1, flags: "FS")
            source.deliver(Array("Subject: two\n\n2\n".utf8), folder: "Lists", number: 2)
            let rig = rig(
                source, "keep off", "folders INBOX, Lists -> \"Old/Lists\"", "deliver append up", "account up",
                "user alice", "password secret", "fetch imap 127.0.0.1:\(upstream.imapPort)", "tls off", "owner alice")
            rig.outdent("account up")
            let result = try rig.fetch("peer")
            #expect(result.status == 0, "\(result) \(rig.log)")
            #expect(upstream.messages() == [odd + [0x0A]], "a last line gets its end")
            #expect(upstream.messages(folder: "Old.Lists") == [Array("Subject: two\n\n2\n".utf8)])
            let names = ScratchDirectory.names(in: "\(upstream.maildir())/cur")
            #expect(names.count == 1 && names[0].hasSuffix(":2,FS"), "\(names)")
            #expect(source.messages().isEmpty && source.messages(folder: "Lists").isEmpty && spooled(rig).isEmpty)
            source.deliver(Array("Subject: three\n\n3\n".utf8), number: 3)
            upstream.stop()
            let down = try rig.fetch("peer")
            #expect(down.status == 75 && source.messages().count == 1 && spooled(rig).count == 1, "\(down)")
        }
    }

    @Test(
        "FE11: LMTP down for three days with keep off: one download, the source untouched, --due asks again; then it is there"
    )
    func threeDays() async throws {
        try await onThread {
            let mailbox = PlayedMailbox()
            let server = try mailbox.serve("imap")
            let port = try Loopback.freePort()
            let rig = FetchRig()
            rig.configure(
                "imap 127.0.0.1:\(server.port)", "tls off", "keep off", "every 1d", "deliver lmtp 127.0.0.1:\(port)")
            rig.addTop("alert-after off")
            for hour in stride(from: 0, through: 72, by: 6) {
                let result = try rig.fetch(at: "+\(hour)h", "--due")
                #expect(result.status == 75, "\(hour): \(result)")
                #expect(mailbox.left.count == 3 && spooled(rig).count == 3 && rig.messages().isEmpty)
            }
            let said: [String] = server.sessions.flatMap(\.lines)
            #expect(said.count { $0.contains("BODY.PEEK") } == 1, "\(said)")
            #expect(server.sessions.count <= 4, "its own turns alone ask the server: \(server.sessions.count)")
            let sink = try SinkServer(.lmtp, port: port)
            let back = try rig.fetch(at: "+73h", "--due")
            #expect(back.status == 0 && sink.messages.count == 3 && spooled(rig).isEmpty, "\(back)")
            #expect(try rig.fetch(at: "+97h", "--due").status == 0 && mailbox.left.isEmpty)
        }
    }

    @Test("FE11: what a place refuses for good is in the fall-back mailbox once, also where it goes there anyway")
    func refused() async throws {
        try await onThread {
            for lines in [["deliver maildir"], ["mailbox bob", "fallback bob"], []] {
                let mailbox = PlayedMailbox()
                let server = try mailbox.serve("imap")
                let sink = try SinkServer(.lmtp) { moment, _ in moment == .recipient ? .reply("550 5.1.1 no") : nil }
                let rig = FetchRig()
                let own = lines.filter { !$0.hasPrefix("mailbox") }
                rig.configure(
                    "imap 127.0.0.1:\(server.port)",
                    (["tls off", "keep off", "owner alice", "deliver lmtp 127.0.0.1:\(sink.port)"] + own).joined(
                        separator: "\n  "))
                if lines.count > own.count { rig.addTop("mailbox bob") }
                for _ in 1...2 {
                    let result = try rig.fetch()
                    #expect(result.status == 0, "\(lines): \(result)")
                }
                let bobs = ScratchDirectory.names(in: rig.scratch.file("Mail/bob/new")).count
                #expect(rig.messages().count + bobs == 3 && (bobs == 3) == lines.contains("fallback bob"), "\(lines)")
                #expect(mailbox.left.isEmpty && spooled(rig).isEmpty && sink.messages.isEmpty)
            }
        }
    }

    @Test("FE11: what several places refuse at once is in the fall-back mailbox once")
    func refusedTwice() async throws {
        try await onThread {
            let mailbox = PlayedMailbox()
            let server = try mailbox.serve("imap")
            // Each waits until the other has been asked, too.
            let asked = Monitor(0)
            let sinks = try (1...2).map { _ in
                try SinkServer(.lmtp) { moment, _ in
                    guard moment == .recipient else { return nil }
                    let round = asked.change { count in
                        count += 1
                        return (count + 1) / 2
                    }
                    _ = asked.wait(until: Deadline(after: .seconds(60))) { $0 >= 2 * round ? () : nil }
                    return .reply("550 5.1.1 no")
                }
            }
            let rig = FetchRig()
            let places = sinks.map { "deliver lmtp 127.0.0.1:\($0.port)" }
            rig.configure(
                "imap 127.0.0.1:\(server.port)",
                (["tls off", "keep off", "owner alice", "fallback bob"] + places).joined(separator: "\n  "))
            rig.addTop("mailbox bob")
            let result = try rig.fetch()
            #expect(result.status == 0, "\(result)")
            #expect(ScratchDirectory.names(in: rig.scratch.file("Mail/bob/new")).count == 3, "\(result)")
            #expect(spooled(rig).isEmpty && rig.messages().isEmpty && asked.read { $0 } == 6)
        }
    }

    @Test("FE11: with an rc that was changed --due hands on what waits, long before the account has its turn")
    func dueByAnotherRC() async throws {
        try await onThread {
            let mailbox = PlayedMailbox()
            let server = try mailbox.serve("imap")
            let rig = FetchRig()
            func configure(_ port: UInt16) {
                rig.configure(
                    "imap 127.0.0.1:\(server.port)", "tls off", "keep off", "every 1d", "deliver lmtp 127.0.0.1:\(port)"
                )
            }
            configure(try Loopback.freePort())
            #expect(try rig.fetch(at: "+0", "--due").status == 75 && spooled(rig).count == 3)
            let sink = try SinkServer(.lmtp)
            configure(sink.port)
            let result = try rig.fetch(at: "+2m", "--due")
            #expect(result.status == 0 && sink.messages.count == 3 && spooled(rig).isEmpty, "\(result)")
            #expect(server.sessions.count == 1, "the server is not asked")
        }
    }

    @Test("FE11: a message that brings its run down goes to the fall-back mailbox, and not by a few kills in a row")
    func deaths() async throws {
        try await onThread {
            let mailbox = PlayedMailbox()
            let server = try mailbox.serve("imap")
            let rig = FetchRig()
            let script = rig.scratch.write(
                "#!/bin/sh\ngrep -q '^Subject: 5' && kill -9 $PPID\nexit 0\n", to: "take", mode: 0o755)
            rig.configure(
                "imap 127.0.0.1:\(server.port)", "tls off", "keep off", "deliver program \(script)")
            for _ in 1...2 { #expect(try rig.fetch(at: "+0").signal == SIGKILL) }
            for (minutes, isPause) in [(0, true), (2, false), (3, true), (5, false), (6, true), (10, false)] {
                let result = try rig.fetch(at: "+\(minutes)m")
                #expect((result.status == 75) == isPause, "\(minutes): \(result)")
                #expect(
                    (result.signal == SIGKILL) != isPause && rig.messages().isEmpty && spooled(rig).count > 0,
                    "\(minutes): \(result)")
            }
            let over = try rig.fetch(at: "+10m")
            #expect(over.status == 0 && over.errorText.contains("the last 5 runs died"), "\(over)")
            #expect(rig.messages().count == 1 && mailbox.left.isEmpty && spooled(rig).isEmpty)
        }
    }

    @Test(
        "FE11: a spool with a folder that is half made, and a file that cannot be read, stops nothing and loses nothing"
    )
    func oddSpool() async throws {
        try await onThread {
            let mailbox = PlayedMailbox()
            let server = try mailbox.serve("imap")
            let rig = FetchRig()
            rig.configure(
                "imap 127.0.0.1:\(server.port)", "tls off", "keep off", "deliver mbox \(rig.scratch.file("mbox"))")
            for name in ["state/fetch", "state/fetch/peer", "state/fetch/peer/spool", "state/fetch/peer/spool/.Half"] {
                rig.scratch.makeFolder("state", mode: 0o700)
                rig.scratch.makeFolder(name, mode: 0o700)
            }
            rig.scratch.makeFolder("state/fetch/peer/spool/new")
            rig.scratch.makeFolder("state/fetch/peer/spool/new/1.Fx.0.hub,S=1")
            let result = try rig.fetch()
            #expect(result.status == 75 && mailbox.left.isEmpty, "\(result)")
            #expect(
                entries(String(decoding: ScratchDirectory.read(rig.scratch.file("mbox")) ?? [], as: UTF8.self)) == 3)
            #expect(try rig.fetch("--status").outputText.contains("1 message fetched and waiting"))
        }
    }

    @Test("FE11: a place that is taken out of the rc gets no more of what waits, and no message waits for it")
    func removedPlace() async throws {
        try await onThread {
            let mailbox = PlayedMailbox()
            let server = try mailbox.serve("imap")
            let rig = FetchRig()
            let words = ["tls off", "keep off"]
            rig.configure(
                "imap 127.0.0.1:\(server.port)", words[0], words[1], "deliver maildir", "deliver lmtp 127.0.0.1:1")
            #expect(try rig.fetch().status == 75 && spooled(rig).count == 3)
            // Another place that is down is the only one that is told of.
            rig.configure("imap 127.0.0.1:\(server.port)", words[0], words[1], "deliver lmtp 127.0.0.1:2")
            #expect(try rig.fetch().status == 75 && spooled(rig).count == 3)
            let status = try rig.fetch("--status").outputText
            #expect(status.contains("lmtp 127.0.0.1:2, 3 messages") && !status.contains("127.0.0.1:1,"), "\(status)")
            // The Maildir alone is left, where no spool is needed.
            rig.configure("imap 127.0.0.1:\(server.port)", words[0], words[1])
            let result = try rig.fetch()
            #expect(result.status == 0 && spooled(rig).isEmpty && mailbox.left.isEmpty, "\(result)")
            #expect(rig.messages().count == 3)
        }
    }

    @Test(
        "FE11: killed at whatever moment, each place has each message in the end, and those that can be asked once",
        .needs(.strace))
    func killed() async throws {
        try await onThread {
            for call in ["fdatasync", "fsync", "renameat2", "unlinkat", "write"] {
                var (number, wasHit) = (1, true)
                while wasHit, number < 40 {
                    let mailbox = PlayedMailbox()
                    let server = try mailbox.serve("imap")
                    let sink = try SinkServer(.lmtp)
                    let rig = FetchRig()
                    rig.configure(
                        "imap 127.0.0.1:\(server.port)", "tls off", "keep off", "deliver maildir",
                        "deliver mbox \(rig.scratch.file("mbox"))", "deliver lmtp 127.0.0.1:\(sink.port)")
                    let first = try runProgram([
                        "strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=\(call):signal=KILL:when=\(number)",
                        try InstalledCommands.path("mhfetch"), "-C", rig.scratch.file("mailhubrc"),
                    ])
                    wasHit = first.status != 0
                    for _ in 1...2 {
                        let next = try rig.fetch("--retry")
                        #expect(next.status == 0, "\(call) \(number): \(next) \(rig.log)")
                    }
                    let here = counted(rig.messages())
                    #expect(here.count == 3 && here.values.allSatisfy { $0 == 1 }, "\(call) \(number): \(here)")
                    let mbox = String(decoding: ScratchDirectory.read(rig.scratch.file("mbox")) ?? [], as: UTF8.self)
                    #expect(entries(mbox) == 3, "\(call) \(number): \(mbox)")
                    let taken = sink.messages.count
                    #expect((3...4).contains(taken), "\(call) \(number): one may be in doubt, not \(taken)")
                    #expect(mailbox.left.isEmpty && spooled(rig).isEmpty, "\(call) \(number)")
                    number += 1
                }
                #expect(number > 3, "\(call) was never made")
            }
        }
    }

    @Test(
        "FE10, ask 25: a domain's mailbox: by the named field behind the skipped ones, never by To; each its copy, the rest the owner's",
        .needs(.dovecot))
    func multidrop() async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            let rig = rig(
                dovecot, "owner alice", "envelope X-Envelope-To skip 1", "delivered-to", "mailbox bob",
                "address bob@own.test *@bob.test")
            rig.outdent("mailbox bob")
            func letter(_ number: Int, _ fields: String) {
                dovecot.deliver(
                    Array("\(fields)Subject: \(number)\nTo: bob@own.test\n\n\(number)\n".utf8), number: number)
            }
            let skipped = "X-Envelope-To: bob@own.test\n"
            letter(1, skipped + "x-envelope-to: <bob@own.test>\n")
            letter(2, skipped + "X-Envelope-To: any@bob.test, alice@hub.test,\n bob@own.test, eve@abroad.test\n")
            letter(3, skipped + "X-Envelope-To: eve@abroad.test\n")
            letter(4, skipped)
            letter(5, skipped + "X-Envelope-To: \(String(repeating: "(", count: 5000))\n")
            letter(6, skipped + "X-Envelope-To: \((1...5000).map { "u\($0)@bob.test" }.joined(separator: ",\n "))\n")
            letter(7, skipped + "X-Envelope-To: nobody@own.test\nX-Envelope-To: bob@own.test\n")
            let result = try rig.fetch()
            #expect(result.status == 0 && spooled(rig).isEmpty, "\(result) \(rig.log)")
            func numbers(_ name: String) -> [String: String] {
                let folder = rig.scratch.file("Mail/\(name)/new")
                return ScratchDirectory.names(in: folder).reduce(into: [:]) { found, file in
                    let text = String(decoding: ScratchDirectory.read("\(folder)/\(file)") ?? [], as: UTF8.self)
                    let number = text.split(separator: "\n").last.map(String.init) ?? "?"
                    found[number] = (found[number] ?? "") + (text.split(separator: "\n").first.map(String.init) ?? "?")
                }
            }
            #expect(
                numbers("bob") == [
                    "1": "Delivered-To: bob@own.test", "2": "Delivered-To: any@bob.test",
                    "6": "Delivered-To: u1@bob.test",
                ])
            let alice = "Delivered-To: alice@hub.test"
            #expect(
                numbers("alice") == [
                    "2": alice, "3": alice, "4": alice, "5": alice, "6": alice, "7": "Delivered-To: nobody@own.test",
                ])
        }
    }
}

extension FetchRig {
    /// Stands for the path of an mbox in the rig's folder, until ``expand()``.
    static let mbox = "%MBOX%"

    /// Makes the line `words` of the account, and those behind it, a block of its own.
    func outdent(_ words: String) {
        let rc = String(decoding: ScratchDirectory.read(scratch.file("mailhubrc")) ?? [], as: UTF8.self)
        scratch.write(rc.replacing("  \(words)\n", with: "\(words)\n"), to: "mailhubrc")
    }

    func expand() {
        let rc = String(decoding: ScratchDirectory.read(scratch.file("mailhubrc")) ?? [], as: UTF8.self)
        scratch.write(rc.replacing(Self.mbox, with: scratch.file("mbox")), to: "mailhubrc")
    }
}
