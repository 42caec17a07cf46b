// Finds the fields of a header section, and its end, while the message streams by.

import Octets

/// Collects the header of a message, chunk by chunk, up to a bound.
///
/// A line that is neither a field nor folded ends the header and begins the body, as such mail exists. Where the chunks
/// are cut never changes what is found.
public struct HeaderScanner: Sendable {
    /// The most octets and fields of a header section.
    public struct Bounds: Sendable, Hashable {
        public let octets: Int
        public let fields: Int

        /// For mail from anywhere: common servers accept 64 to 256 KiB.
        public static let common = Bounds(octets: 262_144, fields: 1000)
        /// For mail submitted on this machine, whose header may name as many recipients as the queue accepts, each in a
        /// field of its own.
        public static let handedIn = Bounds(octets: 1 << 20, fields: AddressList.countLimit + 1000)
    }

    /// The header, once its end is known.
    public private(set) var header: HeaderSection?
    /// The first octets of the body: what was appended beyond the header. At most the bound and one chunk.
    public private(set) var bodyStart: [UInt8] = []

    private let bounds: Bounds
    private var octets: [UInt8] = []
    private var fields: [HeaderField] = []
    private var mboxLine: Range<Int>?
    /// Where the line being read begins, and up to where it was searched for its end.
    private var lineStart = 0
    private var searched = 0

    public init(bounds: Bounds = .common) { self.bounds = bounds }

    /// Takes the next octets of the message, in file form.
    /// - Returns: whether the end of the header has been found. Octets appended later are added to ``bodyStart``, so
    ///   the caller should append no more then.
    @discardableResult
    public mutating func append(_ chunk: [UInt8]) -> Bool {
        guard header == nil else {
            bodyStart.append(contentsOf: chunk)
            return true
        }
        octets.append(contentsOf: chunk)
        while header == nil {
            let bound = min(octets.count, bounds.octets)
            guard searched < bound, let lf = octets.firstIndex(of: Octet.lf, in: searched..<bound) else {
                searched = max(searched, bound)
                break
            }
            takeLine(lineStart..<lf, next: lf + 1)
        }
        if header == nil, octets.count >= bounds.octets { endBeforeLastField() }
        return header != nil
    }

    /// Tells the scanner that the message has ended.
    /// - Returns: the header, now complete in any case.
    public mutating func finish() -> HeaderSection {
        if let header { return header }
        if lineStart < octets.count { takeLine(lineStart..<octets.count, next: octets.count) }
        return header ?? end(.endOfMessage, headerEnd: octets.count, bodyFrom: octets.count)
    }

    private mutating func takeLine(_ line: Range<Int>, next: Int) {
        defer {
            lineStart = next
            searched = next
        }
        guard line.lowerBound < line.upperBound, !(line.count == 1 && octets[line.lowerBound] == Octet.cr) else {
            end(.blankLine, headerEnd: line.lowerBound, bodyFrom: next)
            return
        }
        let first = octets[line.lowerBound]
        if first == Octet.space || first == Octet.tab {
            guard let last = fields.last else {
                end(.garbage, headerEnd: line.lowerBound, bodyFrom: line.lowerBound)
                return
            }
            fields[fields.count - 1].body = last.body.lowerBound..<line.upperBound
            fields[fields.count - 1].whole = last.whole.lowerBound..<next
        } else if let colon = colonOfField(in: line) {
            guard fields.count < bounds.fields else {
                end(.tooLong, headerEnd: line.lowerBound, bodyFrom: line.lowerBound)
                return
            }
            fields.append(
                HeaderField(
                    name: line.lowerBound..<colon.nameEnd, body: (colon.at + 1)..<line.upperBound,
                    whole: line.lowerBound..<next))
        } else if line.lowerBound == 0, octets[line].starts(with: [0x46, 0x72, 0x6F, 0x6D, 0x20]) {  // "From "
            mboxLine = 0..<next
        } else {
            end(.garbage, headerEnd: line.lowerBound, bodyFrom: line.lowerBound)
        }
    }

    /// field = field-name *WSP ":" …, field-name = 1*ftext (RFC 5322 §3.6.8, §4.5.8)
    private func colonOfField(in line: Range<Int>) -> (nameEnd: Int, at: Int)? {
        var at = line.lowerBound
        while at < line.upperBound, (0x21...0x7E).contains(octets[at]), octets[at] != Octet.colon { at += 1 }
        let nameEnd = at
        while at < line.upperBound, octets[at] == Octet.space || octets[at] == Octet.tab { at += 1 }
        guard nameEnd > line.lowerBound, at < line.upperBound, octets[at] == Octet.colon else { return nil }
        return (nameEnd, at)
    }

    /// Over the bound: the field being read, which may not be complete, goes to the body.
    private mutating func endBeforeLastField() {
        var cut = lineStart
        if let last = fields.popLast() { cut = last.whole.lowerBound }
        end(.tooLong, headerEnd: cut, bodyFrom: cut)
    }

    @discardableResult
    private mutating func end(_ end: HeaderSection.End, headerEnd: Int, bodyFrom: Int) -> HeaderSection {
        bodyStart = Array(octets[bodyFrom...])
        let made = HeaderSection(octets: Array(octets[..<headerEnd]), fields: fields, mboxLine: mboxLine, end: end)
        header = made
        octets = []
        fields = []
        return made
    }
}
