// One reply of an SMTP or LMTP server (RFC 5321 §4.2), read and written.

import MailEnvelope
import Octets

/// A three-digit code, perhaps an enhanced status (RFC 2034), and text.
public struct SMTPReply: Sendable, Hashable, CustomStringConvertible {
    /// 200 to 599.
    public let code: Int
    public let enhanced: EnhancedStatus?
    /// The text of each line, without code and enhanced status. What a peer sent stands here as it came: make it
    /// printable before it is shown or stored.
    public let lines: [[UInt8]]

    /// - Returns: `nil` for a code outside 200 to 599.
    public init?(code: Int, enhanced: EnhancedStatus? = nil, lines: [[UInt8]]) {
        guard (200...599).contains(code) else { return nil }
        self.code = code
        self.enhanced = enhanced
        self.lines = lines.isEmpty ? [[]] : lines
    }

    /// A reply of ours. Its code is known to be right, or is one that a policy chose and `refusal` checked.
    init(_ code: Int, _ enhanced: EnhancedStatus?, _ text: String) {
        self.code = code
        self.enhanced = enhanced
        lines = text.utf8.split(separator: Octet.lf, omittingEmptySubsequences: false).map { Array($0) }
    }

    /// A refusal as a policy words it: a code outside 400 to 599 becomes 451, and the status gets the code's class.
    static func refusal(_ code: Int, _ enhanced: EnhancedStatus, _ text: String) -> SMTPReply {
        let code = (400...599).contains(code) ? code : 451
        return SMTPReply(code, enhanced.matching(code), text)
    }

    /// The reply that tells a client `verdict`. Where several codes would do, the status decides (RFC 5321 §4.2.2).
    init(_ verdict: Verdict) {
        switch verdict.kind {
        case .delivered: self.init(250, verdict.status.matching(250), verdict.text)
        case .temporary, .heldByRule, .faultOfHop:
            let isFull = verdict.status.subject == 3 && verdict.status.detail == 1
            self = .refusal(isFull ? 452 : 451, verdict.status, verdict.text)
        case .permanent:
            let code =
                switch (verdict.status.subject, verdict.status.detail) {
                case (1, _), (2, _): 550
                case (3, 4): 552
                default: 554
                }
            self = .refusal(code, verdict.status, verdict.text)
        }
    }

    public var isPositive: Bool { code < 300 }
    public var isIntermediate: Bool { (300...399).contains(code) }
    public var isTransient: Bool { (400...499).contains(code) }
    public var isPermanent: Bool { code >= 500 }

    /// The lines joined by blanks, for `printable` or a notice; control characters and all.
    public var text: [UInt8] { Array(lines.joined(separator: [Octet.space])) }

    /// Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF
    ///
    /// Control characters become `?`, and a line longer than RFC 5321 allows loses its end: whatever a text was made
    /// of, it stays one reply.
    public var octets: [UInt8] {
        var wire: [UInt8] = []
        let status = enhanced.map { Array("\($0) ".utf8) } ?? []
        for (index, line) in lines.enumerated() {
            wire.append(contentsOf: Array("\(code)".utf8))
            wire.append(index == lines.count - 1 ? Octet.space : 0x2D)
            wire.append(contentsOf: status)
            let room = SMTPLimits.ownReplyLine - 4 - status.count - 2
            wire.append(contentsOf: line.prefix(room).map { $0 < 0x20 || $0 == 0x7F ? 0x3F : $0 })
            wire.append(contentsOf: [Octet.cr, Octet.lf])
        }
        return wire
    }

    /// `550 5.1.1 no such user`, on one line, with control characters as `?`.
    public var description: String {
        let words = String(decoding: text.map { $0 < 0x20 || $0 == 0x7F ? 0x3F : $0 }, as: UTF8.self)
        return enhanced.map { "\(code) \($0) \(words)" } ?? "\(code) \(words)"
    }
}
