// Starting a program: posix_spawn with everything of ours left behind.

internal import CMHSys
import Glibc
import Reporting

func effectiveUserIsRoot() -> Bool { geteuid() == 0 }

/// A started child, the leader of a process group of its own, and our ends of its pipes (non-blocking).
struct Spawned {
    let child: pid_t
    /// -1 when there is nothing to feed.
    let stdin: Int32
    let stdout: Int32
    let stderr: Int32
    /// Becomes readable when the child ends (pidfd_open(2)).
    let fate: Int32

    static func start(_ program: Program) throws(ProgramError) -> Spawned {
        let name = program.argv[0]
        let environment = surroundings(of: program)
        let file = try find(name, in: environment["PATH"] ?? Program.path)
        guard unsafe access(program.directory, X_OK) == 0 else {
            throw .cannotStart(program: name, reason: "its directory \(program.directory): \(reason(errno))")
        }
        let output = try Pipe()
        let errors = try Pipe()
        var feed: Pipe?
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        // All our pipe ends are 3 or higher, so that no dup2 hits one still needed.
        switch program.input {
        case .none:
            unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        case .octets:
            let pipe = try Pipe()
            unsafe posix_spawn_file_actions_adddup2(&actions, pipe.exit, 0)
            feed = pipe
        case .file(let descriptor):
            unsafe posix_spawn_file_actions_adddup2(&actions, descriptor, 0)
        }
        unsafe posix_spawn_file_actions_adddup2(&actions, output.entry, 1)
        unsafe posix_spawn_file_actions_adddup2(&actions, errors.entry, 2)
        unsafe posix_spawn_file_actions_addclosefrom_np(&actions, 3)
        unsafe posix_spawn_file_actions_addchdir_np(&actions, program.directory)

        let (code, child) = unsafe spawn(
            file, program.argv, environment.map { "\($0.key)=\($0.value)" }, &actions)
        guard code == 0 else { throw .cannotStart(program: name, reason: reason(code)) }
        let fate = pidfd_open(child, 0)
        guard fate >= 0 else {
            let code = errno
            kill(-child, SIGKILL)
            waitpid(child, nil, 0)
            throw .system(doing: "watch \(name)", code: code)
        }
        return Spawned(
            child: child, stdin: feed?.keepEntry() ?? -1, stdout: output.keepExit(), stderr: errors.keepExit(),
            fate: fate)
    }

    /// posix_spawn with default signals, none of them blocked, and a process group of its own.
    private static func spawn(
        _ file: String, _ argv: [String], _ environment: [String],
        _ actions: UnsafePointer<posix_spawn_file_actions_t>
    ) -> (code: Int32, child: pid_t) {
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        unsafe posix_spawnattr_setsigmask(&attributes, &signals)
        unsafe sigfillset(&signals)
        unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
        unsafe posix_spawnattr_setpgroup(&attributes, 0)
        let flags = Int(POSIX_SPAWN_SETSIGMASK) | Int(POSIX_SPAWN_SETSIGDEF) | Int(POSIX_SPAWN_SETPGROUP)
        unsafe posix_spawnattr_setflags(&attributes, Int16(flags))

        var words: [UnsafeMutablePointer<CChar>?] = unsafe argv.map { unsafe strdup($0) } + [nil]
        var variables: [UnsafeMutablePointer<CChar>?] = unsafe environment.map { unsafe strdup($0) } + [nil]
        defer {
            for index in unsafe words.indices { unsafe free(words[index]) }
            for index in unsafe variables.indices { unsafe free(variables[index]) }
        }
        var child: pid_t = 0
        let code = unsafe posix_spawn(&child, file, actions, &attributes, &words, &variables)
        return (code, child)
    }

    /// The file that `name` means; names without a slash are searched for, like a shell would.
    static func find(_ name: String, in path: String) throws(ProgramError) -> String {
        guard !name.contains("/") else { return name }
        for directory in path.split(separator: ":") where directory.hasPrefix("/") {
            let file = "\(directory)/\(name)"
            if unsafe access(file, X_OK) == 0 { return file }
        }
        throw .cannotStart(program: name, reason: "not found in \(path); write its whole path")
    }

    /// The fixed environment, and what the caller adds.
    private static func surroundings(of program: Program) -> [String: String] {
        var all = ["PATH": Program.path, "LANG": "C.UTF-8"]
        var entry = unsafe passwd()
        var buffer = [CChar](repeating: 0, count: 16_384)
        var found: UnsafeMutablePointer<passwd>?
        if unsafe getpwuid_r(geteuid(), &entry, &buffer, buffer.count, &found) == 0, unsafe found != nil {
            all["HOME"] = unsafe String(cString: entry.pw_dir)
            all["USER"] = unsafe String(cString: entry.pw_name)
            all["LOGNAME"] = all["USER"]
        }
        return all.merging(program.environment) { $1 }
    }
}

/// Both ends of a pipe, closed when released unless kept.
private final class Pipe {
    private(set) var exit: Int32 = -1
    private(set) var entry: Int32 = -1

    init() throws(ProgramError) {
        var both: [Int32] = [-1, -1]
        guard unsafe pipe2(&both, O_CLOEXEC) == 0 else { throw .system(doing: "make a pipe", code: errno) }
        (exit, entry) = (Self.lift(both[0]), Self.lift(both[1]))
        guard exit >= 0, entry >= 0 else { throw .system(doing: "make a pipe", code: errno) }
    }

    deinit { for end in [exit, entry] where end >= 0 { close(end) } }

    /// Our reading end, which the caller closes from now on.
    func keepExit() -> Int32 {
        defer { exit = -1 }
        return Self.nonBlocking(exit)
    }

    func keepEntry() -> Int32 {
        defer { entry = -1 }
        return Self.nonBlocking(entry)
    }

    /// `descriptor`, or a copy of it above the three standard ones.
    private static func lift(_ descriptor: Int32) -> Int32 {
        guard descriptor >= 0, descriptor < 3 else { return descriptor }
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
        close(descriptor)
        return copy
    }

    private static func nonBlocking(_ descriptor: Int32) -> Int32 {
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        return descriptor
    }
}
