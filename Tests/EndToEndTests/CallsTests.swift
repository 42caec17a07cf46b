// What callers of sendmail and of msmtp ask for, by options, by the name they call, and by the rc.

import Glibc
import MailTestKit
import Testing

@Suite("Calls of mhsend")
struct CallsTests {
    private let letter = Array("From: Bob <bob@home.example>\nTo: x@far.example\nSubject: x\n\nx\n".utf8)

    @Test("SE22: the account of -a carries it, by no route; one that is not there is told, and nothing is queued")
    func account() async throws {
        try await onThread {
            let one = try SinkServer()
            let two = try SinkServer()
            let hub = SendHub(
                account: ["auth off", "tls off", "send smtp 127.0.0.1:\(one.port)"],
                routes: [
                    "account two", "    owner bob", "    auth off", "    tls off",
                    "    send smtp 127.0.0.1:\(two.port)",
                    "route all", "    use one", "    rewrite all * wrong@one.example",
                ])
            for option in [["-a", "two"], ["--account=two"], ["-atwo"]] {
                #expect(try hub.mhsend(["-odi"] + option + ["x@far.example"], input: letter).status == 0)
            }
            #expect(two.messages.count == 3 && one.messages.isEmpty)
            #expect(
                two.messages.allSatisfy {
                    String(decoding: $0.content, as: UTF8.self).contains("Bob <bob@home.example>")
                })
            let wrong = try hub.mhsend(["-a", "tow", "x@far.example"], input: letter)
            #expect(wrong.status == 78 && wrong.errorText.contains("did you mean \"two\""), "\(wrong)")
            #expect(try hub.listed.isEmpty)
        }
    }

    @Test("SE22: the sender of the From field, for who asks; defaults for DSN and no -f at all, by the rc")
    func senders() async throws {
        try await onThread {
            let sink = try SinkServer()
            let hub = SendHub(plainTo: sink.port)
            func paths(_ hub: SendHub, _ options: [String], input: [UInt8]? = nil) throws -> String {
                let result = try hub.mhsend(["-odi"] + options + ["x@far.example"], input: input ?? letter)
                #expect(result.status == 0, "\(result)")
                return "\(sink.messages.last?.reversePath ?? "") \(sink.messages.last?.forwardPaths.first ?? "")"
            }
            #expect(try paths(hub, ["--read-envelope-from"]).hasPrefix("<bob@home.example> "))
            #expect(try paths(hub, ["--from=c@home.example"]).hasPrefix("<c@home.example> "))
            let none = try hub.mhsend(
                ["--read-envelope-from", "x@far.example"], input: Array("From: a b <\n\nx\n".utf8))
            #expect(none.status == 65 && none.errorText.contains("no From field that can be read"), "\(none)")
            let strict = SendHub(
                plainTo: sink.port,
                top: ["allow_from_override off", "dsn_notify failure,delay", "dsn_return headers"])
            let ignored = try paths(strict, ["-f", "c@home.example"])
            #expect(!ignored.contains("c@home.example") && ignored.contains("@hub.example>"), "\(ignored)")
            #expect(ignored.contains(" RET=HDRS") && ignored.hasSuffix("NOTIFY=FAILURE,DELAY"), "\(ignored)")
            #expect(try paths(strict, ["-f", "<>", "-N", "never", "-R", "full"]).hasPrefix("<> "))
            #expect(sink.messages.last?.forwardPaths == ["<x@far.example> NOTIFY=NEVER"])
        }
    }

    @Test(
        "SE22: what has a sender or a recipient is tried now, and nothing else; queue-only leaves all to the next run")
    func chosen() async throws {
        try await onThread {
            let sink = try SinkServer()
            let hub = SendHub(plainTo: sink.port, top: ["queue-only on", "retry 60 600"])
            for (from, to) in [("a@one.example", "b@far.example"), ("c@one.example", "d@Near.example")] {
                let result = try hub.mhsend(["-f", from, to], input: letter)
                #expect(result.status == 0 && result.errors.isEmpty, "\(result)")
            }
            #expect(try hub.listed.count == 2 && sink.commands.isEmpty)
            #expect(try hub.mhsend(["-qRNear"]).status == 0)
            #expect(sink.messages.map(\.forwardPaths) == [["<d@near.example>"]])
            #expect(try hub.mhsend(["-qS", "c@one"]).status == 0)
            #expect(sink.messages.count == 1)
            #expect(try hub.mhsend(["-qS", "A@ONE"]).status == 0)
            #expect(sink.messages.map(\.forwardPaths).last == ["<b@far.example>"])
            #expect(try hub.listed.isEmpty)
            // Who asks for it by option has it sent.
            #expect(try hub.mhsend(["-odi", "x@far.example"], input: letter).status == 0)
            #expect(sink.messages.count == 3)
        }
    }

    @Test("ask 22: no command takes a password on its command line, and none shows the rc's")
    func noSecrets() async throws {
        try await onThread {
            let hub = SendHub(account: ["password hunter2", "send submission 127.0.0.1:9"])
            for name in ["mhsend", "mhcarry", "mhfetch", "mhqueue", "mhroute", "mhserve"] {
                for word in ["--password=x", "--passwordeval=x"] {
                    let result = try InstalledCommands.run(
                        [name, "-C", hub.rc, word], environment: ["HOME": hub.scratch.path])
                    #expect(result.status == 64, "\(name) \(word): \(result)")
                }
                guard name != "mhqueue", name != "mhroute" else { continue }
                let printed = try InstalledCommands.run(
                    [name, "-C", hub.rc, "--print-config"], environment: ["HOME": hub.scratch.path])
                #expect(printed.outputText.contains("password"), "\(printed)")
                #expect(!printed.outputText.contains("hunter2"), "\(name)")
            }
            try hub.queue(to: ["a@far.example"])
            #expect(try hub.run().status == 0)
            #expect(!hub.log.contains("hunter2"))
        }
    }

    @Test("SE1: -bv tells of each address, and its status that one is nobody's; -bt is refused with the command for it")
    func verify() async throws {
        try await onThread {
            let hub = SendHub(plainTo: 9)
            let known = try hub.mhsend(["-bv", "-f", "alice@one.example", "bob@home.example", "x@far.example"])
            #expect(known.status == 0 && known.errors.isEmpty, "\(known)")
            #expect(
                known.outputText.contains("to bob@home.example") && known.outputText.contains("into the mailbox bob"))
            #expect(known.outputText.contains("to x@far.example") && known.outputText.contains("account one: smtp"))
            let unknown = try hub.mhsend(["-bv", "x@far.example", "nobody-at-all"])
            #expect(unknown.status == 67 && unknown.outputText.contains("nobody has this address here"), "\(unknown)")
            #expect(try hub.mhsend(["-bv"]).status == 64)
            let tested = try hub.mhsend(["-bt"])
            #expect(tested.status == 64 && tested.errorText.contains("mhroute show ADDRESS"), "\(tested)")
        }
    }

    @Test("SE1: as rmail it takes what UUCP hands over: the sender stands before the header, and a dot ends nothing")
    func rmail() async throws {
        try await onThread {
            let sink = try SinkServer()
            let hub = SendHub(plainTo: sink.port)
            let link = hub.scratch.file("rmail")
            #expect(try unsafe symlink(InstalledCommands.path("mhsend"), link) == 0)
            func call(_ line: String) throws -> CommandResult {
                try runProgram(
                    [link, "-C", hub.rc, "-odi", "x@far.example"],
                    input: Array("\(line)Subject: x\n\none\n.\ntwo\n".utf8),
                    environment: ["HOME": hub.scratch.path])
            }
            for (line, sender) in [
                ("From bob Sat Nov 21 09:00:00 2026 remote from station\n", "bob@station"),
                ("From bob@else.where Sat Nov 21 09:00:00 2026 remote from station\n", "bob@else.where"),
                ("From bob Sat Nov 21 09:00:00 2026\n", "bob@hub.example"),
            ] {
                let result = try call(line)
                #expect(result.status == 0, "\(result)")
                let message = try #require(sink.messages.last)
                #expect(message.reversePath.hasPrefix("<\(sender)> "), "\(message.reversePath)")
                #expect(String(decoding: message.content, as: UTF8.self).hasSuffix("one\r\n.\r\ntwo\r\n"))
            }
            #expect(try call("From a@@b Sat\n").status == 65)
        }
    }
}
