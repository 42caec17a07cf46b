// Locks bound to a living process: flock(2) on an open file, released when its holder ends.

internal import CMHSys
import Glibc

extension File {
    /// Takes the exclusive lock of this file if nobody holds it; it is released when the file is closed.
    /// - Returns: `false` when somebody else holds it.
    public func tryLock() throws(DurableError) -> Bool {
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            switch errno {
            case EINTR: continue
            case EWOULDBLOCK: return false
            default: throw failure("lock")
            }
        }
        return true
    }

    /// Releases the lock; the file stays open.
    public func unlock() throws(DurableError) {
        while flock(descriptor, LOCK_UN) != 0 {
            guard errno == EINTR else { throw failure("unlock") }
        }
    }

    /// Takes the exclusive lock, waiting for as long as others hold it.
    public func lock() throws(DurableError) {
        while flock(descriptor, LOCK_EX) != 0 {
            guard errno == EINTR else { throw failure("lock") }
        }
    }

    /// Takes the write lock of this file's records, which is what other programs' fcntl(2) locks meet, if nobody holds
    /// it; it is released when the file is closed.
    /// - Returns: `false` when somebody else holds it.
    public func tryRecordLock() throws(DurableError) -> Bool {
        while mh_record_lock(descriptor, 1) != 0 {
            switch errno {
            case EINTR: continue
            case EAGAIN, EACCES: return false
            default: throw failure("lock")
            }
        }
        return true
    }

    /// Releases that lock; the file stays open.
    public func releaseRecordLock() throws(DurableError) {
        while mh_record_lock(descriptor, 0) != 0 {
            guard errno == EINTR else { throw failure("unlock") }
        }
    }
}

/// The lock of a file that exists only to be locked. The file is never removed: else one process could get the lock of
/// the old file, and another that of a new one.
public final class FileLock: Sendable {
    private let file: File

    private init(_ file: File) { self.file = file }

    /// For a child that is to hold the lock as long as it lives, whatever becomes of us.
    public var descriptor: Int32 { file.descriptor }

    /// The lock `name` in `directory`, made if missing; `nil` when another holds it.
    public static func tryAcquire(_ name: String, in directory: Directory) throws(DurableError) -> FileLock? {
        let file = try directory.openOrMake(name)
        return try file.tryLock() ? FileLock(file) : nil
    }

    /// As ``tryAcquire(_:in:)``, but waits: for locks that others hold for moments only.
    public static func acquire(_ name: String, in directory: Directory) throws(DurableError) -> FileLock {
        let file = try directory.openOrMake(name)
        try file.lock()
        return FileLock(file)
    }

    /// Whether somebody holds the lock `name` in `directory` now. To find out, the lock is taken, shared, for an
    /// instant.
    public static func isHeld(_ name: String, in directory: Directory) throws(DurableError) -> Bool {
        guard let file = try directory.open(name, for: .reading) else { return false }
        while flock(file.descriptor, LOCK_SH | LOCK_NB) != 0 {
            switch errno {
            case EINTR: continue
            case EWOULDBLOCK: return true
            default: throw file.failure("look at the lock of")
            }
        }
        try file.unlock()
        return false
    }

    /// Leaves the lock to the children that hold its descriptor.
    public func leave() throws(DurableError) { try file.close() }

    /// Releases the lock before the end of the object.
    public func release() throws(DurableError) {
        // Unlocked, not only closed: a child that is just being started holds our descriptors until its exec.
        try file.unlock()
        try file.close()
    }

    deinit {
        // Closed already after ``release()``; there is nobody to report a failure to.
        if file.descriptor >= 0 { _ = try? file.unlock() }
    }

    /// The process that holds the flock of the file with `status`, as /proc/locks tells; `nil` when nobody does, or
    /// when the holder is out of sight (another namespace).
    public static func holder(of status: FileStatus) -> Int32? {
        let opened = unsafe open("/proc/locks", O_RDONLY | O_CLOEXEC)
        guard opened >= 0 else { return nil }
        let file = File(descriptor: opened, path: "/proc/locks", faults: nil)
        guard let octets = try? file.read(atMost: 1 << 20, at: 0) else { return nil }
        // 1: FLOCK  ADVISORY  WRITE 1234 fe:00:5678 0 EOF
        let major = (status.device >> 8 & 0xFFF) | (status.device >> 32 & ~0xFFF)
        let minor = (status.device & 0xFF) | (status.device >> 12 & ~0xFF)
        for line in octets.split(separator: 0x0A) {
            let words = line.split(separator: 0x20).map { String(decoding: $0, as: UTF8.self) }
            guard words.count >= 6, words[1] == "FLOCK" else { continue }
            let place = words[5].split(separator: ":")
            guard place.count == 3, UInt(place[0], radix: 16) == major, UInt(place[1], radix: 16) == minor,
                UInt(place[2]) == status.inode, let holder = Int32(words[4]), holder > 0
            else { continue }
            return holder
        }
        return nil
    }
}
