// Lines out of octets, bounded. Content (DATA, RETR, literals) never goes through here.

/// What can be wrong with a line.
public enum LineError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The line is longer than `limit` octets, its line end included. ``LineFramer/Overlong`` tells what becomes of its
    /// rest.
    case tooLong(limit: Int)
    /// The line ends in LF without CR where CRLF is required.
    case bareLineFeed

    public var description: String {
        switch self {
        case .tooLong(let limit): "a line is longer than \(limit) octets"
        case .bareLineFeed: "a line ends in LF without CR"
        }
    }
}

/// Cuts received octets into protocol lines.
///
/// After an error the framer stands behind the faulty line, so that a server can reply and go on; with
/// ``Overlong/givenUp`` it is of no use after an overlong line.
public struct LineFramer: Sendable {
    /// Whether an LF without CR ends a line (clients are lenient) or is an error (servers are not).
    public enum BareLineFeed: Sendable { case accepted, refused }
    /// When an overlong line is an error: at its end, the rest dropped as it comes, so that the next line can be read;
    /// or as soon as it is too long, for a caller that ends the conversation then and must not be held up by an endless
    /// line.
    public enum Overlong: Sendable { case dropped, givenUp }

    /// The longest line in octets, line end included.
    public let limit: Int
    private let bareLineFeed: BareLineFeed
    private let overlong: Overlong
    private var buffer: [UInt8] = []
    private var start = 0
    /// Octets from `start` already searched for LF.
    private var searched = 0
    private var discarding = false

    public init(limit: Int, bareLineFeed: BareLineFeed = .accepted, overlong: Overlong = .dropped) {
        self.limit = limit
        self.bareLineFeed = bareLineFeed
        self.overlong = overlong
    }

    /// Octets that no line has taken yet.
    public var count: Int { buffer.count - start }
    public var isEmpty: Bool { count == 0 }

    /// Adds octets from the peer.
    public mutating func append(_ octets: [UInt8]) {
        if start > 0, start == buffer.count || start > 65_536 {
            buffer.removeSubrange(0..<start)
            start = 0
        }
        if buffer.isEmpty { buffer = octets } else { buffer.append(contentsOf: octets) }
    }

    /// The next line without its line end; `nil` until it is complete.
    /// - Throws: ``LineError`` for a line that is too long, or that ends in a bare LF where that is refused.
    public mutating func nextLine() throws(LineError) -> [UInt8]? {
        guard let lf = buffer.firstIndex(of: Octet.lf, in: (start + searched)..<buffer.count) else {
            if discarding {
                dropAll()
            } else if count >= limit {
                dropAll()
                if overlong == .givenUp { throw .tooLong(limit: limit) }
                discarding = true
            } else {
                searched = count
            }
            return nil
        }
        let from = start
        let length = lf + 1 - from
        start = lf + 1
        searched = 0
        if discarding || length > limit {
            discarding = false
            throw .tooLong(limit: limit)
        }
        let hasCR = lf > from && buffer[lf - 1] == Octet.cr
        if !hasCR, bareLineFeed == .refused { throw .bareLineFeed }
        return Array(buffer[from..<(hasCR ? lf - 1 : lf)])
    }

    /// Takes everything that was received and not yet taken, for a content decoder that goes on behind the last line.
    public mutating func takeRest() -> [UInt8] {
        let rest = start == 0 ? buffer : Array(buffer[start...])
        dropAll()
        return rest
    }

    /// Everything received and not yet taken, in place: content is decoded from here without a copy, and
    /// ``drop(through:)`` then tells how far. Not to be held while more is appended, which would copy it.
    public var waiting: (octets: [UInt8], range: Range<Int>) { (buffer, start..<buffer.count) }

    /// Takes what ``waiting`` has before `end`.
    public mutating func drop(through end: Int) {
        precondition(end >= start && end <= buffer.count, "octets that do not wait")
        start = end
        searched = 0
        if start == buffer.count { dropAll() }
    }

    /// Whether the octets that wait begin with `word`, ASCII case aside; `nil` while they are too few to tell.
    public func begins(with word: StaticString) -> Bool? {
        let wanted = [UInt8](word)
        let there = buffer[start..<min(buffer.count, start + wanted.count)]
        for (octet, other) in zip(there, wanted) where Octet.lowercased(octet) != Octet.lowercased(other) {
            return false
        }
        return there.count == wanted.count ? true : nil
    }

    /// Takes octets that are no line, such as a counted literal: all there is up to `limit`, and no further than the
    /// first `stop`, itself included.
    public mutating func take(atMost limit: Int, through stop: UInt8? = nil) -> [UInt8] {
        var end = start + min(count, limit)
        if let stop, let hit = buffer.firstIndex(of: stop, in: start..<end) { end = hit + 1 }
        if start == 0, end == buffer.count { return takeRest() }
        let taken = Array(buffer[start..<end])
        start = end
        searched = 0
        if start == buffer.count { dropAll() }
        return taken
    }

    private mutating func dropAll() {
        buffer.removeAll(keepingCapacity: false)
        start = 0
        searched = 0
    }
}
