// The one way to run another program: no shell, a fixed environment, a deadline, and nothing of ours left open in it.

import Blocking
internal import CMHSys
import Glibc
import Reporting

/// A program to run once, and the bounds within which it runs.
public struct Program: Sendable {
    /// What the program reads on its standard input.
    public enum Input: Sendable {
        /// `/dev/null`.
        case none
        case octets([UInt8])
        /// An open descriptor, read from where it stands; stays open here.
        case file(Int32)
    }

    /// The program and its arguments. A name without a slash is looked up in ``path``.
    public var argv: [String]
    /// Variables besides the fixed ones, which they override, `PATH` included.
    public var environment: [String: String]
    public var directory: String
    public var input: Input
    /// When it is killed. What it leaves in its process group is killed too, however it ends.
    public var deadline: Deadline
    /// Octets of standard output kept; what follows is read and dropped (see ``ProgramResult/isOutputCut``).
    public var outputLimit: Int
    /// A descriptor of ours that it holds as its descriptor 3: a lock that is to last as long as it does.
    public var kept: Int32?
    /// Whether it is left to run on when this process is told to stop: it may be in the midst of what cannot be done
    /// again.
    public var isLeftAtStop = false

    /// Where programs without a slash in their name are found.
    public static let path = "/usr/local/bin:/usr/bin:/bin"
    /// Octets of standard error kept: the last ones.
    public static let errorLimit = 4096
    /// How long a program may take to end after SIGTERM, before SIGKILL.
    public static let patience = Duration.seconds(2)
    package var patience = Program.patience
    /// Tells whether this process is root's; only tests say otherwise.
    package var isRoot: @Sendable () -> Bool = { effectiveUserIsRoot() }

    public init(
        argv: [String], environment: [String: String] = [:], directory: String = "/", input: Input = .none,
        deadline: Deadline, outputLimit: Int = 65_536
    ) {
        (self.argv, self.environment, self.directory) = (argv, environment, directory)
        (self.input, self.deadline, self.outputLimit) = (input, deadline, outputLimit)
    }

    /// What keeps the program `name` from being run, as far as can be told without running it; `nil` for nothing.
    public static func obstacle(to name: String) -> ProgramError? {
        guard !effectiveUserIsRoot() else { return .refusedAsRoot(program: name) }
        do throws(ProgramError) {
            let file = try Spawned.find(name, in: path)
            var status = stat()
            guard unsafe stat(file, &status) == 0 else { return .cannotStart(program: name, reason: reason(errno)) }
            guard mh_S_ISREG(status.st_mode) != 0 else {
                return .cannotStart(program: name, reason: "not a plain file")
            }
            return unsafe access(file, X_OK) == 0 ? nil : .cannotStart(program: name, reason: reason(errno))
        } catch {
            return error
        }
    }

    /// Runs the program until it ends, its deadline passes or this process is told to stop (``StopSignal``). Children
    /// that it leaves behind are not waited for.
    /// - Returns: how it ended and what it wrote; a status other than 0 is a result, not an error.
    /// - Throws: ``ProgramError`` when it could not be started. Programs are never run as root: that throws too.
    public func run() throws(ProgramError) -> ProgramResult {
        guard let name = argv.first, !name.isEmpty else {
            throw .commandLine(text: "", reason: "names no program")
        }
        guard argv.allSatisfy({ !$0.utf8.contains(0) }), !directory.utf8.contains(0) else {
            throw .commandLine(text: printable(name), reason: "holds a NUL")
        }
        guard
            environment.allSatisfy({ name, value in
                !name.isEmpty && !name.contains("=") && !name.utf8.contains(0) && !value.utf8.contains(0)
            })
        else {
            throw .commandLine(text: printable(name), reason: "has an impossible environment variable")
        }
        guard !isRoot() else { throw .refusedAsRoot(program: name) }
        var running = try RunningProgram(self)
        return try running.finish()
    }
}

/// How a program ended, and what it wrote.
public struct ProgramResult: Sendable, Equatable {
    public enum Ending: Sendable, Equatable {
        case exited(Int32)
        case killed(signal: Int32)
        /// We killed it, or left it behind: its deadline had passed, or this process was told to stop.
        case timedOut
    }

    public var ending: Ending
    /// The first octets of standard output.
    public var output: [UInt8]
    /// Whether there was more output than allowed.
    public var isOutputCut: Bool
    /// The last octets of standard error.
    public var errors: [UInt8]

    /// Whether it ended with status 0.
    public var succeeded: Bool { ending == .exited(0) }

    /// The last line of standard error, printable: what people want to read in a complaint.
    public var complaint: String {
        let lines = errors.split(separator: 0x0A).filter { line in !line.allSatisfy { $0 == 0x20 || $0 == 0x0D } }
        return printable(octets: lines.last ?? [], limit: 300)
    }

    /// Turns every ending but status 0 into an error that names `program`.
    /// - Throws: ``ProgramError/failed(program:how:said:)``, ``ProgramError/timedOut(program:)``.
    public func requireSuccess(of program: String) throws(ProgramError) {
        switch ending {
        case .exited(0): return
        case .exited(let status): throw .failed(program: program, how: "exit status \(status)", said: complaint)
        case .killed(let signal): throw .failed(program: program, how: "killed by signal \(signal)", said: complaint)
        case .timedOut: throw .timedOut(program: program)
        }
    }
}
