// Line ends between the wire (CRLF) and our files (LF): every LF of a file is one CRLF of the wire, no look-behind.

/// Wire octets to file octets: CRLF becomes LF, a bare LF stays LF, a bare CR stays CR.
public struct LineEndDecoder: Sendable {
    public private(set) var contentFaults: ContentFaults = []
    private var pendingCR = false

    public init() {}

    /// Appends the file form of `wire[range]` to `file`.
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
                contentFaults.insert(.bareCR)
            }
            let lf = wire.firstIndex(of: Octet.lf, in: at..<end)
            let stop = lf ?? end
            let endsInCR = stop > at && wire[stop - 1] == Octet.cr
            let content = at..<(endsInCR ? stop - 1 : stop)
            note(wire, content)
            file.append(contentsOf: wire[content])
            if lf != nil {
                if !endsInCR { contentFaults.insert(.bareLF) }
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
        contentFaults.insert(.bareCR)
        file.append(Octet.cr)
    }

    private mutating func note(_ wire: [UInt8], _ content: Range<Int>) {
        if wire.firstIndex(of: Octet.cr, in: content) != nil { contentFaults.insert(.bareCR) }
        if wire.firstIndex(of: Octet.nul, in: content) != nil { contentFaults.insert(.nul) }
    }
}
