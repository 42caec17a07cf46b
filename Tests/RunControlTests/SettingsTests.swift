// A whole rc read into settings, and printed settings read again.

import Credentials
import MailFormat
import MailRouting
import MailTestKit
import Reporting
import Testing

@testable import RunControl

@Suite struct SettingsTests {
    @Test("every word of this release reaches its setting")
    func everything() throws {
        let hub = try Fixture.read(Fixture.everything)
        #expect(hub.hostname == "hub.home.arpa" && hub.qualify == "home.arpa" && hub.runAs == "mailhub")
        #expect(hub.log == .file("/home/alice/log/mailhub"))
        #expect(hub.tlsCertificate == CertificatePair(certificate: "/home/alice/hub.crt", key: "/home/alice/hub.key"))
        #expect(hub.queue.lifetime == .seconds(604_800) && hub.queue.warnAfter.isEmpty)
        #expect(hub.limits.messageSize == 10 << 20 && hub.limits.freeSpace == 1 << 30)
        #expect(
            hub.mailboxes.map(\.maildir) == [
                "/home/alice/Mail/alice", "/home/alice/Mail/bob", "/home/alice/My Mail/carol",
            ])
        #expect(hub.mailboxes[0].loginAddresses == ["alice@home.arpa", "alice@example.org"])
        #expect(hub.mailboxes[0].verifier == .passwordHash(Secret(#"$scrypt$ a"b\c"#)))
        #expect(hub.mailboxes[1].verifier == .password(Secret(##"# " , -> \x"##)))
        #expect(hub.mailboxes[1].addresses.map(\.description) == ["bob@home.arpa"])

        let gmail = try #require(hub.account("gmail"))
        #expect(gmail.user == "alice@gmail.com" && gmail.secret == .command(["pass", "show", "mail/gmail"]))
        #expect(gmail.fetch == FetchServer(service: .imaps, host: "imap.gmail.com", port: 993))
        #expect(
            gmail.folders == [
                FolderSettings(remote: "INBOX", local: nil), FolderSettings(remote: "[Gmail]/Spam", local: "Junk"),
                FolderSettings(remote: "a, b", local: nil), FolderSettings(remote: "Sent Mail", local: "Sent -> Old"),
                FolderSettings(remote: "Lists/*", local: "Mail/*"),
                FolderSettings(remote: "Lists/old %", local: nil, isExcluded: true),
            ])
        #expect(gmail.search == "UNSEEN NOT FROM \"a b\"" && gmail.marksSeen && !gmail.keepsFlags)
        let work = try #require(hub.account("work"))
        #expect(
            work.moveTarget == "Archive/Hub, done" && work.keep == .off
                && work.secret == .token(["oauth-token", "work"]))
        #expect(gmail.keep == .days(30) && gmail.every == .seconds(5400) && gmail.timeout == .seconds(30))
        #expect(gmail.send?.port == 4650 && gmail.pins.first?.description.hasSuffix(":EE:FF") == true)

        let club = try #require(hub.account("club"))
        #expect(gmail.guests == .mailboxes(["bob", "carol"]) && club.guests == gmail.guests)
        #expect(club.owner == "alice" && club.user == "club@example.net" && club.keep == .on)
        #expect(club.secret == .command(["sh", "a $b", "c d"]) && club.fetch == gmail.fetch)

        let isp = try #require(hub.account("isp"))
        #expect(isp.guests == .everyone)
        #expect(
            isp.fetch == FetchServer(service: .pop3, host: "2001:db8::2", port: 1110) && isp.tls == .off
                && isp.isInsecure)
        #expect(isp.addresses.map(\.description) == ["bob@isp.example"] && isp.heloName == "neutral.example")

        #expect(hub.routes[0].route.isLast && hub.routes[0].route.onConnectFailure == .bounce)
        #expect(hub.domains[0].blocked.map(\.description) == ["sales@example.org", "*-news@example.org"])
        #expect(hub.listeners.map(\.description) == ["smtp [::]:25", "pop3s [::]:995", "submission *:587"])
        #expect(hub.listeners[1].allow.map(\.description) == ["192.168.0.0/16", "fd00::/8"])
        #expect(hub.listeners.map(\.maxConnections) == [70, 9, 70])
        #expect(hub.listeners[2].certificate?.certificate == "/a.crt")
    }

    @Test("what is printed reads again to the same settings, and prints the same")
    func printed() throws {
        let hub = try Fixture.read(Fixture.everything)
        let printed = hub.printed(masked: false)
        let again = try Fixture.read(printed)
        #expect(again == hub)
        #expect(again.printed(masked: false) == printed)
        // What is masked is no password.
        #expect(throws: RunControlError.self) { try Fixture.read(hub.printed()) }
        #expect(try Fixture.read(hub.printed().replacing("********", with: "x")) != hub)
    }

    @Test(
        "~/ in a command is the home directory, but for a word in quotes",
        arguments: [#"~/bin/pw ~ "~/y" a~"#, #""~/bin/pw ~ y a~""#])
    func homeInCommands(_ command: String) throws {
        let rc =
            "mailbox m\naccount a\n  owner m\n  address a@x.example\n  user a\n  fetch pop3s x.example\n  passwordeval "
        let hub = try Fixture.read(rc + command)
        let third = command.hasPrefix("\"") ? "y" : "~/y"
        #expect(hub.accounts[0].secret == .command(["/home/alice/bin/pw", "/home/alice", third, "a~"]))
        #expect(try Fixture.read(hub.printed(masked: false)).accounts[0].secret == hub.accounts[0].secret)
        // Alone it could not be printed again.
        var context = Fixture.context
        context.home = "/h s"
        #expect(throws: RunControlError.self) {
            try HubSettings.read(Array((rc + "~/bin/pw").utf8), source: "rc", context: context)
        }
    }

    @Test("no text of the settings shows a secret")
    func masked() throws {
        let hub = try Fixture.read("mailbox m\n  password hunter2\naccount a\n  password hunter2\n  owner m")
        var dumped = ""
        dump(hub, to: &dumped)
        for text in [hub.printed(), "\(hub)", String(reflecting: hub), dumped] {
            #expect(!text.contains("hunter2"))
        }
        #expect(hub.printed().contains("password ********"))
    }

    @Test("routing and recipients come out of the blocks")
    func tables() throws {
        let hub = try Fixture.read(Fixture.everything)
        func accounts(for submitter: Submitter) throws -> [String] {
            try hub.routingTable.decide(
                for: submitter, reversePath: .address(Address("club@example.net")), recipient: Address("x@y.org"),
                headerFrom: nil
            ).ways.map(\.name)
        }
        #expect(try accounts(for: .mailbox("carol")) == ["club"])
        #expect(try accounts(for: .unknown) == ["isp"], "it alone is for everyone")
        #expect(try hub.localAddresses.resolve(Address("AL-shop@example.org")) == .mailbox("alice"))
        #expect(try hub.localAddresses.resolve(Address("sales@example.org")) == .blocked)
        #expect(try hub.localAddresses.resolve(Address("alice@gmail.com")) == .elsewhere)
        let owned = hub.addressesOwned(by: hub.mailboxes[0]).map(\.description)
        #expect(
            owned == [
                "alice@home.arpa", "alice@example.org", "al-*@example.org", "alice@example.org", "alice@home.arpa",
                "alice@hub.home.arpa", "alice@plain.example", "alice@gmail.com", "club@example.net",
            ])
        #expect(hub.mailbox(ofUnixUser: "alice")?.name == "alice")
    }

    @Test("a mailbox does not own its name at a domain where another mailbox has that address")
    func foreignName() throws {
        let hub = try Fixture.read(
            """
            hostname hub.test
            mailbox bob
            mailbox carol
              address bob@hub.test
            """)
        #expect(hub.addressesOwned(by: hub.mailboxes[0]).isEmpty)
        #expect(hub.addressesOwned(by: hub.mailboxes[1]).map(\.description).contains("bob@hub.test"))
    }
}

@Suite struct DefaultsTests {
    @Test("ten lines make a working account; everything else has its documented default")
    func defaults() throws {
        let hub = try Fixture.read(
            """
            mailbox alice
            account a
              address alice@gmail.com
              password x
              fetch imaps imap.gmail.com
              send submission smtp.gmail.com
            """)
        #expect(hub.hostname == "localhost" && hub.qualify == "localhost" && hub.log == .syslog)
        #expect(hub.stateDirectory == "/home/alice/.local/state/mailhub")
        #expect(hub.mailboxes[0].maildir == "/home/alice/Mail/alice")
        #expect(hub.queue == QueueLimits() && hub.limits == ServiceLimits())
        #expect(hub.queue.lifetime == .seconds(432_000) && hub.queue.warnAfter == [.seconds(14_400)])
        #expect(hub.limits.messageSize == 52_428_800 && hub.limits.recipients == 100 && hub.limits.errors == 10)
        #expect(hub.limits.connections == 500 && hub.limits.connectionsPerAddress == 20)
        #expect(hub.limits.smtpIdle == .seconds(300) && hub.limits.pop3Idle == .seconds(600))
        let account = hub.accounts[0]
        #expect(account.owner == "alice" && account.user == "alice@gmail.com" && account.keep == .on)
        #expect(account.tls == .required && account.auth == .auto && account.timeout == .seconds(300))
        #expect(account.folders == [FolderSettings(remote: "INBOX", local: nil)] && account.every == nil)
        #expect(account.send == SendServer(service: .submission, host: "smtp.gmail.com", port: 587))
        #expect(hub.runAs == nil)
    }

    @Test("an rc without a mailbox block has one for the Unix user: his mail, his folder, his accounts")
    func impliedMailbox() throws {
        let account =
            "account a\n  address alice@gmail.com\n  password x\n  fetch imaps i.gmail.com\n  send smtp s.gmail.com"
        let hub = try Fixture.read(account)
        #expect(hub.mailboxes.map(\.name) == ["alice"] && hub.mailboxes[0].unixUser == "alice")
        #expect(hub.mailboxes[0].addresses.isEmpty && hub.mailboxes[0].maildir == "/home/alice/Mail/alice")
        #expect(hub.accounts[0].owner == "alice")
        #expect(try hub.localAddresses.resolve(Address("alice@localhost")) == .mailbox("alice"))
        // The account's address lives at its provider, and is what he writes from.
        #expect(try hub.localAddresses.resolve(Address("alice@gmail.com")) == .elsewhere)
        #expect(hub.author(ofUnixUser: "alice")?.description == "alice@gmail.com")
        #expect(try Fixture.read(hub.printed(masked: false)) == hub)

        #expect(try Fixture.read("run-as mailhub\n" + account).mailboxes.map(\.name) == ["mailhub"])
        #expect(try Fixture.read("mailbox bob\n" + account).mailboxes.map(\.name) == ["bob"])
        var nobody = Fixture.context
        nobody.userName = nil
        let error = #expect(throws: RunControlError.self) {
            try HubSettings.read(Array(account.utf8), source: "rc", context: nobody)
        }
        #expect(error?.lines == ["rc:4:3: account a: \"owner MAILBOX\" must say whose mail it is"])
    }

    @Test("the empty rc is one, and the example is a good one")
    func example() throws {
        _ = try Fixture.read("")
        let octets = Array(try Project.text("examples/mailhubrc").utf8)
        let hub = try HubSettings.read(octets, source: "examples/mailhubrc", context: Fixture.context)
        #expect(hub.accounts.map(\.name) == ["work", "club", "isp", "domain"])
        #expect(hub.listeners.map(\.service) == [.pop3s, .submission])
    }
}
