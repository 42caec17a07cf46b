// The first acts of every command: what its caller may have left wrong is put right before anything else is opened.

import Glibc
import Synchronization

/// A process of the hub at its start.
public enum ProcessStart {
    /// The first call of every `main`. Opens standard descriptors that are missing, and turns into errors what would
    /// end the process: a reader that goes away, and a file that would grow beyond `ulimit -f`.
    public static func prepare() {
        noteWhetherAgain()
        fillStandardDescriptors()
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)
    }

    /// Opens those of 0, 1 and 2 that the caller has closed: else a journal or a message would get the number, and what
    /// we print would go into it.
    ///
    /// They still fail when they are used: input is opened for writing, and output for reading. Only complaints vanish
    /// silently.
    private static func fillStandardDescriptors() {
        for descriptor: Int32 in 0...2 where fcntl(descriptor, F_GETFD) < 0 && errno == EBADF {
            // The lowest free number is the one that is missing.
            let access = descriptor == 0 ? O_WRONLY : descriptor == 1 ? O_RDONLY : O_RDWR
            _ = unsafe open("/dev/null", access)
        }
    }

    /// The arguments the process was called with, its name first; see ``argumentFault``.
    ///
    /// A preloaded library such as libfaketime can hide them from Swift's `CommandLine`; a command that took that for
    /// "no arguments" would do something else than it was told. What is no UTF-8 is repaired here as there, which may
    /// make another address of it: ``argumentFault`` tells.
    public static var arguments: [String] {
        let given = words(of: commandLine())
        return given.isEmpty ? CommandLine.arguments : given
    }

    private static let mark = "MAILHUB_AGAIN"
    private static let again = Atomic<Bool>(false)

    /// Whether this is what ``startAgain()`` has begun.
    public static var isAgain: Bool { again.load(ordering: .relaxed) }

    /// The mark is the process's number, so that what others have set says nothing.
    private static func noteWhetherAgain() {
        let found = unsafe getenv(mark).map { unsafe String(cString: $0) }
        again.store(found == "\(getpid())", ordering: .relaxed)
        _ = unsafe unsetenv(mark)
    }

    /// Puts a new process of the program in this one's place, with the same arguments and number.
    /// - Returns: only where that cannot be done, and why.
    public static func startAgain() -> String {
        let words = arguments
        guard let program = words.first else { return "the arguments of this process are not to be had" }
        var pointers: [UnsafeMutablePointer<CChar>?] = unsafe words.map { unsafe strdup($0) }
        defer { for index in unsafe pointers.indices { unsafe free(pointers[index]) } }
        unsafe pointers.append(nil)
        unsafe setenv(mark, "\(getpid())", 1)
        unsafe execvp(program, pointers)
        let code = errno
        unsafe unsetenv(mark)
        return "\(program): \(reason(code))"
    }

    /// The first argument that is no UTF-8; `nil` when there is none.
    public static var argumentFault: ArgumentError? {
        let given = pieces(of: commandLine())
        return given.firstIndex { String(validating: $0, as: UTF8.self) == nil }.map(ArgumentError.init(number:))
    }

    /// The arguments in /proc/self/cmdline: each ends in a NUL (proc(5)).
    static func words(of octets: [UInt8]) -> [String] { pieces(of: octets).map { String(decoding: $0, as: UTF8.self) } }

    private static func pieces(of octets: [UInt8]) -> [ArraySlice<UInt8>] {
        guard !octets.isEmpty else { return [] }
        return octets.split(separator: 0, omittingEmptySubsequences: false).dropLast(octets.last == 0 ? 1 : 0)
    }

    private static func commandLine() -> [UInt8] {
        let descriptor = unsafe open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        var octets: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return octets }
            octets.append(contentsOf: chunk[..<count])
        }
    }
}

/// An argument of the command line that is no UTF-8.
public struct ArgumentError: Complaint, Hashable {
    /// Its place, counted from 1 behind the command's name.
    let number: Int
    public var exitStatus: ExitStatus { .usage }
    public var description: String { "argument \(number) is no UTF-8 text; write it in a UTF-8 locale" }
}
