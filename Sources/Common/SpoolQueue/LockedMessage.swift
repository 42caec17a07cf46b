// One queued message under its lock: attempts, results, a person's orders. The lock ends with the object.

import DurableFiles
import MailEnvelope
import MailRouting
import MessageContent

/// A message whose lock this process has. Used from one thread at a time.
///
/// The order of an attempt: ``reserve()``, ``beginAttempt(next:)``, expansions, the transaction,
/// ``record(_:at:isLast:)``, or a ``Recording`` for several messages at once. Methods throw ``QueueError/disk(_:)`` or
/// ``QueueError/noSpace(_:)`` when the disk fails. A failed write, synchronization or removal is final: every later
/// call throws ``QueueError/distrusted(path:)``, and the queue does not lock this message again in this process.
public final class LockedMessage {
    public let envelope: Envelope
    public let acceptance: Acceptance
    public let content: QueuedContent
    /// Content and envelope for the steps of a plan, with all recipients that the message came with.
    public let message: Message
    public private(set) var entry: QueueEntry
    public private(set) var state: MessageState
    /// Whether the attempt before ended without a result; it is counted in ``state`` already.
    public let hasDied: Bool
    /// Whether the file has been removed: delivered, or given up.
    public private(set) var isRemoved = false
    private var isUnlocked = false
    public var id: QueueID { entry.id }

    let queue: Queue
    private let file: File
    private let journal: MessageJournal
    /// Records that are in `state` but not yet in the journal.
    private var pending: [Record] = []
    /// The last results, where nothing is left to do after them: in `state`, and in the journal only if the message
    /// cannot be removed.
    private var last: Record?
    /// Whether the journal holds what must be on stable storage before anything else is done.
    private(set) var owesSynchronization = false
    /// The `R` of the file's name during the attempt under way.
    private var attempt: Int?

    init(queue: Queue, entry: QueueEntry, file: File, _ opened: Queue.Opened) throws(QueueError) {
        self.queue = queue
        self.entry = entry
        self.file = file
        envelope = opened.envelope
        acceptance = opened.acceptance
        content = opened.content
        message = Message(envelope, content)
        var state = MessageState(envelope, acceptance)
        journal = try MessageJournal(in: queue.log, id: entry.id, into: &state)
        hasDied = entry.isTried && state.tellsOfDeath(entry.notBefore)
        if hasDied {
            let record = Record.died(tag: entry.notBefore)
            state = Self.applying([record], to: state)
            pending = [record]
        }
        self.state = state
    }

    deinit { unlock() }

    /// Whether it is a notice of the hub's own.
    public var isNotice: Bool { acceptance.isNotice(envelope) }

    /// Whose mail it is for the recipient at `index`: see ``Acceptance/submitter(of:for:hubUser:)``.
    public func submitter(for index: Int, hubUser: UInt32) -> Submitter {
        acceptance.submitter(of: envelope, for: state.recipients[index], hubUser: hubUser)
    }

    /// Unlocks the message before the end of the object. Its content can still be read.
    public func unlock() {
        isUnlocked = true
        // A lock that cannot be released ends with the descriptor.
        _ = try? file.unlock()
    }

    /// Marks that an attempt begins: should the program die in it, the next run knows.
    /// - Parameter next: the time of the next attempt should this one die, in seconds since 1970.
    /// - Throws: ``QueueError/busy(id:holder:)`` for a notice while another process holds the message it is about.
    public func beginAttempt(next: Int) throws(QueueError) {
        try trust()
        guard try queue.settleParent(of: id) else { throw .busy(id: id.text, holder: nil) }
        if !pending.isEmpty { try write([]) }
        var tag = max(1, next)
        while !state.tellsOfDeath(tag) { tag += 1 }
        try rename(notBefore: tag, isTried: true)
        attempt = tag
    }

    /// Reserves disk room for the results of all waiting recipients; to be called before the first MAIL.
    /// - Throws: ``QueueError/noSpace(_:)``: there must be no attempt then, as its results could not be recorded.
    public func reserve() throws(QueueError) {
        try trust()
        try journal.reserve(Record.resultLimit(recipients: state.waiting.count))
    }

    public enum Disposition: Sendable, Hashable {
        /// A recipient still waits, or a notice is owed.
        case kept
        /// All is done, and the file has been removed.
        case removed
    }

    /// Puts results on stable storage, and removes the message if nothing is left to do.
    /// - Parameters:
    ///   - results: recipients that no longer wait are skipped. The recipients of one result share its room in the
    ///     journal.
    ///   - now: seconds since 1970.
    ///   - isLast: `false` while the attempt goes on with other recipients.
    @discardableResult
    public func record(
        _ results: [AttemptResult], at now: Int, isLast: Bool = true
    ) throws(QueueError) -> Disposition {
        var recording = Recording(in: queue)
        try recording.add(results, of: self, at: now, isLast: isLast)
        if let error = recording.commit()[id] { throw error }
        return isRemoved ? .removed : .kept
    }

    /// Adds results to state and journal, for a ``Recording`` to synchronize. Where nothing is left to do after them
    /// they stay out of the journal, which is removed with the message.
    func append(_ results: [AttemptResult], at now: Int, isLast: Bool) throws(QueueError) {
        try trust()
        var taken = Set<Int>()
        let waiting = Set(state.waiting)
        let items = results.compactMap { result -> AttemptResult? in
            let recipients = result.recipients.filter { waiting.contains($0) && taken.insert($0).inserted }
            return recipients.isEmpty ? nil : AttemptResult(recipients: recipients, result.verdict, next: result.next)
        }
        let record = Record.result(tag: attempt ?? 0, at: max(0, now), isLast: isLast, items)
        let after = Self.applying([record], to: state)
        guard !after.isComplete else {
            last = record
            state = after
            attempt = nil
            return
        }
        // Without this record the attempt passes for one that died, which changes nothing for recipients that have a
        // result of it already.
        let isKnown = items.isEmpty && waiting.allSatisfy { state.recipients[$0].attempt == attempt }
        try append([record], leadingTo: after)
        if !isKnown { owesSynchronization = true }
        if isLast {
            attempt = nil
            retime()
        }
    }

    /// Adds orders to state and journal, for a ``Recording`` to synchronize and to carry out.
    func note(_ orders: [Order]) throws(QueueError) {
        try trust()
        let records = orders.compactMap(record(of:))
        if !records.isEmpty {
            try append(records, leadingTo: Self.applying(records, to: state))
            owesSynchronization = true
        }
        isToGo = isToGo || orders.contains(.remove)
    }

    /// Whether a person ordered its removal.
    private(set) var isToGo = false

    /// The message as it is shown.
    public var shown: QueuedMessage {
        QueuedMessage(entry: entry, envelope: envelope, acceptance: acceptance, state: state, content: content)
    }

    /// Whether an attempt was begun and has no end yet.
    public var isInAttempt: Bool { attempt != nil }

    /// Removes the message when no recipient waits and no notice is owed.
    public func finish() throws(QueueError) -> Disposition {
        try trust()
        guard state.isComplete else { return .kept }
        try remove()
        return .removed
    }

    /// Records what recipients stand for, before any child is tried, so that after a crash the same ones are tried.
    /// - Parameter expansions: those of recipients that do not wait are skipped.
    /// - Returns: why some are not expanded, by recipient.
    public func recordExpansions(
        _ expansions: [(parent: Int, expansion: Expansion)]
    ) throws(QueueError) -> [Int: ExpansionError] {
        try trust()
        var graph = RecipientGraph(state.recipients)
        var after = state
        var records: [Record] = []
        var refused: [Int: ExpansionError] = [:]
        for (parent, expansion) in expansions where after.isWaiting(parent) {
            do throws(ExpansionError) {
                let record = Record.expansion(parent: parent, try graph.expand(parent, to: expansion))
                records.append(record)
                after = Self.applying([record], to: consume after)
            } catch {
                refused[parent] = error
            }
        }
        guard !records.isEmpty else { return refused }
        try append(records, leadingTo: after)
        try synchronize()
        return refused
    }

    /// Records the recipients that the hub itself adds, once, before anybody is tried; those that are recipients already
    /// are left out.
    public func recordCopies(_ copies: [ExpandedRecipient]) throws(QueueError) {
        try trust()
        let known = Set(state.recipients.map(\.destination))
        let fresh = copies.filter { !known.contains($0.destination) }
        guard !state.knowsCopies, state.hasRoom(for: fresh) else { return }
        try write([.copies(fresh)])
    }

    /// Removes message and journal, whatever their state.
    public func remove() throws(QueueError) {
        let place = try unlink()
        do throws(DurableError) {
            try place.synchronize()
        } catch {
            throw notKnownToBeGone(error)
        }
        removeJournal()
    }

    /// Unlinks the file: the first step of the message's removal.
    /// - Returns: the directory, which is to be synchronized before ``removeJournal()``, or a power cut could bring the
    ///   message back without its journal.
    func unlink() throws(QueueError) -> Directory {
        try trust()
        let place = queue.place(of: entry)
        do throws(DurableError) {
            try place.unlink(entry.name)
        } catch {
            // It stays in the queue: its last results must stay too, else it would be sent again.
            if let last {
                self.last = nil
                try append([last], leadingTo: state)
                try synchronize()
            }
            throw notKnownToBeGone(error)
        }
        isRemoved = true
        return place
    }

    /// Removes the journal, and unlocks the message: the last step of its removal.
    func removeJournal() {
        // An orphan journal is swept up later.
        _ = try? journal.remove()
        unlock()
    }

    /// Notes that it is unknown whether the message is still there.
    func notKnownToBeGone(_ error: DurableError) -> QueueError {
        queue.distrust(id)
        return QueueError(error)
    }

    /// Appends what is pending and `records` to the journal, and applies `records` to the state; durable on return.
    func write(_ records: [Record]) throws(QueueError) {
        try append(records, leadingTo: Self.applying(records, to: state))
        try synchronize()
    }

    /// Puts what is in the journal on stable storage.
    func synchronize() throws(QueueError) {
        do throws(QueueError) {
            try journal.synchronize()
        } catch {
            queue.distrust(id)
            throw error
        }
        owesSynchronization = false
    }

    /// `state` after `records`. A record that cannot follow would be damage to the next reader of the journal, and the
    /// message would stay there for good.
    private static func applying(_ records: [Record], to state: consuming MessageState) -> MessageState {
        var after = state
        for record in records {
            let isTaken = after.apply(record)
            precondition(isTaken, "a record that cannot follow what was before: \(record)")
        }
        return after
    }

    private func append(_ records: [Record], leadingTo after: MessageState) throws(QueueError) {
        do throws(QueueError) {
            try journal.append(pending + records)
        } catch {
            queue.distrust(id)
            throw error
        }
        if !pending.isEmpty { owesSynchronization = true }
        pending = []
        state = after
    }

    /// Renames the file so that its hints repeat the journal. Neither synchronized nor required to succeed: where they
    /// differ the journal is right.
    public func retime() {
        _ = try? rename(notBefore: attempt ?? state.next, isTried: entry.isTried)
    }

    /// Hints in the file's name that the next hop is at fault until `time`, in seconds since 1970, so that no run opens
    /// the message before. The journal says nothing of it, no try is counted, and the next attempt takes the hint away.
    public func postpone(untilHopMayAnswer time: Int) throws(QueueError) {
        try trust()
        try rename(notBefore: entry.notBefore, hopNotBefore: max(0, time), isTried: entry.isTried)
    }

    func trust() throws(QueueError) {
        guard !isRemoved, !isUnlocked, !journal.isBroken, !queue.isDistrusted(id) else {
            throw .distrusted(path: queue.place(of: entry).pathOf(entry))
        }
    }

    private func rename(notBefore: Int, hopNotBefore: Int = 0, isTried: Bool) throws(QueueError) {
        let renamed = QueueEntry(
            id: entry.id, size: entry.size, notBefore: notBefore, hopNotBefore: hopNotBefore, isHeld: state.hold != nil,
            hasJournal: state.isRecorded, isTried: isTried)
        guard renamed != entry else { return }
        do throws(DurableError) {
            try queue.place(of: entry).rename(entry.name, to: renamed.name, in: queue.place(of: renamed))
        } catch {
            throw QueueError(error)
        }
        entry = renamed
    }
}
