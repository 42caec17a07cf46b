// Where a message goes next: each next hop has a fault state, a probe and connections of its own.

/// The next place on the way of a message, as the hub sees it. A *route* is the rule of the rc that leads there.
public enum NextHop: Sendable, Hashable {
    /// A mailbox of this hub.
    case mailbox(String)
    /// The server that an account sends through, by SMTP or LMTP.
    case account(String)
    /// The hosts of a domain, by SMTP, as the route of that name has it.
    case domain(String, route: String)
    /// The program of the route of this name.
    case program(route: String)
    /// A program or a file that an alias leads to, as the alias names it.
    case target(String)
    /// Not a place, but what is found out before there is one: who gets the message instead of its recipient.
    case expansion

    /// Its name in the rc, or in DNS.
    public var name: String {
        switch self {
        case .mailbox(let name), .account(let name), .domain(let name, _), .program(let name), .target(let name): name
        case .expansion: "aliases"
        }
    }

    /// The rc's keyword for its kind.
    public var kind: String {
        switch self {
        case .mailbox: "mailbox"
        case .account: "account"
        case .domain: "domain"
        case .program: "pipe"
        case .target: "target"
        case .expansion: "expansion"
        }
    }
}

extension NextHop {
    /// Whether it is the place of somebody whom the rc does not name: nobody here can mend what is wrong with it.
    public var isStranger: Bool { if case .domain = self { true } else { false } }

    /// Whether mail leaves the hub there.
    public var leavesHub: Bool {
        switch self {
        case .account, .domain, .program: true
        case .mailbox, .target, .expansion: false
        }
    }
}

extension NextHop: CustomStringConvertible {
    public var description: String { "\(kind) \(name)" }
}
