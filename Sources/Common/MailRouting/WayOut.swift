// A way for a message to leave the hub.

/// A way out, as the rc names it.
public enum WayOut: Sendable, Hashable {
    /// Through the account of this name.
    case account(String)
    /// Straight to the hosts of each recipient's domain, as the route of this name says.
    case direct(route: String)
    /// To the program of the route of this name, once for each recipient.
    case program(route: String)

    /// The account's name; `nil` for other ways.
    public var account: String? { if case .account(let name) = self { name } else { nil } }

    /// The name of the account, or of the route whose way it is.
    public var name: String {
        switch self {
        case .account(let name), .direct(let name), .program(let name): name
        }
    }
}

/// Where the mail of a route leaves the hub.
public enum RouteTarget: Sendable, Hashable {
    /// Through these accounts, in the order to try them.
    case accounts([String])
    case direct
    case program
}
