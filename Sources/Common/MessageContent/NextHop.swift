// Where a message goes next: each next hop has a fault state, a probe and connections of its own.

/// The next place on the way of a message, as the hub sees it. A *route* is the rule of the rc that leads there.
public enum NextHop: Sendable, Hashable {
    /// A mailbox of this hub.
    case mailbox(String)
    /// The server that an account sends through, by SMTP.
    case account(String)
    /// A program or a file that an alias leads to, as the alias names it.
    case target(String)
    /// Not a place, but what is found out before there is one: who gets the message instead of its recipient.
    case expansion

    /// Its name in the rc.
    public var name: String {
        switch self {
        case .mailbox(let name), .account(let name), .target(let name): name
        case .expansion: "aliases"
        }
    }

    /// The rc's keyword for its kind.
    public var kind: String {
        switch self {
        case .mailbox: "mailbox"
        case .account: "account"
        case .target: "target"
        case .expansion: "expansion"
        }
    }
}

extension NextHop: CustomStringConvertible {
    public var description: String { "\(kind) \(name)" }
}
