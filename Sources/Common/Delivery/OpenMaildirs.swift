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
        /// Of `new`, as it was opened.
        let status: FileStatus
        var lastUse: Int
    }

    private struct State {
        var held: [Destination: Held] = [:]
        var uses = 0
    }

    private let faults: Faults?
    private let now: @Sendable () -> Int
    private let state = Mutex(State())

    /// - Parameters:
    ///   - faults: forced disk faults of a test.
    ///   - now: seconds since 1970.
    public init(faults: Faults? = nil, now: @escaping @Sendable () -> Int = { time(nil) }) {
        self.faults = faults
        self.now = now
    }

    /// Begins a delivery of `name` into tmp of the Maildir, or folder of one, at `destination`, made when missing.
    /// - Throws: as `Maildir.init` and `MaildirDelivery.init`.
    func begin(_ name: DeliveryName, at destination: Destination) throws -> MaildirDelivery {
        do {
            return try MaildirDelivery(into: try maildir(at: destination), as: name)
        } catch let error as DurableError where error.isMissing {
            // tmp was removed under our hands: the Maildir is opened anew, and what it lacks is made.
            forget(destination)
            return try MaildirDelivery(into: try maildir(at: destination), as: name)
        }
    }

    /// The Maildir at `destination`; opened anew where the path of `new` leads to another one, or `new` has another owner or
    /// other rights (DECISIONS 54).
    func maildir(at destination: Destination) throws -> Maildir {
        if let held = state.withLock({ $0.held[destination] }), try isUnchanged(held) {
            state.withLock { state in
                state.uses += 1
                state.held[destination]?.lastUse = state.uses
            }
            return held.maildir
        }
        let made = try destination.open(faults: faults)
        // Best effort: what stays costs room until the next one opens it.
        if ClockSanity.trusts(now()) { _ = try? made.removeStaleTemporaries(now: now()) }
        let status = try made.statusOfNew()
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

    /// Lets the next delivery open it anew: something was wrong there.
    func forget(_ destination: Destination) { state.withLock { $0.held[destination] = nil } }

    private func isUnchanged(_ held: Held) throws -> Bool {
        guard let status = try held.maildir.statusAtPathOfNew() else { return false }
        return status.isSameFile(as: held.status) && status.owner == held.status.owner
            && status.mode == held.status.mode
    }

    /// How many are held open.
    var count: Int { state.withLock { $0.held.count } }
}
