// What was said is kept apart from what is in force, and blocks are written by it.

import Credentials
import Testing

@testable import RunControl

@Suite struct SaidTests {
    @Test("a block is written with what its lines say and nothing else, and reads again as the same")
    func blocks() throws {
        let hub = try Fixture.read(
            """
            qualify home.arpa
            mailbox alice
              address  alice
            account a
              address  a@x.org
              password "x y"
              fetch    imaps i.example
              keep     30d
            """)
        #expect(hub.mailboxes[0].addresses.map(\.description) == ["alice@home.arpa"])
        #expect(try hub.mailboxes[0].written() == "mailbox alice\n  address alice\n")
        #expect(
            try hub.accounts[0].written()
                == "account a\n  address a@x.org\n  password \"x y\"\n  fetch imaps i.example:993\n  keep 30d\n")
        #expect(hub.accounts[0].user == "a@x.org" && hub.accounts[0].$user.said == nil)
        #expect(hub.accounts[0].timeout == .seconds(300) && hub.accounts[0].$timeout.said == nil)
    }

    @Test("blocks written one by one make the same rc")
    func whole() throws {
        let hub = try Fixture.read(Fixture.everything)
        var text = Fixture.everything.split(separator: "\n").prefix { !$0.hasPrefix("mailbox") }.joined(separator: "\n")
        text +=
            try "\n" + hub.mailboxes.map { try $0.written() }.joined() + hub.accounts.map { try $0.written() }.joined()
        text += try hub.routes.map { try $0.written() }.joined() + hub.domains.map { try $0.written() }.joined()
        text += try hub.listeners.map { try $0.written() }.joined()
        #expect(try Fixture.read(text) == hub)
    }

    @Test("a block made by a program is written by what it was given")
    func made() throws {
        var account = AccountSettings(name: "work")
        account.user = "alice"
        account.secret = .command(["pass", "show", "a;b"])
        account.fetch = FetchServer(service: .imaps, host: "imap.example", port: 993)
        account.timeout = .seconds(300)
        #expect(
            try account.written() == """
                account work
                  user alice
                  passwordeval pass show "a;b"
                  fetch imaps imap.example:993
                  timeout 5m

                """)
        #expect(try Fixture.read("mailbox m\n" + account.written()).accounts[0].secret == account.secret)
    }

    @Test("no value makes lines of its own, and what no rc may say is refused where it stands")
    func hostile() throws {
        func complaint(_ change: (inout AccountSettings) -> Void) -> String? {
            var account = AccountSettings(name: "work")
            change(&account)
            do throws(RunControlError) {
                _ = try account.written()
                return nil
            } catch {
                return error.lines.first
            }
        }
        let values = ["a\n  keep off", "a\nkeep", "a\n\tkeep\toff", "a\r", "a\0", "\"\n  keep off #", "a\u{7F}"]
        for value in values {
            #expect(complaint { $0.user = value } != nil, "\(value.debugDescription)")
            #expect(complaint { $0.secret = .command(["x", value]) } != nil, "\(value.debugDescription)")
            #expect(complaint { $0.name = value } != nil, "\(value.debugDescription)")
        }
        #expect(complaint { $0.user = "a\tb # \"" } == nil)
        #expect(
            complaint { $0.timeout = .seconds(7200) }
                == "account work:2:11: the time is from 1 second to 1 hour, so it cannot be \"2h\"")
        #expect(
            complaint { $0.via = "abroad" }?.hasSuffix("this release cannot connect over a chain yet; remove the line")
                == true)
        #expect(complaint { $0.secret = .file("pass") }?.contains("must begin with /") == true)
    }

    @Test("a tab within quotes stays one")
    func tab() throws {
        let hub = try Fixture.read("mailbox m\n  password \"a\tb\"")
        #expect(try Fixture.read(hub.printed(masked: false)) == hub)
        #expect(hub.mailboxes[0].verifier == .password(Secret("a\tb")))
    }

    @Test("what is in force is printed whole, and a printed rc says the same")
    func inForce() throws {
        let hub = try Fixture.read("mailbox m\naccount a\n  address a@x.org\n  password x\n  fetch pop3s p.example")
        let printed = hub.printed(masked: false)
        for line in ["queue-lifetime 5d", "  timeout 5m", "  user a@x.org", "  owner m", "  keep on"] {
            #expect(printed.split(separator: "\n").contains { $0 == line }, "\(line)")
        }
        #expect(try Fixture.read(printed) == hub)
        #expect(try !hub.accounts[0].written().contains("timeout"))
    }
}
