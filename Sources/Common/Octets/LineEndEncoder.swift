// Line ends from our files (LF) to the wire (CRLF): one for one, no look-behind.

/// File octets to wire octets: every LF becomes CRLF.
public struct LineEndEncoder: Sendable {
    /// Whether the last octet encoded was a line end, or nothing has been encoded.
    public private(set) var atLineStart = true

    public init() {}

    /// Appends the wire form of `file[range]` to `wire`.
    public mutating func encode(_ file: [UInt8], in range: Range<Int>, into wire: inout [UInt8]) {
        var at = range.lowerBound
        while at < range.upperBound {
            guard let lf = file.firstIndex(of: Octet.lf, in: at..<range.upperBound) else {
                wire.append(contentsOf: file[at..<range.upperBound])
                atLineStart = false
                return
            }
            wire.append(contentsOf: file[at..<lf])
            wire.append(Octet.cr)
            wire.append(Octet.lf)
            atLineStart = true
            at = lf + 1
        }
    }
}
