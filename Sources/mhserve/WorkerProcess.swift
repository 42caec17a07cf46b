// A worker as its keeper sees it: a child with the sockets, a copy of the settings without outgoing secrets, and a line back.

import CMHSys
import Glibc
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

    /// Starts `/proc/self/exe` as the worker with `descriptors` as 3, 4, 5 …
    private static func spawn(_ descriptors: [Int32]) throws -> pid_t {
        // Copies above all targets first, so that no dup2 overwrites a descriptor still to be handed over.
        var copies: [Int32] = []
        defer { for copy in copies { close(copy) } }
        for descriptor in descriptors {
            let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3 + Int32(descriptors.count) + 8)
            guard copy >= 0 else { throw KeeperError.system(doing: "copy a socket", code: errno) }
            copies.append(copy)
        }
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        for (index, copy) in copies.enumerated() {
            unsafe posix_spawn_file_actions_adddup2(&actions, copy, 3 + Int32(index))
        }
        unsafe posix_spawn_file_actions_addclosefrom_np(&actions, 3 + Int32(copies.count))

        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        unsafe sigemptyset(&none)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        var all = sigset_t()
        unsafe sigfillset(&all)
        unsafe posix_spawnattr_setsigdefault(&attributes, &all)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        var pid: pid_t = 0
        let name = unsafe strdup("mhserve: worker")
        defer { unsafe free(name) }
        let role = unsafe strdup(Worker.role)
        defer { unsafe free(role) }
        let code = unsafe posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, [name, role, nil], environ)
        guard code == 0 else { throw KeeperError.system(doing: "start the worker", code: code) }
        return pid
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
