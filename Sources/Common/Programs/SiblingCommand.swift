// The hub's other commands: found beside the running one, then started, or run in its place.

import Glibc
import Reporting

/// A command of this hub, installed with the one that runs.
public struct SiblingCommand: Sendable {
    /// The carrier, which takes mail out of the queue: in `libexec/mailhub` beside `bin` or `sbin`, or beside us in a
    /// build directory.
    public static let carrier = SiblingCommand(name: "mhcarry", isInternal: true)
    public static let queue = SiblingCommand(name: "mhqueue", isInternal: false)
    public static let intake = SiblingCommand(name: "mhsend", isInternal: false)
    public static let routes = SiblingCommand(name: "mhroute", isInternal: false)

    let name: String
    let isInternal: Bool

    /// The path of its executable.
    /// - Throws: ``SiblingError/missing(name:places:)``; ``SiblingError/cannotStart(path:code:)`` without /proc.
    public func path() throws(SiblingError) -> String {
        let here = try Self.ownDirectory()
        var places = ["\(here)/\(name)"]
        if isInternal { places.append("\(here)/../libexec/mailhub/\(name)") }
        if here.hasSuffix("/libexec/mailhub") { places.append("\(here)/../../bin/\(name)") }
        for place in places where unsafe access(place, X_OK) == 0 { return place }
        throw .missing(name: name, places: places)
    }

    /// Starts it in the background, in a process group of its own, with standard input and output on /dev/null.
    /// - Parameters:
    ///   - isDetached: whether it gets a session of its own, and /dev/null as its standard error too, so that whoever
    ///     waits for the end of our output does not wait for it.
    ///   - speaksForUs: whether its messages begin with the name that we were called by.
    /// - Returns: its process id; the caller may wait for it.
    /// - Throws: as ``path()``; ``SiblingError/cannotStart(path:code:)``.
    @discardableResult
    public func start(
        _ arguments: [String], isDetached: Bool = false, speaksForUs: Bool = false
    ) throws(SiblingError) -> Int32 {
        let path = try path()
        var start = ChildStart(
            file: path, arguments: [speaksForUs ? CommandName.called(else: name) : path] + arguments)
        if isDetached {
            start.errors = .null
            start.group = .ownSession
        }
        do throws(ChildStart.Refusal) { return try start.start() } catch {
            throw .cannotStart(path: path, code: error.code)
        }
    }

    /// Runs the command in place of this process (exec(3)), under the name that this one was called by.
    /// - Throws: as ``path()``; ``SiblingError/cannotStart(path:code:)``.
    public func replaceThisProcess(_ arguments: [String]) throws(SiblingError) -> Never {
        let path = try path()
        _ = unsafe withWords([CommandName.called(else: name)] + arguments) { unsafe execv(path, $0) }
        throw .cannotStart(path: path, code: errno)
    }

    private static func ownDirectory() throws(SiblingError) -> String {
        var octets = [UInt8](repeating: 0, count: 4096)
        let count = unsafe octets.withUnsafeMutableBytes {
            unsafe readlink("/proc/self/exe", $0.baseAddress!, $0.count)
        }
        guard count > 0, let slash = octets[..<count].lastIndex(of: 0x2F) else {
            throw .cannotStart(path: "/proc/self/exe", code: errno)
        }
        return String(decoding: octets[..<slash], as: UTF8.self)
    }
}

/// Why another command of the hub cannot be started.
public enum SiblingError: Complaint {
    case missing(name: String, places: [String])
    case cannotStart(path: String, code: Int32)

    public var exitStatus: ExitStatus { .osFile }

    public var description: String {
        switch self {
        case .missing(let name, let places):
            "\(name) is not installed where it belongs (\(places.joined(separator: ", "))); reinstall the hub"
        case .cannotStart(let path, let code): "cannot start \(path): \(reason(code))"
        }
    }
}
