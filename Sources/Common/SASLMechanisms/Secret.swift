// A password that no log line, error or dump shows.

/// Octets that must stay unseen. Every textual form of it is `(secret)`; there is no `==`, compare with a verifier.
public struct Secret: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The octets themselves: for the wire and for verifiers only.
    public let revealed: [UInt8]

    public init(_ octets: [UInt8]) { revealed = octets }

    /// The UTF-8 of `text`, without preparation (RFC 8265 SASLprep or OpaqueString is not done: a password counts octet
    /// by octet).
    public init(_ text: String) { revealed = Array(text.utf8) }

    public var count: Int { revealed.count }
    public var isEmpty: Bool { revealed.isEmpty }
    public var description: String { "(secret)" }
    public var debugDescription: String { "(secret)" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
