// Mailbox names as the wire has them (RFC 3501 §5.1.3).

import Octets

/// A mailbox name as the server writes it; a name that is not valid modified UTF-7 can be used all the same.
public struct IMAPMailboxName: Hashable, Sendable {
    /// The name on the wire, neither quoted nor decoded.
    public let encoded: [UInt8]

    public init(encoded: [UInt8]) { self.encoded = encoded }

    /// The name that a person writes as `name`.
    public init(_ name: String) { encoded = ModifiedUTF7.encode(name) }

    public static let inbox = IMAPMailboxName(encoded: [UInt8]("INBOX"))

    /// The name as a person reads it; `nil` when it is not valid modified UTF-7.
    public var decoded: String? { ModifiedUTF7.decode(encoded) }
}
