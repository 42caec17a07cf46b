// The messages of a Maildir that is used as a spool: found, read, and removed one by one.

import DurableFiles
import Octets

/// A message as it stands in new or cur.
public struct StoredMessage: Sendable {
    /// The part of its name up to the first `,` or `:`.
    public let unique: String
    /// The folder it is in; `nil` for the inbox.
    public let folder: FolderName?
    public let flags: MaildirFlags
    /// Octets of the file, as its name says.
    public let size: Int
    /// The seconds that lead its name.
    public let time: Int
    let box: Maildir
    let seen: Maildir.SeenFile

    init(_ octets: [UInt8], in folder: FolderName?, of box: Maildir, isInNew: Bool) {
        let name = MailFileName(octets, in: octets.indices)
        unique = String(decoding: octets[name.unique], as: UTF8.self)
        (self.folder, self.box) = (folder, box)
        (flags, size, time) = (MaildirFlags(letters: octets[name.flags]), name.size ?? 0, name.time)
        seen = Maildir.SeenFile(isInNew: isInNew, name: String(decoding: octets, as: UTF8.self))
    }

    /// The same message by way of `box`, which is the same inbox or folder: who keeps many messages keeps one of these open.
    public func reached(through box: Maildir) -> StoredMessage { StoredMessage(self, of: box) }

    private init(_ other: StoredMessage, of box: Maildir) {
        (unique, folder, flags) = (other.unique, other.folder, other.flags)
        (size, time, seen) = (other.size, other.time, other.seen)
        self.box = box
    }

    /// Opens it.
    /// - Throws: ``MaildirError/messageGone(path:unique:)``, ``MaildirError/disk(_:)``.
    public func open() throws(MaildirError) -> File {
        let file = try onDisk { () throws(DurableError) in try box.directory(of: seen).open(seen.name) }
        guard let file else { throw .messageGone(path: box.path, unique: unique) }
        return file
    }

    /// Removes it; on stable storage on return. One that is gone already is no error.
    public func remove() throws(DurableError) {
        let directory = box.directory(of: seen)
        try directory.unlink(seen.name)
        try directory.synchronize()
    }
}

extension Maildir {
    /// All messages of this Maildir and its folders, the oldest first.
    public func storedMessages() throws(MaildirError) -> [StoredMessage] {
        var stored = try messages(in: nil)
        for name in try onDisk({ () throws(DurableError) in try folders() }) {
            do throws(MaildirError) {
                if let box = try folder(name) { stored += try box.messages(in: name) }
            } catch .disk(let error) where error.isMissing {
                continue  // half made, by a process that died
            }
        }
        return stored.sorted { ($0.time, $0.unique) < ($1.time, $1.unique) }
    }

    /// Puts on stable storage which messages there are, in this Maildir and its folders.
    public func synchronizeFolders() throws(MaildirError) {
        for box in try withFolders() { try onDisk { () throws(DurableError) in try box.synchronizeEntries() } }
    }

    private func messages(in folder: FolderName?) throws(MaildirError) -> [StoredMessage] {
        var stored: [StoredMessage] = []
        try onDisk { () throws(DurableError) in
            try forEachFile { octets, isInNew in
                stored.append(StoredMessage(octets, in: folder, of: self, isInNew: isInNew))
            }
        }
        return stored
    }
}
