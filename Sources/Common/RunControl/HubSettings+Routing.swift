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
                    name: $0.name, mailboxes: $0.mailboxes, catchAll: $0.catchAll, blocked: $0.blocked,
                    separators: $0.suffix ?? "", dropped: $0.droppedCharacters ?? "")
            },
            accountAddresses: accounts.flatMap(\.addresses), postmaster: postmaster)
    }

    /// Whether mail goes to others besides those that it is for.
    /// - Parameter submitter: the mailbox that submits it; `nil` for a stranger.
    public func makesCopies(ofMailBy submitter: String?) -> Bool {
        alwaysBCC != nil || submitter.flatMap { mailbox($0)?.sentFolder } != nil
    }

    /// The address of a mailbox: the first of its own that is a single one, else its name here; `nil` where that is none in
    /// mail.
    public func address(of mailbox: MailboxSettings) -> Address? {
        mailbox.addresses.lazy.compactMap { $0.qualified(with: qualify).address }.first
            ?? (try? Address(localPart: mailbox.name, domain: qualify))
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

    /// Who sends what the programs of a Unix user hand in, such as cron's: see ``author(ofUnixUser:)``.
    public func sender(ofUnixUser name: String) -> Address? {
        author(ofUnixUser: name) ?? (try? Address(localPart: name, domain: qualify))
    }

    /// Why the provider of `account` will hardly take mail from `sender`: it is of this hub's own domains, and the account
    /// has no address there. `nil` for no reason that could be told from here.
    public func doubt(about sender: Address, through account: AccountSettings) -> String? {
        guard account.send != nil, account.logsIn, let domain = sender.domain,
            [hostname, qualify, "localhost"].contains(domain),
            !account.addresses.contains(where: { $0.domain == domain })
        else { return nil }
        return "few providers take mail from \(sender), which is of this hub alone; a route with \"rewrite envelope "
            + "\(sender.localPart) ADDRESS\" and \"rewrite from \(sender.localPart) ADDRESS\" gives it one of the account's"
    }

    /// The mailbox of the person who is the Unix user `name`, if any.
    public func mailbox(ofUnixUser name: String) -> MailboxSettings? { mailboxes.first { $0.unixUser == name } }
}
