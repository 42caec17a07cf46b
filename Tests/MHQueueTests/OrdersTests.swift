// What `mhqueue` does to which messages: each test runs the command in a process of its own, on a queue filled by hand.

import Glibc
import MailTestKit
import Reporting
import SpoolQueue
import Testing

@testable import mhqueue

@Suite("Orders to the queue")
struct OrdersTests {
    private static func words(of end: ExitTest.Result?) -> String {
        String(decoding: end?.standardErrorContent ?? [], as: UTF8.self)
    }

    @Test("SE20: hold, release and rm do what they say to the messages named, and nothing to the others")
    func byID() async {
        let end = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
            let bench = try QueueBench()
            for id in ["1.a.hub", "2.a.hub", "3.a.hub"] { try bench.add(id) }
            let silence = Said(status: 0, output: "", errors: "")
            try demand(try bench.mhqueue("hold", "--reason", "on\ntrial", "1.a.hub", "3.a.hub"), is: silence)
            try demand(try bench.held, is: ["1.a.hub": "on trial", "3.a.hub": "on trial"], "held")
            try demand(try bench.queue.list().entries.filter(\.isHeld).count, is: 2, "held by name")
            try demand(try bench.mhqueue("hold", "2.a.hub"), is: silence)
            try demand(try bench.held["2.a.hub"], is: "held by hand", "the reason unless one is given")
            try demand(try bench.mhqueue("release", "3.a.hub", "2.a.hub"), is: silence)
            try demand(try bench.held, is: ["1.a.hub": "on trial"], "released")
            try demand(try bench.mhqueue("rm", "1.a.hub", "3.a.hub"), is: silence)
            try demand(try bench.ids, is: ["2.a.hub"], "removed")
            let journals = ScratchDirectory.names(in: bench.scratch.file("state/queue/log"))
            try demand(journals, is: ["2.a.hub"], "what is removed leaves no journal, and nobody is told")
        }
        #expect(end != nil, "\(Self.words(of: end))")
    }

    @Test("SE20: a released message may be tried at once, whenever it would have been due")
    func releasedIsDue() async {
        let end = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
            let bench = try QueueBench()
            let id = try bench.addHeld("1.a.hub")
            try demand(try bench.message(id).state.next, is: noon)
            try demand(try bench.mhqueue("release", "1.a.hub").status, is: 0)
            let message = try bench.message(id)
            try demand(message.state.next, is: 0, "the journal")
            try demand(message.entry.notBefore, is: 0, "the name")
            try demand(message.state.hold, is: nil, "the hold")
        }
        #expect(end != nil, "\(Self.words(of: end))")
    }

    @Test(
        "SE20: one that is missing, or that somebody works on, is told, and the others are served; the status is its own"
    )
    func missing() async {
        let end = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
            let bench = try QueueBench()
            for id in ["1.a.hub", "2.a.hub", "3.a.hub", "4.a.hub"] { try bench.add(id) }
            let gone = try bench.mhqueue("hold", "no.such.id", "1.a.hub", "../../etc/passwd", "2.a.hub")
            try demand(gone.status, is: 65, gone.errors)
            for word in ["no.such.id", "../../etc/passwd"] {
                let words = ": \(word): no such message in the queue; it may be gone already, see: mhqueue list\n"
                try demand(gone.errors.contains(words), gone.errors)
            }
            try demand(gone.errors.split(separator: "\n").count, is: 2, gone.errors)
            try demand(try bench.held.keys.sorted(), is: ["1.a.hub", "2.a.hub"])
            // Who is named twice is meant once.
            let twice = try bench.mhqueue("rm", "1.a.hub", "1.a.hub")
            try demand(twice, is: Said(status: 0, output: "", errors: ""))
            try demand(try bench.mhqueue("hold", "3.a.hub", "3.a.hub").status, is: 0)
            let locked = try bench.lock(try #require(QueueID("2.a.hub")))
            let busy = try bench.mhqueue("rm", "2.a.hub", "3.a.hub")
            try demand(busy.status, is: 75, busy.errors)
            let words = ": 2.a.hub: process \(getpid()) is working on it; try again when it is done\n"
            try demand(busy.errors.hasSuffix(words), busy.errors)
            try demand(try bench.ids, is: ["2.a.hub", "4.a.hub"])
            try demand(try bench.mhqueue("rm", "ALL").status, is: 75)
            try demand(try bench.ids, is: ["2.a.hub"])
            locked.unlock()
            try demand(try bench.mhqueue("rm", "2.a.hub").status, is: 0)
            try demand(try bench.ids, is: [])
        }
        #expect(end != nil, "\(Self.words(of: end))")
    }

    @Test("SE20: ALL means every message, by itself alone; no word at all means none")
    func all() async {
        let end = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
            let bench = try QueueBench()
            let ids = ["1.a.hub", "2.a.hub", "3.a.hub"]
            for id in ids { try bench.add(id) }
            try demand(try bench.mhqueue("hold", "ALL").status, is: 0)
            try demand(try bench.held.keys.sorted(), is: ids)
            let beside = try bench.mhqueue("release", "ALL", "2.a.hub")
            try demand(beside.status, is: 64, "ALL beside an id is a mistake, and changes nothing")
            try demand(try bench.mhqueue("rm", "-", "2.a.hub").status, is: 64, "and so is -")
            try demand(try bench.held.keys.sorted(), is: ids)
            try demand(try bench.mhqueue("hold", "--reason", " ", "2.a.hub").status, is: 64, "a reason without text")
            for verb in ["rm", "hold", "release", "try", "expire"] {
                try demand(try bench.mhqueue(verb).status, is: 64, "\(verb) of nothing")
            }
            try demand(try bench.ids, is: ids)
            try demand(try bench.mhqueue("rm", "ALL").status, is: 0)
            try demand(try bench.ids, is: [])
            try demand(try bench.mhqueue("rm", "ALL").status, is: 0, "of an empty queue")
        }
        #expect(end != nil, "\(Self.words(of: end))")
    }

    @Test(
        "SE20: - takes the first word of each line of standard input, and does nothing where one is no id for its length"
    )
    func standardInput() async {
        let end = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
            let bench = try QueueBench()
            for id in ["1.a.hub", "2.a.hub", "3.a.hub", "4.a.hub"] { try bench.add(id) }
            let listing = "1.a.hub  <alice@home.example>  14 octets\n    waiting  <3.a.hub>\n\n2.a.hub\r\n\t3.a.hub"
            try demand(
                try bench.mhqueue("rm", "-", input: listing), is: Said(status: 0, output: "", errors: ""))
            try demand(try bench.ids, is: ["3.a.hub", "4.a.hub"])
            try demand(try bench.mhqueue("rm", "-").status, is: 0, "no line")
            let long = try bench.mhqueue("rm", "-", input: "3.a.hub\n" + String(repeating: "x", count: 4097) + "\n")
            try demand(long.status, is: 64)
            try demand(try bench.ids, is: ["3.a.hub", "4.a.hub"])
            try demand(try bench.mhqueue("rm", "-", input: "3.a.hub\nno.such.id\n4.a.hub").status, is: 65)
            try demand(try bench.ids, is: [])
        }
        #expect(end != nil, "\(Self.words(of: end))")
    }

    @Test("list shows the oldest first, one that is damaged on standard error; an empty queue says so, but for --json")
    func list() async {
        let end = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
            let bench = try QueueBench()
            try demand(
                try bench.mhqueue("list"), is: Said(status: 0, output: "the queue is empty\n", errors: ""))
            try demand(try bench.mhqueue("list", "--json"), is: Said(status: 0, output: "", errors: ""))
            try bench.add("1700000002.a.hub", from: nil, "x")
            try bench.add("1700000001.a.hub")
            let lines = """
                1700000001.a.hub  <alice@home.example>  14 octets  Fri, 15 Jan 2027 08:00:00 +0000
                    waiting  <bob@far.example>
                1700000002.a.hub  <>  1 octet  Fri, 15 Jan 2027 08:00:00 +0000
                    waiting  <bob@far.example>

                """
            try demand(try bench.mhqueue("list"), is: Said(status: 0, output: lines, errors: ""))
            func json(_ id: String, _ sender: String, _ size: Int) -> String {
                #"{"v":1,"id":"\#(id)","from":"\#(sender)","size":\#(size),"arrival":1800000000,"held":null,"route":null,"#
                    + #""login":null,"recipients":[{"address":"bob@far.example","state":"waiting","tries":0,"#
                    + #""next":0,"host":null,"status":null,"reply":null}]}"# + "\n"
            }
            let values = json("1700000001.a.hub", "alice@home.example", 14) + json("1700000002.a.hub", "", 1)
            try demand(try bench.mhqueue("list", "--json"), is: Said(status: 0, output: values, errors: ""))
            let damaged = "state/queue/new/1700000000.a.hub,S=12,R=0"
            bench.scratch.write("no envelope\n", to: damaged)
            let told = try bench.mhqueue("list")
            try demand(told.output, is: lines, "its neighbours")
            try demand(told.status, is: 65)
            try demand(told.errors.contains("\(damaged): is no queued message ("), told.errors)
            try demand(try bench.ids.count, is: 3, "list moves nothing")
        }
        #expect(end != nil, "\(Self.words(of: end))")
    }

    @Test("show prints the envelope and then the content as it is; with --json no content; without an id nothing")
    func show() async {
        let end = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
            let bench = try QueueBench()
            let content = "Subject: x\n\n\u{1B}[2J" + String(repeating: "a line\n", count: 20_000) + "no end"
            try bench.add("1.a.hub", content)
            let top = """
                Id: 1.a.hub
                From: <alice@home.example>
                To: waiting  <bob@far.example>
                Arrived: Fri, 15 Jan 2027 08:00:00 +0000
                Size: \(content.utf8.count)


                """
            let shown = try bench.mhqueue("show", "1.a.hub")
            try demand(shown.output == top + content, "\(shown.output.prefix(400))")
            try demand(shown.status, is: 0)
            let value = try bench.mhqueue("show", "--json", "1.a.hub").output
            try demand(value.hasPrefix(#"{"v":1,"id":"1.a.hub","from":"#) && value.hasSuffix("}]}\n"), value)
            try demand(value, is: try bench.mhqueue("list", "--json").output)
            for verb in ["show", "why"] {
                try demand(try bench.mhqueue(verb).status, is: 64, verb)
                try demand(try bench.mhqueue(verb, "2.a.hub").status, is: 65, verb)
            }
        }
        #expect(end != nil, "\(Self.words(of: end))")
    }

    @Test("why asks the rules of the rc as it is now")
    func why() async {
        let end = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
            let bench = try QueueBench()
            try bench.add("1.a.hub", to: ["alice@home.example", "bob@far.example"])
            /// First the message and a paragraph, then the lines of each recipient.
            func told(_ reasons: String) throws {
                let said = try bench.mhqueue("why", "1.a.hub")
                try demand(said.status, is: 0, said.errors)
                let (head, lines) = (said.output.prefix { $0 != "\n" }, said.output.split(separator: "\n\n"))
                try demand(String(head), is: "1.a.hub")
                try demand(lines.count, is: 2, said.output)
                try demand(lines[0].replacing("\n ", with: "").contains("and waits for 2 recipients."), said.output)
                let text = """
                      waiting  <alice@home.example>
                        goes to the mailbox alice
                      waiting  <bob@far.example>

                    """
                try demand(String(lines[1]), is: text + reasons)
            }
            let stranger = "    no account has the address alice@home.example\n"
            try told(stranger + "    no account can send: add a send line to one; held until then\n")
            let account = "account one\n  address alice@home.example\n  auth off\n  tls off\n  send smtp 127.0.0.1:9\n"
            let rc = String(decoding: ScratchDirectory.read(bench.rc) ?? [], as: UTF8.self)
            bench.scratch.write(rc + account, to: "rc")
            try told("    account one: alice@home.example is one of its addresses\n")
            let value = try bench.mhqueue("why", "--json", "1.a.hub").output
            try demand(value.contains(#","why":"The message of <alice@home.example> came in "#), value)
        }
        #expect(end != nil, "\(Self.words(of: end))")
    }

    @Test("try tries nothing that is held, and says how to let it go on")
    func tryHeld() async {
        let end = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
            let bench = try QueueBench()
            let id = try bench.addHeld("1.a.hub")
            for words in ["1.a.hub", "ALL"] {
                let told = try bench.mhqueue("try", words)
                try demand(told.status, is: 65, told.errors)
                let said = ": 1.a.hub: is held (look); let it go on with: mhqueue release 1.a.hub\n"
                try demand(told.errors.hasSuffix(said), told.errors)
            }
            try demand(try bench.mhqueue("try", "2.a.hub").status, is: 65)
            let message = try bench.message(id)
            try demand(message.state.hold, is: "look")
            try demand(message.state.next, is: noon, "its time stands")
            try demand(message.state.tries, is: 0)
        }
        #expect(end != nil, "\(Self.words(of: end))")
    }

    @Test("what is written in many pieces comes out whole and in order; a reader who has gone ends it without a word")
    func output() async {
        let end = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
            let bench = try QueueBench()
            let names = (100..<250).map { "somebody-\($0)@far.example" }
            for number in 10..<30 { try bench.add("17000000\(number).a.hub", to: names) }
            let listed = try bench.mhqueue("list").output
            try demand(listed.utf8.count > 65_536, "\(listed.utf8.count) octets are one piece")
            let recipients = names.map { "    waiting  <\($0)>\n" }.joined()
            let tail = "  <alice@home.example>  14 octets  Fri, 15 Jan 2027 08:00:00 +0000\n"
            let wanted = (10..<30).map { "17000000\($0).a.hub\(tail)\(recipients)" }.joined()
            try demand(listed == wanted, "found \(listed.utf8.count) octets, wanted \(wanted.utf8.count)")

            signal(SIGPIPE, SIG_IGN)
            var ends: [Int32] = [-1, -1]
            try demand(unsafe pipe(&ends) == 0, "no pipe: \(errno)")
            close(ends[0])
            dup2(ends[1], 1)
            var output = Output()
            try output.add("somebody reads this")
            do throws(OutputError) {
                try output.flush()
            } catch {
                try demand(error.exitStatus, is: .ok)
                return try demand(error.lines, is: [])
            }
            throw KitError("nobody reads this")
        }
        #expect(end != nil, "\(Self.words(of: end))")
    }
}
