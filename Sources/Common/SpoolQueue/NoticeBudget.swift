// How many notices the hub sends in an hour: a storm of failures must not become a storm of mail.

import DurableFiles
import Octets
import Reporting

/// The file `<state>/notices`. A power cut may take it: the hour begins anew.
public struct NoticeBudget: KeptState {
    /// The most notices in an hour, over all runs. What is owed beyond stays owed, and is sent in a later hour.
    public static let limit = 100
    static let hour = 3600

    /// When the hour began, in seconds since 1970.
    var since = 0
    var count = 0

    public init() {}

    public static let kind = "mailhub-notices"
    public static let fileName = "notices"
    public static let isDurable = false

    public var lines: [(keyword: String, value: String)] {
        [("since", "\(max(0, since))"), ("count", "\(max(0, count))")]
    }

    public mutating func take(_ keyword: String, _ value: String) -> Bool {
        switch (keyword, JournalWord.number(value.utf8)) {
        case ("since", let time?): since = time
        case ("count", let number?): count = number
        default: return false
        }
        return true
    }

    /// Counts a notice.
    /// - Returns: whether there is room for it in this hour.
    mutating func spend(now: Int) -> Bool {
        // Of a clock that was set back nothing is known.
        if !(since..<since + Self.hour).contains(now) { (since, count) = (now, 0) }
        guard count < Self.limit else { return false }
        count += 1
        return true
    }
}

/// The notices of a hub in this hour.
public struct NoticeBudgets: Sendable {
    private let files: StateFiles<NoticeBudget>

    /// - Parameter state: the hub's state directory.
    public init(in state: Directory) { files = StateFiles(in: state) }

    /// Asks for room for one more notice.
    /// - Parameter now: in seconds since 1970.
    /// - Throws: `StateFileError` of the disk.
    public func spend(now: Int) throws(StateFileError) -> Bool {
        var isAllowed = false
        try files.change(NoticeBudget.fileName) { isAllowed = $0.spend(now: now) }
        return isAllowed
    }
}
