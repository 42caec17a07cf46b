// Command lines of SMTP read into values: the verbs (RFC 5321 §4.1.1). One function per rule.

import MailFormat
import Octets

/// A cursor over one command line.
struct CommandGrammar {
    let line: [UInt8]
    var at = 0

    /// First words of a request of HTTP or a related protocol; a browser can be made to send them to a mail server.
    private static let foreignVerbs: [StaticString] = [
        "GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PATCH", "PRI", "Host:", "User-Agent:",
    ]

    /// Reads `line`, given without its line end.
    ///
    /// command-line = verb [ SP arguments ]; verbs are case-insensitive, and blanks at the end are tolerated (RFC 5321
    /// §4.1.1).
    static func command(_ line: [UInt8]) throws(CommandFault) -> SMTPCommand {
        let end = line.lastIndex { $0 != Octet.space && $0 != Octet.tab }.map { $0 + 1 } ?? 0
        var cursor = CommandGrammar(line: Array(line[..<end]))
        guard line.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == Octet.tab }) else { throw .unknownCommand }
        let verb = cursor.word()
        if foreignVerbs.contains(where: { verb.equalsIgnoringCase($0) }) { throw .wrongProtocol }
        let name = String(decoding: verb.map(Octet.uppercased), as: UTF8.self)
        cursor.blanks()
        switch name {
        case "HELO": return .helo(try cursor.hello("HELO"))
        case "EHLO": return .ehlo(try cursor.hello("EHLO"))
        case "LHLO": return .lhlo(try cursor.hello("LHLO"))
        case "MAIL": return try cursor.mail()
        case "RCPT": return try cursor.rcpt()
        case "DATA": return try cursor.alone(.data, "DATA")
        case "BDAT": return try cursor.bdat()
        case "RSET": return try cursor.alone(.rset, "RSET")
        case "VRFY": return .vrfy(try cursor.string("VRFY"))
        case "EXPN": return .expn(try cursor.string("EXPN"))
        case "HELP": return .help(cursor.rest())
        case "NOOP": return .noop
        case "QUIT": return try cursor.alone(.quit, "QUIT")
        case "AUTH": return try cursor.auth()
        case "STARTTLS": return try cursor.alone(.starttls, "STARTTLS")
        default: throw .unknownCommand
        }
    }

    /// helo = "HELO" SP Domain; ehlo = "EHLO" SP ( Domain / address-literal )
    ///
    /// Home clients give every kind of name; what it is worth is for the policy to say.
    private mutating func hello(_ verb: String) throws(CommandFault) -> String {
        let name = word()
        guard !name.isEmpty, name.count <= SMTPLimits.domain, let text = String(validating: name, as: UTF8.self) else {
            throw .syntax("syntax: \(verb) hostname")
        }
        return text
    }

    /// mail = "MAIL FROM:" Reverse-path [SP Mail-parameters]
    private mutating func mail() throws(CommandFault) -> SMTPCommand {
        try keyword("FROM:", else: "syntax: MAIL FROM:<address>")
        let path = try reversePath()
        return try mail(from: path)
    }

    /// rcpt = "RCPT TO:" ( "<Postmaster@" Domain ">" / "<Postmaster>" / Forward-path ) [SP Rcpt-parameters]
    private mutating func rcpt() throws(CommandFault) -> SMTPCommand {
        try keyword("TO:", else: "syntax: RCPT TO:<address>")
        let path = try forwardPath()
        return .rcpt(try recipient(path))
    }

    /// bdat-cmd = "BDAT" SP chunk-size [ SP end-marker ]; chunk-size = 1*DIGIT; end-marker = "LAST"
    private mutating func bdat() throws(CommandFault) -> SMTPCommand {
        guard let count = Decimal.value(of: word()) else { throw .badChunkSize }
        blanks()
        let marker = word()
        guard isAtEnd, marker.isEmpty || marker.equalsIgnoringCase("LAST") else { throw .badChunkSize }
        return .bdat(octets: count, last: !marker.isEmpty)
    }

    /// auth-command = "AUTH" SP sasl-mech [SP initial-response]; initial-response = base64 / "="
    private mutating func auth() throws(CommandFault) -> SMTPCommand {
        let mechanism = word().map(Octet.uppercased)
        guard (1...SMTPLimits.mechanismName).contains(mechanism.count),
            mechanism.allSatisfy({ Octet.isDigit($0) || Octet.isLetter($0) || $0 == 0x2D || $0 == 0x5F })
        else { throw .syntax("syntax: AUTH mechanism") }
        blanks()
        let text = word()
        guard isAtEnd else { throw .syntax("syntax: AUTH mechanism [response]") }
        let name = String(decoding: mechanism, as: UTF8.self)
        if text.isEmpty { return .auth(mechanism: name, initialResponse: nil) }
        guard let initial = text == [0x3D] ? [] : Base64.decode(text) else { throw .badBase64 }
        return .auth(mechanism: name, initialResponse: initial)
    }

    /// vrfy = "VRFY" SP String; expn = "EXPN" SP String
    private mutating func string(_ verb: String) throws(CommandFault) -> String {
        let text = rest()
        guard !text.isEmpty else { throw .syntax("syntax: \(verb) name") }
        return text
    }

    /// data = "DATA" CRLF, and the other commands that take no argument.
    private func alone(_ command: SMTPCommand, _ verb: String) throws(CommandFault) -> SMTPCommand {
        guard isAtEnd else { throw .syntax("\(verb) takes no argument") }
        return command
    }
}

// Steps of the cursor.
extension CommandGrammar {
    var isAtEnd: Bool { at == line.count }
    var next: UInt8? { at < line.count ? line[at] : nil }

    mutating func blanks() {
        while let octet = next, octet == Octet.space || octet == Octet.tab { at += 1 }
    }

    /// Everything up to the next blank.
    mutating func word() -> [UInt8] {
        let start = at
        while let octet = next, octet != Octet.space, octet != Octet.tab { at += 1 }
        return Array(line[start..<at])
    }

    mutating func rest() -> String {
        defer { at = line.count }
        return String(decoding: line[at...], as: UTF8.self)
    }

    mutating func keyword(_ word: StaticString, else words: String) throws(CommandFault) {
        let end = at + word.utf8CodeUnitCount
        guard end <= line.count, line[at..<end].equalsIgnoringCase(word) else { throw .syntax(words) }
        at = end
        blanks()  // many clients write a blank behind the colon
    }

    /// 1*20DIGIT
    /// - Returns: `nil` for anything else; `Int.max` for a number above that.
    static func saturatedNumber(_ digits: some Collection<UInt8>) -> Int? {
        guard (1...20).contains(digits.count), digits.allSatisfy(Octet.isDigit) else { return nil }
        return Decimal.value(of: Array(digits)) ?? Int.max
    }
}
