// Messages of kinds that are rare in real mail, made from a seed.

/// A kind of message that programs tend to get wrong.
public enum Oddity: String, Sendable, CaseIterable, CustomStringConvertible {
    case eightBit, longLine, veryLongLine, leadingDots, nul, bareCR, bareLF, noFinalLineEnd,
        emptyBody, noHeader
    case onlyBlankLines, fromLine, nothing, longHeader, manyFields, binary, twentyMegabytes

    public var description: String { rawValue }

    /// All but ``twentyMegabytes``, which takes a while.
    public static let quick = allCases.filter { $0 != .twentyMegabytes }

    /// The message as it is on the wire, before dots are doubled: lines end in CRLF; a bare CR or LF is an oddity.
    public func wire(seed: UInt64 = 1) -> [UInt8] {
        var random = SplitMix(seed: seed)
        let header = Array(
            "From: a@example.org\r\nTo: b@example.org\r\nSubject: \(self) \(seed)\r\n\r\n".utf8)
        switch self {
        case .eightBit: return header + lines(20, &random) { (0x80...0xFF).randomElement(using: &$0)! }
        case .longLine: return header + line(2_000, &random) + line(2_001, &random)
        case .veryLongLine:
            return header + line(10, &random) + line(100_000, &random) + line(10, &random)
        case .leadingDots:
            let dots = [".", "..", "...", ". ", ".x", "", ".\t.", "x.", "."]
            return header + dots.flatMap { Array("\($0)\r\n".utf8) }
                + lines(30, &random) { random in
                    Bool.random(using: &random) ? 0x2E : 0x20
                }
        case .nul:
            return header + Array("a\0b\r\n\0\r\n\r\n".utf8)
                + lines(5, &random) { UInt8.random(in: 0...1, using: &$0) }
        case .bareCR: return header + Array("one\rtwo\r\n\r\rthree\r\r\n.\r.\r\nlast\r\n".utf8)
        case .bareLF: return header + Array("one\ntwo\r\n\n.\nthree\n\r\nlast\r\n".utf8)
        case .noFinalLineEnd: return header + line(70, &random) + Array("no line end here".utf8)
        case .emptyBody: return header
        case .noHeader: return Array("\r\nThis message has a body only.\r\n".utf8) + line(70, &random)
        case .onlyBlankLines: return Array("\r\n\r\n\r\n".utf8)
        case .fromLine:
            return Array("From someone Mon Jan  1 00:00:00 2024\r\n".utf8) + header
                + Array("From here\r\n".utf8)
        case .nothing: return []
        case .longHeader:
            let references = (0..<3_000).map { "\r\n <\($0).\(random.next())@example.org>" }.joined()
            return Array("References:\(references)\r\n".utf8) + header + line(70, &random)
        case .manyFields:
            return (0..<2_000).flatMap { Array("X-Field-\($0): \(random.next())\r\n".utf8) } + header
                + line(70, &random)
        case .binary:
            // CR and LF only as line ends; NUL and 8-bit octets anywhere.
            return header
                + lines(40, &random) { random in
                    let octet = UInt8.random(in: 0...255, using: &random)
                    return octet == 0x0D || octet == 0x0A ? 0x20 : octet
                }
        case .twentyMegabytes:
            let block = (0..<1_000).flatMap { _ in line(Int.random(in: 0..<998, using: &random), &random)
            }
            var message = header
            message.reserveCapacity(21_000_000)
            while message.count < 20_000_000 { message += block }
            return message
        }
    }

    /// The message as it is in a file: each CRLF of the wire is one LF.
    public func file(seed: UInt64 = 1) -> [UInt8] { Self.file(fromWire: wire(seed: seed)) }

    /// `octets` with LF for each CRLF; a bare CR or LF stays.
    public static func file(fromWire octets: [UInt8]) -> [UInt8] {
        var made: [UInt8] = []
        made.reserveCapacity(octets.count)
        for index in octets.indices {
            let endsLine = octets[index] == 0x0D && index + 1 < octets.count && octets[index + 1] == 0x0A
            if !endsLine { made.append(octets[index]) }
        }
        return made
    }

    /// `octets` with CRLF for each LF, whatever comes before it.
    public static func wire(fromFile octets: [UInt8]) -> [UInt8] {
        var made: [UInt8] = []
        made.reserveCapacity(octets.count + octets.count / 32)
        for octet in octets {
            if octet == 0x0A { made.append(0x0D) }
            made.append(octet)
        }
        return made
    }

    /// A line of `length` printable octets and CRLF.
    private func line(_ length: Int, _ random: inout SplitMix) -> [UInt8] {
        var line: [UInt8] = []
        line.reserveCapacity(length + 2)
        while line.count < length {
            var word = random.next()
            for _ in 0..<min(8, length - line.count) {
                line.append(0x21 + UInt8(truncatingIfNeeded: word & 0x3F))
                word >>= 8
            }
        }
        return line + [0x0D, 0x0A]
    }

    private func lines(_ count: Int, _ random: inout SplitMix, _ octet: (inout SplitMix) -> UInt8)
        -> [UInt8]
    {
        var made: [UInt8] = []
        for _ in 0..<count {
            for _ in 0..<Int.random(in: 0..<100, using: &random) { made.append(octet(&random)) }
            made += [0x0D, 0x0A]
        }
        return made
    }
}
