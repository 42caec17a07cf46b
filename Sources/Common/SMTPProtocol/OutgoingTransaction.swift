// A message to be handed over: its envelope, and why a server may be unable to take it.

import MailFormat
import Octets

/// The envelope that a client says in MAIL and RCPT.
public struct OutgoingTransaction: Sendable, Hashable {
    public struct Recipient: Sendable, Hashable {
        public let path: ForwardPath
        public let parameters: RecipientParameters

        public init(_ path: ForwardPath, _ parameters: RecipientParameters = RecipientParameters()) {
            self.path = path
            self.parameters = parameters
        }
    }

    public let reversePath: ReversePath
    /// `size` in octets of the wire; `body` is `.eightBitMIME` when the content has octets above 127; `smtpUTF8` when
    /// its header has (RFC 6531). Addresses are looked at here.
    public let parameters: MailParameters
    public let recipients: [Recipient]
    /// Whether the content holds CR or NUL octets, which the wire must not carry (RFC 5321 §2.3.8), and a signature over
    /// them, so that they cannot be replaced either.
    public var hasStraysUnderSignature = false

    public init(_ reversePath: ReversePath, _ parameters: MailParameters = .init(), to recipients: [Recipient]) {
        self.reversePath = reversePath
        self.parameters = parameters
        self.recipients = recipients
    }

    /// Why a message cannot be handed to a server. Nothing has been said to it yet.
    public enum Obstacle: Sendable, Hashable {
        case noRecipients
        /// 5.6.0: no server could take it as it is.
        case straysUnderSignature
        /// 5.3.4: larger than the server's SIZE.
        case tooBig(limit: Int)
        /// 5.6.7
        case needsSMTPUTF8
        /// 5.6.3
        case needs8BITMIME
        /// The server's RCPTMAX: send in several transactions.
        case tooManyRecipients(limit: Int)
    }

    /// The first thing that stands against handing this to a server with `capabilities`; `nil` when nothing does.
    public func obstacle(_ capabilities: Capabilities) -> Obstacle? {
        if recipients.isEmpty { return .noRecipients }
        if hasStraysUnderSignature { return .straysUnderSignature }
        if let limit = capabilities.sizeLimit, let size = parameters.size, size > limit { return .tooBig(limit: limit) }
        if needsSMTPUTF8, !capabilities.smtpUTF8 { return .needsSMTPUTF8 }
        if parameters.body == .eightBitMIME, !capabilities.eightBitMIME { return .needs8BITMIME }
        if let limit = capabilities.recipientLimit, recipients.count > limit { return .tooManyRecipients(limit: limit) }
        return nil
    }

    var needsSMTPUTF8: Bool {
        parameters.smtpUTF8 || reversePath.address?.isInternational == true
            || recipients.contains { $0.path.address?.isInternational == true }
    }

    /// The MAIL line, with those parameters that the server offers.
    func mailLine(_ offered: Capabilities) -> [UInt8] {
        var line = "MAIL FROM:\(reversePath)"
        if offered.size, let size = parameters.size { line += " SIZE=\(size)" }
        if offered.eightBitMIME, parameters.body == .eightBitMIME { line += " BODY=8BITMIME" }
        if offered.smtpUTF8, needsSMTPUTF8 { line += " SMTPUTF8" }
        if offered.dsn {
            if let ret = parameters.ret { line += " RET=\(ret.rawValue)" }
            if let id = parameters.envelopeID, !id.isEmpty { line += " ENVID=\(Self.xtext(id))" }
        }
        if !offered.mechanisms.isEmpty, let auth = parameters.auth {
            // The brackets of <> are xtext as they are; an address goes without them (RFC 4954 §5).
            line += " AUTH=" + (auth.address.map { Self.xtext("\($0)") } ?? "<>")
        }
        return Array("\(line)\r\n".utf8)
    }

    /// The RCPT line of the recipient at `index`.
    func rcptLine(_ index: Int, _ offered: Capabilities) -> [UInt8] {
        let recipient = recipients[index]
        var line = "RCPT TO:\(recipient.path)"
        if offered.dsn {
            if let notify = recipient.parameters.notify { line += " NOTIFY=\(notify)" }
            if let original = recipient.parameters.originalRecipient { line += " ORCPT=\(original)" }
        }
        return Array("\(line)\r\n".utf8)
    }

    private static func xtext(_ text: String) -> String { String(decoding: XText.encode(text), as: UTF8.self) }
}
