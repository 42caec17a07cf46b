// What ends an IMAP conversation, said for the person who must act.

import Octets
import Reporting

/// A fault after which an IMAP client must close the connection.
public enum IMAPError: Error, Hashable, Sendable {
    /// The server sent a line, or a response of several, longer than `limit` octets.
    case responseTooLong(limit: Int)
    /// A literal of `octets` octets was announced; nothing of it was taken.
    case literalTooLarge(octets: Int, limit: Int)
    /// Lists nested deeper than `limit`.
    case tooDeep(limit: Int)
    /// The response does not follow the grammar of RFC 3501 §9.
    case malformed(response: [UInt8])
    /// A completion, continuation or message came that no command asked for.
    case unsolicitedResponse([UInt8])
    /// Clear text followed the answer to STARTTLS: somebody may be injecting it (RFC 3501 §6.2.1).
    case injectionAfterSTARTTLS
    /// The server sent more of `what` than `limit`.
    case tooMany(what: String, limit: Int)
    /// The selected mailbox got another UIDVALIDITY: UIDs told before mean other messages now (RFC 3501 §2.3.1.1).
    case renumbered(from: UInt32, to: UInt32)
    /// The server forbids LOGIN on this connection (RFC 3501 §6.2.3).
    case loginDisabled
    /// The command cannot be sent now, or not with these values.
    case cannotSend(command: String, reason: String)
}

extension IMAPError: Complaint {
    public var description: String {
        switch self {
        case .responseTooLong(let limit):
            "the IMAP server sent a response of more than \(limit) octets; the session was closed"
        case .literalTooLarge(let octets, let limit):
            "the IMAP server announced \(octets) octets where at most \(limit) are allowed; the session was closed"
        case .tooDeep(let limit):
            "the IMAP server sent lists nested more than \(limit) deep; the session was closed"
        case .malformed(let response):
            "the IMAP server sent \"\(printable(octets: response, limit: 200))\", which is not IMAP; "
                + (ServerGreeting.advice(response, expected: "IMAP") ?? "ask its operator")
        case .unsolicitedResponse(let response):
            "the IMAP server sent \"\(printable(octets: response, limit: 200))\" though nothing asked for it; "
                + (ServerGreeting.advice(response, expected: "IMAP") ?? "the session was closed")
        case .injectionAfterSTARTTLS:
            "clear text followed the IMAP server's answer to STARTTLS: somebody in between may be injecting it; use "
                + "imaps (port 993) instead"
        case .tooMany(let what, let limit):
            "the IMAP server sent more than \(limit) \(what); the session was closed"
        case .renumbered(let old, let new):
            "the IMAP server changed the UIDVALIDITY of the selected folder from \(old) to \(new); nothing more was "
                + "done to it"
        case .loginDisabled:
            "the IMAP server takes no password on this connection (LOGINDISABLED); use TLS or another `auth`"
        case .cannotSend(let command, let reason):
            "IMAP \(command) cannot be sent: \(reason)"
        }
    }

    public var exitStatus: ExitStatus {
        switch self {
        case .cannotSend, .loginDisabled: .configuration
        case .responseTooLong, .literalTooLarge, .tooDeep, .malformed, .unsolicitedResponse, .injectionAfterSTARTTLS,
            .tooMany, .renumbered:
            .protocolError
        }
    }
}
