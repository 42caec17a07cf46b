// Every declared word: it goes round, it reaches the worker only by its flag, and its files are examined.

import MailTestKit
import Testing

@testable import RunControl

extension BlockSettings {
    /// A block that says nothing, then `lines`, and the complaints about them.
    fileprivate static func read(_ lines: String) -> (block: Self, faults: [String]) {
        var faults = FaultList()
        let read = LineSplitter.lines(of: Array(lines.utf8), file: "rc", faults: &faults)
        var draft = Draft(blank)
        apply(read, to: &draft, context: Fixture.context, faults: &faults)
        return (draft.settings, faults.faults.map(\.message))
    }

    /// The lines below the head of the block.
    fileprivate var lines: String {
        var page = Page(.said, isMasked: false)
        page.add(self)
        return head.isEmpty ? page.text : String(page.text.drop { $0 != "\n" }.dropFirst())
    }

    /// What is there of `word` in a block that says `line`, as an rc says it.
    fileprivate static func goRound(_ word: Declaration<Self>) {
        var differ = 0
        for sample in word.facts.samples {
            let line = "\(word.facts.name) \(sample)"
            let (once, faults) = read(line)
            #expect(faults == (word.facts.deed.map { [Refusal.message($0)] } ?? []), "\(scope) \(line)")
            let written = once.lines
            #expect(!written.isEmpty, "\(scope) \(line) is not written")
            let (again, _) = read(written)
            #expect(again == once, "\(scope) \(line) comes back from \(written)")
            #expect(again.lines == written, "\(scope) \(line) is written as \(written), then otherwise")
            if once != blank { differ += 1 }
        }
        let hasOneValue = word.facts.samples.map { [[Piece.word($0)]] } == [word.inForce(blank)]
        #expect(
            differ > 0 || hasOneValue, "\(scope) \(word.facts.name): no sample says anything else than the default")
    }

    fileprivate static func goRound() {
        for word in words { goRound(word) }
    }

    /// Words whose samples name files.
    fileprivate static func fileWords() -> [(name: String, use: FileUse?)] {
        words.filter { word in
            word.facts.samples.contains { !word.files(read("\(word.facts.name) \($0)").block).isEmpty }
        }.map { ($0.facts.name, $0.facts.file) }
    }

    /// What is said of each word where nothing is there.
    fileprivate static func findings() -> [String: [String]] {
        var found: [String: [String]] = [:]
        for word in words where word.facts.file != nil {
            let block = read("\(word.facts.name) /no/such/folder/x/%m").block
            var findings = Findings()
            block.examineFiles(&findings)
            found[word.facts.name] = findings.all.map(\.description)
        }
        return found
    }
}

@Suite struct DeclarationTests {
    @Test("every word goes round: what is read of it is written, and read again as the same, a later release's too")
    func roundTrip() {
        #expect(Vocabulary.blocks.map { $0.scope } == Scope.allCases)
        for kind in Vocabulary.blocks { kind.goRound() }
    }

    @Test("every word stands once in its block, has samples, and says what it is for")
    func facts() {
        for scope in Scope.allCases {
            let words = Vocabulary.words(in: scope)
            #expect(Set(words.map(\.key)).count == words.count, "\(scope)")
            for word in words {
                #expect(!word.samples.isEmpty, "\(scope) \(word.name)")
                // A default that is another line's is said so; what cannot be done is not given to the worker.
                #expect(word.deed == nil || !word.isServed, "\(scope) \(word.name)")
            }
        }
    }

    @Test("the rc of all tests says every word that this release can do")
    func everythingIsEverything() throws {
        let text = Fixture.everything.split(separator: "\n").map { $0.drop { $0 == " " } }
        for scope in Scope.allCases where scope != .chain {
            for word in Vocabulary.words(in: scope) where word.deed == nil {
                let isThere = text.contains { line in
                    line.split(separator: " ").contains { Word.key(String($0)) == word.key }
                }
                #expect(isThere, "\(scope) \(word.name)")
            }
        }
    }

    @Test("the worker's copy has the words flagged for it and no others, and no secret of an account")
    func servedCopy() throws {
        let hub = try Fixture.read(Fixture.everything)
        let copy = hub.servedCopy()
        var served: [Scope: Set<String>] = [:]
        var unserved: [Scope: Set<String>] = [:]
        for scope in Scope.allCases {
            for word in Vocabulary.words(in: scope) {
                if word.isServed {
                    served[scope, default: []].insert(word.name)
                } else {
                    unserved[scope, default: []].insert(word.name)
                }
            }
        }
        var seen: [Scope: Set<String>] = [:]
        var scope = Scope.top
        for line in copy.split(separator: "\n") {
            let word = String(line.drop { $0 == " " }.prefix { $0 != " " })
            if let begun = Scope(rawValue: word), !line.hasPrefix(" ") {
                scope = begun
                continue
            }
            seen[scope, default: []].insert(word)
            #expect(served[scope]?.contains(word) == true, "\(scope) \(word)")
        }
        // Everything that is flagged and in force is there; files of passwords are read by the keeper.
        #expect(seen == served)
        for secret in ["back\\slash", "pass show", "imap.gmail.com", "smtp.gmail.com", "carol.pass"] {
            #expect(!copy.contains(secret), "\(secret)")
        }
        for word in AccountSettings.words where word.facts.isDiscreet {
            var hub = hub
            hub.accounts = [AccountSettings.read("\(word.facts.name) /hunter2").block]
            #expect(hub.printed(masked: false).contains("hunter2") && !hub.servedCopy().contains("hunter2"))
        }
        #expect(unserved[.account]?.isSuperset(of: ["password", "passwordfile", "passwordeval", "tokeneval"]) == true)
        #expect(served[.account] == ["owner", "address"] && served[.route] == nil && served[.chain] == nil)
    }

    @Test("the worker knows from its copy what it asks for")
    func workerReads() throws {
        let hub = try Fixture.read(Fixture.everything)
        let again = try Fixture.read(hub.servedCopy())
        #expect(again.localAddresses == hub.localAddresses)
        #expect(again.limits.messageSize == hub.limits.messageSize && again.limits.freeSpace == hub.limits.freeSpace)
        #expect(again.limits.smtpIdle == hub.limits.smtpIdle && again.limits.errors == hub.limits.errors)
        #expect(again.log == hub.log && again.stateDirectory == hub.stateDirectory)
        #expect(again.listeners == hub.listeners && again.domains == hub.domains)
        #expect(again.tlsCertificate == hub.tlsCertificate)
        #expect(again.routes.isEmpty && again.accounts.allSatisfy { $0.secret == .none && $0.send == nil })
        for (mailbox, copied) in zip(hub.mailboxes, again.mailboxes) {
            #expect(mailbox.maildir == copied.maildir && mailbox.addresses == copied.addresses)
            #expect(again.addressesOwned(by: copied) == hub.addressesOwned(by: mailbox))
        }
        #expect(again.mailboxes[0].verifier == hub.mailboxes[0].verifier)
    }

    @Test("every word that names files says what a run does with them")
    func fileUses() {
        var names: [String] = []
        for kind in Vocabulary.blocks {
            for (name, use) in kind.fileWords() {
                names.append("\(kind.scope) \(name)")
                #expect(use != nil, "\(kind.scope) \(name) needs .file(…), so that --check looks at it")
            }
        }
        // `maildirs` is no path but a pattern of some: each mailbox has its own.
        #expect(
            Set(names).isSuperset(of: [
                "top state", "top log", "top geoip", "top tls_trust_file", "top tls_certificate",
                "mailbox passwordfile", "mailbox maildir", "account passwordfile", "account tls_trust_file",
                "domain aliases", "domain dkim", "listen tls_certificate",
            ]))
    }

    @Test("a file that is not there is told at the line of its word")
    func missingFiles() {
        #expect(
            HubSettings.findings()["geoip"]?.contains {
                $0 == "rc:1:1: /no/such/folder/x/%m: cannot read the country database: No such file or directory"
            } == true)
        #expect(
            HubSettings.findings()["log"]?.contains {
                $0 == "rc:1:1: /no/such/folder/x/%m: cannot write the log: No such file or directory"
            } == true)

        // Every command looks at what is only read.
        var hub = HubSettings()
        hub.geoip = "/no/such/file"
        let told = hub.findings(of: Check.start).all.map(\.description)
        #expect(told.contains("/no/such/file: cannot read the country database: No such file or directory"))
    }

    @Test("the policies of a domain are typed, and what contradicts itself is refused where it stands")
    func policies() {
        let (domain, faults) = DomainSettings.read(
            "spf mark\ndkim reject\ndkim s2026 ~/dkim.key\ndkim t /t.key\ndmarc off")
        #expect(domain.spf == .mark && domain.dmarc == .off && domain.dkim.action == .reject)
        #expect(
            domain.dkim.keys == [
                DKIMKey(selector: "s2026", file: "/home/alice/dkim.key"), DKIMKey(selector: "t", file: "/t.key"),
            ])
        #expect(faults.allSatisfy { $0.hasSuffix("yet; remove the line") })
        let (_, twice) = DomainSettings.read("dkim reject\ndkim mark\nspf maybe\ndkim a_b! /x\nspf off")
        #expect(
            twice.filter { !$0.hasSuffix("yet; remove the line") } == [
                "\"dkim reject\" is already given",
                "the policy is one of reject, mark, off, not \"maybe\"",
                "the selector is a name in DNS, not \"a_b!\"",
                "\"spf\" is already given at rc:3:1",
            ])
    }
}
