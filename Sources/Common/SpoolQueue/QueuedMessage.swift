// Looking at a queued message without a lock, and opening it under its lock.

import DurableFiles
import Glibc
import MailEnvelope
import Octets
import Reporting

/// A message as `mhqueue` shows it: read in one go, without a lock, so possibly a moment old.
public struct QueuedMessage: Sendable {
    public let entry: QueueEntry
    public let envelope: Envelope
    public let acceptance: Acceptance
    public let state: MessageState
    /// The message, read from the open file.
    public let content: QueuedContent
}

extension Queue {
    /// Reads the envelope of `entry`, and its journal if the name says that there is one.
    /// - Returns: `nil` when the message was removed or renamed since the listing.
    /// - Throws: ``QueueError/damaged(path:why:)`` for a file that is no queued message,
    ///   ``QueueError/foreignOwner(path:owner:own:)``, ``QueueError/newerVersion(path:)``, ``QueueError/journalDamaged(path:line:)`` and others of the journal,
    ///   ``QueueError/disk(_:)``; nothing is changed.
    public func peek(_ entry: QueueEntry) throws(QueueError) -> QueuedMessage? {
        let directory = place(of: entry)
        guard let file = try durably({ () throws(DurableError) in try directory.open(entry.name) }) else { return nil }
        let opened: Opened
        let status = try durably { () throws(DurableError) in try file.status() }
        do throws(EnvelopeCoding.Failure) {
            try demandOwnFile(status)
            opened = try readEnvelope(of: file, entry, status)
        } catch {
            throw failure(error, path: directory.pathOf(entry), moved: nil)
        }
        var state = MessageState(opened.envelope, opened.acceptance)
        if entry.hasJournal { try MessageJournal.read(in: log, id: entry.id, into: &state) }
        return QueuedMessage(
            entry: entry, envelope: opened.envelope, acceptance: opened.acceptance, state: state,
            content: opened.content)
    }

    /// Locks the message, reads its envelope and journal, and counts an attempt that died.
    /// - Returns: `nil` when another process holds it, or it was removed or renamed since the listing.
    /// - Throws: ``QueueError/foreign(path:why:)`` after moving a file that is no queued message to `foreign`. With the
    ///   file left where it is: ``QueueError/newerVersion(path:)``, ``QueueError/foreignOwner(path:owner:own:)``,
    ///   ``QueueError/journalDamaged(path:line:)`` and others of the journal, ``QueueError/distrusted(path:)`` after an
    ///   earlier failure of the disk, ``QueueError/disk(_:)`` or ``QueueError/noSpace(_:)``.
    public func lock(_ entry: QueueEntry) throws(QueueError) -> LockedMessage? {
        let directory = place(of: entry)
        guard !isDistrusted(entry.id) else { throw .distrusted(path: directory.pathOf(entry)) }
        guard let file = try lockedFile(entry, in: directory) else { return nil }
        let opened: Opened
        do throws(EnvelopeCoding.Failure) {
            opened = try readEnvelope(of: file, entry)
        } catch {
            throw try refused(entry, in: directory, error)
        }
        return try LockedMessage(queue: self, entry: entry, file: file, opened)
    }

    /// As ``lock(_:)``, by the id.
    /// - Throws: ``QueueError/busy(id:holder:)`` when another process holds it; else as ``lock(_:)``.
    /// - Returns: `nil` when it is not in the queue.
    public func lock(id: QueueID) throws(QueueError) -> LockedMessage? {
        // Its name changes when an attempt begins: look again a few times before calling it busy.
        for _ in 0..<3 {
            guard let entry = try find(id) else { return nil }
            if let locked = try lock(entry) { return locked }
        }
        guard let entry = try find(id) else { return nil }
        throw .busy(id: id.text, holder: try holder(of: entry))
    }

    /// The process that holds the lock of the message; `nil` when none does, or one that cannot be seen, in another
    /// namespace.
    /// - Throws: ``QueueError/disk(_:)`` when the file cannot be looked at.
    public func holder(of entry: QueueEntry) throws(QueueError) -> Int32? {
        let directory = place(of: entry)
        return try durably { () throws(DurableError) in
            try directory.status(of: entry.name).flatMap(FileLock.holder(of:))
        }
    }

    private func lockedFile(_ entry: QueueEntry, in directory: Directory) throws(QueueError) -> File? {
        let named = try durably { () throws(DurableError) in try directory.status(of: entry.name) }
        guard let named else { return nil }
        // Checked before opening: a directory, or another user's file, does not open for writing.
        do throws(EnvelopeCoding.Failure) {
            try demandOwnFile(named)
        } catch {
            throw try refused(entry, in: directory, error)
        }
        do throws(DurableError) {
            guard let file = try directory.open(entry.name, for: .readingAndWriting) else { return nil }
            guard try file.tryLock() else { return nil }
            // It may have been finished, renamed or replaced between look, open and lock.
            guard try directory.leads(entry.name, to: file), try file.status().isSameFile(as: named) else { return nil }
            return file
        } catch {
            throw QueueError(error)
        }
    }

    /// Only a plain file of the hub's own user can be a message of this hub.
    private func demandOwnFile(_ status: FileStatus) throws(EnvelopeCoding.Failure) {
        guard status.owner == geteuid() else { throw .foreignOwner(status.owner) }
        guard status.isRegular else { throw .damaged("it is not a regular file") }
    }

    /// The error of an entry that cannot be locked as a message; a file that is no queued message at all is moved to
    /// `foreign` first.
    private func refused(
        _ entry: QueueEntry, in directory: Directory, _ failure: EnvelopeCoding.Failure
    ) throws(QueueError) -> QueueError {
        var moved: String?
        if case .damaged = failure {
            moved = try durably { () throws(DurableError) in try moveToForeign(entry.name, from: directory) }
        }
        return self.failure(failure, path: directory.pathOf(entry), moved: moved)
    }

    struct Opened {
        let envelope: Envelope
        let acceptance: Acceptance
        let content: QueuedContent
    }

    /// - Parameter status: that of the file; asked for where it is not known.
    func readEnvelope(
        of file: File, _ entry: QueueEntry, _ status: FileStatus? = nil
    ) throws(EnvelopeCoding.Failure) -> Opened {
        do {
            let status = try status ?? file.status()
            guard status.isRegular else { throw EnvelopeCoding.Failure.damaged("it is not a regular file") }
            // One read is enough for nearly every envelope.
            var start = try file.read(atMost: min(4096, status.size), at: 0)
            let first = try EnvelopeCoding.firstLine(of: start)
            let end = first.length + first.block
            guard end <= status.size else { throw EnvelopeCoding.Failure.damaged("it is cut short") }
            if end > start.count { start += try file.read(atMost: end - start.count, at: start.count) }
            guard start.count >= end else { throw EnvelopeCoding.Failure.damaged("it is cut short") }
            let said = try EnvelopeCoding.decode(Array(start[first.length..<end]), checksum: first.checksum)
            guard said.id == entry.id else { throw EnvelopeCoding.Failure.damaged("it is a copy of \(said.id)") }
            guard status.size == entry.size else {
                throw EnvelopeCoding.Failure.damaged("its size is not the \(entry.size) octets that its name gives")
            }
            let content = QueuedContent(file: file, start: end, size: status.size - end, facts: said.content)
            return Opened(envelope: said.envelope, acceptance: said.acceptance, content: content)
        } catch let failure as EnvelopeCoding.Failure {
            throw failure
        } catch let error as DurableError {
            throw .unreadable(error)
        } catch {
            throw .damaged(sentence(error))
        }
    }

    func failure(_ failure: EnvelopeCoding.Failure, path: String, moved: String?) -> QueueError {
        switch failure {
        case .newerVersion: .newerVersion(path: path)
        case .foreignOwner(let owner): .foreignOwner(path: path, owner: owner, own: geteuid())
        case .damaged(let why): moved.map { .foreign(path: $0, why: why) } ?? .damaged(path: path, why: why)
        case .unreadable(let error): QueueError(error)
        }
    }
}
