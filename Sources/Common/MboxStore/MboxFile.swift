// An mbox held open and locked: messages are appended to it, whole or not at all.

import Blocking
import DurableFiles
import Glibc
import Octets

/// The file of an mbox under both its locks, until this is closed or dropped. Used by one thread.
public final class MboxFile {
    /// How long is waited for other programs to give it back.
    public static let patience = Duration.seconds(30)

    /// Hands an entry on in pieces. It must be the same each time it is asked.
    public typealias Entry = (_ body: ([UInt8]) throws -> Void) throws -> Void

    /// What stands behind the length that was noted before an entry was written.
    public enum Trace: Sendable, Hashable {
        /// Nothing, or what is none of the entry: others have written there since.
        case none
        /// All of the entry.
        case whole
        /// The beginning of it, and nothing behind.
        case torn
    }

    private let file: File
    private let directory: Directory
    private let lock: MboxLock
    /// Octets of the mbox, ours included.
    public private(set) var length: Int

    private init(_ file: File, in directory: Directory, under lock: MboxLock) throws(DurableError) {
        (self.file, self.directory, self.lock) = (file, directory, lock)
        length = try file.status().size
    }

    /// Opens the mbox at `path`, made with mode 0600 when missing, and takes its locks.
    /// - Parameter faults: forced disk faults of a test.
    /// - Throws: ``MboxError``; ``MboxError/busy(path:)`` after `patience`, or when we are told to stop.
    public static func open(
        _ path: String, within patience: Duration = patience, faults: Faults? = nil
    ) throws(MboxError) -> MboxFile {
        let deadline = Deadline(after: patience)
        let (directory, name) = try onDisk { () throws(DurableError) in
            try Directory.holding(path, faults: faults)
        }
        while true {
            let file = try onDisk { () throws(DurableError) in try directory.openOrMake(name, for: .appending) }
            try demandPlain(file)
            guard
                let lock = try onDisk({ () throws(DurableError) in
                    try MboxLock.acquire(file, name, in: directory, until: deadline)
                })
            else { throw .busy(path: path) }
            // Another program may have put a new file in its place, whose lock this is not.
            let isIt = try onDisk { () throws(DurableError) in try directory.leads(name, to: file) }
            if isIt { return try onDisk { () throws(DurableError) in try MboxFile(file, in: directory, under: lock) } }
            guard !deadline.hasPassed else { throw .busy(path: path) }
        }
    }

    /// What keeps mail from being appended to the mbox at `path`, as far as can be told without touching it.
    public static func obstacle(to path: String) -> MboxError? {
        do throws(MboxError) {
            let (directory, name) = try onDisk { () throws(DurableError) in try Directory.holding(path) }
            guard let file = try onDisk({ () throws(DurableError) in try directory.open(name) }) else { return nil }
            try demandPlain(file)
            guard unsafe access(path, W_OK) == 0 else {
                throw .disk(DurableError(operation: "write", path: path, code: errno))
            }
            return nil
        } catch {
            return error
        }
    }

    private static func demandPlain(_ file: File) throws(MboxError) {
        let status = try onDisk { () throws(DurableError) in try file.status() }
        guard !status.isDirectory else { throw .isFolder(path: file.path) }
        guard status.isRegular, status.links <= 1 else { throw .notPlain(path: file.path) }
        // The group may: it is mail's in /var/mail.
        let fault = try onDisk { () throws(DurableError) in try file.ownershipFault(forbidding: 0o002, chmod: "o-w") }
        if let fault { throw .notOurs(fault) }
    }

    /// The line ends that an entry at `offset` begins with, so that an empty line is before it.
    public func separator(at offset: Int) throws(MboxError) -> [UInt8] {
        guard offset > 0 else { return [] }
        let end = try onDisk { () throws(DurableError) in
            try file.read(atMost: min(2, offset), at: max(0, offset - 2))
        }
        if end == [Octet.lf, Octet.lf] { return [] }
        return end.last == Octet.lf ? [Octet.lf] : [Octet.lf, Octet.lf]
    }

    /// Appends an entry. On return it is on stable storage; where that fails it is taken back.
    /// - Throws: ``MboxError``, and what `entry` throws.
    public func append(_ entry: Entry) throws {
        do {
            var written = 0
            try entry { chunk in
                try file.write(chunk)
                written += chunk.count
            }
            try makeDurable(from: length)
            length += written
        } catch {
            do throws(DurableError) {
                try file.truncate(to: length)
                try file.synchronize()
            } catch {
                // The first failure is the one to report; what is torn is found by the length that was noted before.
            }
            if let error = error as? DurableError { throw MboxError.disk(error) }
            throw error
        }
    }

    /// Sees to it that an entry at `offset` stays: the first one of a file that may be new, with the file's name.
    private func makeDurable(from offset: Int) throws(DurableError) {
        try file.synchronize()
        if offset == 0 { try directory.synchronize() }
    }

    /// What stands behind `offset` of an entry that may have been written there. What is torn is cut off; what is whole is
    /// on stable storage on return.
    /// - Throws: as ``append(_:)``.
    public func settle(_ entry: Entry, at offset: Int) throws -> Trace {
        guard offset <= length else { return .none }
        var at = offset
        var isSame = true
        try entry { chunk in
            guard isSame, !chunk.isEmpty else { return }
            let stored = try file.read(atMost: chunk.count, at: at)
            let common = zip(stored, chunk).prefix { $0 == $1 }.count
            at += common
            isSame = common == chunk.count
        }
        if isSame {
            try onDisk { () throws(DurableError) in try makeDurable(from: offset) }
            return .whole
        }
        guard at > offset || length > offset, try isEmpty(from: at) else { return .none }
        try onDisk { () throws(DurableError) in
            try file.truncate(to: offset)
            try file.synchronize()
        }
        length = offset
        return .torn
    }

    /// Whether nothing but NULs, which a power cut may leave, stands behind `offset`.
    private func isEmpty(from offset: Int) throws(MboxError) -> Bool {
        var at = offset
        while at < length {
            let octets = try onDisk { () throws(DurableError) in try file.read(atMost: 65_536, at: at) }
            guard !octets.isEmpty, octets.allSatisfy({ $0 == Octet.nul }) else { return false }
            at += octets.count
        }
        return true
    }

    /// Gives the mbox back to others.
    public func close() throws(MboxError) {
        try onDisk { () throws(DurableError) in
            try lock.release()
            try file.close()
        }
    }
}
