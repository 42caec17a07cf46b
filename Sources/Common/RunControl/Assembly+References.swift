// The check that names in lines are those of blocks.

extension Assembly {
    /// Finds the names that lead nowhere, or to an account that cannot do what is asked of it.
    mutating func checkReferences(_ settings: HubSettings) {
        let references =
            top.references + mailboxes.flatMap(\.references) + accounts.flatMap(\.references)
            + routes.flatMap(\.references) + chains.flatMap(\.references) + domains.flatMap(\.references)
            + listeners.flatMap(\.references)
        for reference in references {
            let name = reference.name.text
            let (kind, names): (String, [String]) =
                switch reference.kind {
                case .mailbox: ("mailbox", settings.mailboxes.map(\.name))
                case .account, .sendingAccount: ("account", settings.accounts.map(\.name))
                case .chain: ("chain", settings.chains.map(\.name))
                }
            if !names.contains(name) {
                faults.add(
                    reference.name.position, "there is no \(kind) \"\(name)\"\(Nearest.hint(to: name, among: names))")
            } else if reference.kind == .sendingAccount,
                let draft = accounts.first(where: { $0.settings.name == name }),
                draft.position("send") == nil, !draft.excuses("send")
            {
                faults.add(
                    reference.name.position, "account \(name) has no \"send\" line, so nothing leaves through it")
            }
        }
    }
}
