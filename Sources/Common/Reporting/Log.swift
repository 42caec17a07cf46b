// The log: one line an event, key=value, foreign octets escaped, to syslog, a file or standard error.

import CMHSys
import Glibc
import Synchronization

/// Where log lines go, and how they look.
public final class Log: Sendable {
    /// The rc's `log` line.
    public enum Destination: Sendable, Hashable {
        case syslog
        case standardError
        case file(String)
        case nowhere
    }

    public enum Level: Int32, Sendable {
        case error = 3
        case warning = 4
        case notice = 5
        case info = 6
        case debug = 7
    }

    /// A pipe that nobody reads is an error and no reason to wait.
    private static let opening = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY

    private let program: String
    private let destination: Destination
    private let descriptor: Mutex<Int32>

    /// - Parameter program: the name that stands in each line, such as `mhsend`.
    /// - Throws: ``LogError`` when the file cannot be opened for appending.
    public init(program: String, to destination: Destination) throws(LogError) {
        self.program = program
        let background = destination == .standardError && StandardError.isNull ? BackgroundLog.find() : nil
        self.destination = background == .syslog ? .syslog : destination
        switch self.destination {
        case .file(let path):
            let opened = unsafe open(path, Self.opening, 0o600)
            guard opened >= 0 else { throw LogError(path: path, code: errno) }
            descriptor = Mutex(opened)
        case .syslog:
            // openlog keeps the pointer: the name must live as long as the process.
            unsafe mh_openlog(strdup(program))
            descriptor = Mutex(-1)
        case .standardError:
            if case .descriptor(let other) = background { descriptor = Mutex(other) } else { descriptor = Mutex(2) }
        case .nowhere:
            descriptor = Mutex(-1)
        }
    }

    deinit {
        if case .file = destination { descriptor.withLock { _ = close($0) } }
    }

    /// Writes `event key=value …`. Values are escaped and quoted where needed, so that one event is one line.
    public func write(_ level: Level, _ event: String, _ fields: [(String, String?)] = []) {
        var line = event
        for (key, value) in fields {
            guard let value else { continue }
            line += " \(key)=\(Self.quoted(value))"
        }
        switch destination {
        case .syslog:
            unsafe mh_syslog(level.rawValue, line)
        case .file:
            let stamped = "\(Self.stamp()) \(program)[\(getpid())]: \(line)\n"
            descriptor.withLock { _ = writeAll(Array(stamped.utf8), to: $0) }
        case .standardError:
            descriptor.withLock {
                if $0 == 2 {
                    writeToStandardError("\(program): \(line)")
                } else {
                    _ = writeAll(Array("\(program): \(line)\n".utf8), to: $0)
                }
            }
        case .nowhere:
            break
        }
    }

    /// Opens the file anew, after it was rotated away.
    /// - Throws: ``LogError`` when it cannot be opened; the old one stays in use.
    public func reopen() throws(LogError) {
        guard case .file(let path) = destination else { return }
        let opened = unsafe open(path, Self.opening, 0o600)
        guard opened >= 0 else { throw LogError(path: path, code: errno) }
        descriptor.withLock {
            _ = close($0)
            $0 = opened
        }
    }

    /// `value` as it stands behind a `=`: in quotes where it has blanks, `=`, quotes or backslashes, with a backslash
    /// before each of the latter two. So no value seems to end early, and `\xNN` within quotes is always ours.
    static func quoted(_ value: String) -> String {
        var text = ""
        for scalar in value.unicodeScalars {
            if scalar == "\"" || scalar == "\\" { text += "\\" }
            text.unicodeScalars.append(scalar)
        }
        let clean = printable(octets: text.utf8)
        let special: Set<Unicode.Scalar> = [" ", "\"", "=", "\\"]
        return clean.isEmpty || clean.unicodeScalars.contains(where: special.contains) ? "\"\(clean)\"" : clean
    }

    /// The present time as `2026-11-21T09:00:00Z`.
    private static func stamp() -> String {
        var now = time(nil)
        var parts = unsafe tm()
        unsafe gmtime_r(&now, &parts)
        func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let (year, month, day) = unsafe (parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday)
        let (hour, minute, second) = unsafe (parts.tm_hour, parts.tm_min, parts.tm_sec)
        return "\(year)-\(two(month))-\(two(day))T\(two(hour)):\(two(minute)):\(two(second))Z"
    }
}

/// A log file that cannot be opened.
public struct LogError: Complaint {
    let path: String
    let code: Int32
    public var exitStatus: ExitStatus { .cannotCreate }
    public var description: String { "\(path): cannot write the log: \(reason(code)); mend the rc's `log` line" }
}
