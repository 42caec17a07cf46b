// What the name of a mail file says: unique part, time, sizes, flags, and whether we wrote it.

import Octets

/// A name in new/ or cur/, taken apart without copying; ranges count in the octets given.
struct MailFileName {
    /// Up to the first `,` or `:`.
    let unique: Range<Int>
    /// The seconds that lead the name; 0 when none do.
    let time: Int
    /// `S=`: octets of the file.
    let size: Int?
    /// `W=`: octets on the wire.
    let wire: Int?
    /// The letters behind `:2,`.
    let flags: Range<Int>
    /// Whether the unique part is of one of our shapes, so that its sizes can be believed.
    let isOwn: Bool

    init(_ octets: [UInt8], in range: Range<Int>) {
        var end = range.lowerBound
        while end < range.upperBound, octets[end] != 0x2C, octets[end] != Octet.colon { end += 1 }
        unique = range.lowerBound..<end
        var dot = range.lowerBound
        while dot < end, Octet.isDigit(octets[dot]) { dot += 1 }
        time = Self.number(octets, range.lowerBound..<dot) ?? 0
        isOwn =
            dot > range.lowerBound && dot < end && octets[dot] == Octet.dot
            && Self.isOwnMark(octets, (dot + 1)..<end)
        var (size, wire): (Int?, Int?) = (nil, nil)
        var at = end
        while at < range.upperBound, octets[at] == 0x2C {
            var next = at + 1
            while next < range.upperBound, octets[next] != 0x2C, octets[next] != Octet.colon { next += 1 }
            if next - at > 3, octets[at + 2] == 0x3D {
                if octets[at + 1] == 0x53 { size = Self.number(octets, (at + 3)..<next) }
                if octets[at + 1] == 0x57 { wire = Self.number(octets, (at + 3)..<next) }
            }
            at = next
        }
        self.size = size
        self.wire = wire
        let info = at
        let hasFlags =
            info + 3 <= range.upperBound && octets[info] == Octet.colon && octets[info + 1] == 0x32
            && octets[info + 2] == 0x2C
        flags = hasFlags ? (info + 3)..<range.upperBound : range.upperBound..<range.upperBound
    }

    /// `F…` and `Q…` lead deterministic names, twenty letters of base 32 the random ones.
    private static func isOwnMark(_ octets: [UInt8], _ range: Range<Int>) -> Bool {
        guard range.count > 2 else { return false }
        let first = octets[range.lowerBound]
        if first == 0x46 || first == 0x51 { return true }
        guard range.count > 20, octets[range.lowerBound + 20] == Octet.dot else { return false }
        return octets[range.lowerBound..<(range.lowerBound + 20)].allSatisfy {
            (0x61...0x7A).contains($0) || (0x32...0x37).contains($0)
        }
    }

    private static func number(_ octets: [UInt8], _ range: Range<Int>) -> Int? {
        guard !range.isEmpty, range.count <= 18 else { return nil }
        var value = 0
        for octet in octets[range] {
            guard Octet.isDigit(octet) else { return nil }
            value = value * 10 + Int(octet - 0x30)
        }
        return value
    }
}
