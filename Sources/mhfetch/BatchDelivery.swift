// Delivers what is fetched in batches, so that one wait for the disk serves many messages.

import Blocking
import Delivery
import DurableFiles
import FetchLedger
import Glibc
import MaildirStore
import Reporting

/// Writes batches of messages, and records in the ledger what has become of them. The order is what keeps mail safe:
/// the ledger names the batch, then files are written, synchronized and published; then the ledger has `done`; only
/// after that is anything deleted at the source.
///
/// While one batch is written, the one before is put on disk by other threads. The ledger knows of both, and of their
/// ends in the order in which they were begun. Used by one thread, which alone writes the ledger.
final class BatchDelivery {
    /// Bounds of a batch: messages, octets, seconds.
    static let messageLimit = 64
    static let octetLimit = 16 << 20
    static let secondLimit = 2

    /// A batch whose messages come in.
    private struct Current {
        let open: FetchState.OpenBatch
        let batch: DeliveryBatch
        var delivered: [Int: MessageDigest?] = [:]
        var octets = 0
        var sizes: [Int: Int] = [:]
        let began = Deadline.now
    }

    /// A batch that is being put on disk, or was dropped: its end is not recorded yet.
    private struct Handed {
        let end: FetchState.BatchEnd
        /// The messages that are published with it, and their octets.
        let messages: [(key: MessageKey, octets: Int)]
        /// They, as they stand in the spool then.
        var stored: [StoredMessage] = []
        let outcome: Promise<(any Error)?>
    }

    private let ledger: AccountLedger
    private let inbox: Maildir
    /// Where batches of accounts go whose mail has other places.
    private let spool: Maildir?
    /// Whether this run's batches go there.
    private let usesSpool: Bool
    private let maildirs: OpenMaildirs
    private let publisher: BatchPublisher
    private var current: Current?
    /// In the order in which they were begun, as are `ended`, which come before them.
    private var handed: [Handed] = []
    private var ended: [FetchState.BatchEnd] = []
    /// What is in the spool by the batches that have `ended`.
    private var spooled: [StoredMessage] = []
    /// Why it is not known what became of a batch: only the next run can find out, of it and of those after it.
    private var doubt: (any Error)?
    /// Is told of each message that is safe now.
    var onDelivery: (MessageKey, _ octets: Int) -> Void = { _, _ in }
    /// Is told of the messages of batches whose end the ledger has, and that are in the spool.
    var onSpooling: ([StoredMessage]) throws -> Void = { _ in }
    /// Messages that are safe now, though the ledger has them only after ``settle()``.
    private(set) var published = 0

    /// - Parameters:
    ///   - inbox: the owner's Maildir; batches go to it and its folders.
    ///   - spool: where batches of an earlier run may have gone instead; `nil` for nowhere.
    ///   - usesSpool: whether those of this run go there.
    ///   - faults: forced disk faults of a test.
    ///   - pool: at work on a batch; with a single thread nothing runs beside the caller.
    ///   - tell: is told what kept leftovers in `tmp` from being removed.
    init(
        ledger: AccountLedger, inbox: Maildir, spool: Maildir? = nil, usesSpool: Bool = false, faults: Faults? = nil,
        pool: WorkerPool,
        telling tell: @escaping @Sendable (DurableError) -> Void
    ) {
        self.ledger = ledger
        (self.inbox, self.spool, self.usesSpool) = (inbox, spool, usesSpool)
        maildirs = OpenMaildirs(faults: faults, telling: tell)
        publisher = BatchPublisher(pool: pool)
    }

    // MARK: After a crash

    /// Finds out what was delivered of the batches under way, and records it.
    /// - Parameter hasFields: whether fields of ours may stand above the messages: their files then tell no digests of
    ///   what came.
    func recover(at time: Int, hasFields: Bool = false) throws {
        let open = ledger.state.openBatches
        guard let newest = open.last else { return }
        let found = try inbox.findBatches(open.map(\.nonce))
        let foundInSpool = try spool?.findBatches(open.map(\.nonce))
        let traces = zip(found.traces, foundInSpool?.traces ?? found.traces.map { _ in .init() }).map { $0.joined($1) }
        // Recorded before any trace is removed: should this run die here, the next one comes to the same.
        try blame(newest, traces[open.count - 1], at: time)
        try found.removeUnfinished()
        try foundInSpool?.removeUnfinished()
        var ends: [FetchState.BatchEnd] = []
        // Without a digest an id that comes again cannot be told from its message: that is known, and never deleted.
        // Noted before its batch is ended, so that no crash leaves one that may be.
        var incomparable: [MessageKey] = []
        for (number, (batch, traces)) in zip(open, traces).enumerated() {
            let isSpooled = foundInSpool.map { !$0.traces[number].delivered.isEmpty } ?? false
            let place = isSpooled ? spool ?? inbox : inbox
            let isPOP3 = batch.keys.contains { $0.uniqueID != nil }
            let digests =
                isPOP3 && !hasFields && !traces.delivered.isEmpty ? try place.digests(ofBatch: batch.nonce) : [:]
            var delivered = traces.delivered.filter(batch.keys.indices.contains)
            if isPOP3, hasFields {
                let whole = delivered.filter { ledger.state.large[batch.keys[$0]] != .headerAsked }
                incomparable += whole.map { batch.keys[$0] }
                delivered.subtract(whole)
            }
            let words = delivered.map { ($0, digests[$0]) }
            ends.append(
                FetchState.BatchEnd(
                    nonce: batch.nonce, delivered: Dictionary(uniqueKeysWithValues: words), isSpooled: isSpooled))
        }
        try ledger.pass(incomparable, at: time)
        try ledger.turn(ending: ends)
    }

    /// Notes which message may have brought the run down: the last that was begun, or the one after it, of which
    /// nothing had come. They are fetched after the others, each by itself; one that was alone counts as failed.
    private func blame(_ batch: FetchState.OpenBatch, _ found: Maildir.BatchTraces, at time: Int) throws {
        let reason = "an earlier run ended while fetching it"
        let last = found.unfinished.union(found.delivered).max() ?? -1
        let suspects = [last, last + 1].filter { batch.keys.indices.contains($0) && !found.delivered.contains($0) }
        let keys = suspects.map { batch.keys[$0] }
        if batch.keys.count == 1, let key = keys.first {
            try ledger.fail(key, at: time, reason)
        } else {
            try ledger.suspect(keys, at: time, reason)
        }
    }

    // MARK: Writing

    /// Where the mail goes.
    var path: String { place.path }

    private var place: Maildir { usesSpool ? spool ?? inbox : inbox }

    func freeOctets() throws -> Int { try place.freeOctets() }

    /// Throws when less than `octets` are free where the mail goes.
    func demandRoom(_ octets: Int) throws {
        let free = try freeOctets()
        guard free >= octets else { throw FetchError.noRoom(path: path, free: free, kept: octets) }
    }

    /// Begins a batch of these messages; on return the ledger has it, durably. The one before must have been published
    /// or dropped.
    /// - Parameter time: seconds since 1970; the names of the files begin with it.
    func begin(_ keys: [MessageKey], at time: Int) throws {
        precondition(current == nil, "a batch is begun in the midst of another one")
        try takeEnds { $0.outcome.isKept }
        let open = FetchState.OpenBatch(nonce: UniqueName.random(), time: time, keys: keys)
        try record(beginning: open)
        current = Current(open: open, batch: DeliveryBatch(in: maildirs))
    }

    /// Whether the batch has taken as long as a batch may, or as many octets, whatever the server said of their number.
    var isFull: Bool {
        current.map { $0.octets >= Self.octetLimit || $0.began.elapsed >= .seconds(Self.secondLimit) } ?? false
    }

    /// Begins the message `index` of the batch. What this and the writing throw concerns this message alone; if it is
    /// dropped before ``add(_:as:unless:)``, it leaves nothing.
    /// - Parameters:
    ///   - isDigested: whether the digest of what is stored, but for `fields`, is wanted.
    ///   - fields: in file form, those that stand above the message with that name.
    func message(
        _ index: Int, to destination: Destination, isDigested: Bool,
        below fields: (DeliveryName) -> [UInt8] = { _ in [] }
    ) throws -> BatchedMessage {
        guard let current else { preconditionFailure("a message outside a batch: it would count as delivered") }
        let open = current.open
        let name = try DeliveryName.fetched(nonce: open.nonce, index: index, seconds: open.time)
        return try current.batch.begin(name, at: destination, isDigested: isDigested, below: fields(name))
    }

    /// Takes the message `index`, which is whole.
    /// - Parameters:
    ///   - stored: a message with one of these digests is removed, and never published.
    ///   - source: what is known of it at its source.
    /// - Returns: which of them it has; `nil` when the message is to be published.
    @discardableResult
    func add(
        _ message: BatchedMessage, as index: Int, unless stored: Set<MessageDigest> = [],
        from source: MessageSource = MessageSource()
    ) throws -> MessageDigest? {
        guard let batch = current?.batch else {
            preconditionFailure("a message outside a batch: it would count as delivered")
        }
        let (digest, isNew) = try batch.add(
            message, unless: stored, flags: source.flags, arrival: source.arrival)
        current?.octets += message.size
        guard isNew else { return digest }
        current?.sizes[index] = message.size
        current?.delivered.updateValue(digest, forKey: index)
        return nil
    }

    // MARK: Ending

    /// Hands the batch over to be put on stable storage and published; without one under way there is nothing to do.
    /// Waits for the one before.
    /// - Throws: what kept the one before from being published. The batch is still under way then.
    func publish() throws {
        guard let current else { return }
        try takeEnds { _ in true }
        let end = FetchState.BatchEnd(
            nonce: current.open.nonce, delivered: current.delivered, isSpooled: usesSpool)
        let messages = current.sizes.sorted { $0.key < $1.key }.map { (current.open.keys[$0.key], $0.value) }
        let batch = current.batch.finish()
        handed.append(
            Handed(
                end: end, messages: messages, stored: usesSpool ? batch.stored : [],
                outcome: publisher.publish(batch)))
        self.current = nil
    }

    /// Drops the batch: nothing of it is published. ``settle()`` must come before another is begun.
    func abandon() {
        guard let current else { return }
        let outcome = Promise<(any Error)?>()
        outcome.keep(nil)
        handed.append(
            Handed(end: FetchState.BatchEnd(nonce: current.open.nonce), messages: [], outcome: outcome))
        self.current = nil
    }

    /// Records the ends of all batches; durable on return. Now their messages may be deleted at the source.
    func settle() throws {
        try takeEnds { _ in true }
        try record()
    }

    /// Records the ends of batches; who hands their messages on may have them then, and not before.
    private func record(beginning open: FetchState.OpenBatch? = nil) throws {
        try ledger.turn(ending: ended, beginning: open)
        let messages = spooled
        (ended, spooled) = ([], [])
        if !messages.isEmpty { try onSpooling(messages) }
    }

    /// Takes the ends of the first of the batches that were handed over, as long as `mayWait`.
    private func takeEnds(_ mayWait: (Handed) -> Bool) throws {
        if let doubt { throw doubt }
        while let first = handed.first, mayWait(first) {
            let failure = first.outcome.wait()
            handed.removeFirst()
            guard let failure else {
                published += first.end.delivered.count
                for message in first.messages { onDelivery(message.key, message.octets) }
                ended.append(first.end)
                spooled += first.stored
                continue
            }
            // What was published was taken back, as far as the disk allowed: its end is certain only when it can be
            // seen that nothing is left.
            if isCleared(first.end.nonce) {
                ended.append(FetchState.BatchEnd(nonce: first.end.nonce))
            } else {
                doubt = failure
            }
            throw failure
        }
    }

    /// Whether nothing of the batch is left, neither delivered nor in tmp. What keeps us from seeing or removing it means
    /// no: the failure that brought the question up is the one to report, and the next run looks again.
    private func isCleared(_ nonce: String) -> Bool {
        do {
            let left = try place.findBatches([nonce])
            guard left.traces[0].delivered.isEmpty else { return false }
            try left.removeUnfinished()
            return true
        } catch {
            return false
        }
    }
}
