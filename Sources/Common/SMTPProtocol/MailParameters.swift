// What MAIL says besides the envelope.

import MailFormat

/// Parameters of MAIL that are for this hop alone.
public struct MailParameters: Sendable, Hashable {
    /// The size that the client announces, in octets on the wire (RFC 1870 §3); `Int.max` when it is beyond that.
    public var size: Int?
    /// AUTH: who submitted the message first, `.null` for unknown (RFC 4954 §5). As trustworthy as the peer.
    public var auth: ReversePath?

    public init(size: Int? = nil, auth: ReversePath? = nil) {
        self.size = size
        self.auth = auth
    }
}
