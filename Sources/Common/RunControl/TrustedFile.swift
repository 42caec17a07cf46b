// Files besides the rc that decide what is done: they are ours or root's, as are the folders above them.

import Glibc
import Reporting

extension SourceFile {
    /// A file that nobody but us and root can change, as it was read.
    /// - Parameter limit: octets.
    /// - Throws: ``TrustedFileError``.
    package static func trusted(_ path: String, atMost limit: Int) throws(TrustedFileError) -> SourceFile {
        let file: SourceFile
        do throws(RunControlError) {
            file = try open(path, atMost: limit)
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
        try PathWalk.refuseIfUnsafe(path, user: user)
        return file
    }
}

/// The way along a path, as the kernel goes it: who may change a folder on it, or owns a link, decides where it leads.
private enum PathWalk {
    /// As many as the kernel follows.
    private static let linkLimit = 40

    /// - Parameter path: from `/` on.
    /// - Throws: ``TrustedFileError/unsafe(why:command:)`` where others could put another file in the place of the one that
    ///   it leads to.
    static func refuseIfUnsafe(_ path: String, user: UInt32) throws(TrustedFileError) {
        guard path.hasPrefix("/") else { throw .unreadable(ENOENT) }
        var open = parts(of: path)
        var folder = ""
        var links = 0
        try refuse(folder: "/", user)
        while let name = open.popLast() {
            if name == "." { continue }
            if name == ".." {
                folder = String(folder[..<(folder.lastIndex(of: "/") ?? folder.startIndex)])
                continue
            }
            let place = "\(folder)/\(name)"
            var status = stat()
            guard unsafe lstat(place, &status) == 0 else { throw .unreadable(errno) }
            switch status.st_mode & S_IFMT {
            case S_IFLNK:
                links += 1
                guard links <= linkLimit else { throw .unreadable(ELOOP) }
                guard [0, user].contains(status.st_uid) else {
                    throw .unsafe(
                        why:
                            "others could put another file in its place, as the link \(place) belongs to uid \(status.st_uid)",
                        command: "chown -h \(user) \(shellQuoted(place))")
                }
                let target = try target(of: place)
                if target.hasPrefix("/") { folder = "" }
                open += parts(of: target)
            case S_IFDIR:
                folder = place
                try refuse(folder: place, user)
            default:
                guard open.isEmpty else { throw .unreadable(ENOTDIR) }
            }
        }
    }

    /// The names in a path, the first of them last.
    private static func parts(of path: String) -> [String] { path.split(separator: "/").reversed().map(String.init) }

    private static func target(of link: String) throws(TrustedFileError) -> String {
        var octets = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = unsafe octets.withUnsafeMutableBytes { buffer in
            unsafe readlink(link, buffer.assumingMemoryBound(to: CChar.self).baseAddress!, buffer.count)
        }
        guard count >= 0 else { throw .unreadable(errno) }
        return String(decoding: octets[..<count], as: UTF8.self)
    }

    /// In a folder with the sticky bit nobody replaces the file of another.
    private static func refuse(folder: String, _ user: UInt32) throws(TrustedFileError) {
        var status = stat()
        guard unsafe stat(folder, &status) == 0 else { throw .unreadable(errno) }
        guard [0, user].contains(status.st_uid), status.st_mode & 0o022 == 0 || status.st_mode & S_ISVTX != 0 else {
            throw .unsafe(
                why: "others could put another file in its place, as they may change \(folder)",
                command: "chmod go-w \(shellQuoted(folder))")
        }
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
        self.init(status)
    }

    init(_ status: stat) {
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
