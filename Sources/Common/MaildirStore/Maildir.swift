// A mailbox on disk (maildir(5), Maildir++): tmp, new and cur held open, and the folders beside them.

import DurableFiles
import Glibc
import Octets

/// One Maildir, or one folder of it. Other programs read and change it at the same time, without locks.
public final class Maildir: Sendable {
    /// The most files of one mailbox: a listing of them stays under about 100 MB.
    public static let messageLimit = 1_000_000
    /// maildir(5): what stands in tmp for 36 hours has no writer any more.
    public static let staleAge = 36 * 3600
    /// The most files of tmp that one sweep looks at: a delivery waits for it.
    public static let sweepLimit = 10_000

    public let path: String
    let top: Directory
    let new: Directory
    let cur: Directory
    let tmp: Directory
    /// Of top, tmp, new and cur, by their descriptors: what a path leads to a moment later is another question.
    private let opened: [FileStatus]

    /// Opens the Maildir at `path`.
    /// - Parameter making: whether what is missing is made, 0700, the folders above it included.
    /// - Throws: ``MaildirError/notOurs(_:)`` for a Maildir of another user, or one that others may write;
    ///   ``MaildirError/disk(_:)``.
    public convenience init(path: String, making: Bool, faults: Faults? = nil) throws(MaildirError) {
        let top = try onDisk { () throws(DurableError) in
            try Directory(path: Self.withoutTrailingSlashes(path), making: making ? 0o700 : nil, faults: faults)
        }
        try self.init(top: top, making: making)
    }

    private init(top: Directory, making: Bool) throws(MaildirError) {
        let mode: UInt32? = making ? 0o700 : nil
        path = top.path
        self.top = top
        try Self.demandOwn(top)
        do throws(DurableError) {
            tmp = try top.directory("tmp", making: mode)
            new = try top.directory("new", making: mode)
            cur = try top.directory("cur", making: mode)
            opened = [try top.status(), try tmp.status(), try new.status(), try cur.status()]
        } catch {
            throw .disk(error)
        }
        for directory in [tmp, new, cur] { try Self.demandOwn(directory) }
    }

    /// Whether the path still leads to the directories that are held open, and these have the owner and the rights with
    /// which they were opened.
    public func isInPlace() throws(DurableError) -> Bool {
        for (name, opened) in zip(["", "/tmp", "/new", "/cur"], opened) {
            guard let found = try FileStatus.at(path + name), found.isSameFile(as: opened),
                found.owner == opened.owner, found.mode == opened.mode
            else { return false }
        }
        return true
    }

    /// The folder `name` of this Maildir; `nil` when it is missing.
    public func folder(_ name: FolderName) throws(MaildirError) -> Maildir? {
        let directory = try onDisk { () throws(DurableError) in
            try top.status(of: name.directoryName) == nil ? nil : try top.directory(name.directoryName)
        }
        guard let directory else { return nil }
        return try Maildir(top: directory, making: false)
    }

    /// The folder `name` of this Maildir, made if it is missing.
    public func makeFolder(_ name: FolderName) throws(MaildirError) -> Maildir {
        let directory = try onDisk { () throws(DurableError) in
            try top.directory(name.directoryName, making: 0o700)
        }
        let folder = try Maildir(top: directory, making: true)
        try onDisk { () throws(DurableError) in
            // Maildir++ marks its folders, so that a delivery agent started in one knows where it is.
            guard try directory.status(of: "maildirfolder") == nil else { return }
            try directory.openOrMake("maildirfolder").close()
            try directory.synchronize()
        }
        return folder
    }

    /// Octets that an ordinary user may still write where it lies.
    public func freeOctets() throws(DurableError) -> Int { try top.freeOctets() }

    /// The names of all folders, sorted by their directory names. Names that are no UTF-8 are left out.
    public func folders() throws(DurableError) -> [FolderName] {
        var found: [FolderName] = []
        for name in try top.names() where name.utf8.first == Octet.dot {
            guard let folder = FolderName(directoryName: name), try top.status(of: name)?.isDirectory == true else {
                continue
            }
            found.append(folder)
        }
        return found.sorted { $0.directoryName < $1.directoryName }
    }

    /// Removes files from tmp that nobody has touched for ``staleAge``: who copies a file with its times has changed it
    /// later than they say. At most ``sweepLimit`` files are looked at; those whose names are no UTF-8 stay.
    /// - Parameter now: seconds since 1970. Files dated later are left alone.
    /// - Returns: how many went.
    /// - Throws: the first error, after all others were tried.
    @discardableResult
    public func removeStaleTemporaries(now: Int) throws(DurableError) -> Int {
        var names: [String] = []
        try tmp.forEachName { octets in
            guard names.count < Self.sweepLimit else { return }
            unsafe octets.withUnsafeBufferPointer { unsafe names.append(String(decoding: $0, as: UTF8.self)) }
        }
        var removed = 0
        var first: DurableError?
        for name in names {
            do throws(DurableError) {
                if try isStale(name, now), try tmp.unlink(name) { removed += 1 }
            } catch {
                first = first ?? error
            }
        }
        if let first { throw first }
        return removed
    }

    private func isStale(_ name: String, _ now: Int) throws(DurableError) -> Bool {
        guard let status = try tmp.status(of: name), status.isRegular else { return false }
        return max(status.modified, status.changed) < now - Self.staleAge
    }

    private static func demandOwn(_ directory: Directory) throws(MaildirError) {
        let fault = try onDisk { () throws(DurableError) in try directory.mailboxOwnershipFault() }
        if let fault { throw .notOurs(fault) }
    }

    private static func withoutTrailingSlashes(_ path: String) -> String {
        var path = Substring(path)
        while path.utf8.count > 1, path.utf8.last == 0x2F { path = path.dropLast() }
        return String(path)
    }
}
