// Why an SMTP or LMTP client must give up a connection: the server breaks the protocol.

import Reporting

/// A fault of the server, after which the connection is of no more use.
public enum SMTPError: Complaint, Hashable {
    /// A line that does not begin with a reply code.
    case malformed
    case replyLineTooLong(limit: Int)
    case tooManyReplyLines(limit: Int)
    /// The reply to the final dot has more than `limit` octets.
    case verdictTooLong(limit: Int)
    /// Two lines of one reply have different codes.
    case differentCodes(Int, Int)
    /// A reply that no command asked for.
    case unsolicitedReply(SMTPReply)
    /// The beginning of a reply that no command asked for.
    case unsolicitedOctets
    /// A reply that the command cannot have, such as 354 to MAIL.
    case unexpectedReply(to: String, SMTPReply)
    case tooManyChallenges(limit: Int)
    /// Clear text after the reply to STARTTLS: an attempt to smuggle it into the secured conversation (RFC 3207 §6).
    case injectionAfterSTARTTLS

    public var exitStatus: ExitStatus { .protocolError }

    public var description: String {
        switch self {
        case .malformed:
            "the server sent a line that is not an SMTP reply; check that host and port name a mail server"
        case .replyLineTooLong(let limit):
            "the server sent a reply line of more than \(limit) octets; the connection was closed"
        case .tooManyReplyLines(let limit):
            "the server sent a reply of more than \(limit) lines; the connection was closed"
        case .verdictTooLong(let limit):
            "the server's reply to the message has more than \(limit) octets; the connection was closed"
        case .differentCodes(let first, let second):
            "the server mixed the codes \(first) and \(second) in one reply; the connection was closed"
        case .unsolicitedReply(let reply):
            "the server sent a reply that answers no command (\(printable(reply.description))); the connection was "
                + "closed"
        case .unsolicitedOctets:
            "the server spoke without being asked; the connection was closed"
        case .unexpectedReply(let command, let reply):
            "the server answered \(command) with \(printable(reply.description)); the connection was closed"
        case .tooManyChallenges(let limit):
            "the server sent more than \(limit) challenges in one login; the connection was closed"
        case .injectionAfterSTARTTLS:
            "clear text followed the server's answer to STARTTLS; someone may be tampering with the connection"
        }
    }
}
