// A program while it runs: its pipes, its process group and its end.

import Blocking
internal import CMHSys
import Glibc
import Reporting

/// Feeds input, drains output, watches the clock. Owns its descriptors and one child until ``finish()`` returns.
struct RunningProgram {
    /// The most octets read from a pipe after the child's end: what a pipe can hold. A grandchild may go on writing.
    private static let lastOctetsLimit = 1 << 20

    private let program: Program
    private let spawned: Spawned
    private var stdin: Int32
    private var stdout: Int32
    private var stderr: Int32
    private var fed = 0
    private var output: [UInt8] = []
    private var isOutputCut = false
    private var errors: [UInt8] = []
    private var scratch = [UInt8](repeating: 0, count: 65_536)

    init(_ program: Program) throws(ProgramError) {
        ignoreBrokenPipes()  // a program that does not read its input is no fault
        self.program = program
        spawned = try Spawned.start(program)
        (stdin, stdout, stderr) = (spawned.stdin, spawned.stdout, spawned.stderr)
    }

    /// Runs until the child ends; does not wait for what the child started and left holding the pipes. The process
    /// group is killed and the child reaped before this returns, unless it is left to run on.
    mutating func finish() throws(ProgramError) -> ProgramResult {
        var limit = program.deadline
        var signals = [SIGKILL, SIGTERM]
        var timedOut = false
        // When a program that may run on is left to do so: what it still says would kill it then.
        var leaving: Deadline?
        defer { for descriptor in [stdin, stdout, stderr, spawned.fate] where descriptor >= 0 { close(descriptor) } }

        while !pump(
            until: leaving?.earlier(of: limit) ?? limit,
            orStop: timedOut || leaving != nil ? -1 : StopSignal.descriptor)
        {
            // The program has a process group of its own, so that a Ctrl-C does not reach it.
            let isStopped = !timedOut && StopSignal.hasCome
            guard limit.hasPassed || isStopped else { continue }
            if isStopped, program.isLeftAtStop, !limit.hasPassed {
                let end = leaving ?? Deadline(after: program.patience)
                leaving = end
                guard end.hasPassed else { continue }
                return ProgramResult(ending: .timedOut, output: [], isOutputCut: false, errors: [])
            }
            timedOut = true
            // A process that survives SIGKILL is stuck in the kernel: no reason to be stuck with it.
            guard let signal = signals.popLast() else { break }
            kill(-spawned.child, signal)
            limit = Deadline(after: program.patience)
        }
        // Before the child is reaped: until then no other process can have its id, nor that of the group.
        kill(-spawned.child, SIGKILL)
        var status: Int32 = 0
        let reaped = unsafe waitpid(spawned.child, &status, signals.isEmpty && timedOut ? WNOHANG : 0)
        drainLastOctets()
        let ending: ProgramResult.Ending =
            if timedOut || reaped != spawned.child {
                .timedOut
            } else if mh_WIFEXITED(status) != 0 {
                .exited(mh_WEXITSTATUS(status))
            } else {
                .killed(signal: mh_WTERMSIG(status))
            }
        return ProgramResult(ending: ending, output: output, isOutputCut: isOutputCut, errors: errors)
    }

    /// One poll for input, both outputs, the child's end and the order to stop.
    /// - Returns: whether the child has ended.
    private mutating func pump(until limit: Deadline, orStop stop: Int32) -> Bool {
        var watched = [
            pollfd(fd: stdin, events: Int16(POLLOUT), revents: 0),
            pollfd(fd: stdout, events: Int16(POLLIN), revents: 0),
            pollfd(fd: stderr, events: Int16(POLLIN), revents: 0),
            pollfd(fd: spawned.fate, events: Int16(POLLIN), revents: 0),
            pollfd(fd: stop, events: Int16(POLLIN), revents: 0),
        ]
        guard unsafe poll(&watched, nfds_t(watched.count), limit.pollTimeout) > 0 else { return false }
        if watched[0].revents != 0 { feed() }
        if watched[1].revents != 0 { drainOutput() }
        if watched[2].revents != 0 { drainErrors() }
        return watched[3].revents != 0
    }

    private mutating func feed() {
        guard case .octets(let octets) = program.input else { return }
        if fed < octets.count {
            let count = unsafe octets.withUnsafeBytes { unsafe write(stdin, $0.baseAddress! + fed, $0.count - fed) }
            if count > 0 { fed += count }
            if count < 0, errno != EAGAIN, errno != EINTR { fed = octets.count }  // it has closed its input
        }
        if fed == octets.count { Self.shut(&stdin) }
    }

    /// - Returns: octets read.
    @discardableResult
    private mutating func drainOutput() -> Int {
        let count = Self.fill(&scratch, from: &stdout)
        let room = program.outputLimit - output.count
        output += scratch[..<min(count, room)]
        if count > room { isOutputCut = true }
        return count
    }

    @discardableResult
    private mutating func drainErrors() -> Int {
        let count = Self.fill(&scratch, from: &stderr)
        errors += scratch[..<count]
        if errors.count > Program.errorLimit { errors.removeFirst(errors.count - Program.errorLimit) }
        return count
    }

    private mutating func drainLastOctets() {
        var drained = 0
        while stdout >= 0, drained < Self.lastOctetsLimit, case let count = drainOutput(), count > 0 {
            drained += count
        }
        drained = 0
        while stderr >= 0, drained < Self.lastOctetsLimit, case let count = drainErrors(), count > 0 {
            drained += count
        }
    }

    /// Reads once into `scratch`; shuts `descriptor` at its end.
    private static func fill(_ scratch: inout [UInt8], from descriptor: inout Int32) -> Int {
        let source = descriptor
        let count = unsafe scratch.withUnsafeMutableBytes { unsafe read(source, $0.baseAddress, $0.count) }
        if count > 0 { return count }
        if count == 0 || errno != EAGAIN && errno != EINTR { shut(&descriptor) }
        return 0
    }

    private static func shut(_ descriptor: inout Int32) {
        close(descriptor)
        descriptor = -1
    }
}
