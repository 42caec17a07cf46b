// Small files that are whole or not there, and stay after a power cut.

import Glibc
import Reporting

/// Writes key and certificate files.
enum DurableFile {
    /// Writes `octets` to `path` with exactly `mode`, synced with its directory.
    /// - Parameter replacing: by rename over what is there; otherwise the file must be new.
    /// - Throws: ``TLSError/alreadyThere(path:)`` or ``TLSError/cannotWrite(path:reason:)``; nothing is left then.
    static func write(_ octets: [UInt8], to path: String, mode: mode_t, replacing: Bool) throws(TLSError) {
        let target = replacing ? "\(path).\(getpid()).new" : path
        let descriptor = unsafe open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            let code = errno
            throw code == EEXIST ? .alreadyThere(path: target) : .cannotWrite(path: target, reason: reason(code))
        }
        var code = fill(descriptor, with: octets, mode)
        if close(descriptor) != 0, code == 0 { code = errno }
        if code == 0, replacing, unsafe rename(target, path) != 0 { code = errno }
        if code == 0 { code = synchronizeDirectory(of: path) }
        guard code == 0 else {
            _ = unsafe unlink(target)
            throw .cannotWrite(path: path, reason: reason(code))
        }
    }

    /// - Returns: errno; 0 when all went well.
    private static func fill(_ descriptor: Int32, with octets: [UInt8], _ mode: mode_t) -> Int32 {
        guard fchmod(descriptor, mode) == 0 else { return errno }
        var written = 0
        while written < octets.count {
            let count = unsafe octets.withUnsafeBytes { bytes in
                let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[written...])
                return unsafe Glibc.write(descriptor, rest.baseAddress, rest.count)
            }
            if count < 0 {
                if errno == EINTR { continue }
                return errno
            }
            written += count
        }
        return fsync(descriptor) == 0 ? 0 : errno
    }

    private static func synchronizeDirectory(of path: String) -> Int32 {
        let parent =
            if let slash = path.lastIndex(of: "/") { slash == path.startIndex ? "/" : String(path[..<slash]) } else {
                "."
            }
        let descriptor = unsafe open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return errno }
        defer { close(descriptor) }
        return fsync(descriptor) == 0 ? 0 : errno
    }
}
