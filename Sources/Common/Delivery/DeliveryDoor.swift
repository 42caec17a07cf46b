// The one door for every delivery: fetched, received or local mail goes through here into its mailbox.

import DurableFiles
import MaildirStore
import MessageContent

/// How one message is to be delivered.
public struct DeliveryOrder {
    public var destination: Destination
    public var name: DeliveryName
    /// Header fields for the top, in file form; fetched mail gets none (DECISIONS 29).
    public var top: [UInt8]
    /// The copy that an earlier attempt may have made before it died: the mailbox is searched for it first.
    public var earlier: EarlierCopy?
    /// Whether a batch shall tell the digest of what was written.
    public var wantsDigest = false

    public init(
        to destination: Destination, as name: DeliveryName, top: [UInt8] = [], earlier: EarlierCopy? = nil
    ) {
        self.destination = destination
        self.name = name
        self.top = top
        self.earlier = earlier
    }
}

/// A copy of a queued message, named after one of the recipients that it is for: which one, an attempt that died took
/// with it (DECISIONS 9).
public struct EarlierCopy: Sendable, Hashable {
    public let id: String
    /// The numbers of all recipients that it may be named after.
    public let recipients: Set<Int>

    public init(ofQueued id: String, for recipients: Set<Int>) {
        self.id = id
        self.recipients = recipients
    }
}

extension DeliveryOrder {
    /// Writes the message into tmp. What `nextChunk` throws leaves nothing behind.
    /// - Parameter note: sees all that is written.
    func write(
        into maildir: Maildir, _ nextChunk: () throws -> [UInt8]?, note: ([UInt8]) -> Void = { _ in }
    ) throws -> StagedDelivery {
        let delivery = try MaildirDelivery(into: maildir, as: name)
        func write(_ chunk: [UInt8]) throws {
            try delivery.write(chunk)
            note(chunk)
        }
        try write(top)
        while let chunk = try nextChunk() { try write(chunk) }
        return delivery.finishWriting()
    }
}

/// Delivers messages. Holds no state; errors are told as they come and leave nothing half done.
public struct DeliveryDoor: Sendable {
    private let faults: Faults?

    /// - Parameter faults: forced disk faults of a test.
    public init(faults: Faults? = nil) { self.faults = faults }

    /// Delivers one message. On return it is on stable storage, so that the sender may be told so.
    /// - Parameter nextChunk: the message in file form, in chunks; `nil` at its end. Its errors end the delivery.
    public func deliver(_ order: DeliveryOrder, nextChunk: () throws -> [UInt8]?) throws -> Delivered {
        if let earlier = order.earlier, try isThere(earlier, at: order.destination) {
            return Delivered(destination: order.destination, name: order.name, sizes: nil)
        }
        let maildir = try order.destination.maildir(faults: faults)
        let staged = try order.write(into: maildir, nextChunk)
        try staged.synchronize()
        do {
            try Maildir.publish([staged])
        } catch MaildirError.nameTaken where order.name.isRepeatable {
            // The same name with the same sizes: an attempt that nobody remembers had delivered it.
            try maildir.synchronizeEntries()
            return Delivered(destination: order.destination, name: order.name, sizes: nil)
        }
        return Delivered(destination: order.destination, staged)
    }

    /// Delivers what steps have made: its ``Prepared/top`` is the order's. On return it is on stable storage.
    public func deliver(_ message: Prepared, by order: DeliveryOrder) throws -> Delivered {
        var order = order
        order.top = message.top
        var offset = 0
        return try deliver(order) {
            let chunk = try message.content.read(atMost: ContentLimits.chunk, at: offset)
            offset += chunk.count
            return chunk.isEmpty ? nil : chunk
        }
    }

    /// Whether the copy has been delivered; what is found is made durable before this says so.
    private func isThere(_ copy: EarlierCopy, at destination: Destination) throws -> Bool {
        switch destination {
        case .maildir(let path, let folder):
            // A reader may have moved it from its folder to any other, so the whole Maildir is searched.
            let inbox = try Maildir(path: path, making: true, faults: faults)
            guard try !inbox.copies(ofQueued: copy.id).isDisjoint(with: copy.recipients) else { return false }
            try inbox.synchronizeEntries()
            if let folder { try inbox.folder(folder)?.synchronizeEntries() }
            return true
        }
    }
}
