// A server as a child process: starting it, waiting until it listens, ending it with all its children, and its logs.

import Blocking
import Glibc

/// A program that stays up, in a process group of its own; it ends when released.
public final class ServerProcess: Sendable {
    public let child: ChildProcess
    private let logPaths: [String]
    private let name: String

    /// - Parameter logs: the files that the server logs to; its standard output and error go to the first.
    /// - Throws: ``KitError`` when the server cannot be started.
    public init(
        _ arguments: [String], environment: [String: String]? = nil, directory: String? = nil,
        logs: [String]
    ) throws(KitError) {
        guard let first = logs.first, let program = arguments.first else {
            throw KitError("no log, or no program")
        }
        name = program.split(separator: "/").last.map(String.init) ?? program
        logPaths = logs
        let nothing = unsafe open("/dev/null", O_RDONLY | O_CLOEXEC)
        let log = unsafe open(first, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        defer { for descriptor in [nothing, log] where descriptor >= 0 { close(descriptor) } }
        guard nothing >= 0, log >= 0 else { throw KitError("cannot write \(first): errno \(errno)") }
        child = try ChildProcess(
            arguments, environment: environment, directory: directory, descriptors: (nothing, log, log))
    }

    public var pid: pid_t { child.pid }

    /// Waits until somebody listens on every one of `ports`.
    /// - Throws: ``KitError`` with the server's logs when it ends or takes longer than `patience`.
    public func waitForPorts(_ ports: [UInt16], patience: Duration = .seconds(20)) throws(KitError) {
        let deadline = Deadline(after: patience)
        for port in ports {
            guard Loopback.waitForListener(on: port, until: deadline, while: { !child.hasEnded }) else {
                let what = child.hasEnded ? "ended" : "does not listen on port \(port)"
                throw KitError("\(name) \(what); its log:\n\(logs)")
            }
        }
    }

    /// What the server has written so far: for `#expect(…, "\(server.logs)")`.
    public var logs: String {
        logPaths.map { path in
            let octets = ScratchDirectory.read(path) ?? []
            return "--- \(path)\n\(String(decoding: octets.suffix(16_000), as: UTF8.self))"
        }.joined(separator: "\n")
    }

    public func stop(patience: Duration = .seconds(5)) { child.stop(patience: patience) }
}
