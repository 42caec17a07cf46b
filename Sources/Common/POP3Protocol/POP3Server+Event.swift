// What a POP3 client asks of us: each command line read once, with its arguments checked.

import Octets

extension POP3Server {
    /// What the client asked for. Each but ``injectionAfterSTLS`` is owed exactly one answer.
    public enum Event: Hashable, Sendable {
        case capa
        case stls
        case user([UInt8])
        /// Only after an accepted USER, whose name it carries.
        case pass(user: [UInt8], password: [UInt8])
        /// `mechanism` in upper case; answer with `.challenge`, `.ok` or `.err`.
        case auth(mechanism: String, initialResponse: [UInt8]?)
        /// The decoded answer to a challenge.
        case saslResponse([UInt8])
        case saslCancelled
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
        /// `update`: the session was logged in, so that deletions are due now (RFC 1939 §6).
        case quit(update: Bool)
        /// A line that is refused; answer with `.fault`.
        case fault(Fault)
        /// Clear text followed the STLS line: close without a reply (RFC 2595 §4).
        case injectionAfterSTLS
    }

    /// Why a line is refused before any policy sees it.
    public enum Fault: Hashable, Sendable {
        case unknownCommand
        case lineTooLong
        case bareLineFeed
        case badArguments
        case badMessageNumber
        /// Login first.
        case notLoggedIn
        /// Logged in already.
        case loggedIn
        /// TLS is on already.
        case isTLS
        case userFirst
        case badBase64

        /// The text behind -ERR.
        var text: String {
            switch self {
            case .unknownCommand: "unknown command"
            case .lineTooLong: "line too long"
            case .bareLineFeed: "lines must end in CRLF"
            case .badArguments: "arguments are wrong or missing"
            case .badMessageNumber: "no such message"
            case .notLoggedIn: "log in first"
            case .loggedIn: "already logged in"
            case .isTLS: "TLS is on already"
            case .userFirst: "USER first"
            case .badBase64: "not base64"
            }
        }
    }

    /// What `line` asks for in the present state.
    func event(of line: [UInt8]) -> Event {
        guard line.count + 2 <= POP3Command.lineLimit else { return .fault(.lineTooLong) }
        guard !line.contains(Octet.nul) else { return .fault(.badArguments) }
        let space = line.firstIndex(of: Octet.space) ?? line.count
        let verb = String(decoding: line[..<space].map(Octet.uppercased), as: UTF8.self)
        let rest = space < line.count ? line[(space + 1)...] : []
        switch verb {
        case "CAPA": return bare(.capa, rest)
        case "QUIT": return bare(.quit(update: isAuthenticated), rest)
        case "STLS", "USER", "PASS", "AUTH", "UTF8":
            return isAuthenticated ? .fault(.loggedIn) : loginEvent(verb, rest)
        case "STAT", "LIST", "UIDL", "RETR", "TOP", "DELE", "NOOP", "RSET":
            return isAuthenticated ? maildropEvent(verb, rest) : .fault(.notLoggedIn)
        default: return .fault(.unknownCommand)
        }
    }

    private func bare(_ event: Event, _ rest: ArraySlice<UInt8>) -> Event {
        rest.allSatisfy { $0 == Octet.space } ? event : .fault(.badArguments)
    }

    private func loginEvent(_ verb: String, _ rest: ArraySlice<UInt8>) -> Event {
        switch verb {
        case "STLS": return isTLS ? .fault(.isTLS) : bare(.stls, rest)
        case "UTF8": return bare(.utf8, rest)
        case "USER": return rest.isEmpty ? .fault(.badArguments) : .user(Array(rest))
        case "PASS":
            // The whole rest of the line: passwords may hold blanks (RFC 1939 §7, PASS).
            guard let user else { return .fault(.userFirst) }
            return .pass(user: user, password: Array(rest))
        default: return authEvent(rest)
        }
    }

    /// `"AUTH" SP mechanism [SP (initial-response / "=")]` (RFC 5034 §4)
    private func authEvent(_ rest: ArraySlice<UInt8>) -> Event {
        let words = rest.split(separator: Octet.space)
        guard let name = words.first, words.count <= 2, name.count <= 20 else { return .fault(.badArguments) }
        let upper = name.map(Octet.uppercased)
        let proper = upper.allSatisfy { Octet.isDigit($0) || ($0 >= 0x41 && $0 <= 0x5A) || $0 == 0x2D || $0 == 0x5F }
        guard proper else { return .fault(.badArguments) }
        let mechanism = String(decoding: upper, as: UTF8.self)
        guard words.count == 2 else { return .auth(mechanism: mechanism, initialResponse: nil) }
        if words[1] == [0x3D] { return .auth(mechanism: mechanism, initialResponse: []) }
        guard let response = Base64.decode(words[1]) else { return .fault(.badBase64) }
        return .auth(mechanism: mechanism, initialResponse: response)
    }

    /// A line inside AUTH: base64, or `*` alone.
    func saslEvent(of line: [UInt8]) -> Event {
        guard line.count + 2 <= POP3Command.saslLineLimit else { return .fault(.lineTooLong) }
        if line == [0x2A] { return .saslCancelled }
        guard let response = Base64.decode(line) else { return .fault(.badBase64) }
        return .saslResponse(response)
    }

    private func maildropEvent(_ verb: String, _ rest: ArraySlice<UInt8>) -> Event {
        let words = rest.split(separator: Octet.space)
        switch verb {
        case "STAT": return bare(.stat, rest)
        case "NOOP": return bare(.noop, rest)
        case "RSET": return bare(.rset, rest)
        case "LIST" where words.isEmpty: return .list(nil)
        case "UIDL" where words.isEmpty: return .uidl(nil)
        case "TOP":
            guard words.count == 2 else { return .fault(.badArguments) }
            guard let number = Self.messageNumber(words[0]) else { return .fault(.badMessageNumber) }
            guard let lines = Decimal.value(of: words[1]) else { return .fault(.badArguments) }
            return .top(number, lines: lines)
        default:
            guard words.count == 1 else { return .fault(.badArguments) }
            guard let number = Self.messageNumber(words[0]) else { return .fault(.badMessageNumber) }
            switch verb {
            case "LIST": return .list(number)
            case "UIDL": return .uidl(number)
            case "RETR": return .retr(number)
            default: return .dele(number)
            }
        }
    }

    /// A message number: digits alone, at least 1. Whether that message exists is for the caller to say.
    private static func messageNumber(_ word: ArraySlice<UInt8>) -> Int? {
        Decimal.value(of: word).flatMap { $0 > 0 ? $0 : nil }
    }
}
