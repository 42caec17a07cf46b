// The paths of MAIL and RCPT (RFC 5321 §4.1.2), with the forms that real clients send.

import MailEnvelope
import MailFormat
import Octets

extension CommandGrammar {
    /// Reverse-path = Path / "<>"
    mutating func reversePath() throws(CommandFault) -> ReversePath {
        let mailbox = try path(else: "syntax: MAIL FROM:<address>")
        if mailbox.isEmpty { return .null }
        do {
            return .address(try Address(parsing: mailbox))
        } catch {
            throw .badSender(error)
        }
    }

    /// Forward-path = Path; "<Postmaster>" needs no domain (RFC 5321 §4.1.1.3).
    mutating func forwardPath() throws(CommandFault) -> ForwardPath {
        let mailbox = try path(else: "syntax: RCPT TO:<address>")
        if mailbox.equalsIgnoringCase("postmaster") { return .postmaster }
        do {
            return .address(try Address(parsing: mailbox))
        } catch {
            throw .badRecipient(error)
        }
    }

    /// Path = "<" [ A-d-l ":" ] Mailbox ">"
    ///
    /// Also accepted: a mailbox without brackets, up to the next blank.
    /// - Returns: the mailbox, its source route dropped (RFC 5321 §4.1.1.3); empty for `<>` alone.
    private mutating func path(else words: String) throws(CommandFault) -> [UInt8] {
        guard let first = next else { throw .syntax(words) }
        guard first == 0x3C else {
            let mailbox = unquoted { $0 == Octet.space || $0 == Octet.tab }
            return Array(line[mailbox])
        }
        at += 1
        let inside = unquoted { $0 == 0x3E }
        guard next == 0x3E else { throw .syntax(words) }
        at += 1
        guard isAtEnd || next == Octet.space || next == Octet.tab else { throw .syntax(words) }
        return try withoutRoute(Array(line[inside]), else: words)
    }

    /// Moves to the first octet outside quotes that `stops`, or to the end.
    private mutating func unquoted(_ stops: (UInt8) -> Bool) -> Range<Int> {
        let start = at
        var isQuoted = false
        while let octet = next {
            if isQuoted, octet == 0x5C {
                at += 1  // quoted-pairSMTP: what follows has no meaning of its own
                guard next != nil else { break }
            } else if octet == 0x22 {
                isQuoted.toggle()
            } else if !isQuoted, stops(octet) {
                break
            }
            at += 1
        }
        return start..<at
    }

    /// A-d-l = At-domain *( "," At-domain ); At-domain = "@" Domain
    private func withoutRoute(_ path: [UInt8], else words: String) throws(CommandFault) -> [UInt8] {
        guard path.first == 0x40 else { return path }
        var start = 0
        var isLiteral = false
        for (index, octet) in path.enumerated() {
            switch octet {
            case 0x5B: isLiteral = true
            case 0x5D: isLiteral = false
            case 0x2C, Octet.colon:
                if isLiteral { continue }
                guard path[start] == 0x40, Address.isDomain(Array(path[(start + 1)..<index])) else {
                    throw .syntax(words)
                }
                start = index + 1
                if octet == Octet.colon {
                    guard start < path.count else { throw .syntax(words) }
                    return Array(path[start...])
                }
                guard start < path.count else { throw .syntax(words) }
            default: continue
            }
        }
        throw .syntax(words)
    }
}
