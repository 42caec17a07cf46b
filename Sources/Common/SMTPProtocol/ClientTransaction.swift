// A transaction as a client carries it out: the lines of its envelope, the accepted recipients, its content's encoder.

import MailEnvelope
import MailFormat
import Octets

/// The envelope under way, and where the client stands in it.
struct ClientTransaction: Sendable {
    let envelope: Envelope
    let content: ContentFacts
    /// Whether MAIL was accepted.
    var isSenderAccepted = false
    /// Indices of the recipients accepted, in order.
    var accepted: [Int] = []
    private(set) var isSendingContent = false
    private var dots = DotEncoder()

    init(_ envelope: Envelope, of content: ContentFacts) {
        self.envelope = envelope
        self.content = content
    }

    mutating func beginContent() { isSendingContent = true }

    mutating func encode(_ file: [UInt8], into wire: inout [UInt8]) {
        guard isSendingContent else { return }
        wire.reserveCapacity(wire.count + file.count + file.count / 32)
        dots.encode(file, in: 0..<file.count, into: &wire)
    }

    mutating func finish(into wire: inout [UInt8]) {
        dots.finish(into: &wire)
        isSendingContent = false
    }

    private var needsSMTPUTF8: Bool { envelope.smtpUTF8 || envelope.hasInternationalAddress }

    /// The first reason why a server with `capabilities` cannot take this; `nil` when there is none.
    func obstacle(_ capabilities: SMTPCapabilities) -> TransactionObstacle? {
        if envelope.recipients.isEmpty { return .noRecipients }
        if content.hasStrays, content.isSigned { return .straysUnderSignature }
        if let limit = capabilities.sizeLimit, content.wireSize > limit { return .tooBig(limit: limit) }
        if needsSMTPUTF8, !capabilities.smtpUTF8 { return .needsSMTPUTF8 }
        if content.is8Bit, !capabilities.eightBitMIME { return .needs8BITMIME }
        if let limit = capabilities.recipientLimit, envelope.recipients.count > limit {
            return .tooManyRecipients(limit: limit)
        }
        return nil
    }

    /// The MAIL line, with those parameters that the server offers. BODY goes by what the content holds, not by what
    /// was declared: many clients declare nothing.
    func mailLine(_ offered: SMTPCapabilities) -> [UInt8] {
        var line = "MAIL FROM:\(envelope.reversePath)"
        if offered.size { line += " SIZE=\(content.wireSize)" }
        if offered.eightBitMIME, content.is8Bit { line += " BODY=8BITMIME" }
        if offered.smtpUTF8, needsSMTPUTF8 { line += " SMTPUTF8" }
        if offered.dsn {
            if let returned = envelope.returnContent { line += " RET=\(returned.rawValue)" }
            if let id = envelope.envelopeID?.description, !id.isEmpty { line += " ENVID=\(Self.xtext(id))" }
        }
        return Array("\(line)\r\n".utf8)
    }

    /// The RCPT line of the recipient at `index`.
    func rcptLine(_ index: Int, _ offered: SMTPCapabilities) -> [UInt8] {
        let recipient = envelope.recipients[index]
        var line = "RCPT TO:\(recipient.forwardPath)"
        if offered.dsn {
            if let notify = recipient.notify.value { line += " NOTIFY=\(notify)" }
            if let original = recipient.originalRecipient {
                line += " ORCPT=\(original.type);\(Self.xtext(original.address))"
            }
        }
        return Array("\(line)\r\n".utf8)
    }

    private static func xtext(_ text: String) -> String { String(decoding: XText.encode(text), as: UTF8.self) }
}

/// Why a message cannot be handed to a server. Nothing of the transaction has been sent yet.
public enum TransactionObstacle: Sendable, Hashable {
    case noRecipients
    /// Stray octets that the wire must not carry, and a signature over them, so that they cannot be replaced either: no
    /// server could take the message as it is.
    case straysUnderSignature
    /// Larger than the server's SIZE.
    case tooBig(limit: Int)
    case needsSMTPUTF8
    case needs8BITMIME
    /// The server's RCPTMAX: send in several transactions.
    case tooManyRecipients(limit: Int)

    /// The verdict that the obstacle amounts to at `host`.
    public func verdict(at host: String) -> Verdict {
        switch self {
        case .noRecipients: .permanent(5, 1, from: host, text: "no recipients")
        case .tooBig(let limit):
            .permanent(3, 4, from: host, text: "the server takes no message above \(limit) octets")
        case .needsSMTPUTF8:
            .permanent(6, 7, from: host, text: "the server takes no international addresses (SMTPUTF8)")
        case .straysUnderSignature:
            .permanent(
                6, 0,
                text:
                    "the message holds a stray CR or NUL, which cannot be sent by SMTP, and it is signed: removing "
                    + "that octet would break the signature; remove it yourself, sign again and send it again")
        case .needs8BITMIME:
            .permanent(
                6, 3, from: host,
                text: "\(host) takes no 8-bit mail (it offers no 8BITMIME); send it again with its text encoded as "
                    + "quoted-printable or base64, which your mail program can do, or by another account")
        case .tooManyRecipients(let limit):
            .permanent(5, 3, from: host, text: "the server takes no more than \(limit) recipients at once")
        }
    }
}
