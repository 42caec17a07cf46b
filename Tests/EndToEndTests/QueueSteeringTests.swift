// What a person does to the queue while a hub runs: gives mail up, sends it another way, reads it by program.

import Glibc
import MailTestKit
import Testing

@Suite("Steering the queue")
struct QueueSteeringTests {
    @Test("SE20: mail given up by hand comes back to its sender with the last answer, once, also where it was held")
    func expire() async throws {
        try await onThread {
            let sink = try SinkServer { moment, line in
                moment == .recipient && line.contains("later@") ? .reply("450 4.2.0 not today") : nil
            }
            let hub = SendHub(plainTo: sink.port)
            let id = try hub.queue(to: ["good@far.example", "later@far.example"])
            try hub.queue("Subject: other\n\nx\n", to: ["later@far.example"])
            #expect(try hub.run().status == 0)
            #expect(try hub.mhqueue(["hold", id]).status == 0)
            #expect(try hub.mhqueue(["expire", id]).status == 0)
            #expect(hub.mail(of: "alice").isEmpty)
            #expect(try hub.run().status == 0)
            let notices = hub.mail(of: "alice")
            #expect(notices.count == 1, "\(hub.log)")
            let notice = notices.first ?? ""
            #expect(notice.contains("Status: 4.4.7") && notice.contains("Action: failed"), "\(notice)")
            #expect(
                notice.contains("given up by hand; the last answer was: 127.0.0.1: 450 4.2.0 not today"), "\(notice)")
            #expect(!notice.contains("Final-Recipient: rfc822; good@"), "\(notice)")
            #expect(try hub.listed.count == 1, "the other one waits")
            #expect(try hub.run().status == 0)
            #expect(hub.mail(of: "alice").count == 1)
        }
    }

    @Test(
        "SE20, ask 14: a message sent another way by hand leaves by the route or the account of that name, also by a program"
    )
    func route() async throws {
        try await onThread {
            let (one, two) = (try SinkServer(), try SinkServer())
            let hub = SendHub(
                account: ["auth off", "tls off", "send smtp 127.0.0.1:\(one.port)"],
                routes: [
                    "account two", "    owner bob", "    auth off", "    tls off",
                    "    send smtp 127.0.0.1:\(two.port)",
                    "route tray", "    to *@nowhere.example", "    pipe /bin/sh -c \"cat > $SCRATCH/tray\"",
                    "route rest", "    use one", "    rewrite to b@far.example c@far.example",
                ])
            let rc = String(decoding: ScratchDirectory.read(hub.rc) ?? [], as: UTF8.self)
            hub.scratch.write(rc.replacing("$SCRATCH", with: hub.scratch.path), to: "rc")
            let ids = try ["a@far.example", "b@far.example", "c@far.example"].map { try hub.queue(to: [$0]) }
            // The rules open account two to bob alone; a person may use it.
            #expect(try hub.mhqueue(["route", "two", ids[0]]).status == 0)
            #expect(try hub.mhqueue(["route", "tray", "--to", "b@far.example"]).status == 0)
            #expect(try hub.listed.count { $0.contains("\"route\":\"tray\"") } == 1)
            let run = try InstalledCommands.run(
                ["mhcarry", "-C", hub.rc], environment: ["HOME": hub.scratch.path], isOrdinary: true)
            #expect(run.status == 0, "\(run)")
            #expect(two.messages.map(\.forwardPaths) == [["<a@far.example>"]], "\(hub.log)")
            #expect(one.messages.map(\.forwardPaths) == [["<c@far.example>"]], "\(hub.log)")
            let tray = String(decoding: ScratchDirectory.read(hub.scratch.file("tray")) ?? [], as: UTF8.self)
            #expect(tray.contains("for <b@far.example>;"), "\(tray) \(hub.log)")
            #expect(try hub.listed.isEmpty)
        }
    }

    @Test("SE20: a run that finds nothing due starts no carrier; one with something to do does, and so does the first")
    func idle() async throws {
        try await onThread {
            let sink = try SinkServer()
            let hub = SendHub(plainTo: sink.port)
            // Without its carrier beside it, mhsend shows that it wanted one.
            let alone = hub.scratch.file("mhsend")
            #expect(try runProgram(["cp", try InstalledCommands.path("mhsend"), alone]).status == 0)
            func startsCarrier(_ words: [String] = ["-q"]) throws -> Bool {
                let result = try runProgram([alone, "-C", hub.rc] + words)
                #expect((result.status == 0) == result.errorText.isEmpty, "\(result)")
                return result.errorText.contains("mhcarry")
            }
            #expect(try startsCarrier())
            #expect(try hub.run().status == 0)
            #expect(try !startsCarrier())
            #expect(try startsCarrier(["-qo", "home"]) && startsCarrier(["-qR", "x"]))
            let id = try hub.queue(to: ["a@far.example"])
            #expect(try startsCarrier())
            #expect(try hub.mhqueue(["hold", id]).status == 0)
            #expect(try !startsCarrier())
            #expect(try hub.mhqueue(["release", id]).status == 0)
            #expect(try startsCarrier())
            #expect(try hub.run().status == 0)
            #expect(sink.messages.count == 1)
            #expect(try !startsCarrier())
        }
    }

    @Test("SE20: every line of --json is one object that another program reads, whatever stands in the mail")
    func json() async throws {
        try await onThread {
            let sink = try SinkServer { moment, _ in
                moment == .recipient ? .reply("450 4.2.0 \u{1B}[2J \"quoted\" \\ gr\u{FC}n \u{202E}") : nil
            }
            let hub = SendHub(plainTo: sink.port)
            let corpus = try MailCorpus.real().prefix(200).map(\.octets) + Oddity.quick.map { $0.file() }
            var count = 0
            for octets in corpus where !octets.isEmpty {
                let sent = try hub.mhsend(
                    [
                        "-odq", "-i", "-f", "alice@one.example", "--", "\"a \\\"b\\\"\"@far.example",
                        "gr\u{FC}n@far.example",
                    ],
                    input: octets)
                if sent.status == 0 { count += 1 }
            }
            #expect(count > 150)
            #expect(try hub.run(deadline: .seconds(120)).status == 0)
            let listed = hub.scratch.file("listed")
            let listing = try hub.mhqueue(["list", "--json"])
            #expect(listing.status == 0)
            hub.scratch.write(listing.output, to: "listed")
            let script = #"""
                import json, sys
                lines = open(sys.argv[1], "rb").read().split(b"\n")
                assert lines.pop() == b""
                for line in lines:
                    assert all(0x20 <= c < 0x7f or c >= 0x80 for c in line), line
                    message = json.loads(line.decode("utf-8"))
                    assert message["v"] == 1 and message["from"] == "alice@one.example", message
                    assert [r["address"] for r in message["recipients"]] == ['"a \\"b\\""@far.example', 'gr\u00fcn@far.example']
                    for r in message["recipients"]:
                        assert r["tries"] == 0 or '"quoted" \\' in r["reply"], r
                print(len(lines))
                """#
            let read = try runProgram(
                ["python3", "-c", script, listed], environment: ["PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"])
            #expect(read.status == 0 && read.outputText == "\(count)\n", "\(read)")
        }
    }
}
