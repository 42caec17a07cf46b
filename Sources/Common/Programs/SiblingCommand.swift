// The hub's own other commands: found beside the running one, started or become.

import Glibc
import Reporting

/// A command of this hub, installed with the one that runs.
public struct SiblingCommand: Sendable {
    /// The carrier: takes the queue out. In `libexec/mailhub` beside `bin` or `sbin`; beside us in a build folder.
    public static let carrier = SiblingCommand(name: "mhcarry", isInternal: true)
    public static let queue = SiblingCommand(name: "mhqueue", isInternal: false)

    let name: String
    let isInternal: Bool

    /// Where it stands.
    public func path() throws(SiblingError) -> String {
        let here = try Self.ownDirectory()
        var places = ["\(here)/\(name)"]
        if isInternal { places.append("\(here)/../libexec/mailhub/\(name)") }
        if here.hasSuffix("/libexec/mailhub") { places.append("\(here)/../../bin/\(name)") }
        for place in places where unsafe access(place, X_OK) == 0 { return place }
        throw .missing(name: name, places: places)
    }

    /// Starts it in the background, in a process group of its own, with standard input and output closed off.
    /// - Parameter isDetached: in a session of its own and with standard error closed off too, so that whoever waits for
    ///   the end of our output does not wait for it.
    /// - Parameter speaksForUs: its messages bear the name that we were called by.
    /// - Returns: its process id; the caller may wait for it.
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

    /// Becomes it: this process goes on as that command, under the name it was called by, and does not come back.
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
            "\(name) is not installed where it belongs (\(places.joined(separator: ", "))); install the hub anew"
        case .cannotStart(let path, let code): "cannot start \(path): \(reason(code))"
        }
    }
}
