// A folder of a test's own, which is removed with the test.

import Glibc

/// A new empty directory in /tmp, removed with all that it holds when released.
public final class ScratchDirectory: Sendable {
    public let path: String

    /// - Parameter inMemory: use a file system in memory if there is one, for tests that synchronize very often.
    public init(inMemory: Bool = false) {
        let parent = unsafe inMemory && access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
        var template = Array("\(parent)/mailhub-test-XXXXXX".utf8CString)
        let made = unsafe template.withUnsafeMutableBufferPointer { unsafe mkdtemp($0.baseAddress!) }
        precondition(unsafe made != nil, "no scratch directory: \(errno)")
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { Self.remove(path) }

    /// The path of `name` in this directory.
    public func file(_ name: String) -> String { "\(path)/\(name)" }

    /// Makes the folder `name`.
    public func makeFolder(_ name: String, mode: mode_t = 0o700) { _ = unsafe mkdir(file(name), mode) }

    /// Lets other users enter: a peer that does not run as root.
    public func letOthersEnter() { _ = unsafe chmod(path, 0o755) }

    /// Writes `octets` to `name` and returns its path.
    @discardableResult
    public func write(_ octets: [UInt8], to name: String, mode: mode_t = 0o600) -> String {
        let path = file(name)
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        precondition(descriptor >= 0, "cannot write \(path): \(errno)")
        defer { close(descriptor) }
        var written = 0
        while written < octets.count {
            let count = unsafe octets.withUnsafeBytes {
                unsafe Glibc.write(descriptor, $0.baseAddress! + written, octets.count - written)
            }
            precondition(count > 0, "cannot write \(path): \(errno)")
            written += count
        }
        _ = unsafe chmod(path, mode)
        return path
    }

    @discardableResult
    public func write(_ text: String, to name: String, mode: mode_t = 0o600) -> String {
        write(Array(text.utf8), to: name, mode: mode)
    }

    /// All octets of the file at `path`; `nil` when it cannot be opened.
    public static func read(_ path: String) -> [UInt8]? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var octets: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress!, $0.count) }
            guard count > 0 else { return octets }
            octets.append(contentsOf: chunk[..<count])
        }
    }

    /// The names in the directory at `path`, sorted, without `.` and `..`; none when it cannot be read.
    public static func names(in path: String) -> [String] {
        guard let stream = unsafe opendir(path) else { return [] }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    private static func remove(_ path: String) {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return }
        if status.st_mode & S_IFMT == S_IFDIR {
            _ = unsafe chmod(path, 0o700)
            for name in names(in: path) { remove("\(path)/\(name)") }
            _ = unsafe rmdir(path)
        } else {
            _ = unsafe unlink(path)
        }
    }
}

/// unlink(2), for tests that need nothing else of the system.
/// - Returns: whether there was such a file.
@discardableResult
public func removeFile(_ path: String) -> Bool { unsafe unlink(path) == 0 }

/// rename(2), likewise.
@discardableResult
public func moveFile(_ path: String, to target: String) -> Bool { unsafe rename(path, target) == 0 }
