// Rules of a route that put other addresses into the mail that leaves by it, so that the outside sees valid ones.

import MailFormat

/// Where a rule applies.
public enum RewritePlace: String, Sendable, Hashable, CaseIterable {
    case from, sender
    case replyTo = "reply-to"
    case mailFollowupTo = "mail-followup-to"
    case to, cc
    /// The reverse-path.
    case envelope
}

/// `rewrite PLACE PATTERN ADDRESS`.
public struct RewriteRule: Sendable, Hashable {
    /// The address to put in.
    public enum Replacement: Sendable, Hashable {
        /// The same local part at another domain.
        case domain(String)
        /// One address, and the display name for a mailbox that has none.
        case mailbox(Address, displayName: String?)
    }

    /// Where it applies; `nil` in each place that no other rule has an address for.
    public var place: RewritePlace?
    /// With `@` for the whole address; without for the local parts of bare names and of addresses at domains of ours.
    public var pattern: AddressPattern
    public var replacement: Replacement

    public init(place: RewritePlace?, pattern: AddressPattern, replacement: Replacement) {
        (self.place, self.pattern, self.replacement) = (place, pattern, replacement)
    }

    func matches(_ address: Address, isOurs: (String) -> Bool) -> Bool {
        guard !pattern.isNull else { return false }
        if pattern.domain == nil, let domain = address.domain, !isOurs(domain) { return false }
        return pattern.matches(address, foldingLocalPart: true)
    }

    func replacement(of address: Address) -> MailboxReplacement? {
        switch replacement {
        case .domain(let domain):
            // What is no address at that domain, as it would grow too long, stays what it is.
            (try? Address(localPart: address.localPart, domain: domain)).map { MailboxReplacement($0) }
        case .mailbox(let address, let name): MailboxReplacement(address, displayName: name)
        }
    }
}

/// The rules of one route, in order.
public struct RewriteRules: Sendable, Hashable {
    public var rules: [RewriteRule]
    /// The domains whose addresses a pattern without `@` stands for.
    private let locals: LocalAddresses

    /// - Parameter locals: tells which domains are ours.
    public init(_ rules: [RewriteRule], locals: LocalAddresses) { (self.rules, self.locals) = (rules, locals) }

    /// Whether a rule may change something in `place`.
    public func concern(_ place: RewritePlace) -> Bool { rules.contains { $0.place == nil || $0.place == place } }

    /// What is to stand in `place` instead of `address`; `nil` for itself. Of the rules for the place the first that matches
    /// counts, else of those for all places.
    public func replacement(of address: Address, in place: RewritePlace) -> MailboxReplacement? {
        let fitting = rules.filter { $0.matches(address, isOurs: locals.isOurs) }
        let rule = fitting.first { $0.place == place } ?? fitting.first { $0.place == nil }
        return rule?.replacement(of: address)
    }
}
