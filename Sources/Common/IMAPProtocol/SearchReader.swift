// The numbers of a SEARCH response as they arrive: in a huge mailbox that line runs to megabytes (RFC 3501 §7.2.5).

import Octets

/// Reads what stands behind `* SEARCH`, piece by piece.
struct SearchReader {
    /// Numbers of one response: ten times the folder that the hub is made for.
    static let limit = 1_000_000

    private enum State { case start, space, number, modSeq, carriageReturn, finished }

    private var state = State.start
    private var value: UInt64 = 0
    private var digits = 0
    private var count = 0

    var isFinished: Bool { state == .finished }

    /// Appends to `found` the numbers that `part` completes; `part` holds at most one LF, at its end.
    mutating func read(_ part: [UInt8], into found: inout [UInt32]) throws(IMAPError) {
        for octet in part {
            switch state {
            case .start, .space, .number:
                if Octet.isDigit(octet), state != .start {
                    try add(octet, part)
                } else {
                    try separate(octet, into: &found, part)
                }
            case .modSeq:  // `(MODSEQ n)`, RFC 7162 §3.1.6
                guard octet >= Octet.space, octet < 0x7F else { throw .malformed(response: part) }
                if octet == 0x29 { state = .start }
            case .carriageReturn:
                guard octet == Octet.lf else { throw .malformed(response: part) }
                state = .finished
            case .finished: throw .malformed(response: part)
            }
        }
    }

    private mutating func add(_ digit: UInt8, _ part: [UInt8]) throws(IMAPError) {
        state = .number
        value = value * 10 + UInt64(digit & 0x0F)
        digits += 1
        guard digits <= 10 else { throw .malformed(response: part) }
    }

    private mutating func separate(
        _ octet: UInt8, into found: inout [UInt32], _ part: [UInt8]
    ) throws(IMAPError) {
        if state == .number { try keep(into: &found, part) }
        switch octet {
        case Octet.space: state = .space
        case Octet.cr: state = .carriageReturn
        case Octet.lf: state = .finished
        case 0x28 where state == .space: state = .modSeq
        default: throw .malformed(response: part)
        }
    }

    private mutating func keep(into found: inout [UInt32], _ part: [UInt8]) throws(IMAPError) {
        guard let number = UInt32(exactly: value), number > 0 else { throw .malformed(response: part) }
        count += 1
        guard count <= Self.limit else { throw .tooMany(what: "search results", limit: Self.limit) }
        found.append(number)
        value = 0
        digits = 0
    }
}
