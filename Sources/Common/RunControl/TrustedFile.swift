// Files besides the rc that decide what is done: they are ours or root's, as are the folders above them.

import Glibc
import Reporting

/// A file that nobody but us and root can change, as it was read.
public struct TrustedFile: Sendable {
    public let octets: [UInt8]
    /// When it was changed last, and which file it was: another reading may be spared while this is the same.
    public let stamp: FileStamp

    /// - Parameter limit: octets.
    /// - Throws: ``TrustedFileError``.
    public init(_ path: String, atMost limit: Int) throws(TrustedFileError) {
        let file: SourceFile
        do throws(RunControlError) {
            file = try SourceFile.open(path, atMost: limit)
        } catch {
            throw TrustedFileError(error)
        }
        guard file.octets.count <= limit else { throw .tooLarge(limit: limit) }
        let user = geteuid()
        if let (why, command) = FileSafety.complaint(
            owner: file.owner, mode: file.mode, isSecret: false, user: user, path: path)
        {
            throw .unsafe(why: why, command: command)
        }
        if let folder = Self.foldersAbove(path).first(where: { !Self.isTrusted(folder: $0, user: user) }) {
            throw .unsafe(
                why: "others could put another file in its place, as they may change \(folder)",
                command: "chmod go-w \(shellQuoted(folder))")
        }
        octets = file.octets
        guard let stamp = FileStamp(path) else { throw .unreadable(errno) }
        self.stamp = stamp
    }

    /// The folders above the file that `path` leads to, the nearest first.
    private static func foldersAbove(_ path: String) -> [String] {
        guard let resolved = unsafe realpath(path, nil) else { return [] }
        defer { unsafe free(resolved) }
        var folders: [String] = []
        var rest = unsafe String(cString: resolved)[...]
        while let slash = rest.lastIndex(of: "/") {
            rest = rest[..<slash]
            folders.append(rest.isEmpty ? "/" : String(rest))
        }
        return folders
    }

    /// In a folder with the sticky bit nobody replaces the file of another.
    private static func isTrusted(folder: String, user: UInt32) -> Bool {
        var status = stat()
        guard unsafe stat(folder, &status) == 0, [0, user].contains(status.st_uid) else { return false }
        return status.st_mode & 0o022 == 0 || status.st_mode & S_ISVTX != 0
    }
}

/// Which file stands at a path, and when it was changed.
public struct FileStamp: Sendable, Hashable {
    private let device: UInt64
    private let inode: UInt64
    private let size: Int
    /// When it was changed last, its content or its rights: nanoseconds since 1970.
    public let changed: Int

    /// - Returns: `nil` where there is none, with `errno`.
    public init?(_ path: String) {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        (device, inode, size) = (UInt64(status.st_dev), UInt64(status.st_ino), Int(status.st_size))
        func nanoseconds(_ time: timespec) -> Int { time.tv_sec &* 1_000_000_000 &+ time.tv_nsec }
        changed = max(nanoseconds(status.st_mtim), nanoseconds(status.st_ctim))
    }

    /// How long ago it was changed; below zero where the clock was set back since.
    public var age: Duration {
        var now = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &now)
        return .nanoseconds(now.tv_sec &* 1_000_000_000 &+ now.tv_nsec &- changed)
    }
}

/// Why a file is not read, or not believed.
public enum TrustedFileError: Error, Sendable, Hashable, CustomStringConvertible {
    case unreadable(Int32)
    case notAFile
    case tooLarge(limit: Int)
    case unsafe(why: String, command: String)

    package init(_ error: RunControlError) {
        self =
            switch error {
            case .missing: .unreadable(ENOENT)
            case .unreadable(_, let code): .unreadable(code)
            default: .notAFile
            }
    }

    public var description: String {
        switch self {
        case .unreadable(ELOOP): "is a symbolic link, which is not followed"
        case .unreadable(let code): "cannot be read: \(reason(code))"
        case .notAFile: "is not a plain file"
        case .tooLarge(let limit): "is larger than \(Quantity.text(octets: limit))"
        case .unsafe(let why, let command): "\(why); run: \(command)"
        }
    }
}
