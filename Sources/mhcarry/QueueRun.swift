// A run of the queue: every message that is due gets its attempt, in the lanes of the hops it goes to.

import Blocking
import MailRouting
import Reporting
import RunControl
import SpoolQueue

/// Carries what is due, then looks again if something came in meanwhile.
final class QueueRun: Sendable {
    /// What is tried.
    enum Choice: Sendable {
        /// All that is due.
        case due
        /// These, due or not.
        /// - Parameter isOnlyIfQueued: whether it is no error that one is no longer queued: another run was faster.
        case messages([QueueID], isOnlyIfQueued: Bool)
        /// What has a sender, or a recipient who still waits, whose address holds a text; due or not.
        case holding(String, isRecipient: Bool)
    }

    let hub: CarrierHub
    private let choice: Choice

    init(_ choice: Choice = .due, hub: CarrierHub) { (self.choice, self.hub) = (choice, hub) }

    /// Runs until nothing is due. Three runs may go on at once; a fourth leaves the work to them.
    func run() throws {
        defer { hub.askForFetching() }
        switch choice {
        case .due: try runQueue()
        case .messages(let ids, let isOnlyIfQueued): try carry(asked: Set(ids), isOnlyIfQueued)
        case .holding(let text, let isRecipient):
            try carry(asked: Set(try messages(holding: text, isRecipient)), true)
        }
        if let failure = hub.failure { throw failure }
    }

    /// Carries the messages that somebody asked for and waits for, and the notices that result. It takes no slot:
    /// another run that finds a slot in use relies on its holder to see the whole queue.
    private func carry(asked: Set<QueueID>, _ isOnlyIfQueued: Bool) throws {
        hub.uplink.look()
        let entries = try hub.queue.list().entries.filter { asked.contains($0.id) }
        let lanes = try Lanes(hub: hub)
        defer { lanes.finish() }
        carry(entries, in: lanes)
        let notices = try hub.queue.list().entries.filter { entry in
            !entry.isTried && entry.id.subject.map(asked.contains) ?? false
        }
        carry(notices, in: lanes)
        UnownedMail(hub: hub).tell()
        let gone = asked.subtracting(entries.map(\.id)).map(\.text).sorted()
        if let first = gone.first, !isOnlyIfQueued { throw CarryError.noSuchMessage(first) }
    }

    /// The messages with a sender, or a recipient who still waits, whose address holds `text`, ASCII case aside.
    private func messages(holding text: String, _ isRecipient: Bool) throws -> [QueueID] {
        let wanted = text.lowercased()
        return try hub.queue.list().entries.filter { entry in
            do {
                guard let message = try hub.queue.peek(entry), message.state.hold == nil else { return false }
                guard isRecipient else { return "\(message.envelope.reversePath)".lowercased().contains(wanted) }
                return message.state.waiting.contains { index in
                    message.state.recipients[index].destination.description.lowercased().contains(wanted)
                }
            } catch {
                hub.note(error, of: entry.id)
                return false
            }
        }.map(\.id)
    }

    private func runQueue() throws {
        var last: (any Error)?
        while let (mark, error) = try passInSlot() {
            last = error
            UnownedMail(hub: hub).tell()
            hub.aliasFaults.tell(by: hub)
            // Mail that came in meanwhile relies on this run, however it went.
            if try WakeMark.read(in: hub.queue.run) == mark || hub.isEnding { break }
        }
        if last == nil, !hub.isEnding {
            hub.tellOfWaiting()
            Expiry(hub: hub).run()
            try QueueGlance.noteRun(in: hub.queue.run)
        }
        if let last { throw last }
    }

    /// Takes a slot, makes a pass over the queue, and gives the slot back.
    /// - Returns: the wake mark before the last listing of the pass, and the error that broke the pass off, if one did;
    ///   `nil` when there is no free slot.
    private func passInSlot() throws -> (mark: WakeMark, error: (any Error)?)? {
        guard let slot = try RunSlot.tryAcquire(in: hub.queue.run) else { return nil }
        return try withExtendedLifetime(slot) {
            var mark = try WakeMark.read(in: hub.queue.run)
            sweep()
            var drops = DropRound(hub: hub)
            drops.run()
            do {
                try pass(&mark, &drops)
                return (mark, nil)
            } catch {
                return (mark, error)
            }
        }
    }

    /// Feeds what is due, and what comes in or becomes due while lanes are at work: a slow lane keeps no other mail
    /// waiting.
    private func pass(_ mark: inout WakeMark, _ drops: inout DropRound) throws {
        let lanes = try Lanes(hub: hub)
        defer { lanes.finish() }
        var fed = try feed([], into: lanes)
        var (listed, looked) = (Deadline.now, Deadline.now)
        try lanes.awaitEnd {
            if looked.elapsed >= DropRound.pace {
                drops.runAgain()
                looked = .now
            }
            let now = try WakeMark.read(in: hub.queue.run)
            guard now != mark || listed.elapsed >= Self.listingPace else { return }
            (mark, listed) = (now, .now)
            fed = try feed(fed, into: lanes)
        }
    }

    /// How often the queue is listed while lanes are at work, for what becomes due.
    private static let listingPace = Duration.seconds(60)

    /// Lists the queue, and puts what is due into the lanes.
    /// - Parameter fed: file names of what was put there before.
    /// - Returns: the file names of all that is due.
    private func feed(_ fed: Set<String>, into lanes: Lanes) throws -> Set<String> {
        hub.uplink.look()
        let listing = try hub.queue.list()
        for name in listing.foreign { setAside(name) }
        let now = Clock.seconds()
        let due = listing.entries.filter { entry in
            !entry.isHeld && hub.policy.isDue(entry.notBefore, now: now)
                && (hub.asksAtOnce || hub.policy.isDue(entry.hopNotBefore, now: now))
        }
        // What waits longest goes first; what was tried most goes last, so that no message can hold up the others.
        let ordered = due.sorted { left, right in
            (left.isTried ? 1 : 0, left.notBefore, left.id.text) < (
                right.isTried ? 1 : 0, right.notBefore, right.id.text
            )
        }
        for entry in ordered where !fed.contains(entry.name) && !hub.isEnding { lanes.feed(entry) }
        return Set(ordered.map(\.name))
    }

    /// Gives each of `entries` its attempt, and waits for all of them.
    private func carry(_ entries: [QueueEntry], in lanes: Lanes) {
        for entry in entries where !hub.isEnding { lanes.feed(entry) }
        lanes.awaitEnd {}
    }

    /// Moves a file that is no message out of the way. One that cannot be moved stops no mail.
    private func setAside(_ name: String) {
        do {
            let place = try hub.queue.setAside(name)
            hub.log.write(.error, "foreign file", [("name", name), ("moved", place)])
        } catch {
            hub.note(error, at: name)
        }
    }

    private func sweep() {
        do {
            let sweep = try hub.queue.clean(now: Clock.seconds())
            for name in sweep.leftovers + sweep.orphans { hub.log.write(.info, "swept", [("file", name)]) }
            try MboxNotes(of: hub.queue).sweep()
            try hub.hops.sweep(now: Clock.seconds())
        } catch {
            hub.log.write(.warning, "sweep", [("error", sentence(error))])
        }
    }
}
