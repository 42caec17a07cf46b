// Lines, dots, line ends, base64 and numbers: every cut equals the whole, and the whole equals a plain reading.

import FuzzKit
import Octets

@main
enum FuzzOctets {
    static func main() {
        unsafe Fuzzing.drive { start, count in
            examine(unsafe Fuzzing.input(start, count))
            return 0
        }
    }
}

private func examine(_ input: FuzzInput) {
    var input = input
    let setting = input.choice()
    let place = input.choice()
    let octets = input.rest
    examineLines(octets, setting, place)
    examineDots(octets, place)
    examineLineEnds(octets, place)
    examineText(octets)
}

private enum LineEvent: Equatable {
    case line([UInt8])
    case tooLong, bareLineFeed
}

private func examineLines(_ octets: [UInt8], _ setting: UInt8, _ place: UInt8) {
    let limit = Int(setting & 0x1F) + 1
    let refuses = setting & 0x20 != 0
    claimSame(octets, place) { cut in
        var trace = Trace<LineEvent>()
        var framer = LineFramer(limit: limit, bareLineFeed: refuses ? .refused : .accepted)
        for piece in cut.pieces(of: octets) {
            framer.append(piece)
            var isMore = true
            while isMore {
                do throws(LineError) {
                    if let line = try framer.nextLine() {
                        trace.note(.line(line)) { _, _ in nil }
                    } else {
                        isMore = false
                    }
                } catch {
                    trace.note(error == .bareLineFeed ? .bareLineFeed : .tooLong) { _, _ in nil }
                }
            }
            claim(framer.count < limit, "\(framer.count) octets wait though \(limit) are the limit")
        }
        return trace
    }
    var framer = LineFramer(limit: .max)
    framer.append(octets)
    let lines = octets.split(separator: Octet.lf, omittingEmptySubsequences: false).dropLast()
    for line in lines {
        let plain = Array(line.last == Octet.cr ? line.dropLast() : line)
        claim((try? framer.nextLine()) == plain, "a line is not as it stands: \(plain)")
    }
}

private func examineDots(_ octets: [UInt8], _ place: UInt8) {
    let (file, end, isFinished) = plainDots(octets)
    for cut in Cut.all(place) {
        var decoder = DotDecoder()
        var decoded: [UInt8] = []
        var consumed = 0
        for piece in cut.pieces(of: octets) { consumed += decoder.decode(piece, in: 0..<piece.count, into: &decoded) }
        claim(decoded == file && consumed == end, "dots, cut \(cut): \(decoded) and not \(file)")
        claim(decoder.isFinished == isFinished && decoder.wireCount == end, "dots, cut \(cut): another end")
        claim(
            isFinished || decoder.contentFaults.isEmpty == ContentFaults.plain(octets, file).isEmpty,
            "dots: contentFaults")
    }
    for cut in Cut.all(place) {
        var encoder = DotEncoder()
        var wire: [UInt8] = []
        for piece in cut.pieces(of: octets) { encoder.encode(piece, in: 0..<piece.count, into: &wire) }
        encoder.finish(into: &wire)
        var decoder = DotDecoder()
        var back: [UInt8] = []
        claim(decoder.decode(wire, in: 0..<wire.count, into: &back) == wire.count, "an end inside of encoded content")
        let whole = octets.isEmpty || octets.last == Octet.lf ? octets : octets + [Octet.lf]
        claim(decoder.isFinished && back == whole, "dots do not come back: \(back)")
    }
}

/// Dot transparency once more, octet by octet and with all octets at hand.
private func plainDots(_ wire: [UInt8]) -> (file: [UInt8], end: Int, isFinished: Bool) {
    var file: [UInt8] = []
    var isLineStart = true
    var at = 0
    while at < wire.count {
        let next = at + 1 < wire.count ? wire[at + 1] : nil
        if isLineStart, wire[at] == Octet.dot {
            if next == Octet.cr, at + 2 < wire.count, wire[at + 2] == Octet.lf { return (file, at + 3, true) }
            isLineStart = false
        } else if wire[at] == Octet.cr, next == Octet.lf {
            file.append(Octet.lf)
            isLineStart = true
            at += 1
        } else {
            if wire[at] == Octet.cr, next == nil { break }  // not known yet what it is
            file.append(wire[at])
            isLineStart = false
        }
        at += 1
    }
    return (file, wire.count, false)
}

extension ContentFaults {
    /// Whether there is anything odd in `wire`, that is read to its last octet as `file`.
    fileprivate static func plain(_ wire: [UInt8], _ file: [UInt8]) -> ContentFaults {
        var contentFaults: ContentFaults = []
        if file.contains(Octet.cr) { contentFaults.insert(.bareCR) }
        if file.contains(Octet.nul) { contentFaults.insert(.nul) }
        for (at, octet) in wire.enumerated() where octet == Octet.lf && (at == 0 || wire[at - 1] != Octet.cr) {
            contentFaults.insert(.bareLF)
        }
        return contentFaults
    }
}

private func examineLineEnds(_ octets: [UInt8], _ place: UInt8) {
    var plain: [UInt8] = []
    for (at, octet) in octets.enumerated() {
        if octet == Octet.cr, at + 1 < octets.count, octets[at + 1] == Octet.lf { continue }
        plain.append(octet)
    }
    for cut in Cut.all(place) {
        var decoder = LineEndDecoder()
        var file: [UInt8] = []
        for piece in cut.pieces(of: octets) { decoder.decode(piece, in: 0..<piece.count, into: &file) }
        decoder.finish(into: &file)
        claim(file == plain, "line ends, cut \(cut): \(file)")
        claim(
            decoder.contentFaults == ContentFaults.plain(octets, file),
            "line ends, cut \(cut): contentFaults \(decoder.contentFaults)")

        var encoder = LineEndEncoder()
        var wire: [UInt8] = []
        for piece in cut.pieces(of: octets) { encoder.encode(piece, in: 0..<piece.count, into: &wire) }
        var again = LineEndDecoder()
        var back: [UInt8] = []
        again.decode(wire, in: 0..<wire.count, into: &back)
        again.finish(into: &back)
        claim(back == octets, "line ends do not come back: \(back)")
    }
}

private func examineText(_ octets: [UInt8]) {
    if let decoded = Base64.decode(octets) { claim(Base64.encode(decoded) == octets, "base64 of two forms: \(octets)") }
    claim(Base64.decode(Base64.encode(octets)) == octets, "base64 does not come back")
    if let value = Decimal.value(of: octets) {
        let digits = octets.drop { $0 == 0x30 }
        claim(Array("\(value)".utf8) == (digits.isEmpty ? [0x30] : Array(digits)), "a number is \(value)")
    }
}
