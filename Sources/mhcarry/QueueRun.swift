// A run of the queue: every message that is due gets its attempt, local mail at once, the rest by its accounts.

import Blocking
import MailRouting
import Reporting
import RunControl
import SpoolQueue

/// Carries out what is due, then looks again if something came in meanwhile (DECISIONS 16).
final class QueueRun: Sendable {
    /// Messages begun at once: all that a run which dies in one of them leaves marked as tried.
    private static let window = 16

    let hub: CarrierHub
    /// The one message to try, however long it should wait.
    private let only: QueueID?

    init(hub: CarrierHub, only: QueueID? = nil) {
        self.hub = hub
        self.only = only
    }

    /// Runs until nothing is due. Three runs may go on at once; a fourth leaves the work to them.
    func run() throws {
        var mark: WakeMark
        repeat {
            guard let slot = try RunSlot.tryAcquire(in: hub.queue.run) else { return }
            mark = try WakeMark.read(in: hub.queue.run)
            sweep()
            try pass()
            withExtendedLifetime(slot) {}
        } while try only == nil && WakeMark.read(in: hub.queue.run) != mark
        if let failure = hub.failure { throw failure }
    }

    private func pass() throws {
        let listing = try hub.queue.list()
        for name in listing.foreign {
            let place = try hub.queue.setAside(name)
            hub.log.write(.error, "foreign file", [("name", name), ("moved", place)])
        }
        let now = Clock.seconds()
        let due = listing.entries.filter { entry in
            if let only { return entry.id == only }
            return !entry.isHeld && hub.policy.isDue(entry.notBefore, now: now)
        }
        // What waits longest goes first; what was tried most goes last, so that no message can hold up the others.
        let ordered = due.sorted { left, right in
            (left.isTried ? 1 : 0, left.notBefore, left.id.text) < (
                right.isTried ? 1 : 0, right.notBefore, right.id.text
            )
        }
        let providers = OpenProviders(hub: hub)
        defer { providers.closeAll() }
        var start = 0
        while start < ordered.count {
            let end = min(start + Self.window, ordered.count)
            carry(Array(ordered[start..<end]), by: providers)
            start = end
        }
    }

    /// One attempt for each of `entries`.
    private func carry(_ entries: [QueueEntry], by providers: OpenProviders) {
        var attempts = entries.compactMap(begin)
        // In waves: a message that goes out by two accounts is handed from one to the next, as its lock belongs to one
        // thread.
        while true {
            var byAccount: [String: [Attempt]] = [:]
            for attempt in attempts {
                if let account = attempt.nextAccount { byAccount[account, default: []].append(attempt) }
            }
            if byAccount.isEmpty { break }
            providers.carry(byAccount)
        }
        for attempt in attempts { attempt.end() }
        attempts.removeAll()
    }

    /// Locks the message, delivers what is local, and finds the accounts for the rest.
    private func begin(_ entry: QueueEntry) -> Attempt? {
        do {
            guard let message = try hub.queue.lock(entry) else { return nil }
            let attempt = Attempt(of: message, hub: hub)
            return try attempt.begin() ? attempt : nil
        } catch {
            hub.note(error, of: entry.id)
            return nil
        }
    }

    private func sweep() {
        do {
            let sweep = try hub.queue.clean(now: Clock.seconds())
            for name in sweep.leftovers + sweep.orphans { hub.log.write(.info, "swept", [("file", name)]) }
        } catch {
            hub.log.write(.warning, "sweep", [("error", "\(error)")])
        }
    }
}
