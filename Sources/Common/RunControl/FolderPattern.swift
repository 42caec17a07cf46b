// Patterns of the rc that stand for folders of a server (RFC 3501 §6.3.8).

/// A name with `*`, for anything, and `%`, for anything within one level.
public struct FolderPattern {
    private let octets: [UInt8]

    public init(_ text: String) { octets = Array(text.utf8) }

    private static func isWild(_ octet: UInt8) -> Bool { octet == UInt8(ascii: "*") || octet == UInt8(ascii: "%") }

    /// What stands before the first wildcard, and behind the last.
    private var ends: (before: Int, behind: Int) {
        let first = octets.firstIndex(where: Self.isWild) ?? octets.count
        let last = octets.lastIndex(where: Self.isWild) ?? octets.count - 1
        return (first, octets.count - last - 1)
    }

    /// Whether it stands for `name`; where the delimiter is not known, whether it may. The work is the product of both
    /// lengths, whatever a server names its folders.
    public func matches(_ name: String, delimiter: UInt8?) -> Bool {
        let name = Array(name.utf8)
        // Whether the pattern so far matches the first n octets of the name.
        var reached = [true] + [Bool](repeating: false, count: name.count)
        for octet in octets {
            var next = [Bool](repeating: false, count: name.count + 1)
            if Self.isWild(octet) {
                let stop = octet == UInt8(ascii: "%") ? delimiter : nil
                next[0] = reached[0]
                for at in name.indices { next[at + 1] = reached[at + 1] || next[at] && name[at] != stop }
            } else {
                for at in name.indices where reached[at] && name[at] == octet { next[at + 1] = true }
            }
            reached = next
        }
        return reached[name.count]
    }

    /// What of `name`, which it matches, its wildcards stand for, from the first to the last.
    public func wildPart(of name: String) -> String {
        let (before, behind) = ends
        return String(decoding: Array(name.utf8).dropFirst(before).dropLast(behind), as: UTF8.self)
    }
}
