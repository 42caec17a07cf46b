// An open directory: every change to its entries is made relative to its descriptor and can be made durable.

internal import CMHSys
import Glibc

/// A directory held open, whose entries are made, renamed, removed and listed by plain name.
///
/// Names must be single path components without `/` and NUL; others are refused with EINVAL. A call that fails throws a
/// ``DurableError`` with the system's errno. Safe to share between threads: it holds a descriptor and nothing that
/// changes.
public final class Directory: Sendable {
    /// The path it was opened by, for messages.
    public let path: String
    let descriptor: Int32
    let faults: Faults?

    /// Opens the directory at `path`.
    /// - Parameter making: makes it and what is missing above it, with this mode; each parent is synchronized then.
    public init(path: String, making mode: UInt32? = nil, faults: Faults? = nil) throws(DurableError) {
        var opened = unsafe Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if opened < 0, errno == ENOENT, let mode {
            try Self.make(path, mode, faults)
            opened = unsafe Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        }
        guard opened >= 0 else { throw DurableError(operation: "open", path: path, code: errno) }
        self.path = path
        self.faults = faults
        descriptor = opened
    }

    /// Makes the directory at `path` through its parent, which is made first if missing, and synchronized.
    private static func make(_ path: String, _ mode: UInt32, _ faults: Faults?) throws(DurableError) {
        let parts = path.split(separator: "/")
        guard let name = parts.last else { throw DurableError(operation: "make", path: path, code: ENOENT) }
        let above = parts.dropLast().joined(separator: "/")
        let parent = path.utf8.first == 0x2F ? "/\(above)" : above.isEmpty ? "." : above
        _ = try Directory(path: parent, making: mode, faults: faults).directory(String(name), making: mode)
    }

    private init(descriptor: Int32, path: String, faults: Faults?) {
        self.descriptor = descriptor
        self.path = path
        self.faults = faults
    }

    deinit { close(descriptor) }

    /// Opens the directory `name` in this one.
    /// - Parameters:
    ///   - making: makes it, with this mode, if it is missing; this directory is synchronized then.
    ///   - isDurable: `false` for one that a power cut may take with all that is in it: nothing is synchronized then.
    public func directory(
        _ name: String, making mode: UInt32? = nil, isDurable: Bool = true
    ) throws(DurableError) -> Directory {
        try check(name)
        let flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW
        var opened = unsafe openat(descriptor, name, flags)
        if opened < 0, errno == ENOENT, let mode {
            try allow("make", name)
            guard unsafe mkdirat(descriptor, name, mode) == 0 || errno == EEXIST else { throw failure("make", name) }
            if isDurable { try synchronize() }
            opened = unsafe openat(descriptor, name, flags)
        }
        guard opened >= 0 else { throw failure("open", name) }
        return Directory(descriptor: opened, path: pathOf(name), faults: faults)
    }

    /// Makes the new file `name`, open for reading and writing; fails with EEXIST when there is one.
    public func createExclusive(_ name: String, mode: UInt32 = 0o600) throws(DurableError) -> File {
        try check(name)
        try allow("create", name)
        let opened = unsafe openat(descriptor, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode)
        guard opened >= 0 else { throw failure("create", name) }
        return File(descriptor: opened, path: pathOf(name), faults: faults)
    }

    /// Makes a file without a name in this directory, open for reading and writing: it is gone with its last
    /// descriptor.
    public func createUnnamed(mode: UInt32 = 0o600) throws(DurableError) -> File {
        try allow("create", nil)
        let opened = unsafe openat(descriptor, ".", mh_O_TMPFILE() | O_RDWR | O_CLOEXEC, mode)
        if opened >= 0 { return File(descriptor: opened, path: "\(path)/(unnamed)", faults: faults) }
        // File systems without O_TMPFILE answer so; old kernels take the flag for an attempt to write to a directory.
        guard errno == EOPNOTSUPP || errno == EINVAL || errno == EISDIR || errno == ENOENT else {
            throw failure("create", nil)
        }
        return try createUnlinked(mode: mode)
    }

    /// A file whose name is removed at once: for file systems without O_TMPFILE.
    func createUnlinked(mode: UInt32) throws(DurableError) -> File {
        let name = "unnamed.\(UniqueName.random())"
        let file = try createExclusive(name, mode: mode)
        try unlink(name)
        return file
    }

    /// Opens the file `name`. Symbolic links are refused (ELOOP), and fifos and devices do not block.
    /// - Returns: `nil` when there is no such file.
    public func open(_ name: String, for access: File.Access = .reading) throws(DurableError) -> File? {
        do throws(DurableError) {
            return try open(name, access.flags)
        } catch {
            guard error.code == ENOENT else { throw error }
            return nil
        }
    }

    /// Opens the file `name`, made with mode 0600 if it is missing; else as ``open(_:for:)``.
    /// - Parameter access: one that allows writing.
    public func openOrMake(_ name: String, for access: File.Access = .readingAndWriting) throws(DurableError) -> File {
        precondition(access != .reading, "a file made to be read has nothing in it")
        try check(name)
        try allow("open", name)
        return try open(name, access.flags | O_CREAT)
    }

    private func open(_ name: String, _ flags: Int32) throws(DurableError) -> File {
        try check(name)
        if let code = faults?.code(opening: pathOf(name)) {
            throw DurableError(operation: "open", path: pathOf(name), code: code)
        }
        while true {
            let opened = unsafe openat(descriptor, name, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
            if opened >= 0 { return File(descriptor: opened, path: name, in: path, faults: faults) }
            guard errno == EINTR else { throw failure("open", name) }
        }
    }

    /// Gives a file of ``createUnnamed(mode:)`` the name `name`, so that it appears whole.
    /// - Throws: EEXIST where the name is taken, ENOENT where the file system lets no file do without a name.
    public func link(_ file: File, as name: String) throws(DurableError) {
        try check(name)
        try allow("link", name)
        guard unsafe mh_link_unnamed(file.descriptor, descriptor, name) == 0 else { throw failure("make", name) }
    }

    /// Renames `name` to `newName` in `other` (this directory if `nil`), replacing what stands there.
    /// Durable only after ``synchronize()`` of the directories.
    public func rename(_ name: String, to newName: String, in other: Directory? = nil) throws(DurableError) {
        try check(name)
        try check(newName)
        try allow("rename", name)
        guard unsafe renameat(descriptor, name, (other ?? self).descriptor, newName) == 0 else {
            throw failure("rename", name)
        }
    }

    /// As ``rename(_:to:in:)``, but never replaces.
    /// - Returns: `false` when `newName` exists; nothing is changed then.
    public func renameWithoutReplacing(
        _ name: String, to newName: String, in other: Directory? = nil
    ) throws(DurableError) -> Bool {
        try check(name)
        try check(newName)
        try allow("rename", name)
        let target = (other ?? self).descriptor
        if unsafe renameat2(descriptor, name, target, newName, mh_RENAME_NOREPLACE()) == 0 { return true }
        if errno == EEXIST { return false }
        guard errno == EINVAL || errno == ENOSYS else { throw failure("rename", name) }
        // A file system without RENAME_NOREPLACE: link fails on an existing name just as well.
        if unsafe linkat(descriptor, name, target, newName, 0) != 0 {
            if errno == EEXIST { return false }
            throw failure("link", name)
        }
        guard unsafe unlinkat(descriptor, name, 0) == 0 else { throw failure("unlink", name) }
        return true
    }

    /// Removes the entry `name`.
    /// - Returns: `false` when there was none.
    @discardableResult
    public func unlink(_ name: String) throws(DurableError) -> Bool {
        try check(name)
        try allow("remove", name)
        if unsafe unlinkat(descriptor, name, 0) == 0 { return true }
        if errno == ENOENT { return false }
        throw failure("remove", name)
    }

    /// Gives the directory exactly this mode, whatever the umask.
    public func change(mode: UInt32) throws(DurableError) {
        try allow("change", nil)
        guard fchmod(descriptor, mode) == 0 else { throw failure("change the mode of", nil) }
    }

    /// Gives the entry `name`, which nobody else can replace, exactly this mode.
    public func change(mode: UInt32, of name: String) throws(DurableError) {
        try check(name)
        try allow("change", name)
        guard unsafe fchmodat(descriptor, name, mode, 0) == 0 else { throw failure("change the mode of", name) }
    }

    /// Puts the entries on stable storage: what was made, renamed or removed here stays so after a power cut.
    public func synchronize() throws(DurableError) {
        try allow("synchronize", nil)
        while fsync(descriptor) != 0 {
            guard errno == EINTR else { throw failure("synchronize", nil) }
        }
    }

    /// The status of the entry `name`, symbolic links not followed; `nil` when there is none.
    public func status(of name: String) throws(DurableError) -> FileStatus? {
        try check(name)
        var found = stat()
        if unsafe fstatat(descriptor, name, &found, AT_SYMLINK_NOFOLLOW) == 0 { return FileStatus(found) }
        if errno == ENOENT { return nil }
        throw failure("look at", name)
    }

    /// The status of this directory itself.
    public func status() throws(DurableError) -> FileStatus {
        var found = stat()
        guard unsafe fstat(descriptor, &found) == 0 else { throw failure("look at", nil) }
        return FileStatus(found)
    }

    /// Whether `name` leads to the very inode that `file` holds open (asked after taking a lock).
    public func leads(_ name: String, to file: File) throws(DurableError) -> Bool {
        guard let named = try status(of: name) else { return false }
        return named.isSameFile(as: try file.status())
    }

    func pathOf(_ name: String) -> String { path == "/" ? "/\(name)" : "\(path)/\(name)" }

    func failure(_ operation: String, _ name: String?) -> DurableError {
        let code = errno
        return DurableError(operation: operation, path: name.map(pathOf) ?? path, code: code)
    }

    /// Asks the fault plan of a test whether a call that changes the disk may be made.
    func allow(_ operation: String, _ name: String?) throws(DurableError) {
        guard let code = faults?.count() else { return }
        throw DurableError(operation: operation, path: name.map(pathOf) ?? path, code: code)
    }

    private func check(_ name: String) throws(DurableError) {
        guard !name.isEmpty, name != ".", name != "..", !name.utf8.contains(where: { $0 == 0x2F || $0 == 0 }) else {
            throw DurableError(operation: "use the name", path: pathOf(name), code: EINVAL)
        }
    }
}
