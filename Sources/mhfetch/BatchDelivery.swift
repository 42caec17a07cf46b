// Delivers what is fetched in batches, so that one wait for the disk serves many messages (DECISIONS 33).

import Blocking
import Delivery
import DurableFiles
import FetchLedger
import Glibc
import MaildirStore
import Reporting

/// Writes batches of messages, and writes down in the state what has become of them. The order is what keeps mail safe:
/// the state names the batch, then files are written, synchronized, shown; then the state says "done"; only after that
/// is anything deleted at the source.
final class BatchDelivery {
    /// Bounds of a batch: messages, octets, seconds.
    static let messageLimit = 64
    static let octetLimit = 16 << 20
    static let secondLimit = 2

    private let ledger: AccountLedger
    private let inbox: Maildir
    private let maildirs: OpenMaildirs
    private let pool: WorkerPool
    private var current: (open: FetchState.OpenBatch, batch: DeliveryBatch, staged: [Int])?
    /// A batch whose end is certain, of which the state does not know yet.
    private var finished: (nonce: String, delivered: [Int])?
    /// What was stored of the batch under way, or of the one that has ended.
    private var digests: [Int: MessageDigest] = [:]
    private var started = Deadline.now

    /// - Parameters:
    ///   - inbox: the owner's Maildir; batches go to it and its folders.
    ///   - faults: forced disk faults of a test.
    ///   - tell: what kept leftovers in tmp.
    init(
        ledger: AccountLedger, inbox: Maildir, faults: Faults? = nil, threads: Int = 8,
        telling tell: @escaping @Sendable (DurableError) -> Void
    ) {
        self.ledger = ledger
        self.inbox = inbox
        maildirs = OpenMaildirs(faults: faults, telling: tell)
        pool = WorkerPool(threads: threads)
    }

    /// After a crash: finds out what of the batch under way was delivered, and writes it down.
    func recover(at time: Int) throws {
        guard let open = ledger.state.openBatch else { return }
        let found = try inbox.recoverBatch(nonce: open.nonce)
        let missing = open.keys.indices.filter { !found.contains($0) }.map { open.keys[$0] }
        let reason = "an earlier run ended while fetching it"
        // One of many may be at fault, or none; the one that was alone has failed (DECISIONS 34).
        if open.keys.count == 1, let key = missing.first {
            try ledger.fail(key, at: time, reason)
        } else {
            try ledger.suspect(missing, at: time, reason)
        }
        let isPOP3 = open.keys.contains { $0.uniqueID != nil }
        let digests = isPOP3 && !found.isEmpty ? try inbox.digests(ofBatch: open.nonce) : [:]
        try ledger.turn(
            from: (open.nonce, found.filter(open.keys.indices.contains).sorted()), digests: digests, to: nil)
    }

    /// Throws when less than `octets` are free where the mail goes.
    func demandRoom(_ octets: Int) throws {
        let free = try inbox.freeOctets()
        guard free >= octets else { throw FetchError.noRoom(path: inbox.path, free: free, kept: octets) }
    }

    /// Begins a batch of these messages; on return the state knows of it, and of the end of the one before, which must
    /// have been published or dropped.
    /// - Parameter time: seconds since 1970; leads the names of the files.
    func begin(_ keys: [MessageKey], at time: Int) throws {
        let open = FetchState.OpenBatch(nonce: UniqueName.random(), time: time, keys: keys)
        try ledger.turn(from: finished, digests: digests, to: open)
        finished = nil
        digests = [:]
        current = (open, DeliveryBatch(in: maildirs), [])
        started = Deadline.now
    }

    /// Whether the batch has taken as long as a batch may.
    var isLate: Bool { started.elapsed >= .seconds(Self.secondLimit) }

    /// Writes the message `index` of the batch. What it throws concerns this message alone: nothing of it is left.
    /// - Parameters:
    ///   - isDigested: whether the state shall know the digest of what was stored.
    ///   - stored: a message with one of these digests is taken back, and never shown.
    /// - Returns: whether the message is to be shown.
    @discardableResult
    func deliver(
        _ index: Int, to destination: Destination, isDigested: Bool = false, unless stored: Set<MessageDigest> = [],
        nextChunk: () throws -> [UInt8]?
    ) throws -> Bool {
        guard let (open, batch, _) = current else {
            preconditionFailure("a message outside a batch: it would count as delivered")
        }
        let name = try DeliveryName.fetched(nonce: open.nonce, index: index, seconds: open.time)
        let digest = try batch.stage(
            name, to: destination, isDigested: isDigested, unless: stored, nextChunk: nextChunk)
        if let digest, stored.contains(digest) { return false }
        digests[index] = digest
        current?.staged.append(index)
        return true
    }

    /// Puts the batch on stable storage and shows it; without one under way there is nothing to do.
    /// - Returns: how many messages are safe now, though the state says so only after ``settle()``.
    func publish() throws -> Int {
        guard let (open, batch, staged) = current else { return 0 }
        current = nil
        do {
            if let failure = pool.run(batch.jobs).first { throw failure.error }
            try batch.publish()
        } catch {
            // What was shown is taken back, as far as the disk lets us: only when nothing is left is the end certain.
            // Else the next run finds out; the first failure is the one to tell.
            if let left = try? inbox.recoverBatch(nonce: open.nonce), left.isEmpty { finished = (open.nonce, []) }
            throw error
        }
        finished = (open.nonce, staged)
        return staged.count
    }

    /// Drops the batch: nothing of it is shown.
    func abandon() {
        guard let (open, _, _) = current else { return }
        current = nil
        finished = (open.nonce, [])
    }

    /// Writes down the end of the last batch; durable on return. Now its messages may be deleted at the source.
    func settle() throws {
        guard let done = finished else { return }
        try ledger.turn(from: done, digests: digests, to: nil)
        finished = nil
    }
}
