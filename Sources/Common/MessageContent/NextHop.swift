// Where a message goes next: each next hop has a fault state, a probe and connections of its own.

/// The next place on the way of a message, as the hub sees it. A *route* is the rule of the rc that leads there.
public enum NextHop: Sendable, Hashable {
    /// A mailbox of this hub.
    case mailbox(String)
    /// The server that an account sends through, by SMTP.
    case account(String)

    /// Its name in the rc.
    public var name: String {
        switch self {
        case .mailbox(let name), .account(let name): name
        }
    }

    /// The rc's keyword for its kind.
    public var kind: String {
        switch self {
        case .mailbox: "mailbox"
        case .account: "account"
        }
    }
}

extension NextHop: CustomStringConvertible {
    public var description: String { "\(kind) \(name)" }
}
