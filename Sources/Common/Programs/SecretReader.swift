// Passwords and tokens: from a file nobody else may read, or from a program; never from the command line.

import Blocking
internal import CMHSys
import Credentials
import Glibc
import Reporting

/// Where a secret is kept.
public enum SecretReader: Sendable, Hashable {
    /// The first line of a file. A leading `%d/` means systemd's credentials directory (systemd.exec(5)).
    case file(String)
    /// The first line of a program's output: the rc's `passwordeval` and `tokeneval`.
    case command([String])
    /// The same, for a token: it holds this descriptor while it runs, and runs on when this process is told to stop.
    case token([String], holding: Int32?)

    /// The most octets in a secret's source; OAuth tokens run to a few thousand.
    public static let limit = 65_536

    /// The secret: one line without its end, neither empty nor holding NUL.
    /// - Parameter deadline: for a program; a person may have to unlock a key first.
    /// - Throws: ``ProgramError``, which never shows the secret.
    public func read(until deadline: Deadline) throws(ProgramError) -> Secret {
        switch self {
        case .file(let path):
            return try Self.readFile(Self.expanded(path))
        case .command(let argv):
            return try Self.read(from: Program(argv: argv, deadline: deadline, outputLimit: Self.limit))
        case .token(let argv, let lock):
            var program = Program(argv: argv, deadline: deadline, outputLimit: Self.limit)
            program.kept = lock
            program.isLeftAtStop = true
            return try Self.read(from: program)
        }
    }

    static func read(from program: Program) throws(ProgramError) -> Secret {
        let name = program.argv.first ?? ""
        let result = try program.run()
        if result.isGrantRefused { throw .grantRefused(program: name, said: result.complaint) }
        try result.requireSuccess(of: name)
        guard !result.isOutputCut else { throw .badSecret(source: name, reason: "writes more than \(limit) octets") }
        return try firstLine(of: result.output, from: name)
    }

    private static func expanded(_ path: String) throws(ProgramError) -> String {
        guard path.hasPrefix("%d/") else { return path }
        guard let directory = unsafe getenv("CREDENTIALS_DIRECTORY") else {
            throw .unreadable(path: path, reason: "no CREDENTIALS_DIRECTORY is set; %d works in a systemd unit only")
        }
        return unsafe String(cString: directory) + path.dropFirst(2)
    }

    private static func readFile(_ path: String) throws(ProgramError) -> Secret {
        guard !path.utf8.contains(0) else { throw .unreadable(path: printable(path), reason: "the path holds a NUL") }
        // Non-blocking, so that a FIFO cannot hold us.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { throw .unreadable(path: path, reason: reason(errno)) }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw .unreadable(path: path, reason: reason(errno)) }
        guard mh_S_ISREG(status.st_mode) != 0 else { throw .unreadable(path: path, reason: "not a regular file") }
        guard status.st_uid == geteuid() || status.st_uid == 0 else {
            throw .foreignFile(path: path, owner: status.st_uid)
        }
        // The group too: its members are others. systemd's credentials are 0400.
        guard status.st_mode & 0o077 == 0 else { throw .readableByOthers(path: path) }
        var octets: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: limit + 1)
        while octets.count <= limit {
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .unreadable(path: path, reason: reason(errno)) }
            if count == 0 { break }
            octets += chunk[..<count]
        }
        guard octets.count <= limit else { throw .badSecret(source: path, reason: "is longer than \(limit) octets") }
        return try firstLine(of: octets, from: path)
    }

    private static func firstLine(of octets: [UInt8], from source: String) throws(ProgramError) -> Secret {
        var line = octets.prefix { $0 != 0x0A }
        if line.last == 0x0D { line.removeLast() }
        guard !line.starts(with: [0xEF, 0xBB, 0xBF]) else {
            throw .badSecret(source: source, reason: "begins with a byte order mark; save it as UTF-8 without one")
        }
        guard !line.isEmpty else { throw .badSecret(source: source, reason: "its first line is empty") }
        guard !line.contains(0) else { throw .badSecret(source: source, reason: "holds a NUL; is it text?") }
        return Secret(Array(line))
    }
}

extension ProgramResult {
    /// Whether it failed since the server of tokens takes its refresh token no more (`invalid_grant`, RFC 6749 §5.2), or
    /// says so by its status.
    fileprivate var isGrantRefused: Bool {
        guard case .exited(let status) = ending, status != 0 else { return false }
        return status == ExitStatus.noPermission.rawValue
            || [errors, output].contains { $0.contains(Array("invalid_grant".utf8)) }
    }
}
