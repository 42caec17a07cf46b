// The second step of a worker's start: it gives up rights.

import CMHSys
import Glibc

/// Gives up rights of the worker while it has one thread: a thread gives them up for itself and the threads that it
/// starts.
enum LockIn {
    /// Locks this process in.
    static func enter() {
        precondition(threadCount == 1, "a thread before the worker is locked in would be outside of the lock")
        // A worker starts no program; whoever has taken it over shall gain nothing by one that is set-user-ID.
        guard mh_gain_no_rights() == 0 else { preconditionFailure("prctl: \(errno)") }
    }

    /// Threads of this process.
    private static var threadCount: Int {
        guard let folder = unsafe opendir("/proc/self/task") else { return 1 }  // no /proc here: nobody can tell
        defer { unsafe closedir(folder) }
        var count = 0
        while let entry = unsafe readdir(folder) {
            if unsafe entry.pointee.d_name.0 != 0x2E { count += 1 }
        }
        return count
    }
}
