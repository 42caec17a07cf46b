// What a client of SMTP or LMTP cannot go on from: the peer does not keep to the protocol.

import Reporting

/// A fault of the server's side of the conversation. After each the connection is of no more use.
public enum SMTPError: Complaint, Hashable {
    /// A line that begins with no reply code.
    case notAReply
    case replyLineTooLong(limit: Int)
    case tooManyReplyLines(limit: Int)
    /// The reply to the final dot has no end.
    case verdictTooLong(limit: Int)
    /// Two lines of one reply have different codes.
    case differentCodes(Int, Int)
    /// A reply to nothing that was asked.
    case surplusReply(SMTPReply)
    /// The beginning of a reply to nothing that was asked.
    case surplusOctets
    /// A reply that the command cannot have, such as 354 to MAIL.
    case unexpectedReply(to: String, SMTPReply)
    case tooManyChallenges(limit: Int)
    /// Octets in clear behind the go-ahead for TLS: an attempt to smuggle them into the secured conversation.
    case injectionAfterSTARTTLS

    public var exitStatus: ExitStatus { .protocolError }

    public var description: String {
        switch self {
        case .notAReply:
            "the server sent a line that is no SMTP reply; check that host and port name a mail server"
        case .replyLineTooLong(let limit):
            "the server sent a reply line of more than \(limit) octets; the connection was closed"
        case .tooManyReplyLines(let limit):
            "the server sent a reply of more than \(limit) lines; the connection was closed"
        case .verdictTooLong(let limit):
            "the server's reply to the message has more than \(limit) octets; the connection was closed"
        case .differentCodes(let first, let second):
            "the server mixed the codes \(first) and \(second) in one reply; the connection was closed"
        case .surplusReply(let reply):
            "the server sent a reply to no command (\(printable(reply.description))); the connection was closed"
        case .surplusOctets:
            "the server spoke without being asked; the connection was closed"
        case .unexpectedReply(let command, let reply):
            "the server answered \(command) with \(printable(reply.description)); the connection was closed"
        case .tooManyChallenges(let limit):
            "the server sent more than \(limit) challenges in one login; the connection was closed"
        case .injectionAfterSTARTTLS:
            "there was clear text behind the server's answer to STARTTLS; someone may be tampering with the connection"
        }
    }
}
