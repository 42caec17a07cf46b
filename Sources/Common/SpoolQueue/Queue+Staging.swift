// Messages that are not queued, but handed from one command of the hub to another in the queue's form.

import DurableFiles
import MailEnvelope
import MessageContent
import Octets

extension Queue {
    /// Writes a message into `queue/tmp`, where no run of the queue finds it.
    /// - Returns: its name there, for ``takeStaged(_:)``; what nobody takes is swept up with the leftovers.
    /// - Throws: as ``add(_:_:id:notBefore:)``.
    public func stage(_ message: Prepared, _ acceptance: Acceptance, id: QueueID) throws(QueueError) -> String {
        let (block, entry) = try entry(of: message, acceptance, id: id)
        _ = try durably { () throws(DurableError) in try write(message, behind: block, as: entry.name) }
        return entry.name
    }

    /// Opens a staged message, and removes its name: with the last descriptor it is gone.
    /// - Throws: ``QueueError/damaged(path:why:)`` for what is none, ``QueueError/disk(_:)``.
    public func takeStaged(_ name: String) throws(QueueError) -> QueuedMessage {
        guard let entry = QueueEntry(name: Array(name.utf8), isTried: false),
            let file = try durably({ () throws(DurableError) in try tmp.open(name) })
        else { throw .damaged(path: "\(tmp.path)/\(name)", why: "no message was left there") }
        let opened: Opened
        do throws(EnvelopeCoding.Failure) { opened = try readEnvelope(of: file, entry) } catch {
            throw failure(error, path: "\(tmp.path)/\(name)", moved: nil)
        }
        _ = try durably { () throws(DurableError) in try tmp.unlink(name) }
        return QueuedMessage(
            entry: entry, envelope: opened.envelope, acceptance: opened.acceptance,
            state: MessageState(opened.envelope, opened.acceptance), content: opened.content)
    }

    /// The envelope of a message as it stands in a file, and what that file is called in the queue.
    func entry(
        of message: Prepared, _ acceptance: Acceptance, id: QueueID, notBefore: Int = 0
    ) throws(QueueError) -> (block: [UInt8], entry: QueueEntry) {
        let block = try EnvelopeCoding.encode(message.envelope, acceptance, message.facts, id: id)
        let entry = QueueEntry(
            id: id, size: block.count + message.size, notBefore: max(0, notBefore), isHeld: false, hasJournal: false,
            isTried: false)
        return (block, entry)
    }

    /// Writes a message into `queue/tmp`, behind its envelope. Nothing is left of it where that fails; what cannot be removed is
    /// swept up with the leftovers.
    func write(_ message: Prepared, behind block: [UInt8], as name: String) throws(DurableError) -> File {
        let file = try tmp.createExclusive(name)
        do throws(DurableError) {
            try message.content.write(to: file, behind: block + message.top)
        } catch {
            _ = try? tmp.unlink(name)
            throw error
        }
        return file
    }
}
