// Dot transparency (RFC 5321 §4.5.2, RFC 1939 §3) together with line ends: one pass, one notion of a line.

/// Dot-stuffed wire octets to file octets, up to the closing CRLF.CRLF.
///
/// Only CRLF.CRLF ends the content; a dot after a bare LF or bare CR is content like any other. Faulty octets are noted
/// in ``contentFaults`` for the caller's policy (a server refuses, a client logs).
public struct DotDecoder: Sendable {
    private enum State { case lineStart, dot, dotCR, middle, middleCR }

    public private(set) var contentFaults: ContentFaults = []
    /// Whether the closing line has been read.
    public private(set) var isFinished = false
    /// Octets of the wire consumed so far, stuffing, line ends and closing line included.
    public private(set) var wireCount = 0
    private var state = State.lineStart

    public init() {}

    /// Appends the file form of `wire[range]` to `file`, and stops behind the closing line.
    /// - Returns: the index of the first octet not consumed: `range.upperBound` unless the content has ended.
    public mutating func decode(_ wire: [UInt8], in range: Range<Int>, into file: inout [UInt8]) -> Int {
        var at = range.lowerBound
        let end = range.upperBound
        defer { wireCount += at - range.lowerBound }
        while at < end, !isFinished {
            let octet = wire[at]
            switch state {
            case .lineStart:
                if octet == Octet.dot {
                    state = .dot
                    at += 1
                } else {
                    state = .middle
                }
            case .dot:
                if octet == Octet.cr {
                    state = .dotCR
                    at += 1
                } else {
                    state = .middle  // the stuffed dot is dropped, `octet` is content
                }
            case .dotCR:
                if octet == Octet.lf {
                    isFinished = true
                    at += 1
                } else {
                    keepBareCR(in: &file)
                }
            case .middleCR:
                if octet == Octet.lf {
                    file.append(Octet.lf)
                    state = .lineStart
                    at += 1
                } else {
                    keepBareCR(in: &file)
                }
            case .middle:
                at = decodeMiddle(wire, at..<end, into: &file)
            }
        }
        return at
    }

    /// Copies up to and including the next LF, or all there is.
    private mutating func decodeMiddle(_ wire: [UInt8], _ range: Range<Int>, into file: inout [UInt8]) -> Int {
        let lf = wire.firstIndex(of: Octet.lf, in: range)
        let stop = lf ?? range.upperBound
        let endsInCR = stop > range.lowerBound && wire[stop - 1] == Octet.cr
        let content = range.lowerBound..<(endsInCR ? stop - 1 : stop)
        if wire.firstIndex(of: Octet.cr, in: content) != nil { contentFaults.insert(.bareCR) }
        if wire.firstIndex(of: Octet.nul, in: content) != nil { contentFaults.insert(.nul) }
        file.append(contentsOf: wire[content])
        guard lf != nil else {
            if endsInCR { state = .middleCR }
            return range.upperBound
        }
        file.append(Octet.lf)
        if endsInCR {
            state = .lineStart
        } else {
            contentFaults.insert(.bareLF)  // and no line start: a dot behind it is content
        }
        return stop + 1
    }

    private mutating func keepBareCR(in file: inout [UInt8]) {
        file.append(Octet.cr)
        contentFaults.insert(.bareCR)
        state = .middle
    }
}
