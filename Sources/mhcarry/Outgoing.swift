// A queued message as a transaction: its envelope for MAIL and RCPT, its octets fit for the wire.

import MailFormat
import Octets
import SMTPProtocol
import SpoolQueue

extension OutgoingTransaction {
    /// The transaction that hands `message` to the recipients with these indexes.
    init(_ message: LockedMessage, to indexes: [Int]) throws {
        let envelope = message.envelope
        let recipients = indexes.compactMap { index -> Recipient? in
            let recipient = message.state.recipients[index]
            guard case .address(let address) = recipient.destination else { return nil }
            return Recipient(.address(address), RecipientParameters(of: recipient))
        }
        var parameters = MailParameters()
        let survey = try WireSurvey(of: message.content)
        parameters.size = survey.size
        // What the content holds counts, not what was said of it: many clients say nothing.
        parameters.body = survey.is8Bit ? .eightBitMIME : nil
        parameters.smtpUTF8 = envelope.smtpUTF8
        parameters.ret = envelope.returned.map { $0 == .full ? .full : .headers }
        parameters.envelopeID = envelope.envelopeID?.description
        self.init(envelope.reversePath, parameters, to: recipients)
        // The header is read again for such mail alone.
        hasStraysUnderSignature = try survey.hasStrays && message.content.bearsSignature()
    }
}

extension QueuedContent {
    /// Whether the header says that the message is signed. One too long to be read to its end may say so.
    fileprivate func bearsSignature() throws(QueueError) -> Bool {
        let header = try headerSection()
        return header.isSigned || header.end == .tooLong
    }
}

/// Octets that mail on the wire must not hold.
enum Strays {
    static func are(in file: [UInt8]) -> Bool {
        file.firstIndex(of: Octet.cr, in: file.indices) != nil
            || file.firstIndex(of: Octet.nul, in: file.indices) != nil
    }

    /// `file` with a space for each CR and NUL.
    static func blanked(_ file: [UInt8]) -> [UInt8] {
        guard are(in: file) else { return file }
        return file.map { $0 == Octet.cr || $0 == Octet.nul ? Octet.space : $0 }
    }
}

/// What must be known of a message before MAIL, found by one reading.
struct WireSurvey: Equatable {
    /// The size that MAIL announces (RFC 1870 §3): octets on the wire, added dots and the final one not counted.
    private(set) var size: Int
    /// Whether it has octets above 127.
    private(set) var is8Bit = false
    /// Whether it has octets that the wire must not carry.
    private(set) var hasStrays = false

    init(of content: QueuedContent) throws {
        size = content.count
        var last = Octet.lf
        try content.forEachChunk { chunk in
            var at = 0
            while let lf = chunk.firstIndex(of: Octet.lf, in: at..<chunk.count) {
                size += 1
                at = lf + 1
            }
            last = chunk.last ?? last
            hasStrays = hasStrays || Strays.are(in: chunk)
            is8Bit = is8Bit || chunk.contains { $0 >= 0x80 }
        }
        if last != Octet.lf { size += 2 }
    }
}

extension RecipientParameters {
    /// The DSN parameters to hand on (RFC 3461 §5.2.1).
    init(of recipient: RecipientState) {
        self.init()
        if !recipient.notify.isEmpty {
            var conditions: NotifyConditions = []
            if recipient.notify.wantsSuccess { conditions.insert(.success) }
            if recipient.notify.wantsFailure { conditions.insert(.failure) }
            if recipient.notify.wantsDelay { conditions.insert(.delay) }
            notify = conditions
        }
        if let original = recipient.originalRecipient?.description, let semicolon = original.firstIndex(of: ";") {
            originalRecipient = OriginalRecipient(
                type: String(original[..<semicolon]), address: String(original[original.index(after: semicolon)...]))
        }
    }
}
