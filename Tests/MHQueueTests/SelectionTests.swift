// Which messages a verb takes, and what the verbs that count say.

import Glibc
import MailEnvelope
import MailTestKit
import Reporting
import SpoolQueue
import Testing

@testable import mhqueue

@Suite("Messages chosen by what is known of them")
struct SelectionTests {
    private static func words(of end: ExitTest.Result?) -> String {
        String(decoding: end?.standardErrorContent ?? [], as: UTF8.self)
    }

    @Test("SE20: by sender, recipient, age and route, each exactly, and all of them together")
    func selectors() async {
        let end = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
            let bench = try QueueBench(
                more: """
                    account one
                      send smtp 127.0.0.1:9
                      tls off
                      auth off
                    account two
                      send smtp 127.0.0.2:9
                      tls off
                      auth off
                    route news
                      to *@news.example
                      use two
                    route rest
                      use one

                    """)
            let now = Int(time(nil))
            try bench.add(
                "\(now - 7200).a.hub", from: "alice@home.example", to: ["bob@far.example", "x@news.example"],
                arrival: now - 7200)
            try bench.add(
                "\(now - 60).b.hub", from: "malice@home.example", to: ["bob@far.example.org"], arrival: now - 60)
            try bench.add(
                "\(now - 90_000).c.hub", from: nil, to: ["alice@home.example"], by: "alice", arrival: now - 90_000)
            func listed(_ words: String...) throws -> String {
                let said = try bench.mhqueue(["list"] + words)
                try demand(said.errors, is: "")
                return said.output.split(separator: "\n").filter { !$0.hasPrefix(" ") }.compactMap {
                    $0.split(separator: ".").dropFirst().first.map(String.init)
                }.joined()
            }
            try demand(try listed(), is: "cab")
            try demand(try listed("--from", "alice@home.example"), is: "a")
            try demand(try listed("--from", "*@HOME.example"), is: "ab")
            try demand(try listed("--from", "<>"), is: "c")
            try demand(try listed("--to", "bob@far.example"), is: "a", "no part of an address")
            try demand(try listed("--to", "bob"), is: "ab", "a local part at any domain, as in the rc")
            try demand(try listed("--older-than", "1h"), is: "ca")
            try demand(try listed("--newer-than", "1h"), is: "b")
            try demand(try listed("--older-than", "1h", "--newer-than", "1d"), is: "a")
            try demand(try listed("--route", "news"), is: "a")
            try demand(try listed("--route", "rest"), is: "ab")
            try demand(try listed("--route", "two"), is: "a", "an account's name")
            try demand(try listed("--route", "rest", "--to", "*@news.example"), is: "", "both of one recipient")
            let none = try bench.mhqueue("list", "--from", "nobody@x.example")
            try demand(none, is: Said(status: 0, output: "no message in the queue is one of these\n", errors: ""))
            for wrong in [["--from", "@x"], ["--older-than", "soon"], ["--route", "nowhere"], ["--to", ""]] {
                try demand(try bench.mhqueue(["list"] + wrong).status, is: 64, "\(wrong)")
            }
            // What has been served is not waited for.
            do {
                let message = try bench.lock(try #require(QueueID("\(now - 7200).a.hub")))
                try message.beginAttempt(next: now + 300)
                try message.record(
                    [
                        AttemptResult(
                            recipients: [0], .delivered(.passedOn, from: "mx", text: "250 ok"))
                    ], at: now)
            }
            try demand(try listed("--to", "bob"), is: "b")
            try demand(try bench.mhqueue("hold", "--from", "*@home.example", "--newer-than", "1h").status, is: 0)
            try demand(try bench.held.keys.sorted(), is: ["\(now - 60).b.hub"])
            // An id beside them is one of those, or is left alone.
            try demand(try bench.mhqueue("rm", "--to", "x@news.example", "\(now - 60).b.hub").status, is: 0)
            try demand(try bench.ids.count, is: 3)
            try demand(try bench.mhqueue("rm", "--to", "x@news.example").status, is: 0)
            try demand(try bench.mhqueue("rm", "--to", "x@news.example").status, is: 0, "none is no error")
            try demand(try bench.ids.count, is: 2)
        }
        #expect(end != nil, "\(Self.words(of: end))")
    }

    @Test("SE20: a route ordered by hand is kept, must be there, and RULES takes it back")
    func route() async {
        let end = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
            let bench = try QueueBench(
                more: """
                    account one
                      send smtp 127.0.0.1:9
                      tls off
                      auth off
                    route straight
                      to *@nowhere.example
                      mx

                    """)
            let id = try bench.addHeld("1.a.hub")
            try demand(try bench.mhqueue("route", "nowhere", "1.a.hub").status, is: 64)
            try demand(try bench.message(id).state.route, is: nil)
            for name in ["one", "straight"] {
                try demand(try bench.mhqueue("route", name, "1.a.hub"), is: Said(status: 0, output: "", errors: ""))
                try demand(try bench.message(id).state.route, is: name)
                try demand(try bench.message(id).state.next, is: 0, "due at once")
            }
            try demand(try bench.held.keys.sorted(), is: ["1.a.hub"], "held as before")
            try demand(try bench.mhqueue("route", "RULES", "ALL").status, is: 0)
            try demand(try bench.message(id).state.route, is: nil)
            try demand(try bench.mhqueue("route", "one").status, is: 64, "of nothing")
        }
        #expect(end != nil, "\(Self.words(of: end))")
    }

    @Test("SE20: what is expired waits for nobody, and owes its sender a notice; a notice is not given up")
    func expire() async {
        let end = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
            let bench = try QueueBench()
            let id = try bench.addHeld("1.a.hub")
            try bench.add("2.a.hub", from: nil)
            try bench.add("3.a.hub")
            try demand(try bench.mhqueue("expire", "1.a.hub"), is: Said(status: 0, output: "", errors: ""))
            // A notice that is given up would vanish without anybody's knowing.
            let notice = try bench.mhqueue("expire", "2.a.hub")
            try demand(notice.status == 65 && notice.errors.contains("mhqueue rm 2.a.hub"), notice.errors)
            try demand(try bench.ids, is: ["1.a.hub", "2.a.hub", "3.a.hub"])
            let message = try bench.message(id)
            try demand(message.state.hold, is: nil, "else the notice would wait")
            try demand(message.state.waiting, is: [])
            try demand(message.state.owed(.failure), is: [0])
            let verdict = message.state.recipients[0].verdict
            try demand(verdict.map { "\($0.status) \($0.text)" }, is: "4.4.7 given up by hand, before any try")
            try demand(message.entry.notBefore, is: 0)
        }
        #expect(end != nil, "\(Self.words(of: end))")
    }

    @Test(
        "SE20: stats and check count what waits, how long, and for what; a monitor has one line and a status of its own"
    )
    func figures() async {
        let end = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
            let bench = try QueueBench(more: "account one\n  send smtp 127.0.0.1:9\n  tls off\n  auth off\n")
            try demand(try bench.mhqueue("stats").output, is: "the queue is empty\n")
            let empty = try bench.mhqueue("check")
            try demand(
                empty,
                is: Said(
                    status: 0,
                    output: "QUEUE OK: 0 messages | messages=0;;;0 oldest=0s;3600;86400;0 recipients=0;;;0 held=0;;;0 "
                        + "due=0;;;0\n", errors: ""))
            let now = Int(time(nil))
            try bench.add("\(now).a.hub", to: ["bob@far.example", "alice@home.example"], arrival: now)
            let one = try bench.mhqueue("check")
            try demand(one.status, is: 0)
            try demand(
                one.output.hasPrefix("QUEUE OK: 1 message, the oldest 0 min | messages=1;;;0 oldest="), one.output)
            let many = try bench.mhqueue("check", "--warn-count", "0", "--crit-count", "1")
            try demand(many.status, is: 1)
            try demand(many.output.hasPrefix("QUEUE WARNING: 1 message in the queue | messages=1;0;1;0"), many.output)
            try demand(try bench.mhqueue("check", "--crit-count", "0").status, is: 2)
            try bench.add("\(now - 7200).b.hub", arrival: now - 7200)
            let old = try bench.mhqueue("check")
            try demand(old.status, is: 1)
            try demand(
                old.output.hasPrefix(
                    "QUEUE WARNING: the oldest message has waited 2 h; mail is due for 2 h and no run has taken it | "),
                old.output)
            try demand(try bench.mhqueue("check", "--crit", "2h").status, is: 2)
            try demand(try bench.mhqueue("check", "--crit", "soon").status, is: 64)
            // What a person holds does not age.
            try demand(try bench.mhqueue("hold", "--older-than", "1h").status, is: 0)
            try demand(try bench.mhqueue("check").status, is: 0)
            try HopStates(in: bench.queue.state).change(.account("one")) {
                ($0.fault, $0.since) = ("550 no | no\u{1B}", now - 600)
            }
            let fault = try bench.mhqueue("check")
            try demand(fault.status, is: 1)
            try demand(
                fault.output.hasPrefix("QUEUE WARNING: account one is at fault since 10 min: 550 no / no"), fault.output
            )
            try demand(fault.output.count { $0 == "|" }, is: 1, fault.output)
            let stats = try bench.mhqueue("stats").output
            for line in [
                "2 messages, 28 octets; 3 recipients to serve\n",
                "1 due, 1 held by hand; 0 recipients held by a rule\n",
                "account one: 2 recipients, the oldest 2 h; at fault since ",
                "mailbox alice: 1 recipient, the oldest 0 min\n",
            ] {
                try demand(stats.contains(line), stats)
            }
            let json = try bench.mhqueue("stats", "--json").output
            try demand(
                json.hasPrefix("{\"v\":1,\"messages\":2,\"octets\":28,\"recipients\":3,\"due\":1,\"held\":1,"), json)
            // A file that is no message is told; a queue that cannot be read is of unknown state.
            bench.scratch.write("x", to: "state/queue/new/\(now).c.hub,S=1,R=0")
            let bad = try bench.mhqueue("check")
            try demand(bad.status == 1 && bad.output.contains("1 file cannot be read"), bad.output)
            bench.scratch.write("nonsense\n", to: "rc")
            let unknown = try bench.mhqueue("check")
            try demand(unknown.status, is: 3)
            try demand(
                unknown.output.hasPrefix("QUEUE UNKNOWN: ") && unknown.output.count { $0 == "\n" } == 1, unknown.output)
        }
        #expect(end != nil, "\(Self.words(of: end))")
    }
}
