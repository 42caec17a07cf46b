// Faults in content that the line-end and dot decoders note: octets that no sender should have put there.

/// What was met in content that RFC 5321 §2.3.8 (CR and LF) or RFC 2045 §2.8 (NUL) does not allow.
public struct ContentFaults: OptionSet, Sendable, Hashable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// CR not followed by LF.
    public static let bareCR = ContentFaults(rawValue: 1)
    /// LF not after CR. On disk it becomes a line end like any other: the one thing that decoding loses, to be logged.
    public static let bareLF = ContentFaults(rawValue: 2)
    /// An octet of value zero.
    public static let nul = ContentFaults(rawValue: 4)
}
