// The two locks of an mbox, as mutt, Dovecot and the programs of Debian take them: a record lock, and a file beside it.

import Blocking
import DurableFiles
import Glibc
import Octets

/// The locks on an mbox, held until this is released or dropped.
///
/// First the record lock (fcntl), then `FILE.lock`; where one is not to be had, none is kept while we wait, so that a
/// program that takes them the other way round is not waited for by both. Where the folder lets us make no file, as
/// /var/mail may, the record lock must do.
final class MboxLock {
    /// After how long, in seconds, a lock file without a living process' number is left over.
    static let leftoverAge = 300
    /// How often is looked whether a lock was given back: nothing tells it.
    private static let pace = Duration.milliseconds(100)

    private let directory: Directory
    private let name: String
    private var hasFile: Bool

    private init(_ name: String, in directory: Directory, hasFile: Bool) {
        (self.name, self.directory, self.hasFile) = (name, directory, hasFile)
    }

    deinit { if hasFile { removeFile() } }

    /// Takes both locks of the mbox `name`, which `file` is.
    /// - Returns: `nil` when others hold them until `deadline`, or when we are told to stop.
    static func acquire(
        _ file: File, _ name: String, in directory: Directory, until deadline: Deadline
    ) throws(DurableError) -> MboxLock? {
        while true {
            if try file.tryRecordLock() {
                if let hasFile = try makeFile("\(name).lock", in: directory) {
                    return MboxLock("\(name).lock", in: directory, hasFile: hasFile)
                }
                try file.releaseRecordLock()
            }
            guard !deadline.hasPassed, StopSignal.pause(until: Deadline(after: pace)) else { return nil }
        }
    }

    /// Makes the lock file.
    /// - Returns: `false` where none can be made; `nil` where another program's stands.
    private static func makeFile(_ name: String, in directory: Directory) throws(DurableError) -> Bool? {
        do throws(DurableError) {
            let file = try directory.createUnnamed(mode: 0o644)
            try file.write(Array("\(getpid())\n".utf8))
            // At no moment does it stand there without the number: should we die, it is known to be left over.
            try directory.link(file, as: name)
            return true
        } catch {
            switch error.code {
            case EEXIST:
                // Nobody else can take it away in between, be it left over: the record lock is ours.
                if try isLeftOver(name, in: directory) { try remove(name, in: directory) }
                return nil
            case EACCES, EPERM, EROFS: return false
            case ENOENT: return try makeFileAtOnce(name, in: directory)
            default: throw error
            }
        }
    }

    /// The same where the file system lets no file do without a name.
    private static func makeFileAtOnce(_ name: String, in directory: Directory) throws(DurableError) -> Bool? {
        let file = try directory.createExclusive(name, mode: 0o644)
        do throws(DurableError) { try file.write(Array("\(getpid())\n".utf8)) } catch {
            try remove(name, in: directory)
            throw error
        }
        return true
    }

    /// Whether its maker has ended, or it is old and does not say who made it.
    private static func isLeftOver(_ name: String, in directory: Directory) throws(DurableError) -> Bool {
        guard let status = try directory.status(of: name) else { return false }
        var digits: ArraySlice<UInt8> = []
        if status.isRegular, let file = try directory.open(name) {
            digits = try file.read(atMost: 32, at: 0).prefix { Octet.isDigit($0) }
        }
        if let process = Int32(String(decoding: digits, as: UTF8.self)), process > 0 {
            return kill(process, 0) != 0 && errno == ESRCH
        }
        return time(nil) - status.modified > leftoverAge
    }

    private static func remove(_ name: String, in directory: Directory) throws(DurableError) {
        _ = try directory.unlink(name)
    }

    /// Gives the lock file back; the record lock goes with its file.
    func release() throws(DurableError) {
        guard hasFile else { return }
        hasFile = false
        try Self.remove(name, in: directory)
    }

    /// What cannot be removed is left over, and taken for that once this process has ended, whose number stands in it.
    private func removeFile() { _ = try? directory.unlink(name) }
}
