// Dot transparency (RFC 5321 §4.5.2, RFC 1939 §3) on the way out, together with line ends.

/// File octets to dot-stuffed wire octets with the closing line.
public struct DotEncoder: Sendable {
    private var atLineStart = true

    public init() {}

    /// Appends to `wire` the stuffed form of `file[range]`.
    public mutating func encode(_ file: [UInt8], in range: Range<Int>, into wire: inout [UInt8]) {
        var at = range.lowerBound
        while at < range.upperBound {
            if atLineStart, file[at] == Octet.dot { wire.append(Octet.dot) }
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

    /// Appends the end: a missing last line end, then the closing line.
    public mutating func finish(into wire: inout [UInt8]) {
        if !atLineStart { wire.append(contentsOf: [Octet.cr, Octet.lf]) }
        wire.append(contentsOf: [Octet.dot, Octet.cr, Octet.lf])
        atLineStart = true
    }
}
