// A floor under the speed of a peer: a deadline for each step alone lets one octet per minute go on for ever.

/// The fewest octets, both ways together, that must move in each window of waiting.
public struct PaceFloor: Sendable, Hashable {
    public let octets: Int
    public let window: Duration

    public init(octets: Int, per window: Duration) {
        self.octets = octets
        self.window = window
    }

    /// 1,000 octets a minute: below the slowest modem that ever carried mail, far above a server that drips.
    public static let standard = PaceFloor(octets: 1000, per: .seconds(60))
}

/// Measures one stretch of content against its floor. Only time spent waiting for the peer counts, so that a slow disk
/// of ours is never held against the peer.
struct PaceMeter {
    let floor: PaceFloor
    private var waited = Duration.zero
    private(set) var moved = 0

    init(floor: PaceFloor) { self.floor = floor }

    /// The time for waiting that is left in this window.
    var remaining: Duration { max(.zero, floor.window - waited) }

    mutating func note(octets: Int) { moved = moved.addingReportingOverflow(octets).partialValue }

    /// Adds time spent waiting.
    /// - Returns: `false` when a window ended with too few octets.
    mutating func note(waiting duration: Duration) -> Bool {
        waited += duration
        guard waited >= floor.window else { return true }
        guard moved >= floor.octets else { return false }
        waited = .zero
        moved = 0
        return true
    }
}
