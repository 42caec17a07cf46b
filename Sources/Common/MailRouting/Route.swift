// A route of the rc: which messages it takes, and the accounts that they leave through.

import MailFormat

/// The patterns for one part of the envelope or header: `deny` beats `allow`, and an empty `allow` allows all.
public struct AddressConditions: Sendable, Hashable {
    public var allow: [AddressPattern]
    public var deny: [AddressPattern]

    public init(allow: [AddressPattern] = [], deny: [AddressPattern] = []) {
        self.allow = allow
        self.deny = deny
    }

    public var isEmpty: Bool { allow.isEmpty && deny.isEmpty }

    /// Why these conditions refuse `value`; `nil` when they do not.
    /// - Parameters:
    ///   - word: the rc's word for the part, such as `from`.
    ///   - matches: whether a pattern matches the value.
    func refusal(of value: String, word: String, by matches: (AddressPattern) -> Bool) -> String? {
        if let pattern = deny.first(where: matches) { return "not-\(word) \(pattern) matches \(value)" }
        if !allow.isEmpty, !allow.contains(where: matches) { return "\(word) does not match \(value)" }
        return nil
    }
}

/// What becomes of a message when no connection to any server of a route can be had.
public enum ConnectFailure: String, Sendable, Hashable, CaseIterable {
    /// Keep it and try again.
    case `defer`
    /// Send it back at once.
    case bounce
}

/// One route of the rc.
public struct Route: Sendable, Hashable {
    public var name: String
    /// Conditions on the envelope sender (`<>` too), the recipient, and the address in the From field.
    public var from: AddressConditions
    public var to: AddressConditions
    public var headerFrom: AddressConditions
    public var target: RouteTarget
    /// Whether a temporary failure here keeps later routes from being tried.
    public var isLast: Bool
    public var onConnectFailure: ConnectFailure
    /// The names of the connections that it is tried over, as globs; empty for any, and for none.
    public var online: [String]

    public init(
        name: String, from: AddressConditions = .init(), to: AddressConditions = .init(),
        headerFrom: AddressConditions = .init(), target: RouteTarget = .accounts([]), isLast: Bool = false,
        onConnectFailure: ConnectFailure = .defer, online: [String] = []
    ) {
        self.name = name
        self.from = from
        self.to = to
        self.headerFrom = headerFrom
        self.target = target
        self.isLast = isLast
        self.onConnectFailure = onConnectFailure
        self.online = online
    }

    /// The ways out that it names.
    public var ways: [WayOut] {
        switch target {
        case .accounts(let names): names.map { .account($0) }
        case .direct: [.direct(route: name)]
        case .program: [.program(route: name)]
        }
    }

    /// Whether it is tried over the connection of that name.
    public func isTried(over connection: String) -> Bool { Connectivity.online(connection).refusal(of: online) == nil }

    /// Why this route does not take the message for `recipient`; `nil` when it does.
    ///
    /// A message without a readable From field matches no `header-from` and is denied by no `not-header-from`.
    public func refusal(reversePath: ReversePath, recipient: Address, headerFrom: Address?) -> String? {
        if let why = from.refusal(of: "\(reversePath)", word: "from", by: { $0.matches(reversePath) }) { return why }
        if let why = to.refusal(of: "\(recipient)", word: "to", by: { $0.matches(recipient) }) { return why }
        let author = headerFrom.map { "\($0)" } ?? "a message without a From address"
        return self.headerFrom.refusal(of: author, word: "header-from") { pattern in
            headerFrom.map { pattern.matches($0) } ?? false
        }
    }
}
