// Settings written as an rc again: all that is in force, and the worker's copy.

extension HubSettings {
    /// An rc that says all that is in force, defaults included: what `--print-config` shows.
    /// - Parameter masked: whether passwords and their hashes stand as `********`.
    public func printed(masked: Bool = true) -> String { written(.inForce, masked: masked) }

    /// The rc that mhserve gives its worker: what is in force, in the words that the worker needs and no others. It has
    /// the logins of the hub's mailboxes, and the owners and addresses of accounts; no account's password, no way to
    /// get one, no server and no route.
    public func servedCopy() -> String { written(.served, masked: false) }

    private func written(_ extent: Page.Extent, masked: Bool) -> String {
        var page = Page(extent, isMasked: masked)
        page.add(self)
        for mailbox in mailboxes { page.add(mailbox) }
        for account in accounts { page.add(account) }
        for route in routes { page.add(route) }
        for chain in chains { page.add(chain) }
        for domain in domains { page.add(domain) }
        for listener in listeners { page.add(listener) }
        return page.text
    }
}

extension FolderSettings {
    /// `name` as a `folders` line has it: in quotes where it must be.
    public static func written(_ name: String) -> String { Page.quoted(name) }
}
