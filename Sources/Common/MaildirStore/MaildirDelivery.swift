// A message on its way into a Maildir: written in tmp, synchronized, then renamed into new, or with flags into cur
// (maildir(5)).

import DurableFiles
import Glibc
import Octets
import Synchronization

/// Writes one message into tmp, chunk by chunk, and counts it. Dropped before ``finishWriting()``, it leaves nothing.
public final class MaildirDelivery {
    private let maildir: Maildir
    private let name: DeliveryName
    private let file: File
    private var isFinished = false
    /// Octets so far in file form (LF).
    public private(set) var size = 0
    private var lineEnds = 0
    private var endsInLine = true

    /// - Throws: `DurableError`; ENOSPC and the like are temporary.
    public init(into maildir: Maildir, as name: DeliveryName) throws(DurableError) {
        self.maildir = maildir
        self.name = name
        do {
            file = try maildir.tmp.createExclusive(name.unique)
        } catch  where error.isTaken && name.isRepeatable {
            // Left by an attempt that died: the name is ours, and whoever calls holds the lock of its message.
            try maildir.tmp.unlink(name.unique)
            file = try maildir.tmp.createExclusive(name.unique)
        }
    }

    deinit {
        // A leftover costs room until the 36 hours of tmp are over, so a failure here needs no word.
        if !isFinished { _ = try? maildir.tmp.unlink(name.unique) }
    }

    /// Takes the next octets in file form; every LF is one line end.
    public func write(_ chunk: [UInt8]) throws(DurableError) {
        guard let last = chunk.last else { return }
        try file.write(chunk)
        size += chunk.count
        endsInLine = last == Octet.lf
        var at = 0
        while let lf = chunk.firstIndex(of: Octet.lf, in: at..<chunk.count) {
            lineEnds += 1
            at = lf + 1
        }
    }

    /// Says that the message is whole.
    /// - Parameters:
    ///   - flags: those it has already; with any it is no new mail.
    ///   - arrival: when it came in elsewhere, in seconds since 1970: the file's time; `nil` for now.
    public func finishWriting(flags: MaildirFlags = [], arrival: Int? = nil) -> StagedDelivery {
        isFinished = true
        let wire = endsInLine ? size + lineEnds : nil
        return StagedDelivery(
            maildir: maildir, name: name, file: file, size: size, wireSize: size + lineEnds + (endsInLine ? 0 : 2),
            fileName: name.fileName(size: size, wire: wire, flags: flags), isNew: flags.isEmpty, arrival: arrival)
    }

    /// Finishes a single message: synchronizes and publishes it.
    public func commit() throws(MaildirError) -> StagedDelivery {
        let staged = finishWriting()
        try onDisk { () throws(DurableError) in try staged.synchronize() }
        try Maildir.publish([staged])
        return staged
    }
}

/// A whole message in tmp. Dropped before it is published, it is removed.
public final class StagedDelivery: Sendable {
    enum State: Int, AtomicRepresentable { case written, synchronized, published }

    public let name: DeliveryName
    /// Octets of the file.
    public let size: Int
    /// Octets on the wire, the CRLF that closes an unfinished last line included.
    public let wireSize: Int
    /// The name it has in new/, or in cur/.
    public let fileName: String
    /// Whether it goes into new/.
    private let isNew: Bool
    private let arrival: Int?
    public let maildir: Maildir
    private let file: File
    private let state = Atomic(State.written)
    private let hasItsTime = Atomic(false)

    init(
        maildir: Maildir, name: DeliveryName, file: File, size: Int, wireSize: Int, fileName: String, isNew: Bool,
        arrival: Int?
    ) {
        self.maildir = maildir
        self.name = name
        self.file = file
        self.size = size
        self.wireSize = wireSize
        self.fileName = fileName
        self.isNew = isNew
        self.arrival = arrival
    }

    /// Where it goes from tmp.
    var folder: Directory { isNew ? maildir.new : maildir.cur }

    /// The message as it stands there once it is published.
    /// - Parameter folder: that of ``maildir``; `nil` for the inbox.
    public func stored(in folder: FolderName?) -> StoredMessage {
        let octets = Array(fileName.utf8)
        return StoredMessage(octets, in: folder, of: maildir, isInNew: isNew)
    }

    deinit {
        if state.load(ordering: .acquiring) != .published { _ = try? maildir.tmp.unlink(name.unique) }
    }

    /// Gives the file its time, and lets the system begin to write it. Done to all of a batch before any of them is
    /// synchronized, it leaves little to wait for.
    public func startWriteback() throws(DurableError) {
        try giveTime()
        file.startWriteback()
    }

    private func giveTime() throws(DurableError) {
        guard let arrival, !hasItsTime.exchange(true, ordering: .relaxed) else { return }
        // Others sweep tmp by the time of access, or of the last change of the name.
        try file.setModified(arrival)
    }

    /// Puts the content on stable storage. May run on any thread, many at a time for a batch.
    /// - Throws: a failure is final for this message; it must be written anew.
    public func synchronize() throws(DurableError) {
        try giveTime()
        try file.synchronize()
        // Close before rename: NFS reports a failed write only here, and whatever stands in new/ must be whole.
        try file.close()
        state.store(.synchronized, ordering: .releasing)
    }

    /// Renames into its folder, never over another file.
    func rename() throws(MaildirError) {
        guard state.load(ordering: .acquiring) == .synchronized else {
            throw .notSynchronized(path: "\(maildir.path)/tmp/\(name.unique)")
        }
        let isRenamed = try onDisk { () throws(DurableError) in
            try maildir.tmp.renameWithoutReplacing(name.unique, to: fileName, in: folder)
        }
        guard isRenamed else { throw .nameTaken(path: "\(folder.path)/\(fileName)") }
        state.store(.published, ordering: .releasing)
    }

    /// Takes back a rename that nobody was told of.
    func withdraw() {
        guard state.load(ordering: .acquiring) == .published else { return }
        // Best effort: what cannot be removed is found again by its name, or is a copy too many.
        _ = try? folder.unlink(fileName)
    }
}

extension Maildir {
    /// Renames all messages into their folders and synchronizes each of these once: on return they are delivered for
    /// good. Messages for one mailbox should be written through one ``Maildir``, so that it is synchronized once.
    ///
    /// On an error all are taken back as far as the disk lets us, so that trying again does not deliver them twice.
    /// - Throws: ``MaildirError/nameTaken(path:)``, ``MaildirError/notSynchronized(path:)``, ``MaildirError/disk(_:)``.
    public static func publish(_ batch: [StagedDelivery]) throws(MaildirError) {
        var renamed: [StagedDelivery] = []
        var folders: [Directory] = []
        do throws(MaildirError) {
            for message in batch {
                try message.rename()
                renamed.append(message)
                if !folders.contains(where: { $0 === message.folder }) { folders.append(message.folder) }
            }
            // Else a power cut may undo the rename after the sender was told that we have it.
            for folder in folders { try onDisk { () throws(DurableError) in try folder.synchronize() } }
        } catch {
            for message in renamed { message.withdraw() }
            throw error
        }
    }

    /// Makes sure that a message found under a deterministic name stays there.
    public func synchronizeEntries() throws(DurableError) {
        try new.synchronize()
        try cur.synchronize()
    }
}

extension DurableError {
    /// The name is in use.
    var isTaken: Bool { code == EEXIST }
}
