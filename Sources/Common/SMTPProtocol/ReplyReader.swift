// Replies out of lines: several lines make one reply, and their number is bounded.

import MailEnvelope
import Octets

/// Collects the lines of one reply (RFC 5321 §4.2.1).
struct ReplyReader: Sendable {
    private var code: Int?
    private var lines: [[UInt8]] = []

    /// Takes the next line, without its line end.
    /// - Returns: the reply that the line completes; `nil` when more lines follow.
    mutating func take(_ line: [UInt8]) throws(SMTPError) -> SMTPReply? {
        let (code, isLast, text) = try Self.replyLine(line)
        if let first = self.code, first != code { throw .differentCodes(first, code) }
        guard lines.count < SMTPLimits.replyLines else { throw .tooManyReplyLines(limit: SMTPLimits.replyLines) }
        self.code = code
        lines.append(text)
        guard isLast else { return nil }
        defer {
            self.code = nil
            lines = []
        }
        return Self.reply(code, lines)
    }

    /// The reply with `code` and the texts of its lines, at least one.
    static func reply(_ code: Int, _ lines: [[UInt8]]) -> SMTPReply? {
        let enhanced = enhancedStatus(of: lines[0], code: code)
        let texts = enhanced.map { status in lines.map { withoutStatus($0, status) } } ?? lines
        return SMTPReply(code: code, enhanced: enhanced, lines: texts)
    }

    /// The parts of a Reply-line. Reply-code = %x32-35 %x30-35 %x30-39; a second digit above 5 is let through: such
    /// servers exist.
    private static func replyLine(_ line: [UInt8]) throws(SMTPError) -> (code: Int, isLast: Bool, text: [UInt8]) {
        guard line.count >= 3, line[..<3].allSatisfy(Octet.isDigit) else { throw .malformed }
        let code = line[..<3].reduce(0) { $0 * 10 + Int($1 - 0x30) }
        guard (200...599).contains(code) else { throw .malformed }
        guard line.count > 3 else { return (code, true, []) }
        switch line[3] {
        case 0x2D: return (code, false, Array(line[4...]))
        case Octet.space, Octet.tab: return (code, true, Array(line[4...]))
        default: throw .malformed
        }
    }

    /// text = status-code SP text, where the class is the first digit of the reply code (RFC 2034 §4).
    private static func enhancedStatus(of text: [UInt8], code: Int) -> EnhancedStatus? {
        let word = text.prefix { $0 != Octet.space }
        guard word.count <= 9, let status = EnhancedStatus(parsing: word) else { return nil }
        return status.class.rawValue == code / 100 ? status : nil
    }

    private static func withoutStatus(_ text: [UInt8], _ status: EnhancedStatus) -> [UInt8] {
        let word = Array(status.description.utf8)
        guard text.starts(with: word) else { return text }
        let rest = text.dropFirst(word.count)
        guard let next = rest.first else { return [] }
        return next == Octet.space ? Array(rest.dropFirst()) : text
    }
}
