// `--check`: what each check finds, where it says it stands, and what it leaves alone.

import Glibc
import MailTestKit
import Testing

@testable import RunControl

@Suite struct CheckingTests {
    private static func findings(_ text: String, _ checks: Check...) throws -> [String] {
        try Fixture.read(text).findings(of: checks).all.map(\.description)
    }

    @Test("the port of the other kind is a fault at its line, whichever way the mail goes")
    func ports() throws {
        let rc = """
            mailbox alice
            account a
              address a@x.org
              password x
              fetch imap i.example:993
              send submissions s.example:587
            account b : a
              fetch pop3s p.example:110
              send smtp s.example:465
            account c : a
              fetch imaps i.example
              send submission s.example:2525
            """
        #expect(
            try Self.findings(rc, .ports(\.fetchServer), .ports(\.sendServer)) == [
                "rc:5:3: account a: port 993 begins with TLS, and imap begins without; write \"fetch imaps i.example\"",
                "rc:6:3: account a: port 587 begins without TLS, and submissions begins with it; write \"send submission "
                    + "s.example\"",
                "rc:8:3: account b: port 110 begins without TLS, and pop3s begins with it; write \"fetch pop3 p.example\"",
                "rc:9:3: account b: port 465 begins with TLS, and smtp begins without; write \"send submissions s.example\"",
            ])
        #expect(
            try Self.findings("tls_certificate /c key /k\nlisten pop3 *:995\nlisten pop3s *:9950", .listenerPorts) == [
                "rc:2:8: clients expect port 995 to begin with TLS, unlike pop3; leave the port out: it is 110 then"
            ])
    }

    @Test("ages for warnings grow, and are few")
    func warningAges() {
        for (line, words) in [
            ("1d 12h", "each time is longer than the one before it; write a single one as in 1d12h"),
            ("1h 1h", "each time is longer"), ("never", "write \"off\", not \"never\""),
            ("30s", "from 1 minute to 10 years"),
            ("1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 11m", "at most 10 times"),
        ] {
            let told = Fixture.listing("warn-after \(line)\nmailbox m")
            #expect(told.count == 1 && told[0].contains(words), "\(line): \(told)")
        }
    }

    @Test("routes for connections that nothing tells of, and rules that make one address of many people, are warned of")
    func routes() throws {
        let rc = """
            mailbox m
            account a
              owner m
              auth off
              send submission s.example
            route one
              use a
              online wlan* home
              rewrite all * x@y.example
              rewrite from * x@y.example
            route two
              use a
              online ppp0
              rewrite to root x@y.example
              rewrite cc * *@y.example
            """
        let never = "it is tried only by: mhsend -qo NAME"
        #expect(
            try Self.findings(rc, .onlineQuery, .rewrites) == [
                "rc:8:3: warning: route one: without a line online-query \(never)",
                "rc:9:3: warning: route one: in all places, To and Cc among them, whoever * matches becomes x@y.example",
                "rc:13:3: warning: route two: without a line online-query \(never)",
            ])
        #expect(
            try Self.findings("online-query interface wlan0 eth0\n" + rc, .onlineQuery) == [
                "rc:14:3: warning: route two: no interface of online-query has such a name, so it is never tried"
            ])
        #expect(try Self.findings("online-query command which-way\n" + rc, .onlineQuery).isEmpty)
        #expect(
            Fixture.listing("online-query comand x\nmailbox m") == [
                "rc:1:14: online-query asks a command, a file or an interface, not \"comand\"; did you mean \"command\"?"
            ])
        for (line, words) in [
            (
                "rewrite form a b@c.example",
                "rewrite is for from, sender, reply-to, mail-followup-to, to, cc, envelope or all"
            ),
            ("rewrite from <> b@c.example", "\"<>\""), ("rewrite from a b", "\"b\": this is not an address"),
            ("rewrite from a", "the address to put in"), ("rewrite from a B <b>", "\"B <b>\": this is not an address"),
            ("rewrite from a *@-", "\"*@-\": the part after the @ is not a valid domain"),
        ] {
            let told = Fixture.listing("mailbox m\n" + rc.dropFirst(10) + "\n  " + line)
            #expect(told.count == 1 && told[0].contains(words), "\(line): \(told)")
        }
    }

    @Test(
        "SE22: an account whose provider will hardly take the hub's own sender is told, unless a route gives it another one"
    )
    func machineSender() throws {
        func told(_ lines: String, top: String = "run-as nobody\nqualify home.arpa") throws -> [String] {
            try Self.findings(
                "\(top)\nmailbox m\naccount a\n  address m@isp.example\n  password x\n  send submissions s.example\n\(lines)",
                .machineSender)
        }
        let doubted = try told("")
        #expect(doubted.count == 1)
        #expect(
            doubted.first?.hasPrefix(
                "rc:7:3: warning: account a: few providers take mail from root@home.arpa, which is of this hub alone")
                == true, "\(doubted)")
        #expect(try told("route r\n  use a\n  rewrite from * m@isp.example").count == 1, "the envelope counts")
        #expect(try told("route r\n  use a\n  rewrite all * m@isp.example").isEmpty)
        #expect(try told("route r\n  use a\n  rewrite envelope root m@isp.example").isEmpty)
        #expect(try told("", top: "run-as nobody\nqualify isp.example").isEmpty)
        #expect(
            try told("mailbox r\n  unix-user root\n  address root@own.example").isEmpty, "whose address it is is known")
        #expect(try told("route never\n  from nobody\n  use a\naccount b\n  send smtp b.example\n  auth off").isEmpty)
    }

    @Test(
        "FE1, ask 28: clear text over a network is refused without its second word, and told with it; this machine is no network"
    )
    func clearText() throws {
        func rc(_ tls: String, _ host: String) -> String {
            "mailbox m\naccount a\n  user u\n  password x\n  fetch pop3 \(host)\n  tls \(tls)"
        }
        for host in ["mail.example", "192.168.0.1", "[::2]:110", "localhost.example"] {
            let refused = Fixture.listing(rc("off", host))
            #expect(refused.count == 1 && refused.first?.hasPrefix("rc:6:3: account a: ") == true, "\(refused)")
            #expect(refused.first?.hasSuffix("or write \"tls off insecure\" to have it so") == true)
            let told = try Self.findings(rc("off insecure", host), .clearText(\.fetchServer), .clearText(\.sendServer))
            #expect(
                told.count == 1 && told.first?.hasPrefix("rc:6:3: warning: account a: mail and password go to ") == true
            )
        }
        for host in ["localhost", "127.9.8.7", "[::1]:110", "a.localhost"] {
            for tls in ["off", "off insecure"] {
                #expect(try Self.findings(rc(tls, host), .clearText(\.fetchServer)) == [])
            }
        }
        #expect(
            Fixture.listing(rc("off insecur", "localhost")) == [
                "rc:6:11: tls off, or tls off insecure, not \"tls off insecur\"; did you mean \"insecure\"?"
            ])
    }

    @Test("folders that POP3 does not show are told where somebody reads by POP3")
    func hiddenFolders() throws {
        let rc = """
            mailbox m
            account a
              user u
              password x
              fetch imaps i.example
              folders INBOX, Spam -> Junk
            """
        #expect(try Self.findings(rc, .hiddenFolders) == [])
        #expect(
            try Self.findings(rc + "\nlisten pop3 *", .hiddenFolders) == [
                "rc:6:3: warning: account a: mail of \"Spam\" goes into a folder of the Maildir, and POP3 shows the inbox "
                    + "alone"
            ])
    }

    @Test("accounts and routes that are open to nobody are told")
    func openToNobody() throws {
        let rc = """
            mailbox m
            mailbox n
            account closed
              send smtp a.example
            account owned
              owner m
              send smtp b.example
            account guests
              for everyone
              send smtp c.example
            route nowhere
              use closed
            route somewhere
              use closed owned
            """
        #expect(
            try Self.findings(rc, .openToNobody) == [
                "rc:4:3: warning: account closed: neither \"owner\" nor \"for\" opens it to anybody, so the hub's own user "
                    + "alone sends through it",
                "rc:12:3: warning: route nowhere: its accounts are open to nobody, so it carries the mail of the hub's own "
                    + "user alone",
            ])
    }

    @Test("users, state directory, Maildirs and the log are looked at, at their lines, and nothing is made")
    func paths() throws {
        let scratch = ScratchDirectory()
        let file = scratch.write("", to: "file")
        let found = try Self.findings(
            """
            run-as no-such-user-here
            log \(file)/log
            state \(file)
            mailbox m
              unix-user no-such-user-here
              maildir \(file)
            """, .runAs, .log, .stateDirectory, .maildirs(), .unixUsers)
        #expect(
            found == [
                "rc:1:1: run-as: there is no user \"no-such-user-here\"; create it, or name another",
                "rc:2:1: \(file)/log: cannot write the log: Not a directory",
                "rc:3:1: \(file) (the state directory): Not a directory",
                "rc:5:3: warning: unix-user of mailbox m: there is no user \"no-such-user-here\"",
                "rc:6:3: \(file) (the Maildir of mailbox m): Not a directory",
            ])
        let free = "log \(scratch.path)/log\nstate \(scratch.path)/state\nmaildirs \(scratch.path)/%m\nmailbox m"
        #expect(try Self.findings(free, .log, .stateDirectory, .maildirs()) == [])
        #expect(ScratchDirectory.names(in: scratch.path) == ["file"])
        #expect(try Self.findings("log \(scratch.path)", .log).first?.hasSuffix("Is a directory") == true)
        #expect(
            try Self.findings("log /no/such/folder/log", .log).first?.hasSuffix("No such file or directory") == true)
    }

    @Test("a log that may not be written is told", .enabled(if: geteuid() != 0, "root may write everything"))
    func log() throws {
        let scratch = ScratchDirectory()
        let log = scratch.write("", to: "log", mode: 0o400)
        #expect(try Self.findings("log \(log)", .log).first?.hasSuffix("Permission denied") == true)
    }

    @Test("a service without a listener, and listeners that nobody can log in at")
    func listeners() throws {
        #expect(try Self.findings("", .listeners) == ["rc: \(ListenerSettings.noneAdvice)"])
        #expect(try Self.findings("hostname h.example\nlisten smtp *", .listeners, .listenersWithoutTLS) == [])
        #expect(
            try Self.findings("listen submission *", .listenersWithoutTLS) == [
                "rc:1:8: warning: nobody can log in without TLS; add \"tls_certificate FILE key FILE\" (mhserve certificate "
                    + "makes both)"
            ])
    }

    @Test("findings are told once, by position, those without one last")
    func order() {
        var findings = Findings()
        func position(_ line: Int, _ file: String = "rc") -> SourcePosition {
            SourcePosition(file: file, line: line, column: 1)
        }
        findings.warning(nil, "last")
        findings.warning(position(9), "b")
        findings.fault(position(2), "a")
        findings.fault(position(2), "a")
        findings.fault(position(1, "included"), "c")
        #expect(findings.all.map(\.message) == ["a", "b", "c", "last"])
        #expect(findings.hasFaults)
        var warnings = Findings()
        warnings.warning(nil, "w")
        #expect(!warnings.hasFaults)
    }

    @Test("a folder that cannot be made, or not be written, is told of, and where it fails")
    func folders() async {
        let scratch = ScratchDirectory()
        scratch.write("", to: "file")
        _ = unsafe (
            chmod(scratch.path, 0o711), mkdir(scratch.file("closed"), 0o555), mkdir(scratch.file("open"), 0o700)
        )
        #expect(PathCheck.directoryFault(scratch.file("open/a/b"), isMailbox: false) == nil)
        #expect(PathCheck.directoryFault(scratch.file("file/a"), isMailbox: false) == "Not a directory")
        await #expect(processExitsWith: .success) { [path = scratch.path as String] in
            if geteuid() == 0 { precondition(setuid(65_534) == 0) }
            let told = PathCheck.directoryFault("\(path)/closed/a/b", isMailbox: true)
            let start = "cannot be made: \(path)/closed: Permission denied; as root: install -d -o nobody -g "
            precondition(
                told.map { $0.hasPrefix(start) && $0.hasSuffix(" -m 700 \(path)/closed/a") } ?? false,
                "\(told ?? "nothing")")
        }
    }
}
