// Who gets a message instead of its recipient.

import Glibc
import MailAliases
import MailEnvelope
import MailFormat
import MailRouting
import MailTestKit
import RunControl
import Testing

@testable import AddressExpansion

@Suite("The expansion of recipients")
struct ExpanderTests {
    private let scratch = ScratchDirectory()

    /// A hub with these mailboxes at home.example, an aliases file of its own and one of own.example.
    private func hub(
        _ aliases: String? = nil, own: String? = nil, mailboxes: [String] = ["alice", "bob", "joe"],
        _ change: (inout HubSettings) -> Void = { _ in }
    ) -> HubSettings {
        var settings = HubSettings()
        (settings.hostname, settings.qualify) = ("hub.example", "home.example")
        settings.stateDirectory = scratch.file("state")
        settings.mailboxes = mailboxes.map { name in
            var mailbox = MailboxSettings(name: name)
            mailbox.maildir = scratch.file("mail/\(name)")
            return mailbox
        }
        if let aliases { settings.aliases = [scratch.write(aliases, to: "aliases")] }
        if let own {
            var domain = DomainSettings(name: "own.example")
            domain.aliases = scratch.write(own, to: "own")
            settings.domains = [domain]
        }
        change(&settings)
        return settings
    }

    private func expander(_ settings: HubSettings, _ files: [String: ForwardFile] = [:]) -> Expander {
        Expander(settings, forwardFiles: files, settling: Settling(time: .zero))
    }

    /// All recipients that `addresses` come to, each with what it is: `=alice` a mailbox, `>` elsewhere, `!` a failure.
    private func ends(_ expander: Expander, of addresses: [String], notify: Notify = .unspecified) throws
        -> [(text: String, state: ExpandedRecipient)]
    {
        var recipients = try addresses.map {
            BareRecipient(ExpandedRecipient(.address(try Address($0)), notify: notify))
        }
        var ends: [(String, ExpandedRecipient)] = []
        var at = 0
        while at < recipients.count, at < 5000 {
            let recipient = recipients[at].recipient
            let what = recipient.destination.description
            var answered: Set<Expander.Question> = []
            search: while true {
                switch expander.standing(of: at, in: recipients, answered: answered) {
                case .unanswered(let question):
                    switch expander.answer(question, about: at, in: recipients) {
                    case .nothing: answered.insert(question)
                    case .verdict(let verdict):
                        ends.append(
                            ("\(what) !\(verdict.kind == .temporary ? "later" : "never"): \(verdict.text)", recipient))
                        break search
                    case .into(let expansion):
                        do throws(ExpansionError) {
                            _ = try recipients.expand(at, to: expansion)
                        } catch {
                            ends.append(("\(what) !never: \(error.verdict.text)", recipient))
                        }
                        break search
                    }
                case .failed(let verdict):
                    ends.append(("\(what) !never: \(verdict.text)", recipient))
                    break search
                case .target:
                    ends.append((what, recipient))
                    break search
                case .address(.mailbox(let name)):
                    ends.append(("\(what)=\(name)", recipient))
                    break search
                case .address(.elsewhere):
                    let via = recipient.via.isEmpty ? "" : " via \(recipient.via.joined(separator: "/"))"
                    ends.append(("\(what)>\(via)", recipient))
                    break search
                case .address:
                    ends.append(("\(what) !unknown", recipient))
                    break search
                }
            }
            at += 1
        }
        return ends
    }

    private func texts(_ expander: Expander, of addresses: String...) throws -> [String] {
        try ends(expander, of: addresses).map(\.text)
    }

    @Test("SE13: aliases of aliases, each person once; a name at the domain of the alias; programs, files, nowhere")
    func levels() throws {
        let expander = expander(
            hub(
                """
                staff: alice, BOB@home.example, ops, carol@far.example
                ops: bob, carol@far.example, "|/bin/a b", /var/mail/ops, /dev/null

                """))
        let ends = try texts(expander, of: "staff@hub.example")
        #expect(
            ends == [
                "alice@hub.example=alice", "BOB@home.example=bob", "carol@far.example>", "bob@hub.example=bob",
                "|/bin/a b",
                "/var/mail/ops", "/dev/null",
            ])
        #expect(try texts(expander, of: "nobody@home.example") == ["nobody@home.example !unknown"])
        #expect(try texts(expander, of: "staff@far.example") == ["staff@far.example>"])
    }

    @Test(
        "SE13: a name that stands in its own alias is the mailbox; a circle without one is told, and the others go on")
    func circles() throws {
        let expander = expander(
            hub("joe: joe, carol@far.example\na: b, alice\nb: c\nc: a\ne: f\nf: e\nx: \\x, bob\nd: \\joe\n"))
        #expect(try texts(expander, of: "joe@home.example") == ["joe@home.example=joe", "carol@far.example>"])
        #expect(try texts(expander, of: "a@home.example") == ["alice@home.example=alice"])
        #expect(
            try texts(expander, of: "e@home.example") == [
                "f@home.example !never: the aliases run in a circle: e@home.example, f@home.example, e@home.example"
            ])
        #expect(try texts(expander, of: "x@home.example") == ["x@home.example !unknown", "bob@home.example=bob"])
        #expect(try texts(expander, of: "d@home.example") == ["joe@home.example=joe"])
    }

    @Test("SE13: an exact address beats an alias, that beats a mailbox's name, that a pattern, that a catch-all")
    func order() throws {
        let settings = hub(own: "sales: bob\njoe: alice\na*: bob\n*: *@far.example\n") { settings in
            settings.mailboxes[0].addresses = [try! AddressPattern(parsing: "sales@own.example")]
            settings.domains[0].suffix = "+-"
            settings.domains[0].droppedCharacters = "."
            settings.domains[0].catchAll = "bob"
        }
        let expander = expander(settings)
        #expect(try texts(expander, of: "sales@own.example") == ["sales@own.example=alice"])
        #expect(try texts(expander, of: "joe@own.example") == ["alice@own.example=alice"])
        #expect(try texts(expander, of: "alice@own.example") == ["alice@own.example=alice"])
        #expect(try texts(expander, of: "amy@own.example") == ["bob@own.example=bob"])
        #expect(try texts(expander, of: "zoe+x@own.example") == ["zoe+x@far.example>"])
        #expect(try texts(expander, of: "bo.b+shop@own.example") == ["bo.b+shop@own.example=bob"])
        #expect(try texts(expander, of: "j.o.e-lists@own.example") == ["alice@own.example=alice"])
        #expect(try texts(expander, of: "+x@own.example") == ["+x@far.example>"])
    }

    @Test("SE13: a name with its suffix before the one without; the postmaster's alias before his mailbox")
    func suffixes() throws {
        let settings = hub("postmaster: carol@far.example\n", own: "bob+lists: alice\n") {
            $0.domains[0].suffix = "+"
            $0.domains[0].blocked = [try! AddressPattern(parsing: "joe@own.example")]
        }
        let expander = expander(settings)
        #expect(try texts(expander, of: "bob+lists@own.example") == ["alice@own.example=alice"])
        #expect(try texts(expander, of: "bob+other@own.example") == ["bob+other@own.example=bob"])
        #expect(try texts(expander, of: "joe+other@own.example") == ["joe+other@own.example !unknown"])
        #expect(try texts(expander, of: "Postmaster@home.example") == ["carol@far.example>"])
        #expect(try texts(expander, of: "postmaster@own.example") == ["postmaster@own.example=alice"])
    }

    @Test(
        "SE13: one bad target does not stop the good ones; mended, it gets the mail that waits, and nobody else again")
    func badTarget() throws {
        let path = scratch.file("aliases")
        let settings = hub("staff: alice, @@, bob\n")
        let first = expander(settings)
        let ends = try ends(first, of: ["staff@home.example"])
        #expect(
            ends.map(\.text) == [
                "alice@home.example=alice",
                "@@ !later: \(path):1: \"@@\": the part before @ is not valid".prefixed(ends, 1),
                "bob@home.example=bob",
            ])
        let staff = try Address("staff@home.example")
        var recipients = [BareRecipient(ExpandedRecipient(.address(staff)))]
        guard case .into(let expansion) = first.answer(.alias(staff, .exact), about: 0, in: recipients) else {
            Issue.record("no children")
            return
        }
        #expect(try recipients.expand(0, to: expansion) == 1..<4)
        #expect(first.standing(of: 2, in: recipients) == .unanswered(.again))
        scratch.write("staff: alice, joe, bob\n", to: "aliases")
        guard case .into(let mended) = expander(settings).answer(.again, about: 2, in: recipients) else {
            Issue.record("not mended")
            return
        }
        var others = recipients
        let added = try others.expand(2, to: mended)
        #expect(others[added].map(\.recipient.destination.description) == ["joe@home.example"])
        scratch.write("staff: alice, @@\n", to: "aliases")
        guard case .verdict(let verdict) = expander(settings).answer(.again, about: 2, in: recipients) else {
            Issue.record("it is as bad as before")
            return
        }
        #expect(verdict.kind == .temporary)
        scratch.write("other: alice\n", to: "aliases")
        guard case .verdict(let gone) = expander(settings).answer(.again, about: 2, in: recipients) else {
            Issue.record("the alias is gone")
            return
        }
        #expect(gone.kind == .permanent)
    }

    @Test("SE13: a broken line defers its own name and says which; an unreadable file all that it might name")
    func brokenFiles() throws {
        let settings = hub("one: alice\ntwo bob\nthree: \"x\n") {
            $0.mailboxes[0].addresses = [try! AddressPattern(parsing: "boss@home.example")]
        }
        let path = scratch.file("aliases")
        let expander = expander(settings)
        #expect(try texts(expander, of: "one@home.example") == ["alice@home.example=alice"])
        #expect(
            try texts(expander, of: "two@home.example") == [
                "two@home.example !later: \(path):2: the colon behind the name \"two\" is missing"
            ])
        #expect(try texts(expander, of: "three@home.example")[0].contains("!later: \(path):3: a quote is not closed"))
        _ = unsafe chmod(path, 0o666)
        let unsafe = self.expander(settings)
        for name in ["one", "alice", "nobody"] {
            #expect(
                try texts(unsafe, of: "\(name)@home.example")[0].contains(
                    "!later: \(path): others may change it; run: chmod go-w"))
        }
        #expect(try texts(unsafe, of: "boss@home.example") == ["boss@home.example=alice"])
        removeFile(path)
        #expect(
            try texts(self.expander(settings), of: "alice@home.example")[0].contains("!later: \(path): cannot be read"))
        _ = unsafe chmod(scratch.path, 0o777)
        scratch.write("one: alice\n", to: "aliases")
        #expect(try texts(self.expander(settings), of: "one@home.example")[0].contains("others could put another file"))
        _ = unsafe chmod(scratch.path, 0o700)
        removeFile(path)
        _ = unsafe mkfifo(path, 0o600)
        #expect(try texts(self.expander(settings), of: "one@home.example")[0].contains("is not a plain file"))
    }

    @Test("SE13: an included file, one in a circle, one that is a FIFO: the others go on, and it is tried again")
    func includes() throws {
        let fifo = scratch.file("fifo")
        _ = unsafe mkfifo(fifo, 0o600)
        let list = scratch.write("bob\n:include:\(scratch.file("list"))\n", to: "list")
        let expander = expander(hub("all: alice, :include:\(list), :include:\(fifo)\n"))
        let ends = try texts(expander, of: "all@home.example")
        #expect(
            ends == [
                "alice@home.example=alice", "bob@home.example=bob",
                ":include:\(fifo) !later: \(fifo): is not a plain file",
            ])
    }

    @Test("SE13: an alias that leads to nobody is told; one whose list has become empty is no loss beside others")
    func nobody() throws {
        let list = scratch.write("# none\n", to: "list")
        let missing = scratch.file("missing")
        let settings = hub(
            "none: :include:\(list)\nsome: :include:\(list), alice\nlate: alice, :include:\(missing)\nlone: :include:\(missing)\n"
        )
        let expander = expander(settings)
        #expect(try texts(expander, of: "none@home.example") == ["none@home.example !never: it leads to nobody"])
        #expect(try texts(expander, of: "some@home.example") == ["alice@home.example=alice"])
        for (name, isLoss) in [("late", false), ("lone", true)] {
            let alias = try Address("\(name)@home.example")
            var recipients = [BareRecipient(ExpandedRecipient(.address(alias)))]
            guard case .into(let expansion) = expander.answer(.alias(alias, .exact), about: 0, in: recipients) else {
                Issue.record("no children")
                return
            }
            let list = try recipients.expand(0, to: expansion).upperBound - 1
            scratch.write("", to: "missing")
            guard case .into(let now) = expander.answer(.again, about: list, in: recipients) else {
                Issue.record("it can be read now")
                return
            }
            if isLoss {
                #expect(throws: ExpansionError.self) { _ = try recipients.expand(list, to: now) }
            } else {
                #expect(try recipients.expand(list, to: now).isEmpty)
            }
            removeFile(missing)
        }
    }

    @Test(
        "SE13: a bad line of an included file is deferred with its place, and is found again only there"
    )
    func badIncludedLine() throws {
        let list = scratch.write("alice\nJohn Doe john@far.example\n", to: "list")
        let settings = hub("all: :include:\(list)\nodd*: :include:\(list)\n*: *@other.example\n")
        let expander = expander(settings)
        for (name, rank) in [("all", AliasRank.exact), ("odd", .pattern)] {
            let alias = try Address("\(name)@home.example")
            var recipients = [BareRecipient(ExpandedRecipient(.address(alias)))]
            guard case .into(let expansion) = expander.answer(.alias(alias, rank), about: 0, in: recipients) else {
                Issue.record("no children")
                return
            }
            #expect(try recipients.expand(0, to: expansion) == 1..<3, "\(expansion)")
            for _ in 0..<2 {
                guard case .verdict(let verdict) = expander.answer(.again, about: 2, in: recipients) else {
                    Issue.record("it was expanded once more")
                    return
                }
                #expect(verdict.kind == .temporary && verdict.text.hasPrefix("\(list):2: "), "\(verdict)")
            }
            // Mended, it leads to the one who was meant, and to nobody else.
            scratch.write("alice\njohn@far.example\n", to: "list")
            guard case .into(let mended) = expander.answer(.again, about: 2, in: recipients) else {
                Issue.record("not mended")
                return
            }
            let added = try recipients.expand(2, to: mended)
            #expect(recipients[added].map(\.recipient.destination.description) == ["john@far.example"])
            scratch.write("alice\nJohn Doe john@far.example\n", to: "list")
        }
    }

    @Test("SE13: lists that include one another many times cost no more than their lines, and name each once")
    func fannedIncludes() throws {
        for level in 0..<19 {
            let next = scratch.file("f\(level + 1)")
            scratch.write(String(repeating: ":include:\(next)\n", count: 8), to: "f\(level)")
        }
        scratch.write("alice\n:include:\(scratch.file("f0"))\n", to: "f19")
        let expander = expander(hub("bomb: :include:\(scratch.file("f0"))\n"))
        #expect(try texts(expander, of: "bomb@home.example") == ["alice@home.example=alice"])
    }

    @Test("SE13: no alias puts anything into the hub's own places, however its path leads there")
    func ownPlaces() throws {
        let settings = hub()
        scratch.makeFolder("state")
        _ = unsafe symlink(scratch.file("state"), scratch.file("way"))
        let base = scratch.path
        for path in [
            "\(base)/state/x", "/\(base)/state/x", "\(base)//state/q/x", "\(base)/way/x", "\(base)/mail/bob/new/x",
        ] {
            #expect(settings.ownPlace(holding: path) != nil, "\(path)")
        }
        #expect(settings.ownPlace(holding: "\(base)/state2/x") == nil)
        #expect(settings.ownPlace(holding: "/var/mail/x") == nil)
    }

    @Test("SE13: no more than 20 levels and 1,000 recipients")
    func bounds() throws {
        let deep = (0..<30).map { "a\($0): a\($0 + 1)\n" }.joined() + "a30: alice\n"
        let wide =
            "w0: " + (0..<40).map { "v\($0)" }.joined(separator: ",") + "\n"
            + (0..<40).map { v in "v\(v): " + (0..<40).map { "p\(v)x\($0)@far.example" }.joined(separator: ",") + "\n" }
            .joined()
        let expander = expander(hub(deep + wide))
        #expect(try texts(expander, of: "a11@home.example") == ["alice@home.example=alice"])
        #expect(try texts(expander, of: "a0@home.example")[0].contains("!never: more than 20 aliases"))
        let ends = try texts(expander, of: "w0@home.example")
        #expect(ends.count <= 1000 && ends.contains { $0.contains("more than 1000 recipients") })
    }

    @Test(
        "SE13: what a mailbox forwards is the mailbox's mail, it keeps its own copy, and two that forward to each other end"
    )
    func forwards() throws {
        let settings = hub("team: bob\n") {
            $0.mailboxes[0].forward = [try! Address("bob@home.example"), try! Address("alice@far.example")]
            $0.mailboxes[1].forward = [try! Address("alice@home.example"), try! Address("team")]
        }
        let ends = try ends(expander(settings), of: ["alice@home.example"])
        #expect(
            ends.map(\.text) == ["alice@home.example=alice", "alice@far.example>", "bob@home.example=bob"])
        #expect(ends.filter { $0.text == "alice@far.example>" }.map(\.state.identity?.description) == ["alice"])
    }

    @Test("SE13: ~/.forward holds addresses, is his own, and a home that cannot be looked into has none")
    func forwardFile() throws {
        let home = scratch.file("home")
        _ = unsafe mkdir(home, 0o755)
        let file = ForwardFile(home: home, user: geteuid())
        var settings = hub()
        settings.mailboxes[2].unixUser = "joe"
        let expander = expander(settings, ["joe": file])
        #expect(try texts(expander, of: "joe@home.example") == ["joe@home.example=joe"])
        scratch.write("\\joe, joe@far.example\n# x\nbob\n", to: "home/.forward")
        let ends = try ends(expander, of: ["joe@home.example"])
        #expect(ends.map(\.text) == ["joe@home.example=joe", "joe@far.example>", "bob@home.example=bob"])
        #expect(ends.map(\.state.identity?.description) == ["joe", "joe", "joe"])
        scratch.write("joe@far.example\n", to: "home/.forward")
        #expect(try texts(expander, of: "joe@home.example") == ["joe@far.example>"])
        scratch.write("", to: "home/.forward")
        #expect(try texts(expander, of: "joe@home.example") == ["joe@home.example=joe"])
        // An alias that leads to him, to which he forwards: his own mail stays with him, that of the alias is told of.
        scratch.write("team\n", to: "home/.forward")
        let looping = self.expander(hub("team: joe\n") { $0.mailboxes[2].unixUser = "joe" }, ["joe": file])
        #expect(try texts(looping, of: "joe@home.example") == ["joe@home.example=joe"])
        #expect(
            try texts(looping, of: "team@home.example") == [
                "joe@home.example !never: the aliases run in a circle: team@home.example, joe@home.example, team@home.example"
            ])
        for (text, words) in [
            ("|/bin/a\n", "only addresses"), ("/etc/passwd\n", "only addresses"),
            (":include:/etc/passwd\n", "only addresses"),
            ("a@@\n", "a@@"), ("*@far.example\n", "only addresses"), ("x@far.example via a\n", "only addresses"),
        ] {
            scratch.write(text, to: "home/.forward")
            let said = try texts(expander, of: "joe@home.example")[0]
            #expect(said.contains("!later: \(home)/.forward:1:") && said.contains(words), "\(said)")
        }
        _ = unsafe chmod("\(home)/.forward", 0o664)
        #expect(try texts(expander, of: "joe@home.example")[0].contains("others may change it"))
        removeFile("\(home)/.forward")
        _ = unsafe symlink("/etc/passwd", "\(home)/.forward")
        #expect(try texts(expander, of: "joe@home.example")[0].contains("!later: \(home)/.forward: is a symbolic link"))
        removeFile("\(home)/.forward")
        _ = unsafe mkfifo("\(home)/.forward", 0o600)
        let said = try texts(expander, of: "joe@home.example")[0]
        #expect(said.contains("is not a plain file"), "\(said)")
        removeFile("\(home)/.forward")
        scratch.write("x@far.example\n", to: "home/.forward")
        let other = self.expander(settings, ["joe": ForwardFile(home: home, user: geteuid() + 1)])
        #expect(try texts(other, of: "joe@home.example")[0].contains("belongs to another user"))
    }

    @Test("SE12, SE13: an alias of several answers SUCCESS itself; of one, its address does; ORCPT stands")
    func notify() throws {
        let expander = expander(hub("two: a@far.example, b@far.example\none: a@far.example\n"))
        let both = Notify.on([.success, .failure])
        #expect(
            try ends(expander, of: ["two@home.example"], notify: both).map(\.state.notify) == [
                .on(.failure), .on(.failure),
            ])
        #expect(
            try ends(expander, of: ["two@home.example"], notify: .on(.success)).map(\.state.notify) == [.never, .never])
        #expect(try ends(expander, of: ["one@home.example"], notify: both).map(\.state.notify) == [both])
    }

    @Test("SE13: via names the accounts that an address leaves through")
    func via() throws {
        let expander = expander(hub("a: x@far.example via one/two, *@near.example via one\n"))
        #expect(try texts(expander, of: "a@home.example") == ["x@far.example> via one/two", "a@near.example> via one"])
    }

    @Test("SE13: a file that is being changed is waited for, and one who must not wait goes by what it said")
    func changing() throws {
        let settings = hub("one: alice\n")
        let book = AliasBook(settings, waits: false, settling: Settling(time: .seconds(600)))
        let address = try Address("one@home.example")
        guard case .unreadable(let fault)? = book.find(address, .exact) else {
            Issue.record("a file of this moment is believed")
            return
        }
        #expect(fault.words == "is being changed")
        // A file that is written while it is read is read again.
        let path = scratch.write("half", to: "written")
        var count = 0
        let read = try Settling(time: .milliseconds(100)).read { () throws(AliasFileFault) in
            count += 1
            do throws(TrustedFileError) {
                let file = try SourceFile.trusted(path, atMost: 100)
                if count < 3 { scratch.write("half\(count)", to: "written") }
                return file
            } catch {
                throw AliasFileFault(path: path, words: "\(error)")
            }
        }
        #expect(String(decoding: read.octets, as: UTF8.self) == "half2")
        // Who edits his .forward without end holds up nobody.
        let home = scratch.file("home")
        _ = unsafe mkdir(home, 0o755)
        scratch.write("bob\n", to: "home/.forward")
        let began = ContinuousClock.now
        #expect(throws: AliasFileFault.beingChanged("\(home)/.forward")) {
            _ = try ForwardFile(home: home, user: geteuid()).members(Settling(time: .seconds(600)))
        }
        #expect(ContinuousClock.now - began < Settling.patience)
        let patient = AliasBook(settings, waits: true, settling: Settling(time: .milliseconds(300)))
        guard case .entry? = patient.find(address, .exact) else {
            Issue.record("it was not waited for")
            return
        }
    }
}

extension String {
    /// The text as `ends` has it, for words of another room behind the colon.
    fileprivate func prefixed(_ ends: [(text: String, state: ExpandedRecipient)], _ index: Int) -> String {
        let head = prefix(while: { $0 != "\"" })
        return ends[index].text.hasPrefix(head) ? ends[index].text : self
    }
}
