// Many deliveries that share the waits for the disk: all written, all synchronized, then all shown.

import Digests
import DurableFiles
import MaildirStore

/// A batch of messages on their way into mailboxes, which is being written. Used by one thread. Dropped before
/// ``finish()``, it leaves nothing in any mailbox.
///
/// After a crash the whole batch is asked for at once, by `Maildir.findBatches`.
public final class DeliveryBatch {
    private let maildirs: OpenMaildirs
    private var messages: [(staged: StagedDelivery, folder: FolderName?)] = []

    public init(in maildirs: OpenMaildirs) { self.maildirs = maildirs }

    /// Messages written so far. Each holds a file open until its job is done.
    public var count: Int { messages.count }

    /// Begins a message in its mailbox's tmp.
    /// - Parameters:
    ///   - isDigested: whether the digest of what is written below `fields` is wanted.
    ///   - fields: in file form, what stands above the message.
    /// - Throws: what concerns this message alone: the batch goes on without it.
    public func begin(
        _ name: DeliveryName, at destination: Destination, isDigested: Bool = false, below fields: [UInt8] = []
    ) throws(MaildirError) -> BatchedMessage {
        let delivery = try maildirs.begin(name, at: destination)
        do { try delivery.write(fields) } catch { throw .disk(error) }
        return BatchedMessage(delivery, in: destination.folder, isDigested: isDigested)
    }

    /// Takes a message that is whole.
    /// - Parameters:
    ///   - stored: digests of messages that are not wanted again: one of these is taken back, and never shown.
    ///   - flags: those it has already.
    ///   - arrival: when it came in elsewhere, in seconds since 1970.
    /// - Returns: the digest of what was written, if it is wanted, and whether the message is to be shown.
    @discardableResult
    public func add(
        _ message: BatchedMessage, unless stored: Set<MessageDigest> = [], flags: MaildirFlags = [],
        arrival: Int? = nil
    ) throws(DigestError) -> (digest: MessageDigest?, isNew: Bool) {
        let digest = try message.digest?.finish()
        let staged = message.delivery.finishWriting(flags: flags, arrival: arrival)
        if let digest, stored.contains(MessageDigest(digest)) { return (MessageDigest(digest), false) }
        messages.append((staged, message.folder))
        return (digest.map { MessageDigest($0) }, true)
    }

    /// Ends the writing. The batch is empty again.
    public func finish() -> StagedBatch {
        defer { messages = [] }
        return StagedBatch(messages: messages.map(\.staged), stored: messages.map { $0.staged.stored(in: $0.folder) })
    }
}

/// One message on its way into a batch. Dropped before it is added, it leaves nothing.
public final class BatchedMessage {
    fileprivate let delivery: MaildirDelivery
    fileprivate let folder: FolderName?
    fileprivate var digest: RunningDigest?

    fileprivate init(_ delivery: MaildirDelivery, in folder: FolderName?, isDigested: Bool) {
        (self.delivery, self.folder) = (delivery, folder)
        digest = isDigested ? RunningDigest() : nil
    }

    /// Octets written so far.
    public var size: Int { delivery.size }

    /// Takes the next octets of the message in file form.
    public func write(_ chunk: [UInt8]) throws(DurableError) {
        try delivery.write(chunk)
        digest?.update(chunk)
    }
}

/// A batch that is written, and on no stable storage yet. Dropped before ``publish()``, it leaves nothing.
public struct StagedBatch: Sendable {
    let messages: [StagedDelivery]
    /// The messages as they stand in their mailboxes once they are published.
    public let stored: [StoredMessage]

    public var count: Int { messages.count }

    /// Lets the system begin to write all of them: to be called before any is synchronized.
    public func startWriteback() throws(DurableError) {
        for message in messages { try message.startWriteback() }
    }

    /// Puts message `index` on stable storage; to be run for each of them, on as many threads as the caller has.
    public func synchronize(_ index: Int) throws(DurableError) { try messages[index].synchronize() }

    /// Shows all messages in their mailboxes. On return they are on stable storage.
    /// - Throws: when one was not synchronized, or the disk refuses; all are taken back then, as far as it lets us.
    public func publish() throws(MaildirError) { try Maildir.publish(messages) }
}
