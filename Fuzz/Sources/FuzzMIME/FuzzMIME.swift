// The parts of a message: cuts do not matter, parts lie within one another, and nothing is read outside.

import FuzzKit
import MailFormat

@main
enum FuzzMIME {
    static func main() {
        unsafe Fuzzing.drive { start, count in
            examine(unsafe Fuzzing.input(start, count))
            return 0
        }
    }
}

private func examine(_ input: FuzzInput) {
    var input = input
    let place = input.choice()
    let message = input.rest
    let structure = read(message, .whole)
    for cut in [Cut.singly, .at(Int(place))] {
        claim(read(message, cut) == structure, "cut \(cut) changes the structure")
    }
    claim(structure.size == message.count, "the size is \(structure.size)")
    for (index, part) in structure.parts.enumerated() {
        claim(
            part.headerStart <= part.bodyStart && part.bodyStart <= part.bodyEnd && part.bodyEnd <= message.count,
            "a part outside of the message")
        claim(part.depth <= MIMEScanner.depthLimit, "too deep")
        var end = part.bodyStart
        for child in part.children {
            let inner = structure.parts[child]
            claim(child > index && inner.parent == index && inner.depth == part.depth + 1, "a child of another")
            claim(inner.headerStart >= end && inner.bodyEnd <= part.bodyEnd, "a child outside of its part")
            end = inner.bodyEnd
        }
        if case .leaf = part.kind { claim(part.children.isEmpty, "a leaf with parts") }
    }
    encode(message, structure)
}

/// What is written anew for a server that takes 7 bits has no more than these, and its places are in order.
private func encode(_ message: [UInt8], _ structure: MIMEStructure) {
    guard
        let reencoding = try? MessageReencoding(
            of: structure, isSevenBit: true, { $0.utf8.allSatisfy { $0 < 0x80 } ? $0 : nil },
            isUTF8: { String(validating: message[$0], as: UTF8.self) != nil })
    else { return }
    var made: [UInt8] = []
    var at = 0
    for (range, new) in reencoding.places {
        claim(range.lowerBound >= at && range.upperBound <= message.count, "places out of order")
        made += message[at..<range.lowerBound]
        switch new {
        case .octets(let octets): made += octets
        case .encoded(let form):
            var encoder = BodyEncoder(form)
            encoder.encode(message[range], into: &made)
            encoder.finish(into: &made)
        }
        at = range.upperBound
    }
    made += message[at...]
    claim(made.allSatisfy { $0 < 0x80 }, "octets beyond ASCII are left")
}

private func read(_ message: [UInt8], _ cut: Cut) -> MIMEStructure {
    var scanner = MIMEScanner()
    for piece in cut.pieces(of: message) { scanner.append(piece) }
    return scanner.finish()
}
