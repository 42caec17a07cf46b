// Sweeping up what crashes left: old files in `tmp`, journals without a message.

import DurableFiles
import Reporting

extension Queue {
    /// Files in `tmp` are left alone for this long, in seconds (Maildir's rule).
    public static let leftoverAge = 36 * 3600
    /// Journals without a message are left alone for this long, in seconds.
    public static let orphanAge = 86_400

    /// The names of the files that ``clean(now:)`` removed.
    public struct Sweep: Sendable, Hashable {
        public var leftovers: [String] = []
        public var orphans: [String] = []
    }

    /// Removes old leftovers and orphan journals; nothing while the clock cannot be trusted.
    /// - Parameter now: seconds since 1970.
    /// - Throws: ``QueueError/disk(_:)`` when a directory cannot be read or a file not removed.
    public func clean(now: Int) throws(QueueError) -> Sweep {
        var sweep = Sweep()
        guard ClockSanity.trusts(now) else { return sweep }
        for name in try names(in: tmp, unchangedSince: now - Self.leftoverAge) {
            // The only copy of a message, if its drop file is gone.
            guard StagedDrop(name: name) == nil else { continue }
            guard try durably({ () throws(DurableError) in try tmp.unlink(name) }) else { continue }
            sweep.leftovers.append(name)
        }
        var orphans = try names(in: log, unchangedSince: now - Self.orphanAge)
        // Two listings: a message renamed during one of them may be missing from it.
        for _ in 0..<2 where !orphans.isEmpty {
            let present = Set(try list().entries.map(\.id.text))
            orphans.removeAll { present.contains($0) }
        }
        for name in orphans {
            guard try durably({ () throws(DurableError) in try log.unlink(name) }) else { continue }
            sweep.orphans.append(name)
        }
        return sweep
    }

    private func names(in directory: Directory, unchangedSince limit: Int) throws(QueueError) -> [String] {
        try durably { () throws(DurableError) in
            var old: [String] = []
            for name in try directory.names() {
                guard let status = try directory.status(of: name), status.isRegular, status.modified < limit else {
                    continue
                }
                old.append(name)
            }
            return old
        }
    }
}
