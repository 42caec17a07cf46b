// Who lives here, who is unknown here, and who lives elsewhere.

import MailFormat
import MailRouting
import Testing

@Suite struct LocalAddressesTests {
    private let local: LocalAddresses

    init() throws {
        func patterns(_ texts: String...) throws -> [AddressPattern] {
            try texts.map { try AddressPattern(parsing: $0) }
        }
        local = LocalAddresses(
            hostname: "hub.home.arpa", qualify: "home.arpa",
            mailboxes: [
                .init(
                    name: "Alice", addresses: try patterns("alice@example.org", "al-*@example.org", "me@other.example")),
                .init(name: "bob", addresses: try patterns("al-exact@example.org", "bobby")),
            ],
            domains: [
                .init(
                    name: "Example.org", mailboxes: ["bob"], catchAll: "Alice",
                    blocked: try patterns("spam*@example.org")),
                .init(name: "plain.example"),
            ],
            accountAddresses: try patterns("alice@gmail.example", "away@example.org", "alice@example.org"))
    }

    private func resolve(_ address: String) throws -> LocalAddresses.Resolution { try local.resolve(Address(address)) }

    @Test("exact beats name beats glob beats catch-all")
    func precedence() throws {
        #expect(try resolve("alice@example.org") == .mailbox("Alice"))
        #expect(try resolve("al-exact@example.org") == .mailbox("bob"))
        #expect(try resolve("al-shop@example.org") == .mailbox("Alice"))
        #expect(try resolve("bob@example.org") == .mailbox("bob"))
        #expect(try resolve("nobody@example.org") == .mailbox("Alice"))
    }

    @Test("neither domain nor local part knows case")
    func letterCase() throws {
        #expect(try resolve("ALICE@EXAMPLE.ORG") == .mailbox("Alice"))
        #expect(try resolve("alice@hub.home.arpa") == .mailbox("Alice"))
    }

    @Test("a bare name is one at the qualify domain")
    func bare() throws {
        #expect(try resolve("bob") == .mailbox("bob"))
        #expect(try resolve("bobby") == .mailbox("bob"))
        #expect(try resolve("root") == .unknownHere)
    }

    @Test("only a domain of ours has unknown names; a mailbox address makes no domain ours")
    func unknown() throws {
        #expect(try resolve("nobody@plain.example") == .unknownHere)
        #expect(try resolve("nobody@hub.home.arpa") == .unknownHere)
        #expect(try resolve("root@localhost") == .unknownHere)
        #expect(try resolve("me@other.example") == .mailbox("Alice"))
        #expect(try resolve("you@other.example") == .elsewhere)
        #expect(!local.isOurs(domain: "other.example") && local.isOurs(domain: "EXAMPLE.org"))
    }

    @Test("an address at a provider is elsewhere, unless it is a mailbox's too")
    func accounts() throws {
        #expect(try resolve("alice@gmail.example") == .elsewhere)
        #expect(try resolve("away@example.org") == .elsewhere)
        #expect(try resolve("alice@example.org") == .mailbox("Alice"))
    }

    @Test("blocked is blocked, and the postmaster is known everywhere here")
    func postmasterAndBlocked() throws {
        #expect(try resolve("spam-1@example.org") == .blocked)
        #expect(try resolve("SPAM@example.org") == .blocked)
        #expect(try resolve("PostMaster@plain.example") == .mailbox("Alice"))
        #expect(try resolve("postmaster") == .mailbox("Alice"))
        #expect(try resolve("postmaster@other.example") == .elsewhere)
    }
}
