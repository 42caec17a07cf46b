// Who submitted a message, and which accounts may carry it: never decided by an address in the message.

/// Who submitted a message.
public enum Submitter: Sendable, Hashable, CustomStringConvertible {
    /// The hub itself, with a notice: every account is open to it, but only a route sends it.
    case notice
    /// The hub's own Unix user, or root: every account is open to them.
    case hubUser
    /// The mailbox of the login, or of the Unix user, by its name in the rc.
    case mailbox(String)
    /// Nobody known here: a stranger, or a Unix user without a mailbox.
    case unknown

    /// Who submits what a process of the Unix user `user` hands in.
    /// - Parameters:
    ///   - mailbox: the mailbox whose `unix-user` he is.
    ///   - hubUser: the Unix user whose queue this is.
    public init(ofUnixUser user: UInt32, mailbox: String?, hubUser: UInt32) {
        self = user == hubUser || user == 0 ? .hubUser : mailbox.map { .mailbox($0) } ?? .unknown
    }

    public var description: String {
        switch self {
        case .notice: "the hub itself"
        case .hubUser: "the hub's own user"
        case .mailbox(let name): name
        case .unknown: "senders without a mailbox here"
        }
    }
}

/// Whose mail an account carries besides its owner's: the rc's word `for`.
public enum AccountGuests: Sendable, Hashable {
    case mailboxes([String])
    /// Mail of strangers, too.
    case everyone
}

/// An account that can send, as routing sees it.
public struct SendingAccount: Sendable, Hashable {
    public var name: String
    /// Mail from one of these leaves through this account when no route decides.
    public var addresses: [AddressPattern]
    /// The mailbox that owns the account, by its name in the rc.
    public var owner: String?
    public var guests: AccountGuests

    public init(
        name: String, addresses: [AddressPattern], owner: String? = nil, guests: AccountGuests = .mailboxes([])
    ) {
        self.name = name
        self.addresses = addresses
        self.owner = owner
        self.guests = guests
    }

    /// Whether the account may carry mail from `submitter`.
    public func isOpen(to submitter: Submitter) -> Bool {
        switch submitter {
        case .notice, .hubUser: true
        case .mailbox(let name): guests == .everyone || served.contains(name)
        case .unknown: guests == .everyone
        }
    }

    /// The mailboxes that its block names, the owner first.
    private var served: [String] {
        let named: [String] = if case .mailboxes(let names) = guests { names } else { [] }
        return (owner.map { [$0] } ?? []) + named
    }

    /// Whom the account serves, in words for a person.
    var service: String { "\(name) serves \(served.isEmpty ? "nobody" : served.joined(separator: " and "))" }
}
