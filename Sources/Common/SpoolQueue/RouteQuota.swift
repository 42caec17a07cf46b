// What a route with a limit has carried of late, counted over all processes.

import DurableFiles
import MailRouting
import Octets

/// The file `<state>/route/<name>`: recipients by the time at which they were counted. A power cut may take it, and
/// counting begins anew.
///
/// A provider may count from the full hour, or over the last sixty minutes: in no stretch of time of the limit's length
/// are there more. So a recipient counts for that long after the end of the slice that it falls into.
public struct RouteQuota: KeptState {
    /// The recipients of one slice of time.
    struct Slice: Sendable, Hashable {
        /// When it ends, in seconds since 1970.
        var end: Int
        var count: Int
    }

    /// Slices of the limit's time: the fewer, the later a recipient is forgotten.
    static let slices = 60

    /// The oldest first.
    private(set) var counted: [Slice] = []

    public init() {}

    public static let kind = "mailhub-route"
    public static let isDurable = false

    public var lines: [(keyword: String, value: String)] {
        counted.map { ("until", "\(max(0, $0.end)):\(max(0, $0.count))") }
    }

    public mutating func take(_ keyword: String, _ value: String) -> Bool {
        let numbers = value.utf8.split(separator: Octet.colon, omittingEmptySubsequences: false)
        guard keyword == "until", numbers.count == 2, let end = JournalWord.number(numbers[0]),
            let count = JournalWord.number(numbers[1])
        else { return false }
        counted.append(Slice(end: end, count: count))
        return true
    }

    /// How many recipients the limit still allows now.
    func room(by limit: RateLimit, now: Int) -> Int {
        var quota = self
        quota.forget(by: limit, now: now)
        return max(0, limit.count - quota.counted.reduce(0) { Self.sum($0, $1.count) })
    }

    /// When the first of those that were counted is forgotten, in seconds since 1970; now where none is.
    func nextRoom(by limit: RateLimit, now: Int) -> Int {
        var quota = self
        quota.forget(by: limit, now: now)
        return quota.counted.first.map { $0.end + limit.seconds } ?? now
    }

    /// Counts recipients.
    /// - Returns: how many of those that are wanted are allowed.
    mutating func spend(_ wanted: Int, by limit: RateLimit, now: Int) -> Int {
        forget(by: limit, now: now)
        let count = min(max(0, wanted), room(by: limit, now: now))
        guard count > 0 else { return 0 }
        if let last = counted.last, last.end > now {
            counted[counted.count - 1].count = Self.sum(last.count, count)
        } else {
            counted.append(Slice(end: now + Self.width(of: limit), count: count))
        }
        return count
    }

    /// Whether something was counted by a clock that was wrong: what it says must not be read again and again as of now.
    func isOfWrongClock(by limit: RateLimit, now: Int) -> Bool {
        counted.contains { $0.end > now + Self.width(of: limit) }
    }

    /// Counts what a wrong clock has counted as of now.
    mutating func mend(by limit: RateLimit, now: Int) { forget(by: limit, now: now) }

    private static func width(of limit: RateLimit) -> Int { max(1, limit.seconds / slices) }

    /// Forgets what does not count any more. What a clock has counted that was wrong counts as of now.
    private mutating func forget(by limit: RateLimit, now: Int) {
        let latest = now + Self.width(of: limit)
        var kept: [Slice] = []
        for slice in counted.map({ Slice(end: min($0.end, latest), count: $0.count) }).sorted(by: { $0.end < $1.end })
        where slice.end + limit.seconds > now {
            if kept.last?.end == slice.end {
                kept[kept.count - 1].count = Self.sum(kept[kept.count - 1].count, slice.count)
            } else {
                kept.append(slice)
            }
        }
        counted = kept
    }

    private static func sum(_ one: Int, _ other: Int) -> Int {
        let (sum, overflow) = one.addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}

/// What the routes of a hub have carried.
public struct RouteQuotas: Sendable {
    private let files: StateFiles<RouteQuota>

    /// - Parameter state: the hub's state directory.
    /// - Throws: ``QueueError/disk(_:)`` or ``QueueError/noSpace(_:)`` when `route` cannot be opened or made in it.
    public init(in state: Directory) throws(QueueError) {
        files = StateFiles(in: try durably { () throws(DurableError) in try state.directory("route", making: 0o700) })
    }

    /// Counts recipients that are about to leave by a route.
    /// - Parameters:
    ///   - now: in seconds since 1970.
    ///   - isWhole: whether all or none of them leave.
    /// - Returns: how many may.
    /// - Throws: `StateFileError` of the disk.
    public func spend(
        _ wanted: Int, of route: String, by limit: RateLimit, now: Int, isWhole: Bool = false
    ) throws(StateFileError) -> Int {
        var granted = 0
        try files.change(StateFiles<RouteQuota>.fileName(route)) { quota in
            guard !isWhole || quota.room(by: limit, now: now) >= wanted else { return }
            granted = quota.spend(wanted, by: limit, now: now)
        }
        return granted
    }

    /// When a route without room has some again, in seconds since 1970; `nil` for one that has.
    /// - Throws: `StateFileError` of the disk.
    public func nextRoom(of route: String, by limit: RateLimit, now: Int) throws(StateFileError) -> Int? {
        let name = StateFiles<RouteQuota>.fileName(route)
        var quota = try files.read(name)
        if quota.isOfWrongClock(by: limit, now: now) {
            quota = try files.change(name) { $0.mend(by: limit, now: now) }
        }
        return quota.room(by: limit, now: now) > 0 ? nil : quota.nextRoom(by: limit, now: now)
    }
}
