// Who may connect: the `allow` and `deny` rules of a listener.

import InternetAddress

/// Networks that may connect and networks that may not.
///
/// `deny` beats `allow`, whatever their order; without any `allow` everyone else may connect.
public struct AccessRules: Sendable, Hashable {
    public enum Decision: Sendable, Hashable {
        case allowed
        /// The reason is for the log, such as `deny 192.0.2.0/24`.
        case refused(String)
    }

    public var allow: [Network]
    public var deny: [Network]

    public init(allow: [Network] = [], deny: [Network] = []) {
        self.allow = allow
        self.deny = deny
    }

    /// Whether `address` may connect.
    public func decide(_ address: IPAddress) -> Decision {
        if let rule = deny.first(where: { $0.contains(address) }) { return .refused("deny \(rule)") }
        if allow.isEmpty || allow.contains(where: { $0.contains(address) }) { return .allowed }
        return .refused("not in allow " + allow.map(\.description).joined(separator: " "))
    }

    /// Whether only private addresses may connect: what `line-ends repair` requires of a listener.
    public var isPrivateOnly: Bool { !allow.isEmpty && allow.allSatisfy(\.isPrivate) }
}
