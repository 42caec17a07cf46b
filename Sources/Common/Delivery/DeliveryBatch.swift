// Many deliveries that share the waits for the disk (DECISIONS 33): all written, all synchronized, then all shown.

import Digests
import DurableFiles
import MaildirStore

/// A batch of messages on their way into mailboxes. Used by one thread, its ``jobs`` aside. Dropped before
/// ``publish()``, it leaves nothing in any mailbox.
public final class DeliveryBatch {
    private let faults: Faults?
    private var maildirs: [Destination: Maildir] = [:]
    private var staged: [(destination: Destination, message: StagedDelivery)] = []
    /// Octets written so far.
    public private(set) var octets = 0

    /// - Parameter faults: forced disk faults of a test.
    public init(faults: Faults? = nil) { self.faults = faults }

    /// Messages written so far. Each holds a file open until its job is done.
    public var count: Int { staged.count }

    /// Writes one message into its mailbox's tmp. An error concerns this message alone: the batch goes on without it.
    ///
    /// ``DeliveryOrder/earlier`` is not looked at: after a crash the whole batch is asked for at once, by
    /// `Maildir.recoverBatch`.
    /// - Parameter stored: digests of messages that are not wanted again: one of these is taken back, and never shown.
    /// - Returns: the digest of what was written, if the order wants it.
    @discardableResult
    public func stage(
        _ order: DeliveryOrder, unless stored: Set<MessageDigest> = [], nextChunk: () throws -> [UInt8]?
    ) throws -> MessageDigest? {
        let maildir = try maildirs[order.destination] ?? order.destination.maildir(faults: faults)
        maildirs[order.destination] = maildir
        guard order.wantsDigest else {
            add(try order.write(into: maildir, nextChunk), order.destination)
            return nil
        }
        var running = RunningDigest()
        let message = try order.write(into: maildir, nextChunk) { running.update($0) }
        let digest = MessageDigest(try running.finish())
        if !stored.contains(digest) { add(message, order.destination) }
        return digest
    }

    private func add(_ message: StagedDelivery, _ destination: Destination) {
        staged.append((destination, message))
        octets += message.size
    }

    /// One job for each message, which puts it on stable storage; to be run on as many threads as the caller has.
    public var jobs: [@Sendable () throws -> Void] {
        staged.map { entry in
            let message = entry.message
            return { try message.synchronize() }
        }
    }

    /// Shows all messages in their mailboxes. On return they are on stable storage, and the batch is empty again.
    /// - Throws: when a job failed or was not run, or the disk refuses; all are taken back then, as far as it lets us,
    ///   and the batch is empty too.
    public func publish() throws -> [Delivered] {
        defer {
            staged = []
            octets = 0
        }
        try Maildir.publish(staged.map(\.message))
        return staged.map { Delivered(destination: $0.destination, $0.message) }
    }
}
