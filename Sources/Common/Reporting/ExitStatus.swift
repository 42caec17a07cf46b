// What a command's end says to its caller: sysexits(3).

import Glibc

/// The named exit statuses of sysexits(3); mail programs and scripts act on them.
public enum ExitStatus: Int32, Sendable, Hashable {
    case ok = 0
    /// The command line is wrong.
    case usage = 64
    /// The input is not what it should be.
    case dataError = 65
    /// An input file is missing or unreadable.
    case noInput = 66
    case noUser = 67
    case noHost = 68
    /// A service is not available.
    case unavailable = 69
    /// A fault of ours.
    case software = 70
    case osError = 71
    case osFile = 72
    case cannotCreate = 73
    case ioError = 74
    /// Try again later; nothing was accepted.
    case temporaryFailure = 75
    /// The peer broke the protocol.
    case protocolError = 76
    /// A login was refused, or rights are missing.
    case noPermission = 77
    /// The rc, or what it names, is wrong.
    case configuration = 78
}

/// An error that a person must act on: one line that says what happened, where, and what to do, without secrets.
public protocol Complaint: Error, Sendable, CustomStringConvertible {
    var exitStatus: ExitStatus { get }
    /// What to show, each on a line of its own: the description, unless there are several things to mend.
    var lines: [String] { get }
}

extension Complaint {
    public var lines: [String] { [description] }
}

/// Writes `program: complaint` on standard error, a line for each of its ``Complaint/lines``.
/// - Returns: the status to exit with: the complaint's own, ``ExitStatus/software`` for an error of another kind.
public func complain(_ error: any Error, as program: String) -> ExitStatus {
    if let complaint = error as? any Complaint {
        for line in complaint.lines { writeToStandardError("\(program): \(printable(line))") }
        return complaint.exitStatus
    }
    writeToStandardError("\(program): internal error: \(printable(sentence(error)))")
    return .software
}

/// Writes `line` and a line end on standard error, in one write, above the live lines.
public func writeToStandardError(_ line: String) {
    LiveLines.write(line)
}

/// - Returns: `false` when not all could be written; errno says why.
@discardableResult
func writeAll(_ octets: [UInt8], to descriptor: Int32) -> Bool {
    var written = 0
    while written < octets.count {
        let count = unsafe octets.withUnsafeBytes { bytes in
            unsafe Glibc.write(descriptor, bytes.baseAddress! + written, bytes.count - written)
        }
        if count < 0 {
            if errno == EINTR { continue }
            return false
        }
        written += count
    }
    return true
}

/// The system's text for `code` (an errno value).
public func reason(_ code: Int32) -> String {
    unsafe String(cString: strerror(code))
}
