// The processes that the keeper has started, and when one that died may be started again.

import CMHSys
import Glibc

/// A table of children by process id.
struct Children {
    enum Kind: String { case worker, run }

    /// A process that has ended.
    struct Ended {
        let pid: pid_t
        /// `nil` for an orphan: adopted since we are process 1.
        let kind: Kind?
        /// The exit status, 128 + signal for a death by signal.
        let status: Int32
        /// Milliseconds that it lived.
        let age: Int
    }

    private var running: [pid_t: (kind: Kind, started: Int)] = [:]

    mutating func add(_ pid: pid_t, _ kind: Kind) { running[pid] = (kind, MonotonicClock.milliseconds) }

    /// Reaps all that have ended. Nobody else in this process waits for children.
    mutating func reap() -> [Ended] {
        var ended: [Ended] = []
        while true {
            var status: Int32 = 0
            let pid = unsafe waitpid(-1, &status, WNOHANG)
            if pid < 0, errno == EINTR { continue }
            guard pid > 0 else { return ended }
            let child = running.removeValue(forKey: pid)
            ended.append(
                Ended(
                    pid: pid, kind: child?.kind,
                    status: mh_WIFEXITED(status) != 0 ? mh_WEXITSTATUS(status) : 128 + mh_WTERMSIG(status),
                    age: child.map { MonotonicClock.milliseconds - $0.started } ?? 0))
        }
    }
}

/// The pauses between starts of a process that dies at once, or cannot be started: doubled each time.
struct BackOff {
    /// Milliseconds.
    static let shortest = 100
    static let longest = 30_000
    /// A process that lived this long had begun its work.
    static let longEnough = 1_000

    private var pause = Self.shortest
    /// When it may be started again, in milliseconds of ``MonotonicClock``; `nil` when nothing waits.
    private(set) var due: Int?

    /// Notes a death.
    /// - Parameter age: milliseconds that it was at work; 0 when it never came to that.
    mutating func noteDeath(at age: Int, now: Int = MonotonicClock.milliseconds) {
        pause = age >= Self.longEnough ? Self.shortest : min(pause * 2, Self.longest)
        due = now + pause
    }

    /// Nothing waits to be started any more.
    mutating func clear() { due = nil }

    /// The process ended as it should: deaths before it count no more.
    mutating func succeeded() { self = BackOff() }

    func isDue(_ now: Int = MonotonicClock.milliseconds) -> Bool { due.map { $0 <= now } ?? false }
}

/// The clock that nobody sets, and that poll(2) waits by.
enum MonotonicClock {
    static var milliseconds: Int {
        var now = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &now)
        return Int(now.tv_sec) * 1000 + Int(now.tv_nsec) / 1_000_000
    }

    /// The time in `duration`.
    static func milliseconds(after duration: Duration) -> Int { milliseconds + Int(duration / .milliseconds(1)) }
}
