// Many unique-ids in one buffer: a maildrop may have a hundred thousand.

import Octets

/// Messages of a maildrop with their unique-ids, in the order of a listing (RFC 1939 §7).
public struct UniqueIDListing: Hashable, Sendable {
    private struct Entry: Hashable, Sendable {
        let number: UInt32
        /// Where its id ends, and the next one begins.
        let end: UInt32
    }

    /// All ids, one behind the other; see ``range(at:)``.
    public private(set) var octets: [UInt8] = []
    private var entries: [Entry] = []

    public init() {}

    /// Reserves room for `count` messages whose ids have `octets` octets in all.
    public mutating func reserve(_ count: Int, octets: Int) {
        entries.reserveCapacity(count)
        self.octets.reserveCapacity(octets)
    }

    public var isEmpty: Bool { entries.isEmpty }
    public var indices: Range<Int> { 0..<entries.count }

    /// The number of the message at `index`, at least 1.
    public func number(at index: Int) -> Int { Int(entries[index].number) }

    /// Where ``octets`` has the id of the message at `index`: 1 to 255 octets from `!` to `~`.
    public func range(at index: Int) -> Range<Int> {
        (index == 0 ? 0 : Int(entries[index - 1].end))..<Int(entries[index].end)
    }

    public func id(at index: Int) -> ArraySlice<UInt8> { octets[range(at: index)] }

    /// Whether no two messages have the same number.
    public var hasDistinctNumbers: Bool {
        var last: UInt32 = 0
        for entry in entries {
            // Most servers list them in rising order; only otherwise is a set needed.
            guard entry.number > last else { return Set(entries.map(\.number)).count == entries.count }
            last = entry.number
        }
        return true
    }

    /// Whether each id is merely the number of its message.
    public var idsAreNumbers: Bool { indices.allSatisfy { id(at: $0).elementsEqual("\(number(at: $0))".utf8) } }

    /// Adds a message.
    /// - Parameter id: 1 to 255 octets from `!` to `~`.
    public mutating func append(number: UInt32, id: ArraySlice<UInt8>) {
        octets.append(contentsOf: id)
        entries.append(Entry(number: number, end: UInt32(octets.count)))
    }

    /// Adds all entries of `other`.
    public mutating func append(_ other: UniqueIDListing) {
        let base = UInt32(octets.count)
        octets.append(contentsOf: other.octets)
        for entry in other.entries { entries.append(Entry(number: entry.number, end: base + entry.end)) }
    }

    /// Adds the entry in `line` of `block`, a line of a listing without its line end. Servers exceed the 70 octets that
    /// RFC 1939 §7 gives an id, so 255 are accepted.
    /// - Returns: `false` when the line is no entry.
    mutating func append(line: Range<Int>, of block: [UInt8]) -> Bool {
        // Over a span, whose checks the compiler can leave out: there may be a hundred thousand lines.
        let text = block.span.extracting(line)
        let digits = text.end(from: 0) { $0 == Octet.space }
        let blank = text.end(from: digits) { Octet.isDigit($0) }
        let id = text.end(from: blank) { $0 == Octet.space }
        let rest = text.end(from: id) { $0 >= 0x21 && $0 <= 0x7E }
        guard let value = Decimal.value(of: text.extracting(digits..<blank)), let number = UInt32(exactly: value),
            number > 0, id > blank, (1...255).contains(rest - id), rest == text.count || text[rest] == Octet.space
        else { return false }
        octets.append(line.lowerBound + id..<line.lowerBound + rest, of: block)
        entries.append(Entry(number: number, end: UInt32(octets.count)))
        return true
    }
}

extension Span where Element == UInt8 {
    /// Where the octets from `start` on end that all meet `condition`.
    @inline(__always)
    fileprivate func end(from start: Int, while condition: (UInt8) -> Bool) -> Int {
        var at = start
        while at < count, condition(self[at]) { at += 1 }
        return at
    }
}
