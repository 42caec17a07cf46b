// Searching and comparing octets: memchr and memcmp behind safe calls.

import Glibc

extension RawSpan {
    /// The offset of the first `octet` at or after `start`; `nil` when there is none.
    @inline(__always)
    public func firstOffset(of octet: UInt8, from start: Int = 0) -> Int? {
        precondition(start >= 0 && start <= byteCount)
        return unsafe withUnsafeBytes { bytes in
            guard bytes.count > start, let base = bytes.baseAddress else { return nil }
            guard let hit = unsafe memchr(base + start, Int32(octet), bytes.count - start) else { return nil }
            return unsafe UnsafeRawPointer(hit) - base
        }
    }
}

extension Array where Element == UInt8 {
    /// The index of the first `octet` in `range`; `nil` when there is none.
    @inline(__always)
    public func firstIndex(of octet: UInt8, in range: Range<Int>) -> Int? {
        let hit = unsafe span.bytes.extracting(range).firstOffset(of: octet)
        return hit.map { $0 + range.lowerBound }
    }

    /// Whether the octets in `range` equal those of `other` in `otherRange`.
    @inline(__always)
    public func equals(_ range: Range<Int>, of other: [UInt8], _ otherRange: Range<Int>) -> Bool {
        guard range.count == otherRange.count else { return false }
        precondition(range.upperBound <= count && otherRange.upperBound <= other.count)
        return unsafe withUnsafeBytes { mine in
            unsafe other.withUnsafeBytes { others in
                guard let first = mine.baseAddress, let second = others.baseAddress else { return true }
                return unsafe memcmp(first + range.lowerBound, second + otherRange.lowerBound, range.count) == 0
            }
        }
    }

    /// Appends the octets of `other` in `range`. A slice of it would be counted as another owner and released again,
    /// which for short pieces costs more than to copy them.
    @inline(__always)
    public mutating func append(_ range: Range<Int>, of other: [UInt8]) {
        unsafe other.withUnsafeBufferPointer { unsafe append(contentsOf: UnsafeBufferPointer(rebasing: $0[range])) }
    }

    /// Octets of `text` in UTF-8.
    public init(_ text: StaticString) {
        self = text.withUTF8Buffer { unsafe Array($0) }
    }
}

extension Sequence where Element == UInt8 {
    /// Whether these octets spell `word`, ASCII case aside.
    public func equalsIgnoringCase(_ word: StaticString) -> Bool {
        var wanted = [UInt8](word).makeIterator()
        for octet in self {
            guard let next = wanted.next(), Octet.lowercased(next) == Octet.lowercased(octet) else { return false }
        }
        return wanted.next() == nil
    }
}
