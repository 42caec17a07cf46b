// Whether a run of the queue would find anything to do, by the names of files alone.

import DurableFiles
import Octets

/// A look at the queue before a run, which most minutes of a day spares it. It makes nothing, opens no message and takes
/// no lock.
public enum QueueGlance {
    /// How long after a whole run the next one takes place in any case, in seconds: it sweeps, and tells of what nobody has
    /// mended meanwhile.
    public static let longestRest = 3600
    /// Touched by a run that came to its end.
    private static let mark = "ran"

    /// Notes that a whole run has come to its end.
    /// - Parameter run: `<state>/run`.
    /// - Throws: ``QueueError/disk(_:)`` or ``QueueError/noSpace(_:)``.
    public static func noteRun(in run: Directory) throws(QueueError) {
        try durably { () throws(DurableError) in try run.openOrMake(mark).touch() }
    }

    /// Whether a run would find nothing: no message is due, nothing lies in the drop directory, half accepted or out of
    /// place, and the last whole run was not long ago.
    /// - Parameters:
    ///   - state: the hub's state directory.
    ///   - hasDrop: whether the drop directory is this hub's.
    ///   - policy: what is due.
    ///   - now: in seconds since 1970.
    /// - Throws: ``QueueError`` where that cannot be seen, as before the first run.
    public static func isIdle(
        state: String, hasDrop: Bool, policy: RetryPolicy, now: Int
    ) throws(QueueError) -> Bool {
        try durably { () throws(DurableError) in
            let state = try Directory(path: state)
            guard let ran = try Directory(path: "\(state.path)/run").status(of: mark),
                (now - longestRest...now).contains(ran.modified)
            else { return false }
            if hasDrop {
                guard try FileStatus.at(DropDirectory.path) != nil else { return false }
                guard try isEmpty(Directory(path: DropDirectory.path)) else { return false }
            }
            let queue = "\(state.path)/queue"
            guard try isEmpty(Directory(path: "\(queue)/tmp")) else { return false }
            for part in ["new", "cur"] {
                var isIdle = true
                try Directory(path: "\(queue)/\(part)").forEachName { name in
                    guard isIdle, name[0] != Octet.dot else { return }
                    isIdle = QueueEntry.glance(name).map { !$0.isDue(by: policy, now: now) } ?? false
                }
                guard isIdle else { return false }
            }
            return true
        }
    }

    private static func isEmpty(_ directory: Directory) throws(DurableError) -> Bool {
        var isEmpty = true
        try directory.forEachName { _ in isEmpty = false }
        return isEmpty
    }
}

extension QueueEntry {
    /// What a name says of when its message may be tried.
    struct Times: Hashable {
        var isHeld = false
        /// As ``QueueEntry/notBefore`` and ``QueueEntry/hopNotBefore``.
        var notBefore = 0
        var hopNotBefore = 0

        func isDue(by policy: RetryPolicy, now: Int) -> Bool {
            !isHeld && policy.isDue(notBefore, now: now) && policy.isDue(hopNotBefore, now: now)
        }
    }

    /// The same hints as ``init(name:isTried:)`` reads, without keeping a name: a minute's look at a hundred thousand.
    /// - Returns: `nil` for a name that has others, or none.
    static func glance(_ name: Span<UInt8>) -> Times? {
        var times = Times()
        var at = 0
        while at < name.count, name[at] != 0x2C { at += 1 }
        guard at > 0, at < name.count else { return nil }
        while at < name.count, name[at] == 0x2C {
            guard at + 1 < name.count else { return nil }
            let hint = name[at + 1]
            at += 2
            switch hint {
            case 0x48, 0x4A:  // H, J
                if hint == 0x48 { times.isHeld = true }
            case 0x50, 0x52, 0x53:  // P, R, S
                guard at < name.count, name[at] == 0x3D else { return nil }
                at += 1
                let start = at
                var number = 0
                while at < name.count, Octet.isDigit(name[at]), at - start < 18 {
                    number = number * 10 + Int(name[at] - 0x30)
                    at += 1
                }
                guard at > start else { return nil }
                if hint == 0x52 { times.notBefore = number }
                if hint == 0x50 { times.hopNotBefore = number }
            default: return nil
            }
        }
        return at == name.count || name[at] == Octet.colon ? times : nil
    }
}
