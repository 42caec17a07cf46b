// How much of a message TOP shows (RFC 1939 §7): the header, the empty line, and n lines of the body.

import Octets

/// Finds, chunk by chunk, where TOP ends. Takes octets in file form (LF), and CRLF as it comes.
public struct TopCounter: Sendable {
    /// What stands in the present line so far.
    private enum Line { case nothing, carriageReturn, text }

    private var left: Int
    private var isInHeader = true
    private var line = Line.nothing
    /// Whether all that TOP shows has been taken.
    public private(set) var isFinished = false

    /// - Parameter lines: lines of the body to show; 0 shows the header and the empty line behind it.
    public init(lines: Int) { left = lines }

    /// Takes `file[range]`.
    /// - Returns: the index behind the last octet that TOP shows: `range.upperBound` unless it has ended.
    public mutating func take(_ file: [UInt8], in range: Range<Int>) -> Int {
        var at = range.lowerBound
        while at < range.upperBound, !isFinished {
            guard let lf = file.firstIndex(of: Octet.lf, in: at..<range.upperBound) else {
                line = state(after: file, at..<range.upperBound)
                return range.upperBound
            }
            endLine(isEmpty: state(after: file, at..<lf) != .text)
            at = lf + 1
        }
        return at
    }

    private func state(after file: [UInt8], _ part: Range<Int>) -> Line {
        if part.isEmpty { return line }
        return line == .nothing && part.count == 1 && file[part.lowerBound] == Octet.cr ? .carriageReturn : .text
    }

    private mutating func endLine(isEmpty: Bool) {
        line = .nothing
        if isInHeader {
            isInHeader = !isEmpty
        } else {
            left -= 1
        }
        if !isInHeader, left <= 0 { isFinished = true }
    }
}
