// Delivery into a Maildir of this hub.

import DurableFiles
import MailEnvelope
import MaildirStore
import MessageContent

/// Makes one copy of a message in a Maildir, or in a folder of it, for all its recipients.
public struct MaildirAgent: DeliveryAgent {
    private let destination: Destination
    private let name: DeliveryName
    private let place: CopyPlace
    private let earlier: EarlierCopy?
    private let maildirs: OpenMaildirs
    /// What it has been marked as elsewhere.
    public var flags: MaildirFlags = []
    /// When it came in elsewhere, in seconds since 1970; `nil` for now.
    public var arrival: Int?

    /// - Parameters:
    ///   - name: what the copy is called, by which an attempt that died is known again.
    ///   - place: the same as the rc names it.
    ///   - earlier: the copy that an earlier attempt may have made before it died: the mailbox is searched for it first.
    public init(
        to destination: Destination, as name: DeliveryName, place: CopyPlace, earlier: EarlierCopy? = nil,
        in maildirs: OpenMaildirs
    ) {
        (self.destination, self.name, self.place) = (destination, name, place)
        (self.earlier, self.maildirs) = (earlier, maildirs)
    }

    public func deliver(_ message: Prepared) -> [Verdict] {
        let verdict: Verdict
        do throws(DeliveryError) {
            try copy(message)
            verdict = .delivered(.copied(place), .success(1, 5), text: "delivered to the mailbox \(place.name)")
        } catch {
            verdict = error.verdict
        }
        return message.envelope.recipients.map { _ in verdict }
    }

    /// Makes the copy, unless it is there already. On return it is on stable storage, so that the sender may be told so.
    public func copy(_ message: Prepared) throws(DeliveryError) {
        do {
            let destination = try destination(of: message)
            if let earlier, try isThere(earlier, at: destination) { return }
            try publish(try stage(message, at: destination))
        } catch {
            throw DeliveryError(error)
        }
    }

    /// Writes the message into tmp, and puts it on stable storage.
    private func stage(_ message: Prepared, at destination: Destination) throws -> StagedDelivery {
        let delivery = try maildirs.begin(name, at: destination)
        try message.forEachChunk { try delivery.write($0) }
        let staged = delivery.finishWriting(flags: flags, arrival: arrival)
        try staged.synchronize()
        return staged
    }

    private func publish(_ staged: StagedDelivery) throws(MaildirError) {
        do throws(MaildirError) {
            try Maildir.publish([staged])
        } catch {
            guard case .nameTaken = error, name.isRepeatable else { throw error }
            // The same name with the same sizes: an attempt that nobody remembers had delivered it.
            do throws(DurableError) { try staged.maildir.synchronizeEntries() } catch { throw .disk(error) }
        }
    }

    /// The folder that a step has asked for, else our own.
    private func destination(of message: Prepared) throws(MaildirError) -> Destination {
        guard let folder = message.folder else { return destination }
        let parts = folder.split(separator: "/").map(String.init)
        return Destination(maildir: destination.path, folder: try FolderName(parts: parts))
    }

    /// Whether the copy has been delivered; what is found is made durable before this says so.
    private func isThere(_ copy: EarlierCopy, at destination: Destination) throws(MaildirError) -> Bool {
        // A reader may have moved it from its folder to any other, so the whole Maildir is searched.
        let inbox = try maildirs.maildir(at: destination.inbox)
        let wasMade =
            switch copy {
            case .named: try inbox.holds(name)
            case .queued(let id, let recipients): try !inbox.copies(ofQueued: id).isDisjoint(with: recipients)
            }
        guard wasMade else { return false }
        var boxes = [inbox]
        if let folder = destination.folder, let box = try inbox.folder(folder) { boxes.append(box) }
        do { for box in boxes { try box.synchronizeEntries() } } catch { throw .disk(error) }
        return true
    }
}

/// A copy that an attempt that died may have made.
public enum EarlierCopy: Sendable, Hashable {
    /// With the name of this one.
    case named
    /// Of the queued message `id`, named after one of the recipients with these numbers: which one, the attempt took with
    /// it.
    case queued(id: String, recipients: Set<Int>)
}
