// A failed call to the disk, told to the person who must act.

import Glibc
import Reporting

/// What the system refused to do, where, and why.
public struct DurableError: Complaint, Hashable {
    /// The step in words that follow "cannot": `write`, `synchronize`, `rename`…
    public let operation: String
    /// The file or directory it was about.
    public let path: String
    /// The system's errno.
    public let code: Int32

    public init(operation: String, path: String, code: Int32) {
        self.operation = operation
        self.path = path
        self.code = code
    }

    /// A name is taken already.
    public static let exists = EEXIST
    public static let tooLarge = EFBIG
    /// The disk failed.
    public static let inputOutput = EIO

    /// The disk is full, or the owner's quota: nothing was done, and a later try may succeed.
    public var isNoSpace: Bool { code == ENOSPC || code == EDQUOT }

    /// A directory stands where a file was meant.
    public var isDirectory: Bool { code == EISDIR }

    /// The system was short of something, and nothing is wrong with the file: the next try may succeed.
    public var isShortage: Bool {
        switch code {
        case EMFILE, ENFILE, ENOMEM, ENOBUFS, EAGAIN, EINTR: true
        default: false
        }
    }

    /// The user that this runs as may not do it.
    public var isDenied: Bool { code == EACCES || code == EPERM }

    /// The file or directory is not there.
    public var isMissing: Bool { code == ENOENT || code == ENOTDIR }

    public var exitStatus: ExitStatus {
        switch code {
        case ENOSPC, EDQUOT, EAGAIN, EINTR, EMFILE, ENFILE, ENOMEM, ENOLCK: .temporaryFailure
        case EIO: .ioError
        case EACCES, EPERM: .noPermission
        case EROFS: .cannotCreate
        case ENOENT, ENOTDIR, ELOOP: .osFile
        default: .osError
        }
    }

    public var description: String {
        let what = "\(path): cannot \(operation): \(reason(code))"
        return switch code {
        case ENOSPC: "\(what); the disk is full: make room, nothing was lost"
        case EDQUOT: "\(what); the quota is used up: make room, nothing was lost"
        case EIO: "\(what); the disk reports a fault: look at the kernel's log"
        case EACCES where operation == "make": "\(what); as root: \(UserName.makingCommand(path))"
        case EACCES, EPERM: "\(what); check owner and mode, or the user this runs as"
        case EFBIG where operation != "read": "\(what); it is more than `ulimit -f` or the file system allows"
        case EROFS: "\(what); mount the file system writable"
        case EMFILE, ENFILE: "\(what); raise the limit of open files"
        default: what
        }
    }
}
