// The words of an IMAP response: atoms, strings, literals, NIL and lists, read by recursive descent, bounded.

import Octets

/// One value of a response.
enum IMAPValue: Hashable, Sendable {
    /// An atom, a number, a flag, or a section such as `BODY[HEADER]<0>`.
    case atom([UInt8])
    /// A quoted string, or a small literal.
    case string([UInt8])
    case list([IMAPValue])
    /// `NIL`, as it is spelled.
    case null([UInt8])
    /// A literal of so many octets, which went to the caller as content.
    case streamed(Int)

    /// The octets of an atom or string.
    var octets: [UInt8]? {
        switch self {
        case .atom(let octets), .string(let octets): octets
        case .list, .null, .streamed: nil
        }
    }

    /// An astring (RFC 3501 §9): where a name stands, `nil` is one like any other.
    var name: [UInt8]? { if case .null(let octets) = self { octets } else { octets } }

    var number: Int? { if case .atom(let octets) = self { Decimal.value(of: octets) } else { nil } }

    /// A UID, UIDVALIDITY or message number: 1 to 2^32-1.
    var nonZeroNumber: UInt32? { number.flatMap { UInt32(exactly: $0) }.flatMap { $0 > 0 ? $0 : nil } }

    var list: [IMAPValue]? { if case .list(let values) = self { values } else { nil } }
}

/// Reads values out of one response.
///
/// The response is in one piece: behind `{n}` and CRLF stand the n octets of a small literal; a streamed literal is
/// marked by NUL, its count and NUL, octets that no line may hold.
struct IMAPReader {
    /// Lists within lists; BODYSTRUCTURE, which we never ask for, is the only deep one.
    static let depthLimit = 16

    private let octets: [UInt8]
    private var at: Int
    /// Lists still open at the end of an unfinished response.
    private(set) var openLists = 0
    private let isUnfinished: Bool
    private let hasSections: Bool

    /// - Parameters:
    ///   - isUnfinished: the response ends before a literal: lists may stay open.
    ///   - hasSections: whether `BODY[` begins a section, and not a name.
    init(_ octets: [UInt8], from start: Int = 0, isUnfinished: Bool = false, hasSections: Bool = true) {
        self.octets = octets
        at = start
        self.isUnfinished = isUnfinished
        self.hasSections = hasSections
    }

    /// All values up to the end.
    mutating func values() throws(IMAPError) -> [IMAPValue] {
        let values = try values(depth: 0)
        guard at == octets.count else { throw .malformed(response: octets) }
        return values
    }

    private mutating func values(depth: Int) throws(IMAPError) -> [IMAPValue] {
        guard depth <= Self.depthLimit else { throw .tooDeep(limit: Self.depthLimit) }
        var values: [IMAPValue] = []
        // Values stand apart: else what a literal took of the next response would pass for a word of this one. Only lists
        // may touch, as in BODYSTRUCTURE (RFC 3501 §9).
        var isApart = true
        while at < octets.count {
            if octets[at] == Octet.space {
                at += 1
                isApart = true
                continue
            }
            if !isApart, octets[at] != 0x29 {
                guard octets[at] == 0x28, case .list = values.last else { throw .malformed(response: octets) }
            }
            isApart = false
            switch octets[at] {
            case 0x28:
                at += 1
                values.append(.list(try self.values(depth: depth + 1)))
            case 0x29:
                guard depth > 0 else { throw .malformed(response: octets) }
                at += 1
                return values
            case 0x22: values.append(.string(try quoted()))
            case 0x7B: values.append(.string(try literal()))
            case Octet.nul: values.append(.streamed(try streamedCount()))
            default: values.append(try atom())
            }
        }
        guard depth == 0 || isUnfinished else { throw .malformed(response: octets) }
        if depth > 0 { openLists += 1 }
        return values
    }

    /// `DQUOTE *QUOTED-CHAR DQUOTE`
    private mutating func quoted() throws(IMAPError) -> [UInt8] {
        var text: [UInt8] = []
        at += 1
        while at < octets.count {
            let octet = octets[at]
            at += 1
            switch octet {
            case 0x22: return text
            case 0x5C:
                guard at < octets.count, octets[at] == 0x22 || octets[at] == 0x5C else {
                    throw .malformed(response: octets)
                }
                text.append(octets[at])
                at += 1
            case Octet.cr, Octet.lf, Octet.nul: throw .malformed(response: octets)
            default: text.append(octet)
            }
        }
        throw .malformed(response: octets)
    }

    /// `"{" number ["+"] "}" CRLF *CHAR8`
    private mutating func literal() throws(IMAPError) -> [UInt8] {
        guard let lf = octets.firstIndex(of: Octet.lf, in: at..<octets.count), lf > at, octets[lf - 1] == Octet.cr,
            octets[at..<(lf - 1)].lastIndex(of: 0x7B) == at,
            let count = Self.literalLength(of: octets[at..<(lf - 1)]), octets.count - (lf + 1) >= count
        else { throw .malformed(response: octets) }
        at = lf + 1 + count
        return Array(octets[(lf + 1)..<at])
    }

    private mutating func streamedCount() throws(IMAPError) -> Int {
        guard let end = octets.firstIndex(of: Octet.nul, in: (at + 1)..<octets.count),
            let count = Decimal.value(of: octets[(at + 1)..<end])
        else { throw .malformed(response: octets) }
        at = end + 1
        return count
    }

    /// `1*ATOM-CHAR`, flags and sections: `BODY[HEADER.FIELDS (FROM)]<0>` is one.
    private mutating func atom() throws(IMAPError) -> IMAPValue {
        let start = at
        loop: while at < octets.count {
            switch octets[at] {
            case Octet.space, 0x28, 0x29, 0x22, 0x7B: break loop
            case ..<Octet.space, 0x7F: throw .malformed(response: octets)
            case 0x5B
            where hasSections
                && (octets[start..<at].equalsIgnoringCase("BODY") || octets[start..<at].equalsIgnoringCase("BINARY")):
                guard let close = octets.firstIndex(of: 0x5D, in: at..<octets.count) else {
                    throw .malformed(response: octets)
                }
                at = close + 1
            default: at += 1
            }
        }
        let word = octets[start..<at]
        return word.equalsIgnoringCase("NIL") ? .null(Array(word)) : .atom(Array(word))
    }

    /// The octet count that a literal at the end of `line` announces, as in `{310}` (RFC 3501 §4.3).
    /// - Returns: `nil` when `line` ends in no literal, or in one of more octets than an `Int` counts.
    static func literalLength(of line: ArraySlice<UInt8>) -> Int? {
        guard line.last == 0x7D, let open = line.lastIndex(of: 0x7B) else { return nil }
        var digits = line[(open + 1)..<(line.endIndex - 1)]
        if digits.last == 0x2B { digits = digits.dropLast() }
        return Decimal.value(of: digits)
    }
}
