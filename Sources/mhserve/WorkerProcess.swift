// A worker as its keeper sees it: a child with the sockets, a copy of the settings without outgoing secrets, and a line back.

import CMHSys
import Glibc
import Programs
import Reporting
import RunControl

/// Where the worker finds what its keeper gave it.
enum WorkerDescriptors {
    /// A memory file with the settings.
    static let settings: Int32 = 3
    /// A socket: the worker writes an octet when mail was queued.
    static let control: Int32 = 4
    /// The first listening socket; the others follow in the order of the rc.
    static let listeners: Int32 = 5
}

final class WorkerProcess {
    let pid: pid_t
    /// What it was started with.
    let settings: HubSettings
    let listeners: [BoundListener]
    private(set) var isDraining = false
    /// Whether it has said that it answers.
    private(set) var isReady = false
    private let control: Int32
    private let started = time(nil)
    private var lineIsOpen = true

    /// Starts a worker: this very program, with the settings in a file that has no name.
    init(settings: HubSettings, listeners: [BoundListener]) throws {
        self.settings = settings
        self.listeners = listeners
        let snapshot = try Self.memoryFile(holding: try Snapshot.write(settings, ports: listeners.map(\.port)))
        defer { close(snapshot) }
        var ends: [Int32] = [-1, -1]
        guard unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) == 0
        else {
            throw KeeperError.system(doing: "make a socket pair", code: errno)
        }
        defer { close(ends[1]) }
        do {
            pid = try Self.spawn([snapshot, ends[1]] + listeners.map(\.descriptor))
        } catch {
            close(ends[0])
            throw error
        }
        control = ends[0]
        _ = fcntl(control, F_SETFL, O_NONBLOCK)
    }

    deinit { close(control) }

    /// Our end of the line from the worker, to be polled; -1 when that has hung up.
    var line: Int32 { lineIsOpen ? control : -1 }

    /// Seconds since the start.
    var age: Int { time(nil) - started }

    /// Lets the worker finish its sessions and end.
    func drain() {
        isDraining = true
        Glibc.kill(pid, SIGTERM)
    }

    func kill() { Glibc.kill(pid, SIGKILL) }

    /// Hears what the worker has said since the last call.
    /// - Returns: whether mail was queued.
    func hear() -> Bool {
        var octets = [UInt8](repeating: 0, count: 256)
        var woken = false
        while lineIsOpen {
            let count = unsafe octets.withUnsafeMutableBytes { unsafe read(control, $0.baseAddress!, $0.count) }
            if count == 0 { lineIsOpen = false }
            guard count > 0 else { break }
            woken = woken || octets[..<count].contains(WakeLine.queued)
            isReady = isReady || octets[..<count].contains(WakeLine.ready)
        }
        return woken
    }

    /// The exit status, 128 + signal for a death by signal; `nil` while the worker lives.
    func reap() -> Int32? {
        var status: Int32 = 0
        guard unsafe waitpid(pid, &status, WNOHANG) == pid else { return nil }
        return mh_WIFEXITED(status) != 0 ? mh_WEXITSTATUS(status) : 128 + mh_WTERMSIG(status)
    }

    /// Starts `/proc/self/exe` as the worker with `descriptors` as 3, 4, 5 … Like us it belongs to the service manager's
    /// group and speaks to our standard streams.
    private static func spawn(_ descriptors: [Int32]) throws -> pid_t {
        var start = ChildStart(file: "/proc/self/exe", arguments: ["mhserve: worker", Worker.role])
        (start.input, start.output, start.errors) = (.ours, .ours, .ours)
        start.handed = descriptors
        start.group = .ours
        do throws(ChildStart.Refusal) { return try start.start() } catch {
            throw KeeperError.system(doing: "start the worker", code: error.code)
        }
    }

    private static func memoryFile(holding octets: [UInt8]) throws -> Int32 {
        let descriptor = unsafe memfd_create("mhserve-settings", mh_MFD_CLOEXEC())
        guard descriptor >= 0 else { throw KeeperError.system(doing: "make a memory file", code: errno) }
        var written = 0
        while written < octets.count {
            let count = unsafe octets.withUnsafeBytes {
                unsafe write(descriptor, $0.baseAddress! + written, octets.count - written)
            }
            guard count > 0 else {
                close(descriptor)
                throw KeeperError.system(doing: "fill a memory file", code: errno)
            }
            written += count
        }
        lseek(descriptor, 0, SEEK_SET)
        return descriptor
    }
}
