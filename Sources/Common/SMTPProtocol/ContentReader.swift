// The content of one message between the wire and the policy: decoded once, counted, judged.

import Octets

/// Reads the content of DATA or of all chunks of BDAT.
struct ContentReader: Sendable {
    private let limit: Int?
    private let lineEnds: SMTPServerOptions.LineEnds
    private var dots = DotDecoder()
    private var ends = LineEndDecoder()
    /// Octets in file form, those that were refused included.
    private(set) var octets = 0

    init(limit: Int?, lineEnds: SMTPServerOptions.LineEnds) {
        self.limit = limit
        self.lineEnds = lineEnds
    }

    /// Whether the closing line of DATA has been read.
    var isFinished: Bool { dots.isFinished }
    var contentFaults: ContentFaults { dots.contentFaults.union(ends.contentFaults) }

    /// Why the engine itself refuses the content; `nil` while it does not.
    var fault: ServerFault? {
        if lineEnds == .refuse, !contentFaults.isEmpty { return .strayOctetsInContent(contentFaults) }
        if let limit, octets > limit { return .tooBig(limit: limit) }
        return nil
    }

    /// Whether more than twice the limit has come: beyond that nothing is read for the sake of a reply at its end.
    var isEndless: Bool { limit.map { octets - $0 > $0 } ?? false }

    /// How many octets may be taken at once, at least one: who takes more would see faults behind the octet at which
    /// content is endless, and its answer would depend on where the network cuts.
    var allowance: Int { limit.map { max(1, min($0, Int.max / 2 - 1) * 2 + 1 - octets) } ?? .max }

    /// Takes DATA's octets.
    /// - Returns: what to hand to the policy, and the index of the first octet behind the closing line.
    mutating func data(_ wire: [UInt8], in range: Range<Int>) -> (file: [UInt8], end: Int) {
        var file: [UInt8] = []
        file.reserveCapacity(range.count)
        let end = dots.decode(wire, in: range, into: &file)
        return (kept(file), end)
    }

    /// Takes octets of a chunk.
    mutating func chunk(_ wire: [UInt8], in range: Range<Int>) -> [UInt8] {
        var file: [UInt8] = []
        file.reserveCapacity(range.count)
        ends.decode(wire, in: range, into: &file)
        return kept(file)
    }

    /// Ends the last chunk.
    /// - Returns: what the decoder still held.
    mutating func finishChunks() -> [UInt8] {
        var file: [UInt8] = []
        ends.finish(into: &file)
        return kept(file)
    }

    /// Nothing of what will be refused is worth storing.
    private mutating func kept(_ file: [UInt8]) -> [UInt8] {
        octets += file.count
        return fault == nil ? file : []
    }
}
