// Whether anybody reads our standard error, and where the log goes when nobody does.

import Glibc

public enum StandardError {
    /// Whether descriptor 2 leads nowhere: closed, or to /dev/null, as in a run that was started in the background.
    public static var isNull: Bool {
        var ours = stat()
        return unsafe fstat(2, &ours) != 0 || isNullDevice(ours)
    }

    static func isNullDevice(_ status: stat) -> Bool {
        var null = stat()
        guard unsafe stat("/dev/null", &null) == 0 else { return false }
        return status.st_mode & S_IFMT == S_IFCHR && status.st_rdev == null.st_rdev
    }
}

/// Where `log stderr` goes for a process whose standard error leads nowhere.
///
/// An `mhcarry` that mhserve starts is no such process, in a container or outside: it has the standard error of
/// mhserve.
enum BackgroundLog: Equatable {
    case syslog
    /// The standard error of a container's first process.
    case descriptor(Int32)

    /// Syslog where there is one. A container has none: its log is what its first process writes to standard error,
    /// which we can open only where that process runs as our user.
    static func find(syslog: String = "/dev/log", firstProcess: String = "/proc/1/fd/2") -> BackgroundLog {
        if unsafe access(syslog, F_OK) == 0 { return .syslog }
        let opened = unsafe open(firstProcess, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY)
        guard opened >= 0 else { return .syslog }
        var status = stat()
        guard unsafe fstat(opened, &status) == 0, !StandardError.isNullDevice(status) else {
            close(opened)
            return .syslog
        }
        return .descriptor(opened)
    }
}
