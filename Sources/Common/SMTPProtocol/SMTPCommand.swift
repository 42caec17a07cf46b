// The commands of SMTP and LMTP as values, and what is wrong with a line that is none.

import MailEnvelope
import MailFormat

/// One command line of RFC 5321 §4.1, RFC 2033, RFC 3030, RFC 3207 and RFC 4954.
public enum SMTPCommand: Sendable, Hashable {
    case helo(String)
    case ehlo(String)
    case lhlo(String)
    /// The envelope as MAIL begins it, and what is meant for this hop alone.
    case mail(Envelope, MailParameters)
    case rcpt(Envelope.Recipient)
    case data
    case bdat(octets: Int, last: Bool)
    case rset
    case vrfy(String)
    case expn(String)
    case help(String)
    case noop
    case quit
    /// The mechanism in capitals; the initial response decoded, empty for `=`.
    case auth(mechanism: String, initialResponse: [UInt8]?)
    case starttls
}

/// Why a line is no command. The texts hold nothing that the peer sent, except a parameter's checked name.
public enum CommandFault: Error, Hashable, Sendable {
    case unknownCommand
    /// An argument that is missing, surplus or malformed; the text says what is expected.
    case syntax(String)
    case badSender(AddressError)
    case badRecipient(AddressError)
    case senderNeedsDomain
    case recipientNeedsDomain
    case unknownParameter(String)
    case badParameter(String)
    case badBase64
    /// BDAT without a count that can be read: where the next command begins is unknown.
    case badChunkSize
    /// A line of another protocol, such as HTTP.
    case wrongProtocol

    var reply: SMTPReply {
        switch self {
        case .unknownCommand: SMTPReply(500, .permanent(5, 2), "command not known")
        case .syntax(let words): SMTPReply(501, .permanent(5, 4), words)
        case .badSender(let error): SMTPReply(501, .permanent(1, 7), "bad sender: \(error)")
        case .badRecipient(let error): SMTPReply(501, .permanent(1, 3), "bad recipient: \(error)")
        case .senderNeedsDomain: SMTPReply(553, .permanent(1, 7), "the sender's address needs a domain")
        case .recipientNeedsDomain: SMTPReply(553, .permanent(1, 3), "the recipient's address needs a domain")
        case .unknownParameter(let name): SMTPReply(555, .permanent(5, 4), "parameter \(name) not known here")
        case .badParameter(let name): SMTPReply(501, .permanent(5, 4), "bad value of parameter \(name)")
        case .badBase64: SMTPReply(501, .permanent(5, 2), "not base64")
        case .badChunkSize: SMTPReply(501, .permanent(5, 4), "syntax: BDAT count [LAST]")
        case .wrongProtocol: SMTPReply(421, .transient(7, 0), "this is a mail server")
        }
    }
}
