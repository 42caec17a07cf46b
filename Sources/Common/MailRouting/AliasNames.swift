// What resolving recipients asks of aliases: whether they name an address, and how closely.

import MailFormat

/// How closely an alias names an address: the closer, the earlier it is asked.
public enum AliasRank: Sendable, Hashable, CaseIterable {
    /// By the whole address, or its local part.
    case exact
    /// By a pattern with `*` or `?`.
    case pattern
    /// `*`, whatever the local part.
    case anybody
}

/// Aliases, as far as it is asked whom they name.
public protocol AliasNames: Sendable {
    /// Whether an alias of this rank names `address`, or might, where its file cannot be read.
    /// - Parameter address: with its domain.
    func hasAlias(for address: Address, _ rank: AliasRank) -> Bool
}
