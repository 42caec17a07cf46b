// Sees when somebody leaves mail in the drop directory of the machine's hub.

import Glibc
import Reporting
import SpoolQueue

/// An eye on the drop directory (inotify(7)). Where the system has none to give, the next run by the clock takes mail in.
struct DropWatch: ~Copyable {
    /// For poll(2); -1 where there is nothing to watch.
    private(set) var descriptor: Int32 = -1
    private var isArmed = false

    /// - Parameter isWanted: whether the hub has a drop directory, or may get one.
    init(isWanted: Bool) {
        if isWanted { descriptor = inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK)) }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// The least time between two runs for its sake, in milliseconds: who moves files to and fro starts no more of them.
    private static let pace = 1000
    /// When a run is due for what was left, in milliseconds of ``MonotonicClock``; `nil` while nothing was.
    private(set) var due: Int?
    private var last = 0

    /// Whether a queue run is due, since mail was left, or may have been before the directory was watched.
    mutating func isDue() -> Bool {
        let now = MonotonicClock.milliseconds
        if arm() || hasSeen() { due = due ?? max(now, last + Self.pace) }
        guard let due, due <= now else { return false }
        (self.due, last) = (nil, now)
        return true
    }

    /// Watches from now on, if the directory is there: the carrier makes it in its first run.
    /// - Returns: whether it is watched since now: what is there already was not seen.
    private mutating func arm() -> Bool {
        guard descriptor >= 0, !isArmed else { return false }
        isArmed = watch()
        return isArmed
    }

    private func watch() -> Bool {
        let mask = IN_MOVED_TO | IN_MOVE_SELF | IN_DELETE_SELF | IN_ONLYDIR
        return unsafe inotify_add_watch(descriptor, DropDirectory.path, UInt32(mask)) >= 0
    }

    /// Whether anything has come since this was asked last.
    private mutating func hasSeen() -> Bool {
        guard descriptor >= 0 else { return false }
        var octets = [UInt8](repeating: 0, count: 4096)
        var seen = false
        while unsafe octets.withUnsafeMutableBytes({ unsafe read(descriptor, $0.baseAddress, $0.count) }) > 0 {
            seen = true
        }
        // Another directory may stand at its place: to watch what is watched already changes nothing.
        if seen { isArmed = watch() }
        return seen
    }
}
