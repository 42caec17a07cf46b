// A hub that fetches for one account: its rc, its mailbox, and runs of mhfetch.

import Blocking
import Glibc
import MailTestKit
import Synchronization
import Testing

/// A scratch hub with the mailbox alice and the account `peer`.
final class FetchRig: Sendable {
    let scratch = ScratchDirectory()
    var maildir: String { scratch.file("Mail/alice") }

    /// Writes the rc.
    /// - Parameters:
    ///   - fetch: what stands behind `fetch`.
    ///   - lines: further lines of the account.
    ///   - secret: the line of the account's password or token.
    func configure(
        _ fetch: String, _ lines: String..., user: String? = "alice", password: String = "secret", secret: String? = nil
    ) {
        let more = lines.map { "  \($0)\n" }.joined()
        scratch.write(
            """
            hostname hub.test
            state \(scratch.file("state"))
            maildirs \(scratch.file("Mail"))/%m
            log \(scratch.file("log"))
            mailbox alice
              address alice@hub.test
            account peer
              \(user.map { "user \($0)" } ?? "# no user")
              \(secret ?? "password \(password)")
              fetch \(fetch)
            \(more)
            """, to: "mailhubrc")
    }

    func configure(_ fetch: String, trusting dovecot: DovecotPeer, _ line: String = "# nothing more") {
        configure(fetch, "tls_trust_file \(dovecot.certificate.certificatePath)", line)
    }

    /// Runs mhfetch to its end. Blocks.
    /// - Parameter isOrdinary: as a user who may run programs, which root may not.
    func fetch(
        _ arguments: String..., isOrdinary: Bool = false, deadline: Duration = .seconds(60)
    ) throws -> CommandResult {
        try InstalledCommands.run(
            ["mhfetch", "-C", scratch.file("mailhubrc")] + arguments, environment: ["HOME": scratch.path],
            deadline: deadline, isOrdinary: isOrdinary)
    }

    /// Runs mhfetch with a clock that is so far ahead.
    /// - Parameter zone: as TZ has it.
    func fetch(at ahead: String, _ arguments: String..., zone: String = "UTC0") throws -> CommandResult {
        try InstalledCommands.run(
            ["mhfetch", "-C", scratch.file("mailhubrc")] + arguments,
            environment: MovedClock.environment(ahead).merging(["HOME": scratch.path, "TZ": zone]) { $1 },
            isOrdinary: true)
    }

    /// Runs mhfetch and tells its largest resident set. By way of a small program: a child inherits the figure of
    /// whoever starts it, and the tests have a large one.
    /// - Parameter statuses: those it may end with.
    func residentKiB(_ statuses: Set<Int32> = [0]) throws -> Int {
        let script = """
            import resource, subprocess, sys
            status = subprocess.call(sys.argv[1:])
            print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
            sys.exit(status)
            """
        let result = try runProgram(
            ["python3", "-c", script, try InstalledCommands.path("mhfetch"), "-C", scratch.file("mailhubrc")],
            deadline: .seconds(120))
        #expect(statuses.contains(result.status), "\(result)")
        return try #require(Int(result.outputText.filter(\.isNumber)))
    }

    /// Puts `line` before all blocks of the rc.
    func addTop(_ line: String) {
        let rc = String(decoding: ScratchDirectory.read(scratch.file("mailhubrc")) ?? [], as: UTF8.self)
        scratch.write("\(line)\n\(rc)", to: "mailhubrc")
    }

    /// Starts mhfetch, and makes `slot` its process.
    func start(_ arguments: String..., by words: [String] = [], as slot: RunningCommand) throws {
        let command = [try InstalledCommands.path("mhfetch"), "-C", scratch.file("mailhubrc")] + arguments
        slot.set(
            try ServerProcess(
                words + command,
                environment: ["HOME": scratch.path, "PATH": "/usr/bin:/bin", "SWIFT_BACKTRACE": "enable=no"],
                logs: [scratch.file("out")]))
    }

    /// What the fetch state of the account says, a line each, without their checksums.
    var journal: [String] {
        let octets = ScratchDirectory.read(scratch.file("state/fetch/peer/journal")) ?? []
        return String(decoding: octets, as: UTF8.self).split(separator: "\n").map { String($0.dropFirst(9)) }
    }

    /// The messages of the mailbox, or of its folder `name`; those in tmp do not count.
    func messages(folder name: String = "") -> [[UInt8]] {
        let path = name.isEmpty ? maildir : "\(maildir)/.\(name)"
        return ["new", "cur"].flatMap { part in
            ScratchDirectory.names(in: "\(path)/\(part)").compactMap { ScratchDirectory.read("\(path)/\(part)/\($0)") }
        }
    }

    /// Forgets all that was fetched, and that it was.
    func reset() throws {
        _ = try runProgram(["rm", "-rf", scratch.file("Mail"), scratch.file("state")])
    }

    var log: String { String(decoding: ScratchDirectory.read(scratch.file("log")) ?? [], as: UTF8.self) }
}

/// A command that a server of the test ends at just the point it wants to.
final class RunningCommand: Sendable {
    private let process = Mutex<ServerProcess?>(nil)

    func set(_ started: ServerProcess) { process.withLock { $0 = started } }

    /// Sends `signal` to it; waits for its start, which may take longer than its first words to the server.
    func signal(_ signal: Int32) {
        let deadline = Deadline(after: .seconds(10))
        while !deadline.hasPassed {
            if let process = process.withLock({ $0 }) { return process.child.send(signal) }
            usleep(1000)
        }
    }

    /// Its number; 0 before its start.
    var pid: pid_t { process.withLock { $0?.pid ?? 0 } }

    /// How it ended; killed when it takes longer than `patience`.
    func end(patience: Duration = .seconds(20)) -> ChildEnd? {
        let started = process.withLock { $0 }
        defer {
            started?.stop(patience: .zero)
            process.withLock { $0 = nil }
        }
        return started?.child.wait(until: Deadline(after: patience))
    }
}

/// `messages` in an order that does not depend on where they came from.
func counted(_ messages: [[UInt8]]) -> [[UInt8]: Int] {
    messages.reduce(into: [:]) { $0[$1, default: 0] += 1 }
}

/// Small messages, all different.
func smallMessages(_ count: Int) -> [[UInt8]] {
    (1...count).map { Array("From: a@example.org\nSubject: message \($0)\n\nbody of \($0)\n.\n".utf8) }
}
