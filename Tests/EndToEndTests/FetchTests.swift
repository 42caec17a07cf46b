// mhfetch against Dovecot: every message once and unchanged, over every kind of TLS, kept or deleted as the rc says.

import MailTestKit
import Octets
import Testing

@Suite("mhfetch and Dovecot", .serialized)
struct FetchTests {
    /// What a file of Dovecot's becomes here: CRLF and LF are line ends there, and LF is here.
    private static func expected(_ file: [UInt8], by service: String) -> [UInt8] {
        var octets = Oddity.file(fromWire: file)
        if service == "pop3s" {
            // The dot that ends a message stands on a line of its own (RFC 1939 §3), behind no octets too.
            if octets.last != 0x0A { octets.append(0x0A) }
        } else {
            // IMAP literals hold no NUL (RFC 3501 §4.3); Dovecot sends 0x80 instead.
            octets = octets.map { $0 == 0 ? 0x80 : $0 }
        }
        return octets
    }

    @Test(
        "FE1, FE4: a thousand messages and every oddity arrive once, octet for octet, and a second run fetches nothing",
        .needs(.dovecot, .spamassassin), arguments: ["pop3s", "imaps"])
    func everything(by service: String) async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            let all = try MailCorpus.thousand().map(\.octets) + Oddity.allCases.map { $0.file() }
            for (number, message) in all.enumerated() { dovecot.deliver(message, number: number + 1) }
            let rig = FetchRig()
            let port = service == "pop3s" ? dovecot.pop3sPort : dovecot.imapsPort
            rig.configure("\(service) localhost:\(port)", trusting: dovecot)
            let first = try rig.fetch("-v", deadline: .seconds(120))
            #expect(first.status == 0, "\(first) \(dovecot.logs)")
            print("\(service): \(all.count) messages in \(first.elapsed)")
            let got = counted(rig.messages())
            let wanted = counted(all.map { Self.expected($0, by: service) })
            for (message, count) in wanted where got[message] != count {
                Issue.record("lacks \(printableStart(message)) (\(message.count) octets), has \(got[message] ?? 0)")
            }
            for message in got.keys where wanted[message] == nil {
                Issue.record("has \(printableStart(message)) (\(message.count) octets)")
            }
            #expect(ScratchDirectory.names(in: "\(rig.maildir)/tmp").isEmpty)
            #expect(dovecot.messages().count == all.count, "nothing is deleted unless the rc says so")
            let second = try rig.fetch("-v")
            #expect(second.status == 0 && second.errorText.contains(" 0 fetched"), "\(second)")
            #expect(rig.messages().count == all.count)
        }
    }

    private func printableStart(_ message: [UInt8]) -> String {
        String(decoding: message.prefix(300).filter { $0 >= 0x20 && $0 < 0x7F }, as: UTF8.self)
    }

    @Test("FE1: STLS and STARTTLS protect what follows", .needs(.dovecot), arguments: ["pop3", "imap"])
    func startTLS(by service: String) async throws {
        try await onThread {
            // Without TLS this Dovecot takes no login.
            let dovecot = try DovecotPeer(
                settings: "disable_plaintext_auth = yes\nlogin_trusted_networks =\nssl = required")
            let messages = smallMessages(3)
            for (number, message) in messages.enumerated() { dovecot.deliver(message, number: number + 1) }
            let rig = FetchRig()
            let port = service == "pop3" ? dovecot.pop3Port : dovecot.imapPort
            for auth in ["auto", "plain", "login"] {
                rig.configure("\(service) localhost:\(port)", trusting: dovecot, "auth \(auth)")
                let result = try rig.fetch()
                #expect(result.status == 0 && result.errors.isEmpty, "\(auth): \(result) \(dovecot.logs)")
                #expect(counted(rig.messages()) == counted(messages))
            }
        }
    }

    @Test(
        "a wrong password is told in one line, and the status is 77", .needs(.dovecot), arguments: ["pop3s", "imaps"])
    func wrongPassword(by service: String) async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            let port = service == "pop3s" ? dovecot.pop3sPort : dovecot.imapsPort
            let rig = FetchRig()
            rig.configure(
                "\(service) localhost:\(port)", "tls_trust_file \(dovecot.certificate.certificatePath)",
                password: "wr0ngPassw0rd")
            let result = try rig.fetch()
            #expect(result.status == 77, "\(result)")
            #expect(result.errorText.hasPrefix("mhfetch: account peer: localhost refused the login of alice: "))
            #expect(result.errorText.filter { $0 == "\n" }.count == 1, "\(result)")
            #expect(!(result.errorText + rig.log).contains("wr0ngPassw0rd"), "no secret is shown")
        }
    }

    @Test(
        "FE2, ask 28: a certificate that nobody vouches for is refused with its fingerprint, and taken once it is pinned",
        .needs(.dovecot))
    func untrusted() async throws {
        try await onThread {
            let dovecot = try DovecotPeer(certificateNames: ["other.example"])
            dovecot.deliver(smallMessages(1)[0], number: 1)
            let fingerprint = dovecot.certificate.fingerprint
            let rig = FetchRig()
            let server = "pop3s localhost:\(dovecot.pop3sPort)"
            rig.configure(server)
            let untrusted = try rig.fetch()
            #expect(
                untrusted.status == 77 && untrusted.errorText.contains("tls_fingerprint \(fingerprint)"), "\(untrusted)"
            )
            rig.configure(server, trusting: dovecot)
            let misnamed = try rig.fetch()
            #expect(misnamed.status == 77 && misnamed.errorText.contains("other.example"), "\(misnamed)")
            #expect(misnamed.errorText.contains(fingerprint))
            var other = Array(fingerprint)
            other[0] = other[0] == "0" ? "1" : "0"
            rig.configure(server, "tls_fingerprint \(String(other))")
            let mismatch = try rig.fetch()
            #expect(mismatch.status == 77 && mismatch.errorText.contains(fingerprint), "\(mismatch)")
            #expect(rig.messages().isEmpty)
            for line in ["tls_fingerprint \(fingerprint)", "tls_host_override other.example"] {
                rig.configure(server, "tls_trust_file \(dovecot.certificate.certificatePath)", line)
                let result = try rig.fetch()
                #expect(result.status == 0, "\(line): \(result)")
            }
            #expect(rig.messages().count == 1)
        }
    }

    @Test("FE2: the hub's tls_trust_file holds for its accounts", .needs(.dovecot))
    func hubTrust() async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            let rig = FetchRig()
            rig.configure("imaps localhost:\(dovecot.imapsPort)")
            let rc = String(decoding: ScratchDirectory.read(rig.scratch.file("mailhubrc")) ?? [], as: UTF8.self)
            rig.scratch.write("tls_trust_file \(dovecot.certificate.certificatePath)\n\(rc)", to: "mailhubrc")
            let result = try rig.fetch()
            #expect(result.status == 0, "\(result)")
        }
    }

    @Test(
        "FE4: keep off deletes at the server what is here, and nothing else", .needs(.dovecot),
        arguments: ["pop3s", "imaps"])
    func keepOff(by service: String) async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            let messages = smallMessages(150)
            for (number, message) in messages.enumerated() { dovecot.deliver(message, number: number + 1) }
            let rig = FetchRig()
            let port = service == "pop3s" ? dovecot.pop3sPort : dovecot.imapsPort
            rig.configure("\(service) localhost:\(port)", trusting: dovecot, "keep off")
            // The first run finds no place to deliver to: nothing may be deleted then.
            rig.scratch.write("a file in the way", to: "Mail")
            #expect(try rig.fetch().status != 0)
            #expect(dovecot.messages().count == 150)
            _ = try runProgram(["rm", rig.scratch.file("Mail")])
            let result = try rig.fetch("-v")
            #expect(result.status == 0 && result.errorText.contains(" 150 deleted"), "\(result) \(dovecot.logs)")
            #expect(counted(rig.messages()) == counted(messages))
            #expect(dovecot.messages().isEmpty, "\(dovecot.logs)")
            #expect(try rig.fetch("-v").errorText.contains(" 0 fetched"))
        }
    }

    @Test("FE5: a remote folder goes where the rc says, and one that is missing stops no other", .needs(.dovecot))
    func folders() async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            dovecot.deliver(Array("Subject: in\n\nin\n".utf8), number: 1)
            dovecot.deliver(Array("Subject: junk\n\njunk\n".utf8), folder: "Spam", number: 1)
            dovecot.deliver(Array("Subject: list\n\nlist\n".utf8), folder: "Lists.Swift &- more", number: 1)
            let rig = FetchRig()
            rig.configure(
                "imaps localhost:\(dovecot.imapsPort)", trusting: dovecot,
                #"folders Spam -> Junk, Nowhere, INBOX, "Lists.Swift & more" -> "Lists/Swift.org""#)
            let result = try rig.fetch()
            #expect(result.status == 75 && result.errorText.contains("Nowhere"), "\(result)")
            #expect(rig.messages() == [Array("Subject: in\n\nin\n".utf8)])
            #expect(rig.messages(folder: "Junk") == [Array("Subject: junk\n\njunk\n".utf8)])
            #expect(rig.messages(folder: "Lists.Swift&AC4-org") == [Array("Subject: list\n\nlist\n".utf8)], "\(result)")
        }
    }

    @Test(
        "FE5, ask 7: a folder that the server has renumbered is left alone until a person says what to do",
        .needs(.dovecot))
    func renumbered() async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            let messages = smallMessages(4)
            dovecot.deliver(messages[0], number: 1)
            dovecot.deliver(messages[1], number: 2)
            let rig = FetchRig()
            rig.configure("imaps localhost:\(dovecot.imapsPort)", trusting: dovecot)
            #expect(try rig.fetch().status == 0)
            try renumber(dovecot)
            let stopped = try rig.fetch()
            #expect(stopped.status == 75 && stopped.errorText.contains("--accept-folder INBOX peer"), "\(stopped)")
            #expect(rig.messages().count == 2)
            dovecot.deliver(messages[2], number: 3)
            #expect(try rig.fetch().status == 75, "nor is new mail fetched")
            #expect(try rig.fetch("--accept-folder", "INBOX", "peer").status == 0)
            #expect(rig.messages().count == 2, "what is there now is known")
            for option in ["--accept-folder", "--refetch-folder"] {
                let again = try rig.fetch(option, "INBOX", "peer")
                #expect(again.status == 0 && again.errorText.contains("folder INBOX was not renumbered"), "\(again)")
            }
            dovecot.deliver(messages[3], number: 4)
            #expect(try rig.fetch().status == 0)
            #expect(rig.messages().count == 3)
            try renumber(dovecot)
            #expect(try rig.fetch("--refetch-folder", "INBOX", "peer").status == 0)
            #expect(rig.messages().count == 7)
            #expect(counted(messages).keys.allSatisfy { counted(rig.messages())[$0] != nil })
        }
    }

    /// Gives the INBOX another UIDVALIDITY, as a server restored from elsewhere has.
    private func renumber(_ dovecot: DovecotPeer) throws {
        let script = """
            cd "$1" && rm -f dovecot.index* dovecot.list.index* &&
            awk 'NR == 1 { for (i = 2; i <= NF; i++) if ($i ~ /^V/) $i = "V" (substr($i, 2) + 7) } { print }' \
            dovecot-uidlist >x && cat x >dovecot-uidlist && rm x
            """
        let result = try runProgram(["sh", "-c", script, "sh", dovecot.maildir()])
        #expect(result.status == 0, "\(result)")
    }

    @Test("SC3: two runs at once on one account fetch everything once", .needs(.dovecot))
    func twoAtOnce() async throws {
        let dovecot = try await onThread { try DovecotPeer() }
        let messages = smallMessages(300)
        for (number, message) in messages.enumerated() { dovecot.deliver(message, number: number + 1) }
        let rig = FetchRig()
        rig.configure("pop3s localhost:\(dovecot.pop3sPort)", trusting: dovecot)
        async let one = onThread { try rig.fetch("-v") }
        async let other = onThread { try rig.fetch("-v") }
        let results = try await [one, other]
        #expect(results.map(\.status) == [0, 0], "\(results)")
        #expect(counted(rig.messages()) == counted(messages))
    }

    @Test(
        "a message of 100 MB costs no more memory than a small one", .needs(.dovecot, .python3),
        arguments: ["pop3s", "imaps"])
    func memory(by service: String) async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            let port = service == "pop3s" ? dovecot.pop3sPort : dovecot.imapsPort
            let rig = FetchRig()
            rig.configure("\(service) localhost:\(port)", trusting: dovecot)
            dovecot.deliver(smallMessages(1)[0], number: 1)
            let small = try rig.residentKiB()
            let line = [UInt8](repeating: 0x78, count: 76) + [0x0A]
            var big = Array("Subject: big\n\n".utf8)
            big.reserveCapacity(101_000_000)
            let block = (0..<1000).flatMap { _ in line }
            while big.count < 100_000_000 { big += block }
            dovecot.deliver(big, number: 2)
            let large = try rig.residentKiB()
            #expect(rig.messages().map(\.count).max() == big.count)
            let more = large - small
            print("\(service): a message of 100 MB takes \(more) KiB more than a small one, which takes \(small)")
            #expect(more < 8 * 1024)
        }
    }

    @Test(
        "FE4: keep 30d deletes what was fetched so long ago and has been seen three times since", .needs(.dovecot),
        arguments: ["pop3s", "imaps"])
    func keepForDays(by service: String) async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            let messages = smallMessages(3)
            for (number, message) in messages.enumerated() { dovecot.deliver(message, number: number + 1) }
            let rig = FetchRig()
            let port = service == "pop3s" ? dovecot.pop3sPort : dovecot.imapsPort
            rig.configure("\(service) localhost:\(port)", trusting: dovecot, "keep 30d")
            for _ in 1...4 { #expect(try rig.fetch().status == 0) }
            #expect(dovecot.messages().count == 3, "young messages stay, however often they were seen")
            try age(rig, days: 29)
            #expect(try rig.fetch().status == 0)
            #expect(dovecot.messages().count == 3)
            try age(rig, days: 2)
            dovecot.deliver(Array("Subject: young\n\nyoung\n".utf8), number: 4)
            #expect(try rig.fetch().status == 0)
            #expect(dovecot.messages() == [Array("Subject: young\n\nyoung\n".utf8)])
            #expect(rig.messages().count == 4)

            // Age alone does nothing: the clock may be wrong.
            try age(rig, days: 40)
            for sighting in 1...2 {
                #expect(try rig.fetch().status == 0)
                #expect(dovecot.messages().count == 1, "sighting \(sighting)")
            }
            #expect(try rig.fetch().status == 0)
            #expect(dovecot.messages().isEmpty)
        }
    }

    /// Makes all that was fetched `days` older.
    private func age(_ rig: FetchRig, days: Int) throws {
        let path = "state/fetch/peer/journal"
        let octets = try #require(ScratchDirectory.read(rig.scratch.file(path)))
        var aged = ""
        for line in String(decoding: octets, as: UTF8.self).split(separator: "\n") {
            var words = line.split(separator: " ").dropFirst().map(String.init)
            let place = ["open": 2, "have": 1, "seen": 2][words[0]]
            if let place { words[place] = "\(try #require(Int(words[place])) - days * 86_400)" }
            let text = words.joined(separator: " ")
            aged += "\(CRC32C.hex(Array(text.utf8))) \(text)\n"
        }
        rig.scratch.write(aged, to: path)
    }

    @Test("FE15: --due leaves an account alone until its time has come, and --check contacts nobody", .needs(.dovecot))
    func due() async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            dovecot.deliver(smallMessages(1)[0], number: 1)
            let rig = FetchRig()
            rig.configure("pop3s localhost:\(dovecot.pop3sPort)", trusting: dovecot, "every 1h")
            let unasked = try FakeServer([.drain])
            let asked = FetchRig()
            asked.configure("pop3 127.0.0.1:\(unasked.port)", "tls off")
            #expect(try asked.fetch("--check").outputText.hasSuffix(": good\n"))
            #expect(try asked.fetch("--status").outputText == "peer: never fetched\n")
            let told = try asked.fetch("--status", "--json").outputText
            #expect(told.hasPrefix(#"{"v":1,"account":"peer","well":true,"runs":0,"#) && told.hasSuffix("}\n"))
            #expect(try asked.fetch("--json", "--check").status == 64)
            #expect(unasked.stop().isEmpty, "contacted")
            #expect(try rig.fetch("--due").status == 0)
            #expect(rig.messages().count == 1)
            dovecot.deliver(smallMessages(2)[1], number: 2)
            #expect(try rig.fetch("--due").status == 0)
            #expect(rig.messages().count == 1)
            #expect(try rig.fetch().status == 0)
            #expect(rig.messages().count == 2)
            #expect(try rig.fetch("nobody").status == 78)
            #expect(try rig.fetch("--nonsense").status == 64)
        }
    }

    /// Whether a test may mount something in a namespace of its own.
    private static let canMount: Bool = {
        do { return try runProgram(["unshare", "-rm", "true"]).status == 0 } catch { return false }
    }()

    @Test(
        "a full disk ends the run with 75, keeps what is whole, and the next run goes on", .needs(.dovecot),
        .enabled(if: canMount, "needs user namespaces"))
    func fullDisk() async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            var random = SplitMix(seed: 7)
            let messages = (1...120).map { number in
                Array("Subject: \(number)\n\n".utf8) + random.octets(30_000).map { $0 % 64 + 0x20 } + [0x0A]
            }
            for (number, message) in messages.enumerated() { dovecot.deliver(message, number: number + 1) }
            let rig = FetchRig()
            rig.configure("imaps localhost:\(dovecot.imapsPort)", trusting: dovecot, "keep off")
            rig.addTop("free-space 0")
            for folder in ["Mail", "state"] { _ = try runProgram(["mkdir", rig.scratch.file(folder)]) }
            // A small disk in a namespace of its own; what is on it is copied out at the end.
            let script = """
                set -e
                mount -t tmpfs -o size=2500k none "$1"
                mkdir "$1/Mail" "$1/state"
                mount --bind "$1/Mail" "$2/Mail"
                mount --bind "$1/state" "$2/state"
                for run in 1 2 3 4; do "$3" -v -C "$2/mailhubrc" || echo "status $?"; done
                ls "$2/Mail/alice/new" | wc -l
                mount -o remount,size=20m "$1"
                "$3" -v -C "$2/mailhubrc" || echo "status $?"
                cp -r "$2/Mail/alice" "$2/copy"
                """
            _ = try runProgram(["mkdir", rig.scratch.file("disk")])
            let result = try runProgram(
                [
                    "unshare", "-rm", "sh", "-c", script, "sh", rig.scratch.file("disk"), rig.scratch.path,
                    try InstalledCommands.path("mhfetch"),
                ], deadline: .seconds(60))
            let lines = result.outputText.split(separator: "\n")
            #expect(lines.count == 5 && lines.prefix(4).allSatisfy { $0 == "status 75" }, "\(result)")
            #expect(result.errorText.contains("the disk is full: make room, nothing was lost"), "\(result)")
            #expect(lines.last.flatMap { Int($0) }.map { $0 > 10 && $0 < 110 } == true, "\(result)")
            let copied = ScratchDirectory.names(in: rig.scratch.file("copy/new")).compactMap {
                ScratchDirectory.read(rig.scratch.file("copy/new/\($0)"))
            }
            #expect(counted(copied) == counted(messages), "\(result)")
            #expect(dovecot.messages().isEmpty)
        }
    }

    @Test(
        "free-space is asked before each batch: below it nothing more is fetched, and the run says so",
        .needs(.dovecot),
        .enabled(if: canMount, "needs user namespaces"), arguments: ["pop3s", "imaps"])
    func freeSpace(by service: String) async throws {
        try await onThread {
            let dovecot = try DovecotPeer()
            let messages = (1...200).map { number in
                Array("Subject: \(number)\n\n".utf8) + [UInt8](repeating: 0x61, count: 15_000) + [0x0A]
            }
            for (number, message) in messages.enumerated() { dovecot.deliver(message, number: number + 1) }
            let rig = FetchRig()
            let port = service == "pop3s" ? dovecot.pop3sPort : dovecot.imapsPort
            rig.configure("\(service) localhost:\(port)", trusting: dovecot, "keep off")
            rig.addTop("free-space 2m")
            _ = try runProgram(["mkdir", rig.scratch.file("Mail")])
            // Beside the 2 MiB there is room for some 115; a batch that has begun by then has room in them, all have not.
            let script = """
                set -e
                mount -t tmpfs -o size=3900k none "$1/Mail"
                for run in 1 2; do "$2" -C "$1/mailhubrc" || echo "status $?"; ls "$1/Mail/alice/new" | wc -l; done
                mount -o remount,size=20m "$1/Mail"
                "$2" -C "$1/mailhubrc" || echo "status $?"
                ls "$1/Mail/alice/new" | wc -l
                """
            let result = try runProgram(
                ["unshare", "-rm", "sh", "-c", script, "sh", rig.scratch.path, try InstalledCommands.path("mhfetch")],
                deadline: .seconds(60))
            let lines = result.outputText.split(separator: "\n").map { $0.filter { $0 != " " } }
            let count = lines.dropFirst().first ?? ""
            #expect(lines == ["status75", count, "status75", count, "200"], "\(result)")
            #expect(Int(count).map { (100..<180).contains($0) } == true, "\(result)")
            #expect(result.errorText.count(of: "MiB are free there, and `free-space` keeps 2: make room") == 2)
            #expect(dovecot.messages().isEmpty)
        }
    }
}
