// A password that no log line, error or dump shows.

/// Octets that must stay unseen: every textual form of them is ``mask``.
///
/// `==` is for settings, whose reader knows both; what a stranger sends is compared by a verifier.
public struct Secret: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// What is printed in its place.
    public static let mask = "********"

    /// The octets themselves: for the wire, for verifiers, for a child's settings.
    public let revealed: [UInt8]

    public init(_ octets: [UInt8]) { revealed = octets }

    /// The UTF-8 of `text`, prepared by neither SASLprep (RFC 4013) nor OpaqueString (RFC 8265): a password counts
    /// octet by octet.
    public init(_ text: String) { revealed = Array(text.utf8) }

    /// ``revealed`` as a line of text: for the rc, and for hashes, which are ASCII.
    public var revealedText: String { String(decoding: revealed, as: UTF8.self) }

    public var isEmpty: Bool { revealed.isEmpty }
    public var description: String { Self.mask }
    public var debugDescription: String { Self.mask }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
