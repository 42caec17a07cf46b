// Bodies written with other octets that stand for the same ones (RFC 2045 §6.7, §6.8), as they stream by.

import Octets

/// Writes the body of a part so that 7-bit lines of at most 76 octets stand for it.
///
/// Bodies are in file form: each LF is a line end. In base64 it stands as CRLF, the form that the octets of the body would
/// have on the wire.
public struct BodyEncoder: Sendable {
    public enum Form: Sendable, Hashable {
        case quotedPrintable
        case base64
        /// Quoted-printable already, with lines that are too long, or octets that may not stand there.
        case quotedPrintableAnew
        /// Base64 already, with lines that are too long.
        case base64Anew
    }

    /// RFC 2045 §6.7 (5), §6.8.
    private static let lineLimit = 76
    private static let digits = Array("0123456789ABCDEF".utf8)

    private let form: Form
    /// The line of quoted-printable that is being written.
    private var line: [UInt8] = []
    /// The last blanks that stand last so far: whether they end their line is not known yet.
    private var blanks: [UInt8] = []
    /// What stands of `=XX` so far, in quoted-printable that is written anew.
    private var escape: [UInt8] = []
    /// Octets for base64 that do not fill a line yet.
    private var pending: [UInt8] = []
    /// Whether a line of base64 was written: the next one ends it.
    private var hasLine = false

    public init(_ form: Form) { self.form = form }

    /// Takes the next octets of the body, and appends what is certain to `made`.
    public mutating func encode(_ chunk: some Sequence<UInt8>, into made: inout [UInt8]) {
        switch form {
        case .quotedPrintable:
            for octet in chunk { take(octet, &made) }
        case .quotedPrintableAnew:
            for octet in chunk { takeAnew(octet, &made) }
        case .base64:
            for octet in chunk {
                if octet == Octet.lf { pending.append(Octet.cr) }
                pending.append(octet)
            }
            writeLines(&made, of: Self.lineLimit / 4 * 3) { Base64.encode($0) }
        case .base64Anew:
            for octet in chunk where ![Octet.lf, Octet.cr, Octet.space, Octet.tab].contains(octet) {
                pending.append(octet)
            }
            writeLines(&made, of: Self.lineLimit) { $0 }
        }
    }

    /// Appends what is left. Quoted-printable ends with a line end where the body does, base64 without one.
    public mutating func finish(into made: inout [UInt8]) {
        switch form {
        case .quotedPrintable, .quotedPrintableAnew:
            if !escape.isEmpty { putQuoted(escape, &made) }
            putBlanks(&made, endingLine: true)
            made += line
            (escape, line) = ([], [])
        case .base64: writeLine(Base64.encode(pending), &made)
        case .base64Anew: writeLine(pending, &made)
        }
        pending = []
    }

    // MARK: Base64

    private mutating func writeLines(_ made: inout [UInt8], of count: Int, _ encode: ([UInt8]) -> [UInt8]) {
        var at = 0
        while at + count <= pending.count {
            writeLine(encode(Array(pending[at..<(at + count)])), &made)
            at += count
        }
        pending.removeFirst(at)
    }

    private mutating func writeLine(_ text: [UInt8], _ made: inout [UInt8]) {
        guard !text.isEmpty else { return }
        if hasLine { made.append(Octet.lf) }
        made += text
        hasLine = true
    }

    // MARK: Quoted-printable

    private static func quoted(_ octet: UInt8) -> [UInt8] { [0x3D, digits[Int(octet >> 4)], digits[Int(octet & 15)]] }

    private mutating func take(_ octet: UInt8, _ made: inout [UInt8]) {
        switch octet {
        case Octet.lf:
            putBlanks(&made, endingLine: true)
            endLine(&made)
        case Octet.space, Octet.tab:
            if blanks.count == Self.lineLimit { putBlanks(&made) }
            blanks.append(octet)
        case 0x21...0x3C, 0x3E...0x7E:
            putBlanks(&made)
            put([octet], &made)
        default:
            putBlanks(&made)
            put(Self.quoted(octet), &made)
        }
    }

    /// What stands for an octet stays, and so does a soft line break; an equals sign that begins neither is quoted.
    private mutating func takeAnew(_ octet: UInt8, _ made: inout [UInt8]) {
        guard !escape.isEmpty else {
            if octet == 0x3D {
                putBlanks(&made)
                escape = [octet]
            } else if octet == Octet.lf {
                // Blanks there were put in on the way, and stand for nothing (RFC 2045 §6.7 (3)).
                blanks = []
                endLine(&made)
            } else {
                take(octet, &made)
            }
            return
        }
        if octet == Octet.lf, escape.dropFirst().allSatisfy({ $0 == Octet.space || $0 == Octet.tab }) {
            escape = []
            return softBreak(&made)
        }
        escape.append(octet)
        let isBreak = escape[1] == Octet.space || escape[1] == Octet.tab
        if isBreak ? octet != Octet.space && octet != Octet.tab || escape.count > Self.lineLimit : !Self.isDigit(octet)
        {
            let odd = escape
            escape = []
            put(Self.quoted(odd[0]), &made)
            for octet in odd.dropFirst() { takeAnew(octet, &made) }
        } else if !isBreak, escape.count == 3 {
            put(escape, &made)
            escape = []
        }
    }

    private static func isDigit(_ octet: UInt8) -> Bool {
        Octet.isDigit(octet) || (0x61...0x66).contains(Octet.lowercased(octet))
    }

    private mutating func putQuoted(_ odd: [UInt8], _ made: inout [UInt8]) {
        // A message that ends within: an equals sign, and what is behind it.
        put(Self.quoted(odd[0]), &made)
        for octet in odd.dropFirst() { put(octet > 0x20 && octet < 0x7F ? [octet] : Self.quoted(octet), &made) }
    }

    /// - Parameter isLast: whether a line ends with them: the last one is quoted, or it might be taken away on the way.
    private mutating func putBlanks(_ made: inout [UInt8], endingLine isLast: Bool = false) {
        guard let last = blanks.last else { return }
        for octet in isLast ? blanks.dropLast() : blanks[...] { put([octet], &made) }
        if isLast { put(Self.quoted(last), &made) }
        blanks = []
    }

    private mutating func endLine(_ made: inout [UInt8]) {
        made += line
        made.append(Octet.lf)
        line = []
    }

    /// Puts octets that must not be parted; one octet of each line is left for the soft break.
    private mutating func put(_ octets: [UInt8], _ made: inout [UInt8]) {
        var octets = octets
        if line.count + octets.count >= Self.lineLimit {
            softBreak(&made)
            // Two dashes there could make the line a delimiter.
            if octets == [0x2D] { octets = Self.quoted(0x2D) }
        }
        line += octets
    }

    private mutating func softBreak(_ made: inout [UInt8]) {
        line.append(0x3D)
        endLine(&made)
    }
}
