// The reply to the final dot: a client that takes a yes for a failure sends the message twice.

import Octets

/// Collects the one reply that a whole message hangs on.
///
/// Once its first line has begun with 2yz the server has accepted the message (RFC 5321 §4.2.5), however many, long or
/// broken its lines are: what else it says is passed over, within a bound. Only a later line of another class takes
/// that back. A reply that begins with another class is read like any reply.
struct VerdictReader: Sendable {
    private enum State {
        case firstLine
        /// In the lines behind a first one with this code.
        case accepted(Int)
        case other
    }

    private var state = State.firstLine
    private var reader = ReplyReader()
    /// The line being read, as much of it as other replies may have.
    private var line: [UInt8] = []
    /// Texts of the lines that are kept.
    private var texts: [[UInt8]] = []
    /// Octets so far.
    private var count = 0

    /// Takes octets of one line, the last of them its LF if the line ends there.
    /// - Returns: the reply that the line completes; `nil` when more is to come.
    mutating func take(_ piece: [UInt8]) throws(SMTPError) -> SMTPReply? {
        count += piece.count
        guard count <= SMTPLimits.verdict else { throw .verdictTooLong(limit: SMTPLimits.verdict) }
        let isTooLong = line.count + piece.count > SMTPLimits.replyLine
        line += piece.prefix(SMTPLimits.replyLine - line.count)
        if isTooLong, begun == nil { throw .replyLineTooLong(limit: SMTPLimits.replyLine) }
        guard piece.last == Octet.lf else { return nil }
        let whole = Self.withoutLineEnd(line)
        let reply = try take(line: whole)
        line = []
        if reply != nil { self = VerdictReader() }
        return reply
    }

    /// What the reply says if nothing more of it comes: a positive reply, or `nil`.
    var begun: SMTPReply? {
        let next = Self.code(of: line)
        switch state {
        case .firstLine:
            guard let next, Self.isPositive(next) else { return nil }
            return ReplyReader.reply(next, [Array(Self.withoutLineEnd(line).dropFirst(4))])
        case .accepted(let code):
            guard next.map(Self.isPositive) ?? true else { return nil }
            return ReplyReader.reply(code, texts)
        case .other: return nil
        }
    }

    private mutating func take(line: [UInt8]) throws(SMTPError) -> SMTPReply? {
        switch state {
        case .firstLine:
            guard let code = Self.code(of: line), Self.isPositive(code) else {
                state = .other
                return try reader.take(line)
            }
            state = .accepted(code)
            texts = [Array(line.dropFirst(4))]
            return goesOn(line) ? nil : ReplyReader.reply(code, texts)
        case .accepted(let first):
            // A line without a code is the rest of one that was cut.
            guard let code = Self.code(of: line) else { return nil }
            guard Self.isPositive(code) else {
                state = .other
                throw .differentCodes(first, code)
            }
            if texts.count < SMTPLimits.replyLines { texts.append(Array(line.dropFirst(4))) }
            return goesOn(line) ? nil : ReplyReader.reply(first, texts)
        case .other: return try reader.take(line)
        }
    }

    private func goesOn(_ line: [UInt8]) -> Bool { line.count > 3 && line[3] == 0x2D }

    private static func isPositive(_ code: Int) -> Bool { code < 300 }

    /// The reply code that `line`, complete or not, begins with; `nil` when it is not a line of a reply.
    private static func code(of line: [UInt8]) -> Int? {
        let line = withoutLineEnd(line)
        guard line.count >= 3, line[..<3].allSatisfy(Octet.isDigit) else { return nil }
        guard line.count == 3 || [0x2D, Octet.space, Octet.tab].contains(line[3]) else { return nil }
        let code = line[..<3].reduce(0) { $0 * 10 + Int($1 - 0x30) }
        return (200...599).contains(code) ? code : nil
    }

    private static func withoutLineEnd(_ line: [UInt8]) -> [UInt8] {
        var line = line
        if line.last == Octet.lf { line.removeLast() }
        if line.last == Octet.cr { line.removeLast() }
        return line
    }
}
