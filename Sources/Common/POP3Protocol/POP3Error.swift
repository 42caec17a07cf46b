// What ends a POP3 conversation, said for the person who must act.

import Octets
import Reporting

/// A fault after which a POP3 client must close the connection: nothing that follows can be matched to a command.
public enum POP3Error: Error, Hashable, Sendable {
    /// The server sent a line longer than `limit` octets.
    case lineTooLong(limit: Int)
    /// The reply to the command `to` (its verb) is none that RFC 1939 allows.
    case malformed(reply: [UInt8], to: String)
    /// A reply came that no command asked for.
    case unsolicitedReply([UInt8])
    /// The server ended the session unasked (`-ERR` outside of any command).
    case disconnected(text: [UInt8])
    /// Clear text followed the reply to STLS: somebody may be injecting it (RFC 2595 §4).
    case injectionAfterSTLS
    /// The server sent more of `what` than `limit`.
    case tooMany(what: String, limit: Int)
    /// The command cannot be sent now, or not with these values.
    case cannotSend(command: String, reason: String)
}

extension POP3Error: Complaint {
    public var description: String {
        switch self {
        case .lineTooLong(let limit):
            "the POP3 server sent a line of more than \(limit) octets; the session was closed"
        case .malformed(let reply, let command):
            "the POP3 server answered \(command) with \"\(printable(octets: reply, limit: 200))\", which is not POP3; "
                + (ServerGreeting.advice(reply, expected: "POP3") ?? "ask its operator")
        case .unsolicitedReply(let reply):
            "the POP3 server sent \"\(printable(octets: reply, limit: 200))\" though nothing was asked; "
                + "the session was closed"
        case .disconnected(let text):
            "the POP3 server ended the session: \(printable(octets: text, limit: 200)); it is tried again later"
        case .injectionAfterSTLS:
            "clear text followed the POP3 server's answer to STLS: somebody in between may be injecting it; use pop3s "
                + "(port 995) instead"
        case .tooMany(let what, let limit):
            "the POP3 server sent more than \(limit) \(what); the session was closed"
        case .cannotSend(let command, let reason):
            "POP3 \(command) cannot be sent: \(reason)"
        }
    }

    public var exitStatus: ExitStatus {
        switch self {
        case .disconnected: .temporaryFailure
        case .cannotSend: .configuration
        case .lineTooLong, .malformed, .unsolicitedReply, .injectionAfterSTLS, .tooMany: .protocolError
        }
    }
}
