// Line ends between the wire (CRLF) and our files (LF): every LF of a file is one CRLF of the wire, no look-behind.

/// What was met in content that RFC 5321 §2.3.8 does not allow.
public struct Oddities: OptionSet, Sendable, Hashable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// CR not followed by LF.
    public static let bareCR = Oddities(rawValue: 1)
    /// LF not after CR. It becomes a line end on disk: the one loss, to be logged.
    public static let bareLF = Oddities(rawValue: 2)
    /// An octet of value zero.
    public static let nul = Oddities(rawValue: 4)
}

/// Wire octets to file octets: CRLF becomes LF, a bare LF stays LF, a bare CR stays CR.
public struct LineEndDecoder: Sendable {
    public private(set) var oddities: Oddities = []
    private var pendingCR = false

    public init() {}

    /// Appends to `file` what `wire[range]` means on disk.
    public mutating func decode(_ wire: [UInt8], in range: Range<Int>, into file: inout [UInt8]) {
        var at = range.lowerBound
        let end = range.upperBound
        while at < end {
            if pendingCR {
                pendingCR = false
                if wire[at] == Octet.lf {
                    file.append(Octet.lf)
                    at += 1
                    continue
                }
                file.append(Octet.cr)
                oddities.insert(.bareCR)
            }
            let lf = wire.firstIndex(of: Octet.lf, in: at..<end)
            let stop = lf ?? end
            let endsInCR = stop > at && wire[stop - 1] == Octet.cr
            let content = at..<(endsInCR ? stop - 1 : stop)
            note(wire, content)
            file.append(contentsOf: wire[content])
            if lf != nil {
                if !endsInCR { oddities.insert(.bareLF) }
                file.append(Octet.lf)
                at = stop + 1
            } else {
                pendingCR = endsInCR
                at = end
            }
        }
    }

    /// Appends what is still held back: a CR at the very end of the content.
    public mutating func finish(into file: inout [UInt8]) {
        guard pendingCR else { return }
        pendingCR = false
        oddities.insert(.bareCR)
        file.append(Octet.cr)
    }

    private mutating func note(_ wire: [UInt8], _ content: Range<Int>) {
        if wire.firstIndex(of: Octet.cr, in: content) != nil { oddities.insert(.bareCR) }
        if wire.firstIndex(of: Octet.nul, in: content) != nil { oddities.insert(.nul) }
    }
}

/// File octets to wire octets: every LF becomes CRLF.
public struct LineEndEncoder: Sendable {
    /// Whether the last octet encoded was a line end, or nothing has been encoded.
    public private(set) var atLineStart = true

    public init() {}

    /// Appends to `wire` what `file[range]` is on the wire.
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
