// How many recipients a route carries in a time, over all processes and connections.

import Glibc
import MailTestKit
import Testing

@Suite("Limits of routes", .serialized)
struct RouteLimitTests {
    @Test(
        "SE19: a limit holds over three runs with eight connections each, and recipients of one message count one by one"
    )
    func crowd() async throws {
        try await onThread {
            let sink = try SinkServer()
            let hub = SendHub(
                account: ["auth off", "tls off", "send smtp 127.0.0.1:\(sink.port)", "connections 24"],
                routes: ["route news", "    use one", "    limit 100/1h"])
            for number in 0..<60 {
                try hub.queue(to: (0..<3).map { "x\(number).\($0)@far.example" })
            }
            let script = """
                for i in 1 2 3; do '\(try InstalledCommands.path("mhcarry"))' -C '\(hub.rc)' & done; wait
                """
            let result = try runProgram(
                ["sh", "-c", script], environment: ["HOME": hub.scratch.path, "PATH": "/usr/bin:/bin"],
                deadline: .seconds(60))
            #expect(result.status == 0 && result.errorText == "", "\(result)")
            let paths = sink.messages.flatMap(\.forwardPaths)
            #expect(paths.count == 100 && Set(paths).count == 100, "\(paths.count)")
            // What waits has had no try, and the next run leaves it in peace: no connection, no attempt.
            let (connections, before) = (sink.commands.count, try hub.listed)
            #expect(before.allSatisfy { !$0.contains("\"state\":\"waiting\",\"tries\":1") }, "\(before)")
            #expect(try hub.run().status == 0)
            #expect(sink.commands.count == connections)
            #expect(try hub.listed == before)
            let id = try #require(before.first.flatMap(SendHub.id))
            let why = try hub.mhqueue(["why", id])
            #expect(
                why.outputText.contains("route news has carried what its limit allows; there is room again"), "\(why)")
            // An order of a person changes nothing about what the provider allows; he is told.
            let tried = try hub.mhqueue(["try", id])
            #expect(tried.status == 75, "\(tried)")
            #expect(tried.errorText.contains("could not be tried: route news has carried 100/1h, which is its limit"))
            #expect(sink.messages.flatMap(\.forwardPaths).count == 100)
            // More is allowed: the rest leaves, each recipient once.
            let rc = String(decoding: ScratchDirectory.read(hub.rc) ?? [], as: UTF8.self)
            hub.scratch.write(rc.replacing("limit 100/1h", with: "limit 200/1h"), to: "rc")
            #expect(try hub.mhqueue(["try", "ALL"]).status == 0)
            let all = sink.messages.flatMap(\.forwardPaths)
            #expect(all.count == 180 && Set(all).count == 180, "\(all.count) \(hub.log)")
        }
    }

    @Test("SE19: a count of the year 2099 holds mail up as one of now, and a file that makes no sense is none")
    func wrongCounts() async throws {
        try await onThread {
            let sink = try SinkServer()
            let hub = SendHub(
                account: ["auth off", "tls off", "send smtp 127.0.0.1:\(sink.port)"],
                routes: ["route news", "    use one", "    limit 10/1h"])
            try hub.queue(to: ["a@far.example"])
            let file = "state/route/news"
            hub.scratch.makeFolder("state/route", mode: 0o700)
            hub.scratch.write("mailhub-route 1\nuntil 4070908800+3A10\n", to: file)
            #expect(try hub.run().status == 0)
            #expect(sink.messages.isEmpty)
            #expect(try hub.listed.count == 1)
            hub.scratch.write("\u{0}\u{0}\u{0}", to: file)
            #expect(try hub.mhqueue(["try", "ALL"]).status == 0)
            #expect(sink.messages.count == 1, "\(hub.log)")
        }
    }

    @Test("SE19: --now and a route's program count too, and mail by other routes goes on")
    func others() async throws {
        try await onThread {
            let sink = try SinkServer()
            let hub = SendHub(
                account: ["auth off", "tls off", "send smtp 127.0.0.1:\(sink.port)"],
                routes: [
                    "route tray", "    to *@tray.example", "    pipe /usr/bin/tee -a \"$SCRATCH/calls\"",
                    "    limit 2/1d", "route news", "    to *@far.example", "    use one", "    limit 2/1h",
                    "route rest", "    use one",
                ])
            let rc = String(decoding: ScratchDirectory.read(hub.rc) ?? [], as: UTF8.self)
            hub.scratch.write(rc.replacing("$SCRATCH", with: hub.scratch.path), to: "rc")
            func now(_ recipients: [String]) throws -> CommandResult {
                try hub.mhsend(
                    ["--now", "-i", "-f", "alice@one.example", "--"] + recipients,
                    input: Array("Subject: x\n\nx\n".utf8))
            }
            let many = try now(["a@far.example", "b@far.example", "c@far.example"])
            #expect(
                many.status == 75 && many.errorText.contains("carries 2/1h by its limit, and these are 3"), "\(many)")
            #expect(try now(["a@far.example"]).status == 0)
            let two = try now(["b@far.example", "c@far.example"])
            #expect(two.status == 75 && two.errorText.contains("which is its limit; try again later"), "\(two)")
            #expect(try now(["b@far.example"]).status == 0)
            try hub.queue(to: ["c@far.example", "d@else.example", "e@tray.example", "f@tray.example", "g@tray.example"])
            let run = try InstalledCommands.run(
                ["mhcarry", "-C", hub.rc], environment: ["HOME": hub.scratch.path], isOrdinary: true)
            #expect(run.status == 0, "\(run)")
            #expect(
                sink.messages.flatMap(\.forwardPaths).sorted() == [
                    "<a@far.example>", "<b@far.example>", "<d@else.example>",
                ])
            let calls = String(decoding: ScratchDirectory.read(hub.scratch.file("calls")) ?? [], as: UTF8.self)
            #expect(calls.count(of: "Subject: x") == 2, "\(calls)")
            let listed = try hub.listed
            #expect(listed.count == 1 && listed[0].count(of: "\"state\":\"waiting\"") == 2, "\(listed)")
            #expect(listed[0].count(of: "which is its limit") == 2, "\(listed)")
        }
    }
}
