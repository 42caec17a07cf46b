// A hub of a test's own for everything that mhsend, its carrier and mhqueue do.

import MailTestKit

/// An rc, a queue and Maildirs in a scratch directory: alice at home and with an account `one`, bob at home only.
final class SendHub: Sendable {
    let scratch = ScratchDirectory()
    let rc: String

    /// - Parameters:
    ///   - account: the lines of the account `one` behind its addresses, such as its `send` line.
    ///   - top: lines before all blocks.
    ///   - bob: more lines of his mailbox.
    ///   - hostname: what the line `hostname` says; `nil` for an rc without it.
    init(
        account: [String], top: [String] = [], bob: [String] = [], routes: [String] = [],
        hostname: String? = "hub.example"
    ) {
        let head = [
            hostname.map { "hostname \($0)" } ?? "", "state \(scratch.file("state"))",
            "maildirs \(scratch.file("mail"))/%m", "log \(scratch.file("log"))", "free-space 1M",
        ]
        let mailboxes =
            ["mailbox alice", "    address alice@home.example", "mailbox bob", "    address bob@home.example"]
            + bob.map { "    \($0)" }
        let block = ["account one", "    owner alice", "    address alice@one.example"] + account.map { "    \($0)" }
        let text = (head + top + mailboxes + block + routes).joined(separator: "\n") + "\n"
        rc = scratch.write(text, to: "rc")
    }

    /// A hub that sends in clear to a server on the loopback.
    convenience init(
        plainTo port: UInt16, _ more: [String] = [], top: [String] = ["retry 60 600"], hostname: String = "hub.example"
    ) {
        self.init(
            account: ["auth off", "tls off", "send smtp 127.0.0.1:\(port)"] + more, top: top, hostname: hostname)
    }

    /// Queues `text`, and does no more.
    /// - Returns: the id.
    @discardableResult
    func queue(_ text: String = "Subject: x\n\nx\n", from: String = "alice@one.example", to: [String]) throws -> String
    {
        try queue(Array(text.utf8), from: from, to: to)
    }

    @discardableResult
    func queue(_ message: [UInt8], from: String = "alice@one.example", to: [String]) throws -> String {
        let result = try mhsend(["-odq", "-v", "-i", "-f", from, "--"] + to, input: message)
        guard result.status == 0, let id = result.errorText.split(separator: " ").last else {
            throw KitError("mhsend failed: \(result)")
        }
        return String(id.filter { !$0.isNewline })
    }

    func mhsend(_ arguments: [String], input: [UInt8] = [], deadline: Duration = .seconds(30)) throws -> CommandResult {
        try InstalledCommands.run(
            ["mhsend", "-C", rc] + arguments, input: input, environment: ["HOME": scratch.path], deadline: deadline)
    }

    /// Runs the queue once.
    @discardableResult
    func run(deadline: Duration = .seconds(30)) throws -> CommandResult { try mhsend(["-q"], deadline: deadline) }

    /// Records what a run of the carrier does to the disk, by which the queue is emptied.
    /// - Parameter scratch: where the record goes.
    func recordRun(in scratch: ScratchDirectory) throws -> DiskLog {
        // The Maildir stands: its making is synchronized in steps, and what the other lane says in between would part them.
        let folders = ["tmp", "new", "cur"].map { self.scratch.file("mail/bob/\($0)") }
        _ = try runProgram(["mkdir", "-p", "-m", "0700"] + folders)
        let recorder = try DiskRecorder(of: self.scratch.path, in: scratch)
        let result = try runProgram(
            [try InstalledCommands.path("mhcarry"), "-C", rc],
            environment: ["HOME": self.scratch.path].merging(recorder.environment) { $1 })
        guard result.status == 0, try listed.isEmpty else { throw KitError("\(result) \(log)") }
        return try recorder.read()
    }

    /// Puts what a power cut leaves of a recorded run in the place of queue and mail.
    func restore(_ log: DiskLog, after cut: PowerCut) throws {
        let image = scratch.file("image")
        try log.write(cut, to: image)
        for folder in ["state", "mail"] { moveFile("\(image)/\(folder)", to: scratch.file(folder)) }
    }

    /// Starts a run of the queue, as `command`.
    func startRun(as command: RunningCommand) throws {
        command.set(
            try InstalledCommands.start(
                ["mhcarry", "-C", rc], environment: ["HOME": scratch.path], log: scratch.file("out")))
    }

    func mhqueue(_ arguments: [String], input: String = "") throws -> CommandResult {
        try InstalledCommands.run(
            ["mhqueue", "-C", rc] + arguments, input: Array(input.utf8), environment: ["HOME": scratch.path])
    }

    /// The JSON lines of `mhqueue list`.
    var listed: [String] {
        get throws {
            let result = try mhqueue(["list", "--json"])
            guard result.status == 0 else { throw KitError("mhqueue failed: \(result)") }
            return result.outputText.split(separator: "\n").map(String.init)
        }
    }

    /// The id in such a line.
    static func id(of line: String) -> String? {
        line.split(separator: "\"id\":\"").dropFirst().first?.split(separator: "\"").first.map(String.init)
    }

    /// The files in a part of the queue.
    func files(in part: String) -> [String] { ScratchDirectory.names(in: scratch.file("state/queue/\(part)")) }

    /// The messages in a person's Maildir.
    func mail(of name: String) -> [String] {
        ScratchDirectory.names(in: scratch.file("mail/\(name)/new")).map {
            String(decoding: ScratchDirectory.read(scratch.file("mail/\(name)/new/\($0)")) ?? [], as: UTF8.self)
        }
    }

    var log: String { String(decoding: ScratchDirectory.read(scratch.file("log")) ?? [], as: UTF8.self) }

    /// Waits until the queue is empty and no run goes on.
    func waitUntilEmpty() throws { try waitUntilQueueIsEmpty(in: scratch.file("state")) { log } }
}

extension String {
    /// How often `other` stands in this text.
    func count(of other: String) -> Int {
        var count = 0
        var rest = self[...]
        while let found = rest.firstRange(of: other) {
            count += 1
            rest = rest[found.upperBound...]
        }
        return count
    }
}
