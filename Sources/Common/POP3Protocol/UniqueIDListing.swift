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

    /// Adds the entry in `line`, a line of a listing without its line end. Servers exceed the 70 octets that RFC 1939
    /// §7 gives an id, so 255 are accepted.
    /// - Returns: `false` when `line` is no entry.
    mutating func append(line: ArraySlice<UInt8>) -> Bool {
        var rest = line.drop { $0 == Octet.space }
        let digits = rest.prefix { Octet.isDigit($0) }
        rest = rest[digits.endIndex...]
        guard let number = Decimal.value(of: digits).flatMap({ UInt32(exactly: $0) }), number > 0,
            rest.first == Octet.space
        else { return false }
        rest = rest.drop { $0 == Octet.space }
        let id = rest.prefix { $0 != Octet.space }
        guard (1...255).contains(id.count), id.allSatisfy({ $0 >= 0x21 && $0 <= 0x7E }) else { return false }
        append(number: number, id: id)
        return true
    }
}
