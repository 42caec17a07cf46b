// Snapshots shared between sessions: a mailbox that has not changed is not read again.

import DurableFiles
import Synchronization

/// The snapshots that sessions have now, to be shared by others: one serves while inode and time of change of new and cur
/// stand. The shelf itself keeps none: a mailbox that nobody has open costs nothing.
public final class SnapshotShelf: Sendable {
    private struct Mark: Equatable {
        let inode: UInt
        let device: UInt
        let modified: Int
        let nanoseconds: Int
    }

    private struct Shown {
        let marks: [Mark]
        weak var snapshot: MaildirSnapshot?
    }

    /// Times of change move in steps of some milliseconds: a younger change may have a brother in the same step.
    static let distrustSeconds = 2

    private let shown = Mutex<[String: Shown]>([:])

    public init() {}

    /// A snapshot of `boxes` as they are now.
    /// - Parameters:
    ///   - now: seconds since 1970.
    ///   - tell: told what a new reading had to leave out.
    public func snapshot(
        of boxes: [ShownMaildir], now: Int, leftOut tell: (LeftOut) -> Void = { _ in }
    ) throws(MaildirError) -> MaildirSnapshot {
        let key = boxes.map { "\($0.maildir.path)\u{0}\($0.prefix)" }.joined(separator: "\u{0}")
        // Read before the listing: a change in between makes the marks too old, never too young.
        let marks = try onDisk { () throws(DurableError) in try Self.marks(of: boxes) }
        if let found = shown.withLock({ $0[key] }), found.marks == marks, let snapshot = found.snapshot {
            return snapshot
        }
        let snapshot = try MaildirSnapshot(of: boxes)
        if let leftOut = snapshot.leftOut { tell(leftOut) }
        let isSettled = marks.allSatisfy { $0.modified <= now - Self.distrustSeconds }
        shown.withLock { shown in
            shown = shown.filter { $0.value.snapshot != nil }
            shown[key] = isSettled ? Shown(marks: marks, snapshot: snapshot) : nil
        }
        return snapshot
    }

    private static func marks(of boxes: [ShownMaildir]) throws(DurableError) -> [Mark] {
        try boxes.flatMap { [$0.maildir.new, $0.maildir.cur] }.map { directory throws(DurableError) in
            let status = try directory.status()
            return Mark(
                inode: status.inode, device: status.device, modified: status.modified,
                nanoseconds: status.modifiedNanoseconds)
        }
    }
}
