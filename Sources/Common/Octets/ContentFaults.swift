// What the line and dot decoders met in content and no sender should have put there.

/// What was met in content that RFC 5321 §2.3.8 does not allow.
public struct ContentFaults: OptionSet, Sendable, Hashable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// CR not followed by LF.
    public static let bareCR = ContentFaults(rawValue: 1)
    /// LF not after CR. It becomes a line end on disk: the one loss, to be logged.
    public static let bareLF = ContentFaults(rawValue: 2)
    /// An octet of value zero.
    public static let nul = ContentFaults(rawValue: 4)
}
