// Maildirs held open between deliveries, as long as their paths lead to them.

import DurableFiles
import Glibc
import MaildirStore
import Reporting
import Synchronization

/// The Maildirs of a process that delivers again and again. To open one is four directories, and as many looks at whose
/// they are; to see that it still stands there is one.
public final class OpenMaildirs: Sendable {
    /// The most that are held open: four descriptors each.
    public static let limit = 32

    private struct Held {
        let maildir: Maildir
        /// What stood at the path of `new` when it was opened.
        let status: FileStatus
        var lastUse: Int
    }

    private struct State {
        var held: [Destination: Held] = [:]
        var uses = 0
    }

    private let faults: Faults?
    private let state = Mutex(State())

    /// - Parameter faults: forced disk faults of a test.
    public init(faults: Faults? = nil) { self.faults = faults }

    /// The Maildir, or folder of one, at `destination`, made when missing; opened anew where another stands in its place
    /// (device and inode of `new`), or where owner or rights have changed (DECISIONS 54).
    /// - Throws: as `Maildir.init`.
    func maildir(at destination: Destination) throws -> Maildir {
        if let held = state.withLock({ $0.held[destination] }), try isUnchanged(held) {
            state.withLock { state in
                state.uses += 1
                state.held[destination]?.lastUse = state.uses
            }
            return held.maildir
        }
        let made = try destination.open(faults: faults)
        let now = time(nil)
        // Best effort: what stays costs room until the next one opens it.
        if ClockSanity.trusts(now) { _ = try? made.removeStaleTemporaries(now: now) }
        guard let status = try made.statusOfNew() else { return made }
        state.withLock { state in
            state.uses += 1
            state.held[destination] = Held(maildir: made, status: status, lastUse: state.uses)
            guard state.held.count > Self.limit,
                let oldest = state.held.min(by: { $0.value.lastUse < $1.value.lastUse })
            else { return }
            state.held[oldest.key] = nil
        }
        return made
    }

    private func isUnchanged(_ held: Held) throws -> Bool {
        guard let status = try held.maildir.statusOfNew() else { return false }
        return status.isSameFile(as: held.status) && status.owner == held.status.owner
            && status.mode == held.status.mode
    }

    /// How many are held open.
    var count: Int { state.withLock { $0.held.count } }
}
