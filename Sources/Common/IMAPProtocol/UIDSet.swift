// Sets of unique identifiers: sorted ranges, printed compactly, cut to what a command line holds (RFC 3501 §9).

import Octets

/// A set of UIDs as disjoint ranges in rising order. The upper bound `UInt32.max` stands for `*`.
public struct UIDSet: Hashable, Sendable {
    public private(set) var ranges: [ClosedRange<UInt32>]

    /// The set of `uids`, in any order. Zero is no UID (RFC 3501 §2.3.1.1) and is left out.
    public init(_ uids: some Sequence<UInt32>) { self.init(ranges: uids.map { $0...$0 }) }

    /// The set of all that `ranges` hold; touching and overlapping ones are joined.
    public init(ranges: some Sequence<ClosedRange<UInt32>>) {
        var joined: [ClosedRange<UInt32>] = []
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) where range.upperBound > 0 {
            let lower = max(range.lowerBound, 1)
            if let last = joined.last, last.upperBound == .max || lower <= last.upperBound + 1 {
                joined[joined.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                joined.append(lower...range.upperBound)
            }
        }
        self.ranges = joined
    }

    /// `first:*`: every UID from `first` on. A server answers with its highest UID even when that is below `first`.
    public static func from(_ first: UInt32) -> UIDSet { UIDSet(ranges: [first...UInt32.max]) }

    /// `sequence-set`; `nil` when `text` is none, names 0, or has more than 65,536 parts.
    public init?(parsing text: ArraySlice<UInt8>) {
        var ranges: [ClosedRange<UInt32>] = []
        let parts = text.split(separator: 0x2C, omittingEmptySubsequences: false)
        guard parts.count <= 65_536 else { return nil }
        for part in parts {
            let ends = part.split(separator: Octet.colon, maxSplits: 1, omittingEmptySubsequences: false)
            guard let first = Self.number(ends.first), let last = Self.number(ends.last) else { return nil }
            ranges.append(min(first, last)...max(first, last))
        }
        self.init(ranges: ranges)
    }

    private static func number(_ text: ArraySlice<UInt8>?) -> UInt32? {
        guard let text else { return nil }
        if text.elementsEqual([0x2A]) { return .max }
        return Decimal.value(of: text).flatMap { UInt32(exactly: $0) }.flatMap { $0 > 0 ? $0 : nil }
    }

    public var isEmpty: Bool { ranges.isEmpty }

    /// How many UIDs it holds, `*` taken as the highest there can be.
    public var count: Int { ranges.reduce(0) { $0 + Int($1.upperBound) - Int($1.lowerBound) + 1 } }

    public func contains(_ uid: UInt32) -> Bool {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < uid { low = middle + 1 } else { high = middle }
        }
        return low < ranges.count && ranges[low].lowerBound <= uid
    }

    /// The set without what `other` holds; both are walked once.
    public func subtracting(_ other: UIDSet) -> UIDSet {
        var left: [ClosedRange<UInt32>] = []
        var holes = other.ranges[...]
        for range in ranges {
            var start = range.lowerBound
            var isUsedUp = false
            while let hole = holes.first, hole.lowerBound <= range.upperBound {
                if hole.upperBound < start {
                    holes.removeFirst()
                    continue
                }
                if hole.lowerBound > start { left.append(start...(hole.lowerBound - 1)) }
                guard hole.upperBound < range.upperBound else {
                    isUsedUp = true
                    break
                }
                start = hole.upperBound + 1
                holes.removeFirst()
            }
            if !isUsedUp { left.append(start...range.upperBound) }
        }
        return UIDSet(ranges: left)
    }

    /// As the wire has it: `1:5,7,9:*`.
    public var octets: [UInt8] { Array(ranges.map(Self.text).joined(separator: ",").utf8) }

    private static func text(_ range: ClosedRange<UInt32>) -> String {
        let last = range.upperBound == .max ? "*" : "\(range.upperBound)"
        return range.lowerBound == range.upperBound ? last : "\(range.lowerBound):\(last)"
    }

    /// This set in pieces whose ``octets`` are at most `limit` long each (a single range is never cut).
    public func pieces(atMost limit: Int = 7_000) -> [UIDSet] {
        var pieces: [UIDSet] = []
        var present: [ClosedRange<UInt32>] = []
        var length = 0
        for range in ranges {
            let more = Self.text(range).utf8.count + 1
            if length + more > limit, !present.isEmpty {
                pieces.append(UIDSet(ranges: present))
                present = []
                length = 0
            }
            present.append(range)
            length += more
        }
        if !present.isEmpty { pieces.append(UIDSet(ranges: present)) }
        return pieces
    }
}
