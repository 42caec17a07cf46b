// Things in the queue that are no messages of the hub: none of them is sent, and none stops a run.

import Glibc
import MailTestKit
import Testing

@Suite("ContentFaults in the queue")
struct OddQueueTests {
    private func makeOddities(_ hub: SendHub) throws {
        let new = hub.scratch.file("state/queue/new")
        unsafe mkdir("\(new)/a directory", 0o700)
        unsafe mkdir("\(new)/1795255200.abcdefghijklmnopqrst.hub,S=10,R=0", 0o700)
        unsafe mkfifo("\(new)/1795255200.abcdefghijklmnopqrsu.hub,S=10,R=0", 0o600)
        unsafe symlink("/etc/passwd", "\(new)/1795255200.abcdefghijklmnopqrsv.hub,S=10,R=0")
        hub.scratch.write("no envelope\n", to: "state/queue/new/1795255200.abcdefghijklmnopqrsw.hub,S=12,R=0")
        hub.scratch.write("x", to: "state/queue/new/a file")
    }

    @Test("directories, fifos, links and foreign files go out of the way, and the mail goes out in the same run")
    func contentFaults() async throws {
        try await onThread {
            let sink = try SinkServer()
            let hub = SendHub(plainTo: sink.port)
            try hub.queue(to: ["x@far.example"])
            try makeOddities(hub)
            let run = try hub.run()
            #expect(run.status == 65 && run.errorText.contains("foreign"), "\(run)")
            #expect(sink.messages.count == 1)
            #expect(hub.files(in: "foreign").count == 6 && hub.files(in: "new").isEmpty && hub.files(in: "cur").isEmpty)
            #expect(try hub.run().status == 0)
        }
    }

    @Test("one that cannot be moved stops no run", .needs(.strace))
    func immovable() async throws {
        try await onThread {
            let sink = try SinkServer()
            let hub = SendHub(plainTo: sink.port)
            try hub.queue(to: ["x@far.example"])
            unsafe mkdir(hub.scratch.file("state/queue/new/a directory"), 0o700)
            let run = try runProgram(
                [
                    "strace", "-f", "-o", hub.scratch.file("trace"), "-e", "trace=renameat2", "-e",
                    "inject=renameat2:error=EACCES:when=1", try InstalledCommands.path("mhcarry"), "-C", hub.rc,
                ], environment: ["HOME": hub.scratch.path, "PATH": "/usr/bin:/bin"])
            #expect(run.status == 77, "\(run)")
            #expect(sink.messages.count == 1)
            #expect(hub.files(in: "new") == ["a directory"] && hub.files(in: "cur").isEmpty)
        }
    }

    @Test("a message that belongs to another user is never sent, and the others are", .needsRoot())
    func foreignOwner() async throws {
        try await onThread {
            let sink = try SinkServer()
            let hub = SendHub(plainTo: sink.port)
            let foreign = try hub.queue(to: ["foreign@far.example"])
            let name = try #require(hub.files(in: "new").first)
            #expect(unsafe chown(hub.scratch.file("state/queue/new/\(name)"), 4711, 4711) == 0)
            try hub.queue(to: ["own@far.example"])
            let run = try hub.run()
            #expect(run.status == 77 && run.errorText.contains("belongs to user 4711"), "\(run)")
            #expect(sink.messages.map(\.forwardPaths) == [["<own@far.example>"]])
            #expect(hub.files(in: "new") == [name], "left where it is")
            #expect(try hub.mhqueue(["try", foreign]).status != 0)
            #expect(sink.messages.count == 1)
            // As its complaint says.
            #expect(unsafe chown(hub.scratch.file("state/queue/new/\(name)"), geteuid(), getegid()) == 0)
            #expect(try hub.run().status == 0)
            #expect(sink.messages.count == 2)
        }
    }
}
