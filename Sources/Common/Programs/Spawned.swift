// Starting a program: nothing of ours is left open in it, and we hold the other ends of its streams.

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
        let variables = environment(of: program)
        let file = try find(name, in: variables["PATH"] ?? Program.path)
        guard unsafe access(program.directory, X_OK) == 0 else {
            throw .cannotStart(program: name, reason: "its directory \(program.directory): \(reason(errno))")
        }
        let output = try Pipe()
        let errors = try Pipe()
        var feed: Pipe?
        var start = ChildStart(file: file, arguments: program.argv)
        start.environment = variables.map { "\($0.key)=\($0.value)" }
        start.directory = program.directory
        start.output = .descriptor(output.entry)
        start.errors = .descriptor(errors.entry)
        start.handed = program.kept.map { [$0] } ?? []
        switch program.input {
        case .none: break
        case .octets:
            let pipe = try Pipe()
            start.input = .descriptor(pipe.exit)
            feed = pipe
        case .file(let descriptor): start.input = .descriptor(descriptor)
        }

        let child: Int32
        do throws(ChildStart.Refusal) { child = try start.start() } catch {
            throw .cannotStart(program: name, reason: reason(error.code))
        }
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

    /// The file to run for `name`; a name without a slash is searched for in `path`, as a shell would do.
    static func find(_ name: String, in path: String) throws(ProgramError) -> String {
        guard !name.contains("/") else { return name }
        for directory in path.split(separator: ":") where directory.hasPrefix("/") {
            let file = "\(directory)/\(name)"
            if unsafe access(file, X_OK) == 0 { return file }
        }
        throw .cannotStart(program: name, reason: "not found in \(path); write its whole path")
    }

    /// The fixed environment, and what the caller adds.
    private static func environment(of program: Program) -> [String: String] {
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
        (exit, entry) = (both[0], both[1])
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

    private static func nonBlocking(_ descriptor: Int32) -> Int32 {
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        return descriptor
    }
}
