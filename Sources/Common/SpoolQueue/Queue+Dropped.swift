// Messages from the drop directory: each becomes a queued message once, whenever the power fails.

import DurableFiles
import MailEnvelope
import MessageContent
import Octets

/// The directory in which users without rights to the queue leave mail for the hub of the machine.
public enum DropDirectory {
    /// The one place of the hub that needs no rc to be known.
    public static let path = "/var/lib/mailhub/drop"
    /// All may make files there, and none may take away another's. Whoever writes one can synchronize the directory only if
    /// he may open it.
    public static let mode: UInt32 = 0o3777

    /// Whether `name` is one that a writer gives: another's is left alone.
    public static func isName(_ name: String) -> Bool { UniqueName.isOne(name) }
}

/// A message of the queue in `queue/tmp`, whose drop file may be there still.
///
/// Its name is `<drop file>.u<user>,<name in the queue>`: once it has that, it is whole and on stable storage.
public struct StagedDrop: Sendable, Hashable {
    /// The drop file, and its owner.
    let source: String
    let user: UInt32
    /// The name of the message in the queue.
    let entry: String

    var name: String { "\(source).u\(user),\(entry)" }

    init(source: String, user: UInt32, entry: String) { (self.source, self.user, self.entry) = (source, user, entry) }

    /// Reads ``name``.
    init?(name: String) {
        let octets = Array(name.utf8)
        guard let comma = octets.firstIndex(of: 0x2C),
            let mark = octets[..<comma].lastIndex(of: Octet.dot), octets[(mark + 1)...].first == 0x75,
            let user = UInt32(String(decoding: octets[(mark + 2)..<comma], as: UTF8.self)),
            QueueEntry(name: octets[(comma + 1)...], isTried: false) != nil
        else { return nil }
        source = String(decoding: octets[..<mark], as: UTF8.self)
        entry = String(decoding: octets[(comma + 1)...], as: UTF8.self)
        guard UniqueName.isOne(source) else { return nil }
        self.user = user
    }
}

extension Queue {
    /// Whether a run that died has left messages between drop directory and queue.
    /// - Throws: ``QueueError/disk(_:)``.
    public func hasStagedDrops() throws(QueueError) -> Bool { try !stagedDrops().isEmpty }

    private func stagedDrops() throws(QueueError) -> [StagedDrop] {
        try durably { () throws(DurableError) in try tmp.names() }.compactMap { StagedDrop(name: $0) }
    }

    /// Writes the message that was read from the drop file `source` of `user`; ``publish(_:from:)`` puts it into the queue.
    /// - Throws: as ``add(_:_:id:notBefore:)``; the drop file is still there then.
    public func stage(
        _ message: Prepared, _ acceptance: Acceptance, id: QueueID, from source: String, of user: UInt32
    ) throws(QueueError) -> StagedDrop {
        let block = try EnvelopeCoding.encode(message.envelope, acceptance, message.facts, id: id)
        let entry = QueueEntry(
            id: id, size: block.count + message.size, notBefore: 0, isHeld: false, hasJournal: false, isTried: false)
        let staged = StagedDrop(source: source, user: user, entry: entry.name)
        do throws(DurableError) {
            let temporary = "\(id).\(UniqueName.random())"
            let file = try tmp.createExclusive(temporary)
            do throws(DurableError) {
                try message.content.write(to: file, behind: block + message.top)
                try file.synchronize()
                try tmp.rename(temporary, to: staged.name)
            } catch {
                _ = try? tmp.unlink(temporary)
                throw error
            }
        } catch {
            throw QueueError(error)
        }
        return staged
    }

    /// Puts staged messages into the queue, durably, after their drop files are gone from `drop`.
    /// - Throws: ``QueueError/disk(_:)``; ``settleStagedDrops(in:)`` does the rest then.
    public func publish(_ staged: [StagedDrop], from drop: Directory) throws(QueueError) {
        guard !staged.isEmpty else { return }
        try durably { () throws(DurableError) in
            try tmp.synchronize()
            var alone: [StagedDrop] = []
            for message in staged {
                do throws(DurableError) {
                    try drop.unlink(message.source)
                    alone.append(message)
                } catch {
                    // Its owner has put something else there: it is read again, as what it is then.
                    try tmp.unlink(message.name)
                }
            }
            // From here on the staged message is the only one.
            try drop.synchronize()
            for message in alone { try tmp.rename(message.name, to: message.entry, in: new) }
            try new.synchronize()
        }
        _ = try? WakeMark.touch(in: run)
    }

    /// Ends what a run that died, or the power, has broken off. A message whose drop file is there is read again; of any other
    /// the staged one is all there is.
    /// - Parameter drop: the drop directory, under the lock of who takes from it; `nil` where there is none.
    public func settleStagedDrops(in drop: Directory?) throws(QueueError) {
        var whole: [StagedDrop] = []
        for message in try stagedDrops() {
            let isThere = try durably { () throws(DurableError) in
                try drop?.status(of: message.source)?.owner == message.user
            }
            if isThere {
                try durably { () throws(DurableError) in _ = try tmp.unlink(message.name) }
            } else {
                whole.append(message)
            }
        }
        guard !whole.isEmpty else { return }
        try durably { () throws(DurableError) in
            try drop?.synchronize()
            for message in whole { try tmp.rename(message.name, to: message.entry, in: new) }
            try new.synchronize()
        }
        _ = try? WakeMark.touch(in: run)
    }
}
