// What the system knows about a file without reading it.

internal import CMHSys
import Glibc
import Octets

/// The parts of stat(2) that the hub asks for.
public struct FileStatus: Sendable, Hashable {
    public let device: UInt
    public let inode: UInt
    public let isRegular: Bool
    public let isDirectory: Bool
    public let isSocket: Bool
    /// Permission bits.
    public let mode: UInt32
    public let links: Int
    public let owner: UInt32
    /// In octets.
    public let size: Int
    /// The last change of the content: seconds since 1970 and nanoseconds.
    public let modified: Int
    public let modifiedNanoseconds: Int
    /// The last change of content, name or rights: seconds since 1970.
    public let changed: Int

    /// The status of what `path` leads to, symbolic links followed; `nil` when there is nothing.
    public static func at(_ path: String) throws(DurableError) -> FileStatus? {
        var found = stat()
        if unsafe stat(path, &found) == 0 { return FileStatus(found) }
        guard errno == ENOENT || errno == ENOTDIR else {
            throw DurableError(operation: "look at", path: path, code: errno)
        }
        return nil
    }

    /// What files look like: another stamp, and one of them was changed, replaced, made or removed.
    public static func stamp(of paths: [String]) -> String {
        let looks = paths.map { path -> String in
            do throws(DurableError) {
                guard let status = try at(path) else { return "\(path) missing" }
                return "\(path) \(status.inode) \(status.size) \(status.modified).\(status.modifiedNanoseconds)"
            } catch {
                return "\(path) unknown"
            }
        }
        return CRC32C.hex(Array(looks.joined(separator: "\n").utf8))
    }

    init(_ found: stat) {
        device = UInt(found.st_dev)
        inode = UInt(found.st_ino)
        isRegular = found.st_mode & S_IFMT == S_IFREG
        isDirectory = found.st_mode & S_IFMT == S_IFDIR
        isSocket = found.st_mode & S_IFMT == S_IFSOCK
        mode = UInt32(found.st_mode & 0o7777)
        links = Int(found.st_nlink)
        owner = found.st_uid
        size = Int(found.st_size)
        modified = Int(found.st_mtim.tv_sec)
        modifiedNanoseconds = Int(found.st_mtim.tv_nsec)
        changed = Int(found.st_ctim.tv_sec)
    }

    public func isSameFile(as other: FileStatus) -> Bool { device == other.device && inode == other.inode }
}
