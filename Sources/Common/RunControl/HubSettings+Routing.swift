// From settings to the tables that route mail and resolve recipients.

import MailFormat
import MailRouting

extension HubSettings {
    /// The routes and the accounts that can send, for the queue and for `mhroute show`.
    public var routingTable: RoutingTable {
        RoutingTable(
            routes: routes.map(\.route),
            accounts: accounts.filter { $0.send != nil }.map {
                SendingAccount(name: $0.name, addresses: $0.addresses, owner: $0.owner, guests: $0.guests)
            })
    }

    /// Which addresses live here.
    public var localAddresses: LocalAddresses {
        LocalAddresses(
            hostname: hostname, qualify: qualify,
            mailboxes: mailboxes.map { LocalAddresses.Mailbox(name: $0.name, addresses: $0.addresses) },
            domains: domains.map {
                LocalAddresses.Domain(
                    name: $0.name, mailboxes: $0.mailboxes, catchAll: $0.catchAll, blocked: $0.blocked)
            },
            accountAddresses: accounts.flatMap(\.addresses), postmaster: postmaster)
    }

    /// The addresses that the login of `mailbox` may send from: its own, its name at the domains of this hub, and those
    /// of the accounts it owns.
    public func addressesOwned(by mailbox: MailboxSettings) -> [AddressPattern] {
        let domains = Set(
            [hostname, qualify] + domains.filter { $0.mailboxes?.contains(mailbox.name) ?? true }.map(\.name))
        // Another mailbox may have this name at a domain by an `address` line of its own: then it is not this one's.
        let locals = localAddresses
        let named = domains.sorted().compactMap { try? AddressPattern(parsing: "\(mailbox.name)@\($0)") }
            .filter { $0.address.map { locals.resolve($0) == .mailbox(mailbox.name) } ?? false }
        return mailbox.addresses + named + accounts.filter { $0.owner == mailbox.name }.flatMap(\.addresses)
    }

    /// Who sends when the Unix user `name` does not say who: the first address of his mailbox, else of the first
    /// account that the mailbox owns and that sends.
    public func author(ofUnixUser name: String) -> Address? {
        mailbox(ofUnixUser: name).flatMap(author)
    }

    /// Who sends when a mailbox does not say who: see ``author(ofUnixUser:)``.
    public func author(of mailbox: MailboxSettings) -> Address? {
        let accounts = accounts.filter { $0.owner == mailbox.name && $0.send != nil }
        return (mailbox.addresses + accounts.flatMap(\.addresses)).lazy.compactMap(\.address).first
    }

    /// The mailbox of the person who is the Unix user `name`, if any.
    public func mailbox(ofUnixUser name: String) -> MailboxSettings? { mailboxes.first { $0.unixUser == name } }
}
