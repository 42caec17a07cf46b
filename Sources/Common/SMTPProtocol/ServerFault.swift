// What a client does wrong, and how the server engine answers by itself.

import Octets

/// A fault of the client's side. The engine has its reply ready; the policy logs it and answers `.proceed`.
public enum ServerFault: Sendable, Hashable {
    case grammar(CommandFault)
    /// A command out of order; the text says what it lacks.
    case outOfOrder(String)
    /// DATA or BDAT though no recipient was accepted.
    case noRecipients
    /// A command that this listener does not offer; the text says which.
    case notOffered(String)
    case mechanismNotOffered
    case encryptionRequired
    case authenticationRequired
    case authenticationCancelled
    case tooManyRecipients(limit: Int)
    /// One command too many that leads nowhere, since the last message accepted.
    case tooManyIdleCommands(limit: Int)
    /// One RCPT too many, after `limit` that were refused since the last message accepted.
    case tooManyRefusedRecipients(limit: Int)
    /// An international address without SMTPUTF8.
    case internationalAddress
    case lineTooLong(limit: Int)
    case responseTooLong(limit: Int)
    /// The client announced (SIZE) or sent more than `limit`.
    case tooBig(limit: Int)
    /// Bare CR, bare LF or NUL in a command line.
    case strayOctetInCommand
    /// The same in content.
    case strayOctetsInContent(ContentFaults)
    /// Octets behind STARTTLS, in clear (RFC 3207 §6).
    case injectionAfterSTARTTLS

    /// Whether the connection ends with the reply.
    public var closes: Bool {
        switch self {
        case .grammar(.wrongProtocol), .grammar(.badChunkSize), .strayOctetInCommand, .strayOctetsInContent,
            .injectionAfterSTARTTLS, .tooManyIdleCommands, .tooManyRefusedRecipients:
            true
        case .grammar, .outOfOrder, .noRecipients, .notOffered, .mechanismNotOffered, .encryptionRequired,
            .authenticationRequired, .authenticationCancelled, .tooManyRecipients, .internationalAddress, .lineTooLong,
            .responseTooLong, .tooBig:
            false
        }
    }

    /// The fault as the client is told it: reply code, status and text.
    public var text: String { reply.description }

    var reply: SMTPReply {
        switch self {
        case .grammar(let fault): fault.reply
        case .outOfOrder(let words): SMTPReply(503, .permanent(5, 1), words)
        case .noRecipients: SMTPReply(554, .permanent(5, 1), "no valid recipients")
        case .notOffered(let words): SMTPReply(502, .permanent(5, 1), words)
        case .mechanismNotOffered: SMTPReply(504, .permanent(5, 4), "mechanism not offered")
        case .encryptionRequired: SMTPReply(538, .permanent(7, 11), "encryption required: STARTTLS first")
        case .authenticationRequired: SMTPReply(530, .permanent(7, 0), "authentication required")
        case .authenticationCancelled: SMTPReply(501, .permanent(7, 0), "authentication cancelled")
        case .tooManyRecipients(let limit): SMTPReply(452, .transient(5, 3), "no more than \(limit) recipients")
        case .tooManyIdleCommands(let limit):
            SMTPReply(421, .transient(7, 0), "more than \(limit) commands and no message")
        case .tooManyRefusedRecipients(let limit):
            SMTPReply(421, .transient(7, 0), "more than \(limit) recipients refused")
        case .internationalAddress: SMTPReply(553, .permanent(6, 7), "this address needs SMTPUTF8")
        case .lineTooLong(let limit): SMTPReply(500, .permanent(5, 2), "line longer than \(limit) octets")
        case .responseTooLong(let limit): SMTPReply(500, .permanent(5, 6), "line longer than \(limit) octets")
        case .tooBig(let limit): SMTPReply(552, .permanent(3, 4), "message larger than \(limit) octets")
        case .strayOctetInCommand: SMTPReply(500, .permanent(5, 2), "bare CR, bare LF or NUL; lines end in CR LF")
        case .strayOctetsInContent:
            SMTPReply(550, .permanent(6, 0), "bare CR, bare LF or NUL in the message; lines end in CR LF")
        case .injectionAfterSTARTTLS: SMTPReply(421, .transient(7, 0), "octets behind STARTTLS")
        }
    }
}
