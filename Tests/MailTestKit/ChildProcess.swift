// A child process in a process group of its own, waited for with a deadline and never left behind.

import Blocking
import CMHSys
import Glibc
import Synchronization

/// How a child ended, and what it used up (wait4(2)).
public struct ChildEnd: Sendable, Hashable {
    /// The exit status; `nil` when a signal ended the child.
    public let status: Int32?
    /// The signal that ended the child; `nil` when it exited.
    public let signal: Int32?
    /// Processor time of the child and of those children it waited for.
    public let userTime: Duration
    public let systemTime: Duration
    /// The largest resident set in KiB.
    public let maximumResidentKiB: Int
}

/// One running program, the leader of its own process group.
public final class ChildProcess: Sendable {
    public let pid: pid_t
    private let ended = Mutex<ChildEnd?>(nil)

    /// The children that are running: they are killed when the test process exits.
    private static let running = Mutex<Set<pid_t>>([])
    private static let armed: Bool = {
        atexit { for pid in ChildProcess.running.withLock({ $0 }) { kill(-pid, SIGKILL) } }
        return true
    }()

    /// Starts `arguments[0]`, looked up in PATH when it has no slash, with default signal actions and no descriptors
    /// but the three.
    /// - Parameters:
    ///   - environment: the whole environment; `nil` hands on our own.
    ///   - descriptors: what becomes standard input, output and error.
    /// - Throws: ``KitError`` when the program cannot be started.
    public init(
        _ arguments: [String], environment: [String: String]? = nil, directory: String? = nil,
        descriptors: (input: Int32, output: Int32, errors: Int32)
    ) throws(KitError) {
        guard let program = arguments.first else { throw KitError("no program to start") }
        _ = Self.armed
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        // By way of high numbers, so that no source is overwritten before it is copied.
        let wanted = [descriptors.input, descriptors.output, descriptors.errors]
        for (index, source) in wanted.enumerated() {
            unsafe posix_spawn_file_actions_adddup2(&actions, source, Int32(1000 + index))
        }
        for index in 0..<3 {
            unsafe posix_spawn_file_actions_adddup2(&actions, Int32(1000 + index), Int32(index))
        }
        _ = unsafe posix_spawn_file_actions_addclosefrom_np(&actions, 3)
        if let directory { unsafe posix_spawn_file_actions_addchdir_np(&actions, directory) }

        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var all = sigset_t()
        unsafe sigfillset(&all)
        var none = sigset_t()
        unsafe sigemptyset(&none)
        unsafe posix_spawnattr_setsigdefault(&attributes, &all)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setpgroup(&attributes, 0)
        let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK
        unsafe posix_spawnattr_setflags(&attributes, Int16(truncatingIfNeeded: Int(flags)))

        var argv = unsafe arguments.map { unsafe strdup($0) } + [nil]
        defer { unsafe Self.release(argv) }
        var made: pid_t = 0
        var envp = unsafe (environment ?? [:]).map { unsafe strdup("\($0.key)=\($0.value)") } + [nil]
        defer { unsafe Self.release(envp) }
        let patience = Deadline(after: .seconds(5))
        var code: Int32
        repeat {
            if environment == nil {
                code = unsafe posix_spawnp(&made, program, &actions, &attributes, &argv, mh_environ())
            } else {
                code = unsafe posix_spawnp(&made, program, &actions, &attributes, &argv, &envp)
            }
            // A program that was written just now: a child that another test is starting has it open until that execs.
            if code == ETXTBSY { usleep(1000) }
        } while code == ETXTBSY && !patience.hasPassed
        guard code == 0 else {
            throw KitError("cannot start \(program): \(unsafe String(cString: strerror(code)))")
        }
        pid = made
        Self.running.withLock { _ = $0.insert(made) }
    }

    deinit { stop() }

    /// Waits until the child has ended.
    /// - Returns: `nil` when `deadline` passes first; the child runs on.
    public func wait(until deadline: Deadline) -> ChildEnd? {
        if let end = ended.withLock({ $0 }) { return end }
        let handle = pidfd_open(pid, 0)
        defer { if handle >= 0 { close(handle) } }
        while true {
            if let end = reap() { return end }
            guard !deadline.hasPassed else { return nil }
            var watched = pollfd(fd: handle, events: Int16(POLLIN), revents: 0)
            // Without a handle (on kernels before 5.3) the child is polled every 10 ms.
            _ = unsafe poll(
                &watched, 1, handle >= 0 ? deadline.pollTimeout : min(10, deadline.pollTimeout))
        }
    }

    public var hasEnded: Bool { reap() != nil }

    /// Sends `signal` to the child alone.
    public func send(_ signal: Int32) {
        ended.withLock { end in if end == nil { _ = kill(pid, signal) } }
    }

    /// Ends the child: SIGTERM, and after `patience` SIGKILL, then SIGKILL for whatever is left of its group.
    public func stop(patience: Duration = .seconds(5)) {
        send(SIGTERM)
        if wait(until: Deadline(after: patience)) == nil {
            kill(-pid, SIGKILL)
            _ = wait(until: Deadline(after: .seconds(5)))
        }
        let known = Self.running.withLock { $0.remove(pid) != nil }
        // The group may outlive its leader; its number is not given out again while a member lives.
        if known { kill(-pid, SIGKILL) }
    }

    private static func release(_ words: [UnsafeMutablePointer<CChar>?]) {
        for index in unsafe words.indices { unsafe free(words[index]) }
    }

    private func reap() -> ChildEnd? {
        ended.withLock { end in
            if let end { return end }
            var status: Int32 = 0
            var usage = rusage()
            guard unsafe wait4(pid, &status, WNOHANG, &usage) == pid else { return nil }
            let made = ChildEnd(
                status: mh_WIFEXITED(status) != 0 ? mh_WEXITSTATUS(status) : nil,
                signal: mh_WIFSIGNALED(status) != 0 ? mh_WTERMSIG(status) : nil,
                userTime: .seconds(usage.ru_utime.tv_sec) + .microseconds(usage.ru_utime.tv_usec),
                systemTime: .seconds(usage.ru_stime.tv_sec) + .microseconds(usage.ru_stime.tv_usec),
                maximumResidentKiB: usage.ru_maxrss)
            end = made
            return made
        }
    }
}
