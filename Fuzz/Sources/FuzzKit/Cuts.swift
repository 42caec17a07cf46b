// Where the network may cut the octets, and what a conversation adds up to whatever the cuts.

/// A way to hand octets over.
public enum Cut: Sendable {
    case whole
    case singly
    case at(Int)

    public func pieces(of octets: [UInt8]) -> [[UInt8]] {
        switch self {
        case .whole: return [octets]
        case .singly: return octets.isEmpty ? [[]] : octets.map { [$0] }
        case .at(let place):
            let place = octets.isEmpty ? 0 : place % octets.count
            return [Array(octets[..<place]), Array(octets[place...])]
        }
    }

    /// What every conversation is tried with.
    public static func all(_ place: UInt8) -> [Cut] { [.whole, .singly, .at(Int(place))] }
}

/// What a conversation came to: events as far as they may be compared, the octets that were answered, how it ended.
public struct Trace<Event: Equatable>: Equatable {
    public private(set) var events: [Event] = []
    public private(set) var wire: [UInt8] = []
    /// The error that ended it, as text.
    public private(set) var failure: String?
    /// Behind a go-ahead for TLS what counts is how much had arrived: nothing more is compared.
    private var isSealed = false

    public init() {}

    /// - Parameter join: makes one of the last event and this one, where both are pieces of the same thing.
    public mutating func note(_ event: Event, joining join: (Event, Event) -> Event?) {
        if isSealed { return }
        if let last = events.last, let joined = join(last, event) {
            events[events.count - 1] = joined
        } else {
            events.append(event)
        }
    }

    public mutating func answer(_ octets: [UInt8]) { if !isSealed { wire += octets } }
    public mutating func end(_ failure: String) { if !isSealed { self.failure = failure } }
    public mutating func seal() { isSealed = true }
    public mutating func dropLast() { if !isSealed { events.removeLast() } }
}

/// Claims that every cut gives the trace of the whole.
public func claimSame<Event>(_ octets: [UInt8], _ place: UInt8, _ trace: (Cut) -> Trace<Event>) {
    let whole = trace(.whole)
    for cut in [Cut.singly, .at(Int(place))] {
        let other = trace(cut)
        claim(
            other == whole,
            "cut \(cut): \(other.events)\n\(String(decoding: other.wire, as: UTF8.self))\(other.failure ?? "")\n"
                + "whole: \(whole.events)\n\(String(decoding: whole.wire, as: UTF8.self))\(whole.failure ?? "")")
    }
}

/// Claims that `wire` is lines that end in CRLF, of at most `limit` octets, without control characters.
/// - Returns: the lines without their ends.
@discardableResult
public func claimLines(_ wire: [UInt8], limit: Int) -> [ArraySlice<UInt8>] {
    var lines: [ArraySlice<UInt8>] = []
    var start = 0
    while start < wire.count {
        guard let lf = wire[start...].firstIndex(of: 0x0A), lf > start, wire[lf - 1] == 0x0D else {
            claim(false, "a line without CRLF: \(wire)")
            return lines
        }
        let line = wire[start..<(lf - 1)]
        claim(line.count + 2 <= limit, "a line of \(line.count) octets")
        claim(line.allSatisfy { $0 >= 0x20 && $0 != 0x7F }, "a control character: \(Array(line))")
        lines.append(line)
        start = lf + 1
    }
    return lines
}
