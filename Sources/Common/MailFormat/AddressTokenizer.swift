// The lexical tokens of structured header fields (RFC 5322 §3.2): atoms, quoted strings, comments, literals, specials.

import Octets

/// One token and where it stands.
struct AddressToken: Hashable {
    enum Kind: Hashable {
        case atom
        /// With its quotes.
        case quotedString
        /// With its outermost parentheses.
        case comment
        /// With its brackets.
        case domainLiteral
        /// One of `< > @ , ; : .`
        case special(UInt8)
        /// A lone `)`, `]` or backslash, or something that is opened and never closed.
        case broken
    }
    let kind: Kind
    let range: Range<Int>
}

/// Cuts octets into tokens, white space left out. Never goes back.
struct AddressTokenizer {
    let octets: [UInt8]
    let end: Int
    private(set) var at: Int

    init(octets: [UInt8], range: Range<Int>) {
        self.octets = octets
        at = range.lowerBound
        end = range.upperBound
    }

    mutating func next() throws(AddressListError) -> AddressToken? {
        while at < end, Self.isSpace(octets[at]) { at += 1 }
        guard at < end else { return nil }
        let start = at
        let octet = octets[at]
        at += 1
        let kind: AddressToken.Kind
        switch octet {
        case 0x22: kind = delimited(by: octet) ? .quotedString : .broken
        case 0x28: kind = try comment() ? .comment : .broken
        case 0x5B: kind = delimited(by: 0x5D) ? .domainLiteral : .broken
        case 0x3C, 0x3E, 0x40, 0x2C, 0x3B, 0x3A, 0x2E: kind = .special(octet)
        case 0x29, 0x5D, 0x5C: kind = .broken
        default:
            while at < end, !Self.isSpace(octets[at]), !Self.isSpecial(octets[at]) { at += 1 }
            kind = .atom
        }
        return AddressToken(kind: kind, range: start..<at)
    }

    /// The content of a quoted string or comment at `range`: outer delimiters, backslashes and line ends removed.
    static func content(of octets: [UInt8], _ range: Range<Int>) -> [UInt8] {
        var content: [UInt8] = []
        var at = range.lowerBound + 1
        while at < range.upperBound - 1 {
            if octets[at] == 0x5C, at + 1 < range.upperBound - 1 { at += 1 }
            if octets[at] != Octet.lf, octets[at] != Octet.cr { content.append(octets[at]) }
            at += 1
        }
        return content
    }

    /// Goes behind the next `close` that no backslash precedes; `false` at the end of the field.
    private mutating func delimited(by close: UInt8) -> Bool {
        while at < end {
            let octet = octets[at]
            at += 1
            if octet == close { return true }
            if octet == 0x5C, at < end { at += 1 }
        }
        return false
    }

    /// comment = "(" *([FWS] ccontent) [FWS] ")", counted instead of recursed into.
    private mutating func comment() throws(AddressListError) -> Bool {
        var depth = 1
        while at < end {
            let octet = octets[at]
            at += 1
            switch octet {
            case 0x28:
                depth += 1
                guard depth <= AddressList.commentDepthLimit else {
                    throw .commentsTooDeep(limit: AddressList.commentDepthLimit)
                }
            case 0x29:
                depth -= 1
                if depth == 0 { return true }
            case 0x5C:
                if at < end { at += 1 }
            default: break
            }
        }
        return false
    }

    private static func isSpace(_ octet: UInt8) -> Bool {
        octet == Octet.space || octet == Octet.tab || octet == Octet.lf || octet == Octet.cr
    }

    /// specials of RFC 5322 §3.2.3.
    private static func isSpecial(_ octet: UInt8) -> Bool {
        switch octet {
        case 0x22, 0x28, 0x29, 0x2C, 0x2E, 0x3A, 0x3B, 0x3C, 0x3E, 0x40, 0x5B, 0x5C, 0x5D: true
        default: false
        }
    }
}
