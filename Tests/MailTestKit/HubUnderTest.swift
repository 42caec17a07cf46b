// mhserve with an rc, a certificate, passwords and ports of its own, for one test.

import Blocking
import Glibc

/// A running mhserve for one test alone, which ends when released, with all its files removed.
///
/// It answers for `example.org` as `hub.example.org`; the mailboxes alice and bob have the passwords `alice's secret`
/// and `bob's secret`. Beside a ``Carrier/recording`` carrier it is a copy in a folder of its own. It runs as an ordinary
/// user, since mhserve does not serve as root.
public final class HubUnderTest: Sendable {
    public enum Carrier: Sendable {
        /// One that writes its arguments to `carrier.log`; queued mail stays where it is.
        case recording
        /// The hub's own mhcarry.
        case real
    }

    public let scratch = ScratchDirectory()
    public let server: ServerProcess
    public let rcPath: String
    public let certificatePath: String
    private let ports: [String: UInt16]
    /// Records what mhserve does to the files of its scratch folder; `nil` unless asked for.
    public let recorder: DiskRecorder?
    private let recorderScratch = ScratchDirectory()

    public static let allServices = ["smtp", "submission", "submissions", "pop3", "pop3s"]

    /// - Parameters:
    ///   - words: lines for the top of the rc, such as `smtp-idle 1s`.
    ///   - blocks: blocks for the end of the rc, such as accounts.
    ///   - services: what it listens for, each on a port the system chooses.
    ///   - address: of the loopback, as the rc has it.
    ///   - tracer: a program and its arguments to run mhserve under.
    ///   - starter: a program and its arguments that becomes mhserve.
    ///   - letters: messages that bob has from the start, by the folder and name of their files: `new/1.M1P1.other`.
    ///   - isRecorded: whether ``recorder`` records what mhserve does to files.
    ///   - patience: how long mhserve may take until it listens.
    /// - Throws: ``KitError`` with its logs when mhserve does not start.
    public init(
        words: [String] = [], blocks: [String] = [], services: [String] = HubUnderTest.allServices,
        address: String = "127.0.0.1",
        carrier: Carrier = .recording, tracer: [String] = [], starter: [String] = [], letters: [String: String] = [:],
        isRecorded: Bool = false,
        patience: Duration = .seconds(30)
    ) throws(KitError) {
        let certificate = scratch.file("hub.crt")
        let made = try InstalledCommands.run([
            "mhserve", "certificate", "--certificate", certificate, "--key", scratch.file("hub.key"), "--days", "30",
            "hub.example.org", "localhost", "127.0.0.1", "::1",
        ])
        guard made.status == 0 else { throw KitError("no certificate: \(made)") }
        certificatePath = certificate
        rcPath = scratch.write(Self.rc(in: scratch, words, blocks, services.map { "\($0) \(address):0" }), to: "rc")
        scratch.write("alice's secret\n", to: "alice.pass")
        scratch.write("bob's secret\n", to: "bob.pass")
        let program = try Self.install(carrier, in: scratch)
        for part in letters.isEmpty ? [] : ["", "/new", "/cur", "/tmp"] {
            _ = unsafe mkdir(scratch.file("Mail/bob\(part)"), 0o700)
        }
        for (name, text) in letters { scratch.write(text, to: "Mail/bob/\(name)") }
        recorder = isRecorded ? try DiskRecorder(of: scratch.path, in: recorderScratch) : nil
        let environment = [
            "HOME": scratch.path, "PATH": Peers.environment("PATH") ?? "/usr/bin:/bin",
            "SWIFT_BACKTRACE": "enable=no",
        ].merging(recorder?.environment ?? [:]) { $1 }
        server = try ServerProcess(
            tracer + OrdinaryUser.prefix + starter + [program, "-C", "rc"], environment: environment,
            directory: scratch.path,
            logs: [scratch.file("errors.log"), scratch.file("hub.log")])
        ports = try Self.ports(server, scratch, services, until: Deadline(after: patience))
    }

    public func port(_ service: String) -> UInt16 { ports[service] ?? 0 }

    /// What mhserve has logged so far, as its rc says.
    public var log: String { String(decoding: ScratchDirectory.read(scratch.file("hub.log")) ?? [], as: UTF8.self) }
    /// The log and standard error, for the message of an expectation.
    public var logs: String { server.logs }

    /// The Maildir of a mailbox.
    public func maildir(of mailbox: String) -> String { scratch.file("Mail/\(mailbox)") }

    /// The messages of a mailbox in new and cur, in the order of their names.
    public func messages(of mailbox: String) -> [[UInt8]] {
        ["new", "cur"].flatMap { Self.files(in: "\(maildir(of: mailbox))/\($0)") }
    }

    /// The files of the queue, each with envelope and message.
    public func queued() -> [[UInt8]] {
        ["new", "cur"].flatMap { Self.files(in: scratch.file("state/queue/\($0)")) }
    }

    /// The files that a refused message must not leave behind; waits up to 3 s for the last of them to be removed.
    public func leftovers() -> [String] {
        let deadline = Deadline(after: .seconds(3))
        while true {
            let folders = ["state/queue/tmp", "state/queue/foreign", "Mail/alice/tmp", "Mail/bob/tmp"]
            let found = folders.flatMap { folder in
                ScratchDirectory.names(in: scratch.file(folder)).map { "\(folder)/\($0)" }
            }
            if found.isEmpty || deadline.hasPassed { return found }
            usleep(10_000)
        }
    }

    /// How the carrier was called, a line for each time.
    public var carrierCalls: [String] {
        String(decoding: ScratchDirectory.read(scratch.file("carrier.log")) ?? [], as: UTF8.self)
            .split(separator: "\n").map(String.init)
    }

    /// Puts a message into a mailbox as another program would: `name` in new, or in cur with flags.
    public func deliver(_ octets: [UInt8], to mailbox: String, as name: String, in folder: String = "new") {
        for part in ["", "/new", "/cur", "/tmp"] { _ = unsafe mkdir("\(maildir(of: mailbox))\(part)", 0o700) }
        scratch.write(octets, to: "Mail/\(mailbox)/\(folder)/\(name)")
    }

    /// The worker's process.
    /// - Throws: ``KitError`` when there is none within 10 s.
    public func worker() throws(KitError) -> pid_t {
        let deadline = Deadline(after: .seconds(10))
        while !deadline.hasPassed {
            if let worker = workers.first { return worker }
            usleep(10_000)
        }
        throw KitError("mhserve has no worker\n\(logs)")
    }

    /// The processes of all workers: the keeper's children of that name, the oldest first.
    public var workers: [pid_t] {
        let path = "/proc/\(server.pid)/task/\(server.pid)/children"
        let children = String(decoding: ScratchDirectory.read(path) ?? [], as: UTF8.self)
        return children.split(separator: " ").compactMap { word in
            let command = ScratchDirectory.read("/proc/\(word)/cmdline") ?? []
            return command.starts(with: Array("mhserve: worker".utf8)) ? pid_t(word) : nil
        }
    }

    /// Lets strace change what a system call of a process does, and of those that it starts.
    /// - Parameters:
    ///   - what: as strace's `inject=` has it.
    ///   - path: the only file whose calls are meant; all calls where there is none.
    public func inject(_ what: String, into pid: pid_t, on path: String? = nil) throws(KitError) -> ServerProcess {
        let strace = try ServerProcess(
            ["strace", "-f", "-qq", "-o", "/dev/null", "-p", "\(pid)", "-e", "inject=\(what)"]
                + (path.map { ["-P", $0] } ?? []),
            logs: [scratch.file("strace.log")])
        let deadline = Deadline(after: .seconds(10))
        func isTraced(_ task: String) -> Bool {
            let status = ScratchDirectory.read("/proc/\(pid)/task/\(task)/status") ?? []
            return !String(decoding: status, as: UTF8.self).contains("TracerPid:\t0\n")
        }
        while !ScratchDirectory.names(in: "/proc/\(pid)/task").allSatisfy(isTraced) {
            guard !deadline.hasPassed else { throw KitError("strace does not trace: \(strace.logs)") }
            usleep(10_000)
        }
        return strace
    }

    /// Waits until the log has `count` lines with `text`.
    /// - Throws: ``KitError`` when it has not after `patience`.
    public func waitForLog(_ text: String, count: Int = 1, patience: Duration = .seconds(20)) throws(KitError) {
        let deadline = Deadline(after: patience)
        while log.split(separator: "\n").count(where: { $0.contains(text) }) < count {
            guard !deadline.hasPassed else { throw KitError("the log never says \"\(text)\"\n\(logs)") }
            usleep(10_000)
        }
    }

    private static func rc(
        in scratch: ScratchDirectory, _ words: [String], _ blocks: [String], _ listeners: [String]
    ) -> String {
        let top = [
            "hostname hub.example.org", "qualify example.org", "state \(scratch.file("state"))",
            "maildirs \(scratch.file("Mail"))/%m", "log \(scratch.file("hub.log"))", "free-space 1M",
            "tls_certificate \(scratch.file("hub.crt")) key \(scratch.file("hub.key"))",
        ]
        let given = Set(words.compactMap { $0.split(separator: " ").first })
        let mailboxes = ["alice", "bob"].map {
            "mailbox \($0)\n  address \($0)@example.org\n  passwordfile \(scratch.file("\($0).pass"))"
        }
        _ = unsafe mkdir(scratch.file("Mail"), 0o700)
        let kept = top.filter { !given.contains($0.split(separator: " ")[0]) }
        return (kept + words + mailboxes + ["domain example.org"] + blocks + listeners.map { "listen \($0)" }).joined(
            separator: "\n") + "\n"
    }

    /// Puts mhserve and its carrier side by side into the scratch folder.
    private static func install(_ carrier: Carrier, in scratch: ScratchDirectory) throws(KitError) -> String {
        let original = try InstalledCommands.path("mhserve")
        guard carrier == .recording else { return original }
        _ = unsafe mkdir(scratch.file("bin"), 0o700)
        let program = scratch.file("bin/mhserve")
        if unsafe link(original, program) != 0 {
            // Another file system. cp(1) writes the copy, since a child that another test starts meanwhile would
            // inherit a descriptor of ours, and a program that is open for writing cannot be run.
            let copy = try runProgram(["cp", original, program])
            guard copy.status == 0 else { throw KitError("cannot copy \(original): \(copy)") }
        }
        scratch.write("#!/bin/sh\necho \"$@\" >>'\(scratch.file("carrier.log"))'\n", to: "bin/mhcarry", mode: 0o700)
        return program
    }

    private static func ports(
        _ server: ServerProcess, _ scratch: ScratchDirectory, _ services: [String], until deadline: Deadline
    ) throws(KitError) -> [String: UInt16] {
        while !deadline.hasPassed, !server.child.hasEnded {
            var found: [String: UInt16] = [:]
            let log = String(decoding: ScratchDirectory.read(scratch.file("hub.log")) ?? [], as: UTF8.self)
            for line in log.split(separator: "\n") where line.contains(": listening ") {
                let fields = line.split(separator: " ")
                func field(_ key: String) -> Substring? {
                    fields.first { $0.hasPrefix("\(key)=") }?.dropFirst(key.count + 1)
                }
                if let service = field("service"), let port = field("port").flatMap({ UInt16($0) }) {
                    found[String(service)] = port
                }
            }
            if services.allSatisfy({ found[$0] != nil }) { return found }
            usleep(10_000)
        }
        throw KitError("mhserve does not listen; its logs:\n\(server.logs)")
    }

    private static func files(in folder: String) -> [[UInt8]] {
        ScratchDirectory.names(in: folder).compactMap { ScratchDirectory.read("\(folder)/\($0)") }
    }
}
