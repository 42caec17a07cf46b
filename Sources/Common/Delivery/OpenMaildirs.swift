// Maildirs held open between deliveries, as long as their paths lead to them.

import DurableFiles
import Glibc
import MaildirStore
import Reporting
import Synchronization

/// The Maildirs of a process that delivers again and again. To open one is four directories, and as many looks at whose
/// they are; to see that it still stands there is four looks, and nothing is opened.
public final class OpenMaildirs: Sendable {
    /// The most that are held open: four descriptors each.
    public static let limit = 32
    /// How long one is held, in seconds: what writers that died have left in tmp goes when it is opened.
    public static let age = 86_400

    private struct Held {
        let maildir: Maildir
        /// Seconds since 1970.
        let opened: Int
        var lastUse: Int
    }

    private struct State {
        var held: [Destination: Held] = [:]
        var uses = 0
    }

    private let faults: Faults?
    private let now: @Sendable () -> Int
    private let tell: @Sendable (DurableError) -> Void
    private let state = Mutex(State())

    /// - Parameters:
    ///   - faults: forced disk faults of a test.
    ///   - now: seconds since 1970.
    ///   - tell: what kept leftovers in tmp; it keeps no mail from being delivered.
    public init(
        faults: Faults? = nil, now: @escaping @Sendable () -> Int = { time(nil) },
        telling tell: @escaping @Sendable (DurableError) -> Void
    ) {
        (self.faults, self.now, self.tell) = (faults, now, tell)
    }

    /// Begins a delivery of `name` into tmp of the Maildir, or folder of one, at `destination`, made when missing.
    /// - Throws: as `Maildir.init`.
    func begin(_ name: DeliveryName, at destination: Destination) throws(MaildirError) -> MaildirDelivery {
        do throws(MaildirError) {
            return try delivery(of: name, at: destination)
        } catch .disk(let error) where error.isMissing || error.isShortage {
            // Removed under our hands, or those that we hold leave none for this one: once more, with none held.
            state.withLock { $0.held = [:] }
            return try delivery(of: name, at: destination)
        }
    }

    private func delivery(of name: DeliveryName, at destination: Destination) throws(MaildirError) -> MaildirDelivery {
        let maildir = try maildir(at: destination)
        do { return try MaildirDelivery(into: maildir, as: name) } catch { throw .disk(error) }
    }

    /// The Maildir at `destination`; opened anew where its path leads to another one, where owner or rights have
    /// changed, and once a day.
    func maildir(at destination: Destination) throws(MaildirError) -> Maildir {
        let now = now()
        if let held = state.withLock({ $0.held[destination] }), now - held.opened < Self.age,
            try isInPlace(held.maildir)
        {
            state.withLock { state in
                state.uses += 1
                state.held[destination]?.lastUse = state.uses
            }
            return held.maildir
        }
        let made = try destination.open(faults: faults)
        sweep(made, now)
        state.withLock { state in
            state.uses += 1
            state.held[destination] = Held(maildir: made, opened: now, lastUse: state.uses)
            guard state.held.count > Self.limit,
                let oldest = state.held.min(by: { $0.value.lastUse < $1.value.lastUse })
            else { return }
            state.held[oldest.key] = nil
        }
        return made
    }

    private func isInPlace(_ maildir: Maildir) throws(MaildirError) -> Bool {
        do { return try maildir.isInPlace() } catch { throw .disk(error) }
    }

    /// What stays costs room until it is opened again.
    private func sweep(_ maildir: Maildir, _ now: Int) {
        guard ClockSanity.trusts(now) else { return }
        do throws(DurableError) { try maildir.removeStaleTemporaries(now: now) } catch { tell(error) }
    }

    /// How many are held open.
    var count: Int { state.withLock { $0.held.count } }
}
