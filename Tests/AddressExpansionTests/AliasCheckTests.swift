// What --check says of aliases.

import MailFormat
import MailTestKit
import RunControl
import Testing

@testable import AddressExpansion

@Suite("The check of aliases")
struct AliasCheckTests {
    private let scratch = ScratchDirectory()

    /// What the check finds in this file of a hub at home.example.
    private func findings(_ aliases: String) -> [String] {
        var settings = HubSettings()
        (settings.hostname, settings.qualify) = ("hub.example", "home.example")
        settings.stateDirectory = scratch.file("state")
        settings.mailboxes = ["alice", "bob"].map { name in
            var mailbox = MailboxSettings(name: name)
            mailbox.maildir = scratch.file("mail/\(name)")
            return mailbox
        }
        settings.aliases = [scratch.write(aliases, to: "aliases")]
        settings.domains = [DomainSettings(name: "own.example")]
        let found = settings.findings(of: [.aliases])
        #expect(!found.hasFaults, "no run stops at a bad line")
        return found.all.map { $0.description.replacing("\(scratch.path)/", with: "") }
    }

    @Test("SE13: --check tells each line that will not do what it says, and no other")
    func told() {
        let told = findings(
            """
             : bob
            root: alice
            info@home.example: bob
            Alice: alice, x@far.example
            *: bob
            x-*@*.example: bob
            a: bob
            A: alice
            one: two
            two: three
            three: one
            nobody:
            b: b@far.example via gmial
            c: bob,
              alice@home.example via gmail
            info@own.example: bob
            d: \(scratch.file("state"))/x
            e: :include:/nowhere/list

            """)
        let expected = [
            "1:1: warning: the line names nobody: it begins with a name and a colon, and what continues a line begins with a blank",
            "8:1: warning: alias A: it stands in line 7 already, which does not count",
            "9:1: warning: alias one: it leads back to itself, by way of two, three",
            "12:1: warning: alias nobody: it leads nowhere; for nowhere write /dev/null",
            "13:1: warning: alias b: via gmial: the rc has no account of that name that sends",
            "15:1: warning: alias c: via gmail: alice@home.example is an address of this hub, and no account is asked",
            "16:1: warning: alias info@own.example: it has no effect, as this is no aliases file of own.example; "
                + "see \"domain\" in mailhubrc(5)",
            "17:1: warning: alias d: state/x lies in state, where no alias puts anything",
            "18:1: warning: alias e: /nowhere/list: cannot be read: No such file or directory",
        ]
        #expect(told == expected.map { "aliases:\($0)" }, "\(told)")
    }
}
