// Whose a hub is: nobody else may write where it keeps mail, and root works on no hub but its own.

import Blocking
import Glibc
import MailTestKit
import Testing

@Suite("A hub belongs to one user")
struct OwnersTests {
    /// A hub that has queued and fetched once, so that all its folders are there.
    private func used() throws -> SendHub {
        let hub = SendHub(account: [
            "tls off", "user alice", "password x", "send smtp 127.0.0.1:9", "fetch pop3 127.0.0.1:9",
        ])
        try hub.queue(to: ["bob"])
        #expect(try run("mhfetch", hub).status == 75, "nobody listens there")
        return hub
    }

    private func run(_ command: String, _ hub: SendHub, _ words: [String] = []) throws -> CommandResult {
        try InstalledCommands.run(
            [command] + words + ["-C", hub.rc], input: [0x78, 0x0A], environment: ["HOME": hub.scratch.path])
    }

    @Test(
        "ask 21: a folder that others may write to is refused, with what to type",
        arguments: ["state", "state/queue", "state/queue/new", "state/run", "state/fetch", "state/fetch/one"])
    func writable(_ folder: String) async throws {
        try await onThread {
            let hub = try used()
            let path = hub.scratch.file(folder)
            let commands =
                folder.contains("fetch")
                ? ["mhfetch"] : ["mhqueue", "mhcarry"] + (folder == "state" ? ["mhfetch"] : [])
            for mode: mode_t in [0o720, 0o702] {
                #expect(unsafe chmod(path, mode) == 0)
                for command in commands {
                    let result = try run(command, hub)
                    #expect(result.status == 77, "\(command) \(result)")
                    #expect(
                        result.errorText.contains("\(path): others may write there; run: chmod go-w \(path)"),
                        "\(result)")
                }
            }
            #expect(unsafe chmod(path, 0o755) == 0)
            for command in commands { #expect(try run(command, hub).status != 77) }
        }
    }

    @Test("a Maildir that all may write to gets no mail; it waits in the queue")
    func openMaildir() async throws {
        try await onThread {
            let hub = try used()
            hub.scratch.makeFolder("mail")
            hub.scratch.makeFolder("mail/bob")
            #expect(unsafe chmod(hub.scratch.file("mail/bob"), 0o777) == 0)
            try hub.run()
            #expect(hub.mail(of: "bob").isEmpty && hub.files(in: "cur").count == 1, "\(hub.log)")
            #expect(hub.log.contains("chmod o-w"), "\(hub.log)")
        }
    }

    @Test("root works on no hub but its own", .enabled(if: Peers.runsAsRoot, "needs root"))
    func rootAndOthers() async throws {
        try await onThread {
            let hub = try used()
            for folder in ["state/queue", "state/fetch", "state"] {
                _ = try runProgram(["chown", "-R", "daemon", hub.scratch.file(folder)])
                for command in ["mhqueue", "mhcarry", "mhfetch"] where folder == "state" || command != "mhfetch" {
                    guard folder != "state/fetch" else { continue }
                    let result = try run(command, hub)
                    #expect(result.status == 77, "\(command) \(result)")
                    #expect(result.errorText.contains("run-as daemon"), "\(result)")
                }
            }
            let status = try run("mhfetch", hub, ["--status"])
            #expect(status.status == 77, "\(status)")
        }
    }

    @Test("run-as holds for an rc that -C names, too", .enabled(if: Peers.runsAsRoot, "needs root"))
    func runAs() async throws {
        try await onThread {
            let hub = SendHub(account: ["auth off", "tls off", "send smtp 127.0.0.1:9"], top: ["run-as daemon"])
            let daemon = try #require(unsafe getpwnam("daemon").map { unsafe $0.pointee.pw_uid })
            #expect(unsafe chown(hub.scratch.path, daemon, daemon) == 0)
            try hub.queue(to: ["bob"])
            #expect(try hub.listed.count == 1)
            for path in ["state", "state/queue/new/\(hub.files(in: "new")[0])", "log"] {
                var status = stat()
                #expect(unsafe stat(hub.scratch.file(path), &status) == 0, "\(path)")
                #expect(status.st_uid == daemon, "\(path)")
            }
        }
    }

    @Test("of an rc that the user of run-as cannot read --check tells", .enabled(if: Peers.runsAsRoot, "needs root"))
    func unreadableRC() async throws {
        try await onThread {
            let hub = SendHub(account: ["auth off", "tls off", "send smtp 127.0.0.1:9"], top: ["run-as daemon"])
            let daemon = try #require(unsafe getpwnam("daemon").map { unsafe $0.pointee.pw_uid })
            #expect(unsafe chown(hub.scratch.path, daemon, daemon) == 0)
            func told() throws -> String {
                try InstalledCommands.run(["mhcarry", "-C", hub.rc, "--check"], environment: ["HOME": "/"]).errorText
            }
            #expect(unsafe chown(hub.rc, 0, 0) == 0 && chmod(hub.rc, 0o600) == 0)
            #expect(try told().contains("the user daemon, as whom the hub runs, cannot read \(hub.rc)"))
            // What it says to run.
            #expect(unsafe chown(hub.rc, 0, daemon) == 0 && chmod(hub.rc, 0o640) == 0)
            #expect(try !told().contains("cannot read"))
        }
    }

    @Test("mhserve does not serve as root; with run-as neither of its processes is root")
    func serving() async throws {
        try await onThread {
            guard Peers.runsAsRoot else { return try Self.servesAsMe() }
            let scratch = ScratchDirectory()
            let rc = "hostname h.example\nstate \(scratch.file("state"))\nmaildirs \(scratch.path)/%m\n"
            let log = scratch.file("log")
            let more = "log \(log)\nmailbox alice\nlisten smtp 127.0.0.1:0\n"
            let command = [try InstalledCommands.path("mhserve"), "-C", scratch.write(rc + more, to: "rc")]
            let environment = ["HOME": scratch.path, "PATH": "/usr/bin:/bin"]
            let refused = try runProgram(command, environment: environment, deadline: .seconds(10))
            #expect(refused.status == 77 && refused.errorText.contains("run-as USER"), "\(refused)")
            #expect(ScratchDirectory.names(in: scratch.path) == ["rc"], "nothing is left that root owns")

            scratch.write("run-as daemon\n" + rc + more, to: "rc")
            let daemon = try #require(unsafe getpwnam("daemon").map { unsafe $0.pointee.pw_uid })
            #expect(unsafe chown(scratch.path, daemon, daemon) == 0)
            let server = try ServerProcess(command, environment: environment, logs: [scratch.file("errors"), log])
            let deadline = Deadline(after: .seconds(20))
            while !server.logs.contains(" listening "), !deadline.hasPassed, !server.child.hasEnded { usleep(10_000) }
            #expect(server.logs.contains(" listening "), "\(server.logs)")
            let children = try runProgram(["cat", "/proc/\(server.pid)/task/\(server.pid)/children"]).outputText
            let processes = ["\(server.pid)"] + children.split { $0 == " " || $0 == "\n" }.map(String.init)
            #expect(processes.count >= 2, "\(server.logs)")
            for process in processes {
                let status = try runProgram(["grep", "^Uid:", "/proc/\(process)/status"]).outputText
                let words = status.split { $0 == "\t" || $0 == "\n" }.dropFirst()
                #expect(words.count == 4 && words.allSatisfy { $0 == "\(daemon)" }, "\(status)")
            }
        }
    }

    /// Who is no root needs no run-as.
    private static func servesAsMe() throws {
        let hub = try HubUnderTest(services: ["smtp"])
        #expect(try LineClient(port: hub.port("smtp")).line().hasPrefix("220"))
    }
}
