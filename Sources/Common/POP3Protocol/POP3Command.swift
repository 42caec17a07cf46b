// What a POP3 client says: each command, what may be said of it without secrets, and its form on the wire.

import Octets

/// A command of a POP3 client.
public enum POP3Command: Hashable, Sendable {
    case capa
    case stls
    case user(String)
    case pass(String)
    /// RFC 1939 §7; `digest` in hexadecimal. No login uses it: MD5 protects nothing today.
    case apop(user: String, digest: String)
    /// RFC 5034. `nil` as initial response waits for the server's challenge, which some servers demand.
    case auth(mechanism: String, initialResponse: [UInt8]?)
    /// The answer to ``POP3Client/Event/challenge(_:)``, not yet in base64.
    case saslResponse([UInt8])
    case saslCancel
    /// The rest of an `auth` whose initial response was too long for its line; the answer to `.proceed`.
    case proceed
    /// RFC 6856 §2.1.
    case utf8
    case stat
    case list(Int?)
    case uidl(Int?)
    case retr(Int)
    case top(Int, lines: Int)
    case dele(Int)
    case noop
    case rset
    case quit
}

/// What a reply answers: a command without its secrets.
public enum POP3Request: Hashable, Sendable {
    /// The connection itself.
    case greeting
    case capa, stls, user, pass, apop, auth, utf8, stat, noop, rset, quit
    case list(Int?)
    case uidl(Int?)
    case retr(Int)
    case top(Int)
    case dele(Int)
}

extension POP3Command {
    /// RFC 2449 §4: a command has at most 255 octets, line end included.
    static let lineLimit = 255
    /// A SASL line has at most 12,288 octets (RFC 4954 §4; RFC 5034 names no figure).
    static let saslLineLimit = 12_288

    /// What the reply to this command will answer; `nil` for lines inside an AUTH exchange.
    var request: POP3Request? {
        switch self {
        case .capa: .capa
        case .stls: .stls
        case .user: .user
        case .pass: .pass
        case .apop: .apop
        case .auth: .auth
        case .saslResponse, .saslCancel, .proceed: nil
        case .utf8: .utf8
        case .stat: .stat
        case .list(let number): .list(number)
        case .uidl(let number): .uidl(number)
        case .retr(let number): .retr(number)
        case .top(let number, _): .top(number)
        case .dele(let number): .dele(number)
        case .noop: .noop
        case .rset: .rset
        case .quit: .quit
        }
    }

    /// The verb, for error messages.
    var verb: String {
        switch self {
        case .capa: "CAPA"
        case .stls: "STLS"
        case .user: "USER"
        case .pass: "PASS"
        case .apop: "APOP"
        case .auth, .saslResponse, .saslCancel, .proceed: "AUTH"
        case .utf8: "UTF8"
        case .stat: "STAT"
        case .list: "LIST"
        case .uidl: "UIDL"
        case .retr: "RETR"
        case .top: "TOP"
        case .dele: "DELE"
        case .noop: "NOOP"
        case .rset: "RSET"
        case .quit: "QUIT"
        }
    }

    /// The line without its line end; `auth` without its initial response. Means nothing for `proceed`.
    var line: [UInt8] {
        switch self {
        case .user(let name): Array("USER \(name)".utf8)
        case .pass(let password): Array("PASS \(password)".utf8)
        case .apop(let name, let digest): Array("APOP \(name) \(digest)".utf8)
        case .auth(let mechanism, _): Array("AUTH \(mechanism)".utf8)
        case .saslResponse(let octets): Base64.encode(octets)
        case .saslCancel: [UInt8]("*")
        case .list(.some(let number)), .uidl(.some(let number)), .retr(let number), .dele(let number):
            Array("\(verb) \(number)".utf8)
        case .top(let number, let lines): Array("TOP \(number) \(lines)".utf8)
        case .capa, .stls, .proceed, .utf8, .stat, .list(nil), .uidl(nil), .noop, .rset, .quit: Array(verb.utf8)
        }
    }
}

extension POP3Command {
    /// Where a secret stands in `line`, this command as it goes out without its line end; empty when there is none.
    func secret(in line: [UInt8]) -> Range<Int> {
        switch self {
        case .pass, .apop, .auth:
            // The secret follows these words: "PASS", "APOP user", "AUTH mechanism".
            let known =
                switch self {
                case .apop(let name, _): "APOP \(name) "
                case .auth(let mechanism, _): "AUTH \(mechanism) "
                default: "PASS "
                }
            return min(known.utf8.count, line.count)..<line.count
        case .saslResponse, .proceed: return line.indices
        case .capa, .stls, .user, .saslCancel, .utf8, .stat, .list, .uidl, .retr, .top, .dele, .noop, .rset, .quit:
            return 0..<0
        }
    }
}

extension POP3Request {
    /// The verb, for error messages.
    var verb: String {
        switch self {
        case .greeting: "the connection"
        case .capa: "CAPA"
        case .stls: "STLS"
        case .user: "USER"
        case .pass: "PASS"
        case .apop: "APOP"
        case .auth: "AUTH"
        case .utf8: "UTF8"
        case .stat: "STAT"
        case .noop: "NOOP"
        case .rset: "RSET"
        case .quit: "QUIT"
        case .list: "LIST"
        case .uidl: "UIDL"
        case .retr: "RETR"
        case .top: "TOP"
        case .dele: "DELE"
        }
    }
}
