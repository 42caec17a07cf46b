// Which addresses live at this hub: mailboxes by exact address, by glob, by catch-all; and which domains are ours.

import MailFormat

/// Resolves recipients. Local parts of this hub are compared without regard to case, domains always are.
///
/// An exact address of a mailbox beats an alias, that beats a mailbox's name at a domain of ours; then the same without
/// the suffix. After these come patterns, of aliases before those of mailboxes, at last what takes the rest. `postmaster` is
/// known at every domain of ours (RFC 5321 §4.5.1) as long as there is a mailbox at all.
public struct LocalAddresses: Sendable, Hashable {
    /// A mailbox and the addresses its rc block names, all with a domain.
    public struct Mailbox: Sendable, Hashable {
        public var name: String
        public var addresses: [AddressPattern]

        public init(name: String, addresses: [AddressPattern]) {
            self.name = name
            self.addresses = addresses
        }
    }

    /// A domain that this hub answers for in full: an address there that nobody has is unknown, not elsewhere.
    public struct Domain: Sendable, Hashable {
        public var name: String
        /// The mailboxes that are known by their names there; `nil` for all.
        public var mailboxes: [String]?
        /// The mailbox that gets mail for addresses nobody else has.
        public var catchAll: String?
        /// Addresses that accept no mail.
        public var blocked: [AddressPattern]
        /// The first of these characters in a local part begins a suffix; a local part as a whole is never one.
        public var separators: String
        /// Characters that mean nothing before the suffix.
        public var dropped: String

        public init(
            name: String, mailboxes: [String]? = nil, catchAll: String? = nil, blocked: [AddressPattern] = [],
            separators: String = "", dropped: String = ""
        ) {
            self.name = name.lowercased()
            self.mailboxes = mailboxes
            self.catchAll = catchAll
            self.blocked = blocked
            self.separators = separators
            self.dropped = dropped
        }

        /// Whether one of these addresses takes no mail.
        func blocks(_ candidates: [Address]) -> Bool {
            blocked.contains { pattern in candidates.contains { pattern.matches($0, foldingLocalPart: true) } }
        }

        /// The local parts that `local` is looked up by, in order: with its suffix, then without.
        func candidates(for local: String) -> [String] {
            guard !separators.isEmpty || !dropped.isEmpty else { return [local] }
            let at = local.indices.dropFirst().first { separators.contains(local[$0]) } ?? local.endIndex
            let (head, suffix) = (String(local[..<at]), local[at...])
            let plain = head.filter { !dropped.contains($0) }
            var candidates: [String] = []
            for candidate in [local, plain + suffix, head, plain]
            where candidate != suffix && !candidate.isEmpty && !candidates.contains(candidate) {
                candidates.append(candidate)
            }
            return candidates
        }
    }

    /// Where mail for an address belongs.
    public enum Resolution: Sendable, Hashable {
        /// In the mailbox of that name.
        case mailbox(String)
        /// Wherever the alias of this rank for an address leads: the one that was asked for, or what is left of it without
        /// its suffix.
        case alias(Address, AliasRank)
        /// The domain is ours, and nobody has the address.
        case unknownHere
        /// The domain is ours, and its owner wants no mail for the address.
        case blocked
        /// The domain is not ours, or the address lives at a provider.
        case elsewhere
    }

    private let qualify: String
    private let domains: [String: Domain]
    private let exact: [String: String]
    private let globs: [(pattern: AddressPattern, mailbox: String)]
    private let names: [String: String]
    private let outside: Set<String>
    private let postmaster: String?

    /// - Parameters:
    ///   - qualify: the domain of a bare name; it is a domain of ours.
    ///   - hostname: the name of this hub; it is a domain of ours, as is `localhost`.
    ///   - accountAddresses: addresses that live at a provider. They are elsewhere, even at a domain of ours, unless a
    ///     mailbox has the very same one.
    ///   - postmaster: the mailbox that gets the postmaster's mail; `nil`: the one named `postmaster`, else the first.
    public init(
        hostname: String, qualify: String, mailboxes: [Mailbox], domains: [Domain],
        accountAddresses: [AddressPattern] = [], postmaster: String? = nil
    ) {
        self.qualify = qualify.lowercased()
        var ours: [String: Domain] = [:]
        for name in [hostname, qualify, "localhost"] { ours[name.lowercased()] = Domain(name: name) }
        for domain in domains { ours[domain.name] = domain }
        self.domains = ours
        var exact: [String: String] = [:]
        var globs: [(pattern: AddressPattern, mailbox: String)] = []
        var names: [String: String] = [:]
        for mailbox in mailboxes {
            names[mailbox.name.lowercased()] = mailbox.name
            for pattern in mailbox.addresses.map({ $0.qualified(with: qualify) }) {
                if let address = pattern.address {
                    let key = Self.key(address)
                    if exact[key] == nil { exact[key] = mailbox.name }
                } else if !pattern.isNull {
                    globs.append((pattern, mailbox.name))
                }
            }
        }
        self.exact = exact
        self.globs = globs
        self.names = names
        outside = Set(accountAddresses.compactMap { $0.qualified(with: qualify).address.map(Self.key) })
        self.postmaster = postmaster ?? names["postmaster"] ?? mailboxes.first?.name
    }

    /// Whether this hub answers for `domain` in full.
    public func isOurs(domain: String) -> Bool { domains[domain.lowercased()] != nil }

    /// Where mail for `address` belongs. A bare name is one at the `qualify` domain.
    /// - Parameter aliases: those that are asked; none where they do not matter.
    public func resolve(_ address: Address, aliases: (any AliasNames)? = nil) -> Resolution {
        let local = address.localPart.lowercased()
        let domain = address.domain?.lowercased() ?? qualify
        let ours = domains[domain]
        func alias(_ named: Address?, _ rank: AliasRank) -> Resolution? {
            guard ours != nil, let named, let aliases, aliases.hasAlias(for: named, rank) else { return nil }
            return .alias(named, rank)
        }
        // As it is looked up: with its suffix, then without.
        var candidates: [Address] = []
        for candidate in ours?.candidates(for: local) ?? [local] {
            // What is left of an address may be none, and nobody has that.
            do throws(AddressError) { candidates.append(try Address(localPart: candidate, domain: domain)) } catch {}
        }
        let named = candidates.first
        if local == "postmaster", ours != nil {
            if let mailbox = exact["postmaster@\(domain)"] { return .mailbox(mailbox) }
            if let alias = alias(named, .exact) { return alias }
            if let postmaster { return .mailbox(postmaster) }
        }
        if let ours, ours.blocks(candidates) { return .blocked }
        for candidate in candidates {
            let key = Self.key(candidate)
            if let mailbox = exact[key] { return .mailbox(mailbox) }
            if outside.contains(key) { return .elsewhere }
            if let alias = alias(candidate, .exact) { return alias }
            if let ours, let mailbox = names[candidate.localPart], ours.mailboxes?.contains(mailbox) ?? true {
                return .mailbox(mailbox)
            }
        }
        if let alias = alias(named, .pattern) { return alias }
        let whole = address.whole(at: qualify)
        if let glob = globs.first(where: { $0.pattern.matches(whole, foldingLocalPart: true) }) {
            return .mailbox(glob.mailbox)
        }
        guard let ours else { return .elsewhere }
        if let alias = alias(named, .anybody) { return alias }
        return ours.catchAll.map { .mailbox($0) } ?? .unknownHere
    }

    private static func key(_ address: Address) -> String {
        "\(address.localPart.lowercased())@\(address.domain?.lowercased() ?? "")"
    }

    public static func == (one: LocalAddresses, other: LocalAddresses) -> Bool {
        one.qualify == other.qualify && one.domains == other.domains && one.exact == other.exact
            && one.names == other.names && one.outside == other.outside && one.postmaster == other.postmaster
            && one.globs.elementsEqual(other.globs) { $0 == $1 }
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(qualify)
        hasher.combine(exact)
        hasher.combine(domains)
    }
}
