// Log lines about refused clients: strangers cause as many as they like, and the log may lie on the mail's disk.

import Reporting
import Synchronization

/// Writes a line for each refusal while there is room on the disk. While there is too little, refusals are counted and
/// summed up in one line a minute, so that nobody fills what is left by being refused. Accepted mail, logins and faults
/// bypass it: those are always logged.
final class RefusalLog: Sendable {
    private let log: Log
    private let isTight: @Sendable () -> Bool
    private let counted = Mutex(0)

    /// - Parameter isTight: whether the disk has less room than `free-space` asks for.
    init(_ log: Log, isTight: @escaping @Sendable () -> Bool) {
        self.log = log
        self.isTight = isTight
    }

    func write(_ level: Log.Level, _ event: String, _ fields: [(String, String?)]) {
        if isTight() {
            counted.withLock { $0 += 1 }
        } else {
            log.write(level, event, fields)
        }
    }

    /// Logs how many refusals have been counted since the last time, if any; to be called once a minute, and at the
    /// end.
    func sumUp() {
        let count = counted.withLock { counted in
            defer { counted = 0 }
            return counted
        }
        guard count > 0 else { return }
        log.write(.notice, "refused", [("clients", "\(count)"), ("why", "summed up: less than free-space is free")])
    }
}
