// Many deliveries that share the waits for the disk (DECISIONS 33): all written, all synchronized, then all shown.

import Digests
import DurableFiles
import MaildirStore

/// A batch of messages on their way into mailboxes. Used by one thread, its ``jobs`` aside. Dropped before
/// ``publish()``, it leaves nothing in any mailbox.
///
/// After a crash the whole batch is asked for at once, by `Maildir.recoverBatch`.
public final class DeliveryBatch {
    private let maildirs: OpenMaildirs
    private var staged: [StagedDelivery] = []
    /// Octets written so far.
    public private(set) var octets = 0

    public init(in maildirs: OpenMaildirs) { self.maildirs = maildirs }

    /// Messages written so far. Each holds a file open until its job is done.
    public var count: Int { staged.count }

    /// Writes one message into its mailbox's tmp. An error concerns this message alone: the batch goes on without it.
    /// - Parameters:
    ///   - isDigested: whether the digest of what was written is wanted.
    ///   - stored: digests of messages that are not wanted again: one of these is taken back, and never shown.
    ///   - nextChunk: the message in file form, in chunks; `nil` at its end. Its errors end the delivery.
    /// - Returns: the digest of what was written, if it is wanted, or compared with `stored`.
    @discardableResult
    public func stage(
        _ name: DeliveryName, to destination: Destination, isDigested: Bool = false,
        unless stored: Set<MessageDigest> = [], nextChunk: () throws -> [UInt8]?
    ) throws -> MessageDigest? {
        let delivery = try maildirs.begin(name, at: destination)
        guard isDigested || !stored.isEmpty else {
            while let chunk = try nextChunk() { try delivery.write(chunk) }
            add(delivery.finishWriting())
            return nil
        }
        var running = RunningDigest()
        while let chunk = try nextChunk() {
            try delivery.write(chunk)
            running.update(chunk)
        }
        let digest = MessageDigest(try running.finish())
        let message = delivery.finishWriting()
        if !stored.contains(digest) { add(message) }
        return digest
    }

    private func add(_ message: StagedDelivery) {
        staged.append(message)
        octets += message.size
    }

    /// One job for each message, which puts it on stable storage; to be run on as many threads as the caller has.
    public var jobs: [@Sendable () throws -> Void] {
        staged.map { message in { try message.synchronize() } }
    }

    /// Shows all messages in their mailboxes. On return they are on stable storage, and the batch is empty again.
    /// - Throws: when a job failed or was not run, or the disk refuses; all are taken back then, as far as it lets us,
    ///   and the batch is empty too.
    public func publish() throws {
        defer {
            staged = []
            octets = 0
        }
        try Maildir.publish(staged)
    }
}
