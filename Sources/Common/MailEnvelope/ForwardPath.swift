// Where a copy of a message is to go (RFC 5321 §3.3).

import MailFormat

/// The path of RCPT: an address, or the one name that every server accepts without a domain.
public enum ForwardPath: Sendable, Hashable, CustomStringConvertible {
    case address(Address)
    /// `<postmaster>` (RFC 5321 §4.5.1).
    case postmaster

    /// The path that leads to `address`.
    public init(_ address: Address) {
        let isPostmaster = address.domain == nil && address.localPart.lowercased() == "postmaster"
        self = isPostmaster ? .postmaster : .address(address)
    }

    /// The address that it names; a bare one for `<postmaster>`, which the server that accepts the mail has to
    /// complete.
    public var address: Address {
        switch self {
        case .address(let address): address
        case .postmaster: .postmaster
        }
    }

    /// The path as it stands in RCPT, angle brackets included.
    public var description: String { "<\(address)>" }
}
