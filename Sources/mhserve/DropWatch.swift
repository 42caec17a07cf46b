// Sees when somebody leaves mail in the drop directory of the machine's hub.

import Glibc
import Reporting
import SpoolQueue

/// An eye on the drop directory (inotify(7)). Where the system has none to give, the next run by the clock takes mail in.
struct DropWatch: ~Copyable {
    /// For poll(2); -1 where there is nothing to watch.
    private(set) var descriptor: Int32 = -1
    private var isArmed = false
    private let isWanted: Bool

    /// - Parameter isWanted: whether the hub has a drop directory, or may get one.
    init(isWanted: Bool) {
        self.isWanted = isWanted
        if isWanted { descriptor = inotify_init1(Int32(IN_CLOEXEC | IN_NONBLOCK)) }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Watches from now on, if the directory is there: the carrier makes it in its first run.
    /// - Returns: whether it is watched since now: what is there already was not seen.
    mutating func arm() -> Bool {
        guard descriptor >= 0, !isArmed else { return false }
        isArmed = unsafe inotify_add_watch(descriptor, DropDirectory.path, UInt32(IN_MOVED_TO | IN_ONLYDIR)) >= 0
        return isArmed
    }

    /// Whether mail was left since this was asked last.
    mutating func hasSeen() -> Bool {
        guard descriptor >= 0 else { return false }
        var octets = [UInt8](repeating: 0, count: 4096)
        var seen = false
        while unsafe octets.withUnsafeMutableBytes({ unsafe read(descriptor, $0.baseAddress, $0.count) }) > 0 {
            seen = true
        }
        return seen
    }
}
