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

    /// How many messages lie there; 0 where there is no such directory.
    /// - Throws: ``QueueError``.
    public static func count() throws(QueueError) -> Int {
        try durably { () throws(DurableError) in
            guard try FileStatus.at(path) != nil else { return 0 }
            let drop = try Directory(path: path)
            // What is no plain file lies there until somebody removes it.
            var count = 0
            for name in try drop.names() where isName(name) {
                if try drop.status(of: name)?.isRegular == true { count += 1 }
            }
            return count
        }
    }

    /// Whether `name` is one that a writer gives: any other is left alone.
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
        let (block, entry) = try entry(of: message, acceptance, id: id)
        let staged = StagedDrop(source: source, user: user, entry: entry.name)
        try durably { () throws(DurableError) in
            let temporary = "\(id).\(UniqueName.random())"
            try write(message, behind: block, as: temporary).synchronize()
            try tmp.rename(temporary, to: staged.name)
        }
        return staged
    }

    /// Puts staged messages into the queue, durably, after their drop files are gone from `drop`.
    /// - Returns: those that are in the queue; the others are for the next ``settleStagedDrops(in:)``.
    /// - Throws: ``QueueError/disk(_:)``; what is not in the queue then is for that, too.
    public func publish(_ staged: [StagedDrop], from drop: Directory) throws(QueueError) -> [StagedDrop] {
        guard !staged.isEmpty else { return [] }
        var alone: [StagedDrop] = []
        try durably { () throws(DurableError) in
            try tmp.synchronize()
            for message in staged {
                do throws(DurableError) {
                    try drop.unlink(message.source)
                    alone.append(message)
                } catch {
                    // Its owner has put a directory there. Of any other error it is not known whether the file is gone.
                    guard error.isDirectory else { throw error }
                }
            }
        }
        try moveIntoQueue(alone, from: drop)
        return alone
    }

    /// Ends what a run that died, or the power, has broken off. A message whose drop file is there is read again; of any other
    /// the staged one is all there is.
    /// - Parameter drop: the drop directory, under the lock of who takes from it; `nil` where there is none.
    public func settleStagedDrops(in drop: Directory?) throws(QueueError) {
        var alone: [StagedDrop] = []
        for message in try stagedDrops() {
            let isThere = try durably { () throws(DurableError) in
                try drop?.status(of: message.source)?.owner == message.user
            }
            if isThere {
                try durably { () throws(DurableError) in _ = try tmp.unlink(message.name) }
            } else {
                alone.append(message)
            }
        }
        if !alone.isEmpty { try moveIntoQueue(alone, from: drop) }
    }

    /// Puts messages whose drop files are gone into the queue, once it is durable that these are.
    private func moveIntoQueue(_ messages: [StagedDrop], from drop: Directory?) throws(QueueError) {
        try durably { () throws(DurableError) in
            try drop?.synchronize()
            for message in messages { try tmp.rename(message.name, to: message.entry, in: new) }
            try new.synchronize()
        }
        noteAccepted()
    }
}
