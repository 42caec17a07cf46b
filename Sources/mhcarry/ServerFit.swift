// What mail is made into for a server that takes less than others: 7-bit octets, short lines, ASCII in envelope and header.

import DomainNames
import DurableFiles
import MailEnvelope
import MailFormat
import MessageContent
import SMTPProtocol
import Synchronization

/// The steps for a message that leaves in a session with one server. Mail of strangers and signed mail keep every octet of
/// their content; where the server cannot take it so, the session's engine says why.
struct ServerFit {
    let offers: SMTPCapabilities
    /// Whether the hub's own people, or the hub, wrote the message.
    let isOurs: Bool

    var steps: [Step] {
        let envelope = Step.inspector(EnvelopeFit(fit: self))
        guard isOurs else { return [envelope] }
        let plan = ReencodingPlan(isSevenBit: !offers.eightBitMIME)
        return [
            envelope, .rewriter(HeaderFit(fit: self)), .inspector(BodyCheck(plan: plan)),
            .rewriter(BodyFit(plan: plan)),
        ]
    }

    /// What a header beyond ASCII means for such a server.
    fileprivate enum Header {
        /// It is ASCII, or may stay as it is.
        case fits
        case edits([HeaderEdit])
        /// It has addresses beyond ASCII, which need SMTPUTF8.
        case needsSMTPUTF8
    }

    fileprivate func header(of message: Message) throws -> Header {
        guard isOurs, message.content.facts.is8Bit, !message.content.facts.isSigned else { return .fits }
        // Who asked for SMTPUTF8 gets it; otherwise encoded words reach more people.
        guard !(message.envelope.smtpUTF8 && offers.smtpUTF8) else { return .fits }
        let header = try message.header()
        guard header.isBeyondASCII else { return .fits }
        do throws(ASCIIHeaderError) {
            return .edits(try header.asciiEdits(IDNA.ascii))
        } catch {
            if case .address = error { return .needsSMTPUTF8 }
            // What is no UTF-8, or has no other form, is sent as it is while octets beyond ASCII may be.
            return .fits
        }
    }
}

/// Puts domains into A-labels where the server takes no others, and asks for SMTPUTF8 where the header needs it.
private struct EnvelopeFit: Inspector {
    let name = "envelope for the server"
    let fit: ServerFit

    func inspect(_ message: Message) throws -> InspectionResult {
        var result = InspectionResult()
        var envelope = message.envelope
        if !fit.offers.smtpUTF8 {
            if let address = envelope.reversePath.address { envelope.reversePath = .address(IDNA.ascii(address)) }
            envelope.recipients = envelope.recipients.map { recipient in
                Envelope.Recipient(
                    IDNA.ascii(recipient.forwardPath.address), notify: recipient.notify,
                    originalRecipient: recipient.originalRecipient)
            }
        }
        switch try fit.header(of: message) {
        case .fits:
            // What was asked for because of a domain alone is needed no more.
            if envelope.smtpUTF8, !fit.offers.smtpUTF8, !envelope.hasInternationalAddress,
                try !message.content.facts.is8Bit || !message.header().isBeyondASCII
            {
                envelope.smtpUTF8 = false
            }
        case .edits:
            // Encoded words in its place: it needs no more than its addresses do.
            envelope.smtpUTF8 = false
        case .needsSMTPUTF8:
            guard fit.offers.smtpUTF8 else {
                result.verdict = .permanent(
                    6, 7,
                    text: "the header has an address beyond ASCII, and the server takes none (it offers no SMTPUTF8)")
                return result
            }
            envelope.smtpUTF8 = true
        }
        if envelope != message.envelope { result.envelope = envelope }
        return result
    }
}

/// Writes text of the header beyond ASCII as encoded words.
private struct HeaderFit: Rewriter {
    let name = "encoding of the header"
    let keepsSignatures = false
    let fit: ServerFit

    private func edits(_ message: Message) throws -> [HeaderEdit] {
        guard case .edits(let edits) = try fit.header(of: message) else { return [] }
        return edits
    }

    func concerns(_ message: Message) throws -> Bool { try !edits(message).isEmpty }

    func rewrite(_ message: Message, into scratch: Scratch) throws {
        try message.rewrite(with: try edits(message), into: scratch)
    }
}

/// What is to be written anew in the body of one message: found by its check, used by its rewriter.
private final class ReencodingPlan: Sendable {
    private struct Found {
        var size = 0
        var result: Result<MessageReencoding, ReencodingError>
    }

    /// Whether the server takes nothing but ASCII.
    let isSevenBit: Bool
    private let found = Mutex<Found?>(nil)

    init(isSevenBit: Bool) { self.isSevenBit = isSevenBit }

    /// Whether the body of the message may have to be written anew.
    func isNeeded(for message: Message) -> Bool {
        let facts = message.content.facts
        return !facts.isSigned && (isSevenBit && facts.is8Bit || facts.hasLongLines)
    }

    /// What is to be written anew. The message is read once for that.
    func reencoding(of message: Message) throws -> Result<MessageReencoding, ReencodingError> {
        if let found = found.withLock({ $0 }), found.size == message.content.size { return found.result }
        var scanner = MIMEScanner()
        try message.content.forEachChunk { scanner.append($0) }
        let result: Result<MessageReencoding, ReencodingError>
        do {
            result = .success(
                try MessageReencoding(of: scanner.finish(), isSevenBit: isSevenBit, IDNA.ascii) { range in
                    try message.content.isUTF8(range)
                })
        } catch let error as ReencodingError {
            result = .failure(error)
        }
        found.withLock { $0 = Found(size: message.content.size, result: result) }
        return result
    }
}

/// Ends what a server without 8BITMIME cannot take and nobody can write anew.
private struct BodyCheck: Inspector {
    let name = "encoding for the server"
    let plan: ReencodingPlan

    func inspect(_ message: Message) throws -> InspectionResult {
        var result = InspectionResult()
        guard plan.isNeeded(for: message), plan.isSevenBit, message.content.facts.is8Bit,
            case .failure(let error) = try plan.reencoding(of: message)
        else { return result }
        if case .header(.address) = error {
            result.verdict = .permanent(6, 7, text: "\(error), and the server takes none (it offers no SMTPUTF8)")
        } else {
            result.verdict = .permanent(
                6, 3,
                text: "the server takes no 8-bit mail (it offers no 8BITMIME), and this cannot be encoded: \(error)")
        }
        return result
    }
}

/// Writes bodies as quoted-printable or base64.
private struct BodyFit: Rewriter {
    let name = "encoding for the server"
    let keepsSignatures = false
    let plan: ReencodingPlan

    func concerns(_ message: Message) throws -> Bool {
        // Lines that are too long and cannot be made shorter leave as they are: most servers take them.
        guard plan.isNeeded(for: message), case .success(let reencoding) = try plan.reencoding(of: message) else {
            return false
        }
        return !reencoding.places.isEmpty
    }

    func rewrite(_ message: Message, into scratch: Scratch) throws {
        let content = message.content
        var at = 0
        for (range, new) in try plan.reencoding(of: message).get().places {
            try content.forEachChunk(in: at..<range.lowerBound) { try scratch.append($0) }
            switch new {
            case .octets(let octets): try scratch.append(octets)
            case .encoded(let form):
                var encoder = BodyEncoder(form)
                var made: [UInt8] = []
                try content.forEachChunk(in: range) { chunk in
                    made.removeAll(keepingCapacity: true)
                    encoder.encode(chunk, into: &made)
                    try scratch.append(made)
                }
                made.removeAll(keepingCapacity: true)
                encoder.finish(into: &made)
                try scratch.append(made)
            }
            at = range.upperBound
        }
        try content.forEachChunk(in: at..<content.size) { try scratch.append($0) }
    }
}

extension Content {
    /// Calls `body` with each chunk of a part of it.
    fileprivate func forEachChunk(in range: Range<Int>, _ body: ([UInt8]) throws -> Void) throws {
        var at = range.lowerBound
        while at < range.upperBound {
            let chunk = try read(atMost: min(ContentLimits.chunk, range.upperBound - at), at: at)
            guard !chunk.isEmpty else {
                throw DurableError(operation: "read to its end", path: "the message", code: DurableError.inputOutput)
            }
            try body(chunk)
            at += chunk.count
        }
    }

    /// Whether a part of it is UTF-8.
    fileprivate func isUTF8(_ range: Range<Int>) throws -> Bool {
        var rest: [UInt8] = []
        var isUTF8 = true
        try forEachChunk(in: range) { chunk in
            guard isUTF8 else { return }
            rest += chunk
            // A character that goes on in the next chunk is left for it.
            let tail = rest.suffix(3).reversed().prefix { $0 & 0xC0 == 0x80 }.count
            let lead = rest.count - tail - 1
            let isCut = lead >= 0 && rest[lead] >= 0xC0
            let end = isCut ? lead : rest.count
            isUTF8 = String(validating: rest[..<end], as: UTF8.self) != nil
            rest = Array(rest[end...])
        }
        return isUTF8 && String(validating: rest, as: UTF8.self) != nil
    }
}
