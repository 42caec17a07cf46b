// Why a program could not be run, or a secret could not be read; never shows the secret.

import Blocking
import Reporting

/// A failure to run a program or to read a secret.
public enum ProgramError: Complaint, Equatable {
    /// Programs never run as root, whoever asks.
    case refusedAsRoot(program: String)
    /// A command line that cannot be split into words.
    case commandLine(text: String, reason: String)
    /// The program cannot be started.
    case cannotStart(program: String, reason: String)
    /// It ended other than with status 0.
    case failed(program: String, how: String, said: String)
    /// It says that it may have no token any more: a person must log in again.
    case grantRefused(program: String, said: String)
    /// It did not end in time and was killed.
    case timedOut(program: String)
    /// A secret that is empty or too long, or holds what no password may hold.
    case badSecret(source: String, reason: String)
    /// A secret's file cannot be read.
    case unreadable(path: String, reason: String)
    /// A secret's file is open to other users.
    case readableByOthers(path: String)
    /// A secret's file belongs to somebody else.
    case foreignFile(path: String, owner: UInt32)
    /// The system refused something that does not depend on the program.
    case system(doing: String, code: Int32)

    /// Whether the same call may go well later without anybody changing anything.
    public var isTemporary: Bool {
        switch self {
        case .failed, .timedOut, .system: true
        case .refusedAsRoot, .commandLine, .cannotStart, .grantRefused, .badSecret, .unreadable, .readableByOthers,
            .foreignFile:
            false
        }
    }

    public var exitStatus: ExitStatus {
        switch self {
        case .failed, .timedOut: .temporaryFailure
        case .system: .osError
        case .refusedAsRoot, .grantRefused: .noPermission
        case .commandLine, .cannotStart, .badSecret, .unreadable, .readableByOthers, .foreignFile: .configuration
        }
    }

    public var description: String {
        switch self {
        case .refusedAsRoot(let program):
            "\(program): programs are never run as root; run this as the hub's own user"
        case .commandLine(let text, let reason):
            "command \"\(text)\": \(reason)"
        case .cannotStart(let program, let why):
            "\(program): cannot be started: \(why)"
        case .failed(let program, let how, let said):
            "\(program): \(how)" + (said.isEmpty ? "" : ": \(said)")
        case .grantRefused(let program, let said):
            "\(program): gets no token any more: \(said); log in again with the program that keeps the tokens"
        case .timedOut(let program):
            "\(program): did not end in time and was killed"
        case .badSecret(let source, let why):
            "\(source): \(why)"
        case .unreadable(let path, let why):
            "\(path): cannot be read: \(why)"
        case .readableByOthers(let path):
            "\(path): holds a secret, yet others may read it; run: chmod 600 \(path)"
        case .foreignFile(let path, let owner):
            "\(path): holds a secret, yet belongs to user \(owner); it must be yours or root's"
        case .system(let doing, let code):
            "cannot \(doing): \(reason(code))"
        }
    }
}
