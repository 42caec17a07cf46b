// A message as it stands in an mbox, and as programs want it that know mail from there.

import MailEnvelope
import MailFormat
import MessageContent
import Octets

/// Which of the two things are done to a message that mark its beginning in an mbox.
public struct MboxForm: Sendable, Hashable {
    /// Whether a line `From SENDER DATE` stands above it.
    public var hasFromLine: Bool
    /// Whether lines within it that could be such a one are quoted with a `>`.
    public var isQuoted: Bool

    public init(hasFromLine: Bool = false, isQuoted: Bool = false) {
        (self.hasFromLine, self.isQuoted) = (hasFromLine, isQuoted)
    }

    /// That of an mbox.
    static let full = MboxForm(hasFromLine: true, isQuoted: true)

    /// Calls `body` with each chunk of `message` in this form, the same each time.
    /// - Parameter time: when it came, in seconds since 1970.
    func forEachChunk(of message: Prepared, at time: Int, _ body: ([UInt8]) throws -> Void) throws {
        if hasFromLine { try body(Self.fromLine(of: message.envelope.reversePath, at: time)) }
        guard isQuoted else { return try message.forEachChunk(body) }
        var quoter = FromLineQuoter()
        try message.forEachChunk { try body(quoter.quote($0)) }
        try body(quoter.finish())
    }

    /// `From alice@example.org Sat Nov 21 09:00:00 2026`. A blank in the address would end it for every reader.
    private static func fromLine(of sender: ReversePath, at time: Int) -> [UInt8] {
        let text = sender.address?.description ?? ""
        let address = text.isEmpty || text.utf8.contains(0x20) ? "MAILER-DAEMON" : text
        return Array("From \(address) \(MailDate(seconds: time).inMbox)\n".utf8)
    }
}
