// What answers of an account become, with a queue of its own and no network.

import Blocking
import DurableFiles
import Glibc
import MailEnvelope
import MailFormat
import MailTestKit
import MessageContent
import Reporting
import RunControl
import Testing

@testable import SpoolQueue
@testable import mhcarry

@Suite("An attempt")
struct AttemptTests {
    @Test("one recipient sent, one failed, one deferred: only the last stays, and the sender hears of the second")
    func mixed() throws {
        let bench = try CarrierBench()
        let entry = try bench.message(to: ["a@far.example", "b@far.example", "c@far.example"])
        let asked = try bench.carry(entry) { part in
            #expect(part.recipients == [0, 1, 2])
            return .results([
                HopResult([0], .delivered(.passedOn, from: "mx", text: "250 ok")),
                HopResult([1], .permanent(1, 1, from: "mx", text: "550 5.1.1 no such user")),
                HopResult([2], .temporary(2, 0, from: "mx", text: "450 later")),
            ])
        }
        #expect(asked == [.account("one")])
        let entries = try bench.queued
        #expect(entries.count == 2)
        let own = try bench.message(entry)
        #expect(own.state.recipients.map(\.progress) == [.delivered, .failed, .waiting])
        #expect(own.state.recipients[2].tries == 1)
        #expect(own.entry.notBefore > Clock.seconds() + 40)
        let notice = try #require(entries.first { $0.id.text.hasSuffix("n1") })
        #expect(try bench.carry(notice) == [.mailbox("alice")])
        // The sender's address is at a provider: its owner gets the notice at home.
        let mail = bench.mail(of: "alice")
        #expect(mail.count == 1)
        #expect(mail.first?.contains("Final-Recipient: rfc822; b@far.example") == true, "\(mail)")
        #expect(mail.first?.contains("550 5.1.1 no such user") == true)
        #expect(mail.first?.contains("a@far.example") == false)
        #expect(try bench.queued.count == 1)
    }

    @Test("a run ends when the results of a second message cannot be recorded: each further one would be sent again")
    func unrecorded() throws {
        var worst = 0
        for call in 1...40 {
            let bench = try CarrierBench()
            let entries = try (1...3).map { try bench.message(to: ["x\($0)@far.example"]) }
            let hub = try bench.run(with: Faults(.lasting(28), at: call))
            let recorder = Recorder(hub: hub)
            let begun = entries.compactMap { entry -> Assignment? in
                let promise = Promise<Assignment?>()
                _ = recorder.carryOut([.begin(Job(entry), .account("one"), promise)])
                return promise.wait()
            }
            for assignment in begun {
                var report = Recorder.Report(job: assignment.job, hop: .account("one"))
                report.results = [HopResult(assignment.recipients, .delivered(.passedOn, text: "250 ok"))]
                _ = recorder.carryOut([.record(report, Promise())])
            }
            let lost = try bench.queued.count { entry in
                begun.contains { $0.id == entry.id } && !isRecorded(entry, in: bench)
            }
            #expect(hub.isEnding || lost < 2, "call \(call): \(lost) lost")
            #expect(!hub.isEnding || begun.count > 1, "call \(call): one may have a bad file")
            worst = max(worst, lost)
        }
        #expect(worst == 3, "no fault struck between the sending and the records")
    }

    private func isRecorded(_ entry: QueueEntry, in bench: CarrierBench) -> Bool {
        do { return try bench.message(entry).state.recipients[0].progress == .delivered } catch { return false }
    }

    @Test("SE5, SE10: a fault of the hop goes on to the route's next account, then counts for nothing")
    func fallThrough() throws {
        let bench = try CarrierBench(routes: "route out\n    use one two")
        let entry = try bench.message(to: ["a@far.example"])
        let refused = Verdict.faultOfHop(7, 0, text: "535 wrong password")
        let asked = try bench.carry(entry) { part in
            .results([HopResult(part.recipients, refused)], fault: later("535"))
        }
        #expect(asked == [.account("one"), .account("two")])
        let message = try bench.message(entry)
        #expect(message.state.recipients[0].tries == 0)
        #expect(message.state.recipients[0].progress == .waiting)
        #expect(message.state.recipients[0].verdict?.text == "535 wrong password")
        // At fault before either has had it: nothing is written down, the name says until when.
        let other = try bench.message(to: ["a@far.example"])
        #expect(try bench.carry(other, faults: ["one": later("down"), "two": later("down", 90)]).count == 2)
        let waiting = try bench.message(other)
        #expect(!waiting.entry.hasJournal && !waiting.entry.isTried && waiting.state.recipients[0].verdict == nil)
        #expect((58...61).contains(waiting.entry.hopNotBefore - Clock.seconds()))
        // One that works has it all the same.
        let third = try bench.message(to: ["a@far.example"])
        let others = try bench.carry(third, faults: ["one": later("down")]) { part in
            #expect(part.account == "two")
            return .sent(part.recipients)
        }
        #expect(others == [.account("one"), .account("two")])
        #expect(try bench.queued.count == 2)
    }

    @Test(
        "SE5: what one account puts off goes by the next one in the same attempt, each recipient once; one try is counted"
    )
    func putOff() throws {
        let bench = try CarrierBench(routes: "route out\n    use one two")
        let entry = try bench.message(to: ["a@far.example", "b@far.example", "c@far.example", "d@far.example"])
        let asked = try bench.carry(entry) { part in
            if part.account == "one" {
                return .results([
                    HopResult([0], .delivered(.passedOn, from: "mx", text: "250 ok")),
                    HopResult([1], .temporary(2, 0, from: "mx", text: "450 later")),
                    HopResult([2], .permanent(1, 1, from: "mx", text: "550 nobody")),
                    HopResult([3], .temporary(2, 0, from: "mx", text: "451 later, too")),
                ])
            }
            #expect(part.recipients == [1, 3], "neither what is done nor what is refused for good")
            return .results([
                HopResult([1], .delivered(.passedOn, from: "my", text: "250 ok")),
                HopResult([3], .temporary(2, 0, from: "my", text: "452 full")),
            ])
        }
        #expect(asked == [.account("one"), .account("two")])
        let state = try bench.message(entry).state
        #expect(state.recipients.map(\.progress) == [.delivered, .delivered, .failed, .waiting])
        #expect(state.recipients[3].tries == 1 && state.recipients[3].verdict?.text == "451 later, too")
        // A new attempt begins with the first account again.
        let again = try bench.carry(entry, by: bench.forced()) { .sent($0.recipients) }
        #expect(again == [.account("one")])
    }

    @Test(
        "SE11: a sender that one account refuses may be welcome at the next; the owner hears of it when none takes it")
    func refusedSender() throws {
        let refused = Verdict.heldByRule(7, 1, from: "mx", text: "553 not your address")
        for isTaken in [true, false] {
            let bench = try CarrierBench(routes: "route out\n    use one\nroute then\n    use two")
            let entry = try bench.message(to: ["a@far.example"])
            let asked = try bench.carry(entry) { part in
                part.account == "one" || !isTaken ? .all(refused) : .sent(part.recipients)
            }
            #expect(asked == [.account("one"), .account("two")])
            try bench.carryNotices()
            #expect(bench.mail(of: "alice").count == (isTaken ? 0 : 1))
            #expect(try bench.queued.count == (isTaken ? 0 : 1))
        }
    }

    @Test("SE6: what is not for the announced connection is not touched: nothing is held, tried, or put into a mailbox")
    func announced() throws {
        let bench = try CarrierBench(routes: "route home\n    online home\n    use one")
        let hub = try CarrierHub(
            bench.hub.settings, log: try Log(program: "test", to: .nowhere), isForced: false, online: "train")
        for (to, submitter) in [("a@far.example", "alice"), ("a@far.example", "bob"), ("bob@home.example", "alice")] {
            let entry = try bench.message(to: [to], by: submitter)
            #expect(try bench.carry(entry, by: hub).isEmpty)
            #expect(try bench.message(entry).state.tries == 0 && bench.message(entry).entry == entry)
        }
        #expect(try bench.queued.count == 3 && bench.mail(of: "bob").isEmpty)
    }

    @Test("SE5, ask 12: `last` keeps what is put off from later routes; nothing goes elsewhere that may have arrived")
    func staysPutOff() throws {
        // What a rule of ours holds at one account would leave by the next without what the rule is for.
        for (verdict, accounts) in [
            (Verdict.heldByRule(7, 1, text: "it is signed"), ["one"]),
            (
                Verdict(.heldByRule, .permanent(7, 1), from: "mx", text: "550 not your address", isSMTP: true),
                ["one", "two"]
            ),
        ] {
            let bench = try CarrierBench(routes: "route out\n    use one\nroute then\n    use two")
            let entry = try bench.message(to: ["a@far.example"])
            let asked = try bench.carry(entry) { part in .results([HopResult(part.recipients, verdict)]) }
            #expect(asked == accounts.map { .account($0) })
            #expect(try bench.message(entry).state.recipients[0].isHeld)
        }
        for (lines, isInDoubt) in [("    last on\n", false), ("", true)] {
            let bench = try CarrierBench(routes: "route out\n    use one\n\(lines)route then\n    use two")
            let entry = try bench.message(to: ["a@far.example"])
            let asked = try bench.carry(entry) { part in
                let verdict = Verdict.temporary(4, 2, from: "mx", text: "timed out")
                return .results([HopResult(part.recipients, verdict, isInDoubt: isInDoubt)])
            }
            #expect(asked == [.account("one")], "\(lines)")
            #expect(try bench.message(entry).state.recipients[0].tries == 1)
        }
    }

    @Test("SE5: what was put off counts as a try where the next account is at fault, is left, or cannot be reached")
    func putOffAndDown() throws {
        for kind in ["fault", "unreachable", "left", "before"] {
            let bench = try CarrierBench(
                routes:
                    "route out\n    use one two\n    on-connect-failure \(kind == "unreachable" ? "bounce" : "defer")")
            let entry = try bench.message(to: ["a@far.example"])
            let isDown = kind == "fault" || kind == "unreachable"
            let down = later("down", isUnreachable: kind == "unreachable")
            let asked = try bench.carry(
                entry, faults: isDown ? ["two": down] : [:], leaving: kind == "left" ? ["two"] : []
            ) { part in
                guard part.account == "one" else {
                    return .results([HopResult(part.recipients, down.verdict)], fault: down)
                }
                return .all(.temporary(2, 0, from: "mx", text: "450 later"))
            }
            #expect(asked == [.account("one"), .account("two")], "\(kind)")
            let recipient = try bench.message(entry).state.recipients[0]
            #expect(recipient.progress == .waiting && recipient.tries == 1, "\(kind): \(recipient)")
            #expect(recipient.verdict?.text == "450 later", "\(kind): \(recipient)")
        }
    }

    private func later(_ words: String, _ seconds: Int = 60, isUnreachable: Bool = false) -> HopFault {
        var fault = HopFault(words, isUnreachable: isUnreachable)
        fault.until = Clock.seconds() + seconds
        return fault
    }

    @Test(
        "mail that no account is open to is held by rule: its submitter is told once, and it is tried by the rc of then",
        arguments: ["bob", nil])
    func closed(to submitter: String?) throws {
        let bench = try CarrierBench(routes: "route all\n    use one", postmaster: "carol")
        // The sender's address is alice's, and no matter.
        let entry = try bench.message(to: ["a@far.example"], by: submitter)
        let before = Clock.seconds()
        #expect(try bench.carry(entry).isEmpty)
        let held = try bench.message(entry)
        let state = held.state
        #expect(state.recipients[0].isHeld && state.recipients[0].tries == 1 && state.hold == nil)
        #expect(state.recipients[0].verdict?.text.contains("no account is open to \(submitter ?? "senders")") == true)
        #expect((540...661).contains(held.entry.notBefore - before), "the longest delay, a tenth more or less")
        try bench.carryNotices()
        // Where nobody here has sent it, the run tells the postmaster of all such mail together.
        let told = bench.mail(of: submitter ?? "carol")
        let isTold = told.count == 1 && told[0].contains("Subject: Your message is held: ")
        #expect(submitter == nil ? told.isEmpty : isTold, "\(told)")
        #expect(bench.hub.hasHeldUnowned == (submitter == nil))
        try bench.carry(entry)
        #expect(try bench.queued.count == 1, "told once")
        #expect(bench.mail(of: "alice").isEmpty)
        // The same message by an rc that has been mended, without an order for it.
        let source = bench.hub.settings.source
        let rc = String(decoding: try #require(ScratchDirectory.read(source)), as: UTF8.self)
        let line = "    address alice@one.example\n"
        let path = bench.scratch.write(rc.replacing(line, with: line + "    for everyone\n"), to: "mended")
        let hub = try CarrierHub(try .load(explicitPath: path), log: bench.hub.log, isForced: true)
        #expect(try bench.carry(entry, by: hub) == [.account("one")])
    }

    @Test("what is held by rule comes back by age and tries together, to its submitter, whatever sender was given")
    func heldTooLong() throws {
        let bench = try CarrierBench(postmaster: "carol", isForced: true)
        let entry = try bench.message(to: ["a@far.example"], age: 6 * 86_400, by: "bob")
        for _ in 1...7 { try bench.carry(entry) }
        try bench.carryNotices()
        #expect(try bench.queued.map(\.id) == [entry.id], "age alone gives nothing up")
        try bench.carry(entry)
        try bench.carryNotices()
        #expect(try bench.queued.isEmpty)
        let mail = bench.mail(of: "bob")
        #expect(mail.count == 2 && bench.mail(of: "alice").isEmpty && bench.mail(of: "carol").isEmpty)
        let last = try #require(mail.first { $0.contains("Action: failed") })
        #expect(last.contains("gave up after 8 tries: no route: no account is open to bob"), "\(last)")
    }

    @Test("mail of the hub's own user and of root leaves through any account", arguments: [0, geteuid()])
    func hubUser(_ user: UInt32) throws {
        let bench = try CarrierBench()
        let entry = try bench.message(to: ["a@far.example"], by: "bob", source: .unixUser(user))
        #expect(try bench.carry(entry) == [.account("one")])
    }

    @Test("SE11: a notice for a stranger leaves by a route that takes <>, else the postmaster has it")
    func strangersNotice() throws {
        let bench = try CarrierBench(postmaster: "carol")
        let notice = try bench.message(from: "", to: ["x@far.example"], by: nil, source: .hub)
        #expect(try bench.carry(notice) == [.mailbox("carol")])
        #expect(try bench.queued.isEmpty && bench.mail(of: "carol").count == 1)
        let open = try CarrierBench(routes: "route notices\n    from <>\n    use one", postmaster: "carol")
        let other = try open.message(from: "", to: ["x@far.example"], by: nil, source: .hub)
        #expect(try open.carry(other) == [.account("one")] && open.mail(of: "carol").isEmpty)
    }

    @Test("an account at fault for a day, and for five, gets its owner a letter each, and none between")
    func faultLetters() throws {
        let bench = try CarrierBench(postmaster: "carol")
        let health = HopHealth(hub: bench.hub, isHeard: false)
        func letters(after age: Int) throws -> [String] {
            try bench.hub.hops.change(.account("one")) { $0.since = Clock.seconds() - age }
            try health.note(HopFault("one.example: 535 wrong \u{1B}password"), of: .account("one"))
            for entry in try bench.queued { try bench.carry(entry) }
            return bench.mail(of: "alice")
        }
        try health.note(HopFault("down"), of: .account("one"))
        #expect(try letters(after: 86_000).isEmpty)
        let first = try letters(after: 86_500)
        #expect(first.count == 1 && first[0].contains("Subject: No mail leaves through the account one\n"), "\(first)")
        #expect(first[0].contains("\n    one.example: 535 wrong \\x1Bpassword\n"))
        #expect(try letters(after: 4 * 86_400).count == 1)
        #expect(try letters(after: 5 * 86_400).count == 2)
        #expect(try letters(after: 50 * 86_400).count == 2)
        try health.mend(.account("one"))
        #expect(try bench.hub.hops.read(.account("one")).told == 0)
        #expect(bench.mail(of: "carol").isEmpty)
    }

    @Test(
        "SE10, ask 15: a login that fails where nobody reads is told by a letter after a quarter of an hour; a network later"
    )
    func toldWhereNobodyReads() throws {
        let bench = try CarrierBench(postmaster: "carol")
        func letters(of account: String, age: Int, needsPerson: Bool, isHeard: Bool = false) throws -> Int {
            let health = HopHealth(hub: bench.hub, isHeard: isHeard)
            var fault = HopFault("535 no")
            fault.needsPerson = needsPerson
            try health.note(fault, of: .account(account))
            try bench.hub.hops.change(.account(account)) { $0.since = Clock.seconds() - age }
            try health.note(fault, of: .account(account))
            for entry in try bench.queued { try bench.carry(entry) }
            return bench.mail(of: "alice").count
        }
        #expect(try letters(of: "one", age: 800, needsPerson: true) == 0)
        #expect(try letters(of: "one", age: 1000, needsPerson: false) == 0)
        #expect(try letters(of: "one", age: 1000, needsPerson: true) == 1)
        #expect(try letters(of: "one", age: 2000, needsPerson: true) == 1, "once")
        #expect(try letters(of: "two", age: 1000, needsPerson: true, isHeard: true) == 1, "somebody has read it")
        #expect(try letters(of: "one", age: 90_000, needsPerson: true) == 2)
    }

    @Test("SE10: probes of a hop at fault come at times that differ, later and later")
    func probeTimes() throws {
        let bench = try CarrierBench()
        let health = HopHealth(hub: bench.hub, isHeard: false)
        for (age, wanted) in [(0, 54...67), (2000, 448...552), (40_000, 539...662)] {
            var delays: Set<Int> = []
            for _ in 0..<40 {
                try bench.hub.hops.change(.account("one")) { ($0.fault, $0.since) = ("down", Clock.seconds() - age) }
                delays.insert(try health.note(HopFault("down"), of: .account("one")) - Clock.seconds())
            }
            #expect(delays.count > 1 && delays.allSatisfy { wanted.contains($0) }, "\(age): \(delays.sorted())")
        }
    }

    @Test("a message that a person holds is not offered to the next account, and not looked at again")
    func held() throws {
        let bench = try CarrierBench(routes: "route out\n    use one two")
        let entry = try bench.message(to: ["a@far.example"])
        let asked = try bench.carry(entry) { part in
            let message = try #require(part.assignment.job.attempt?.message)
            try message.hold(because: "sender refused")
            return .results([HopResult(part.recipients, .faultOfHop(4, 1, text: "down"))], fault: later("down"))
        }
        #expect(asked == [.account("one")])
        #expect(try bench.queued.map(\.isHeld) == [true])
        #expect(try bench.carry(try bench.message(entry).entry).isEmpty)
        #expect(try bench.queued.map(\.isHeld) == [true])
    }

    @Test("SE5: `on-connect-failure bounce` sends mail back when nothing can be reached, and not when a login fails")
    func bounces() throws {
        let bench = try CarrierBench(routes: "route out\n    use one\n    on-connect-failure bounce")
        for (isUnreachable, wanted) in [(true, RecipientState.Progress.failed), (false, .waiting)] {
            for isBegun in [true, false] {
                let entry = try bench.message(from: "alice@home.example", to: ["a@far.example"])
                let down = later("down", isUnreachable: isUnreachable)
                try bench.carry(entry, faults: isBegun ? [:] : ["one": down]) { part in
                    .results([HopResult(part.recipients, down.verdict)], fault: down)
                }
                let left = try bench.hub.queue.find(entry.id).flatMap { try bench.hub.queue.peek($0) }
                #expect((left?.state.recipients[0].progress ?? .failed) == wanted)
            }
        }
        #expect(try bench.queued.count { $0.id.text.hasSuffix("n1") } == 2)
    }

    @Test("a clock behind the last accept gives nothing up, whatever it says of ages")
    func clockBehind() throws {
        let bench = try CarrierBench()
        let entry = try bench.message(to: ["a@far.example"], age: 6 * 86_400)
        let later = Clock.seconds() + 3600
        var times = [timespec(tv_sec: later, tv_nsec: 0), timespec(tv_sec: later, tv_nsec: 0)]
        unsafe utimensat(AT_FDCWD, bench.scratch.file("state/run/wake"), &times, 0)
        let run = try CarrierHub(bench.hub.settings, log: try Log(program: "test", to: .nowhere), isForced: true)
        for _ in 1...9 { try bench.carry(entry, by: run) { _ in .all(.temporary(2, 0, text: "450 later")) } }
        let state = try bench.message(entry).state
        #expect(state.recipients[0].progress == .waiting)
        #expect(state.recipients[0].tries == 9)
        #expect(try bench.queued.count == 1, "nobody is told that it is late")
    }

    @Test("SE10: temporary trouble becomes final by age and tries together, and says so")
    func expiry() throws {
        let bench = try CarrierBench(isForced: true)
        let old = try bench.message(to: ["a@far.example"], age: 6 * 86_400)
        func tryOnce() throws { try bench.carry(old) { _ in .all(.temporary(2, 0, text: "450 later")) } }
        for tries in 1...7 {
            try tryOnce()
            let state = try bench.message(old).state
            #expect(state.recipients[0].progress == .waiting, "age alone gave up")
            #expect(state.recipients[0].tries == tries)
        }
        try tryOnce()
        #expect(try bench.hub.queue.find(old.id) == nil, "given up, told, and gone")
        try bench.carryNotices()
        let told = try #require(bench.mail(of: "alice").first { $0.contains("Action: failed") })
        #expect(told.contains("gave up after 8 tries: 450 later") && told.contains("Status: 4.4.7"), "\(told)")
    }

    @Test("mail that has passed more than a hundred stations fails at once, and the sender hears why")
    func circles() throws {
        for (stations, isStopped) in [(100, false), (101, true)] {
            let bench = try CarrierBench()
            let content = String(repeating: "Received: by x; y\n", count: stations) + "Subject: x\n\nx\n"
            let entry = try bench.message(to: ["a@far.example", "alice@home.example"], content: content)
            try bench.carry(entry) { part in
                let outgoing = bench.hub.prepare(part.assignment, for: part.recipients, to: .account(part.account))
                #expect((outgoing.verdict != nil) == isStopped)
                return outgoing.verdict.map { .all($0) } ?? .left
            }
            if !isStopped { continue }
            #expect(bench.mail(of: "alice").isEmpty)
            // One hop does not wait for the other.
            try bench.carryNotices()
            let told = bench.mail(of: "alice")
            #expect(told.count == 2 && told.allSatisfy { $0.contains("Status: 5.4.6") && $0.contains("in circles") })
        }
    }

    @Test("SE12: final delivery here tells our own people when they asked, and nobody else")
    func successHere() throws {
        for (notify, from, isTold) in [
            (Notify.on(.success), "alice@one.example", true), (.unspecified, "alice@one.example", false),
            (.on(.success), "", false),
        ] {
            let bench = try CarrierBench()
            let entry = try bench.message(from: from, to: ["alice@home.example"], notify: notify)
            try bench.carry(entry)
            #expect(bench.mail(of: "alice").count == 1)
            #expect(try bench.queued.count == (isTold ? 1 : 0))
            guard isTold else { continue }
            try bench.carry(try #require(try bench.queued.first))
            let told = bench.mail(of: "alice").filter { $0.contains("multipart/report") }
            #expect(told.count == 1 && bench.mail(of: "alice").count == 2)
            #expect(told.first?.contains("Final-Recipient: rfc822; alice@home.example\nAction: delivered\n") == true)
        }
    }

    @Test("SE11: a notice that fails makes no notice and goes to the postmaster")
    func doubleBounce() throws {
        let bench = try CarrierBench()
        let entry = try bench.message(from: "", to: ["nobody@hub.example"], by: nil, source: .hub)
        try bench.carry(entry)
        #expect(try bench.queued.isEmpty)
        #expect(bench.mail(of: "alice").count == 1, "the postmaster's mailbox is the last stop")
    }

    @Test("SE11: the notice that a provider refuses for ever comes to the postmaster, too")
    func refusedNotice() throws {
        let bench = try CarrierBench(routes: "route out\n    use one")
        let entry = try bench.message(from: "", to: ["x@far.example"], by: nil, source: .hub)
        let asked = try bench.carry(entry) { _ in .all(.permanent(1, 1, from: "mx", text: "550 no")) }
        #expect(asked == [.account("one"), .mailbox("alice")])
        #expect(try bench.queued.isEmpty)
        #expect(bench.mail(of: "alice").count == 1)
    }

    @Test("results are on disk as soon as they are taken, and the rest of the hop's recipients are still under way")
    func writtenAtOnce() throws {
        let bench = try CarrierBench()
        let entry = try bench.message(to: ["a@far.example", "b@far.example"])
        let recorder = Recorder(hub: bench.hub)
        let (job, hop, promise) = (Job(entry), NextHop.account("one"), Promise<Assignment?>())
        #expect(recorder.carryOut([.begin(job, hop, promise)]).done == 0)
        #expect(promise.wait()?.recipients == [0, 1])
        var report = Recorder.Report(job: job, hop: hop, isEnd: false)
        report.results = [HopResult([0], .delivered(.passedOn, from: "mx", text: "250 ok"))]
        let outcome = recorder.carryOut([.record(report, Promise())])
        #expect(outcome.done == 0 && outcome.handed.isEmpty && job.attempt != nil)
        // As it would be found after a death here.
        job.attempt?.message.unlock()
        let again = try #require(try bench.hub.queue.lock(id: entry.id))
        #expect(again.state.recipients.map(\.progress) == [.delivered, .waiting] && again.hasDied)
    }

    @Test("a message that is done and still stands in a lane is no error there", arguments: [true, false])
    func goneFromLane(_ isRefused: Bool) throws {
        let bench = try CarrierBench(routes: "route out\n    use one two")
        let recorder = Recorder(hub: bench.hub)
        let (job, promise) = (Job(try bench.message(to: ["a@far.example"])), Promise<Assignment?>())
        job.waitsAt = [.account("one"), .account("two")]
        #expect(recorder.carryOut([.begin(job, .account("one"), promise)]).done == 0)
        #expect(promise.wait()?.recipients == [0])
        let result = HopResult([0], .delivered(.passedOn, from: "mx", text: "250 ok"))
        #expect(
            recorder.carryOut([.record(.init(job: job, hop: .account("one"), results: [result]), Promise())]).done == 1)
        #expect(try bench.queued.isEmpty)
        let other = Promise<Assignment?>()
        let outcome = recorder.carryOut([
            isRefused ? .refuse(job, .account("two"), later("down")) : .begin(job, .account("two"), other)
        ])
        #expect(outcome.done == 1 && outcome.handed.isEmpty && bench.hub.failure == nil)
    }

    @Test("a message whose hop is left for this run is not handed there again")
    func left() throws {
        let bench = try CarrierBench()
        let recorder = Recorder(hub: bench.hub)
        let (job, claim) = (Job(try bench.message(to: ["a@far.example"])), Promise<Bool>())
        job.waitsAt = [.account("one")]
        #expect(recorder.carryOut([.claim(job, .account("one"), claim)]).done == 0 && claim.wait())
        let outcome = recorder.carryOut([.leave(job, .account("one"))])
        #expect(outcome.done == 1 && outcome.handed.isEmpty && job.attempt == nil)
        #expect(try bench.queued.count == 1)
    }

    @Test(
        "SE11, ask 16: a storm of failures makes a hundred notices in an hour; the others are owed, and come later, each once"
    )
    func storm() throws {
        let bench = try CarrierBench()
        let entries = try (0..<105).map { try bench.message(to: ["nobody\($0)@localhost"]) }
        for entry in entries { try bench.carry(entry) }
        #expect(try bench.queued.count == 105, "100 notices, and 5 messages that owe one")
        try bench.carryNotices()
        #expect(bench.mail(of: "alice").count == 100)
        for entry in try bench.queued { try bench.carry(entry) }
        #expect(try bench.queued.count == 5 && bench.mail(of: "alice").count == 100)
        let files = StateFiles<NoticeBudget>(in: bench.hub.queue.state)
        for since in [Clock.seconds() - 3600, Clock.seconds() + 60] {
            try files.change(NoticeBudget.fileName) { ($0.since, $0.count) = (since, NoticeBudget.limit) }
            for entry in try bench.queued.prefix(2) { try bench.carry(entry) }
        }
        bench.scratch.write("", to: "state/notices")
        for entry in try bench.queued { try bench.carry(entry) }
        try bench.carryNotices()
        let told = bench.mail(of: "alice").compactMap { letter in
            letter.split(separator: "\n").first { $0.hasPrefix("Final-Recipient:") }
        }
        #expect(try bench.queued.isEmpty && told.count == 105 && Set(told).count == 105)
    }

    @Test("SE11: late mail is told of at each of the chosen ages, once; who was away hears of several at once")
    func ages() throws {
        let bench = try CarrierBench(isForced: true, top: "warn-after 1h 1d 2d 3d")
        func told(at age: Int, _ entry: QueueEntry) throws -> Int {
            let before = bench.mail(of: "alice").count
            try bench.carry(entry) { _ in .all(.temporary(2, 0, text: "450 later")) }
            try bench.carryNotices()
            return bench.mail(of: "alice").count - before
        }
        // An age is what the message says of its arrival, so that there is a message for each walk.
        let fresh = try bench.message(to: ["a@far.example"], age: 1800)
        #expect(try told(at: 1800, fresh) == 0)
        let late = try bench.message(to: ["a@far.example"], age: 4000)
        #expect(try told(at: 4000, late) == 1 && told(at: 4000, late) == 0)
        let later = try bench.message(to: ["a@far.example"], age: 180_000)
        #expect(try told(at: 180_000, later) == 1 && told(at: 180_000, later) == 0, "three ages, one notice")
        // The next age has come.
        let hub = try CarrierHub(
            try .load(
                explicitPath: bench.scratch.write(
                    String(decoding: try #require(ScratchDirectory.read(bench.hub.settings.source)), as: UTF8.self)
                        .replacing("1h 1d 2d 3d", with: "1h 1d 2d 49h"), to: "rc2")),
            log: try Log(program: "test", to: .nowhere),
            isForced: true)
        let before = bench.mail(of: "alice").count
        try bench.carry(later, by: hub) { _ in .all(.temporary(2, 0, text: "450 later")) }
        try bench.carryNotices()
        #expect(bench.mail(of: "alice").count == before + 1)
    }

    @Test("mail that only ever waited for its hop is called late, too, and why", arguments: [false, true])
    func lateWithoutTries(_ isBegun: Bool) throws {
        let bench = try CarrierBench()
        let entry = try bench.message(to: ["a@far.example"], age: 5 * 3600)
        let down = later("mx is down")
        try bench.carry(entry, faults: isBegun ? [:] : ["one": down]) { part in
            .results([HopResult(part.recipients, down.verdict)], fault: down)
        }
        #expect(try bench.queued.count == 2, "the message and its notice")
        try bench.carryNotices()
        #expect(bench.mail(of: "alice").first?.contains("mx is down") == true)
        #expect(try bench.message(entry).state.tries == 0)
    }

    @Test(
        "SE11: that mail is late is told when its hops were asked, so that it is known why; not of mail that waits as it should"
    )
    func lateAndWhy() throws {
        let bench = try CarrierBench()
        let entry = try bench.message(to: ["a@far.example"], age: 5 * 3600)
        let (job, hop, promise) = (Job(entry), NextHop.account("one"), Promise<Bool>())
        job.waitsAt = [hop]
        let recorder = Recorder(hub: bench.hub)
        _ = recorder.carryOut([.claim(job, hop, promise)])
        #expect(try promise.wait() && bench.queued.count == 1)
        _ = recorder.carryOut([.refuse(job, hop, later("mx is down"))])
        #expect(try bench.queued.count == 2)
        try bench.carryNotices()
        #expect(bench.mail(of: "alice").first?.contains("mx is down") == true, "\(bench.mail(of: "alice"))")
        let offline = try CarrierBench(
            routes: "route home\n    online home\n    use one", top: "online-query file /nonexistent/online")
        let waiting = try offline.message(to: ["a@far.example", "bob@home.example"], age: 5 * 3600)
        offline.hub.uplink.look()
        try offline.carry(waiting)
        #expect(try offline.queued.count == 1 && offline.mail(of: "bob").count == 1)
    }

    @Test("a fault that nobody could read is told again where somebody can")
    func heard() throws {
        let bench = try CarrierBench()
        try HopHealth(hub: bench.hub, isHeard: false).note(HopFault("down"), of: .account("one"))
        #expect(try bench.hub.hops.read(.account("one")).told == 0)
        try HopHealth(hub: bench.hub, isHeard: true).note(HopFault("down"), of: .account("one"))
        #expect(try bench.hub.hops.read(.account("one")).told == 1)
    }

    @Test("a local recipient is there once even if the attempt before died behind the delivery")
    func diedBehindDelivery() throws {
        let bench = try CarrierBench()
        let entry = try bench.message(to: ["alice@home.example", "x@far.example"])
        do {
            let (job, promise) = (Job(entry), Promise<Assignment?>())
            _ = Recorder(hub: bench.hub).carryOut([.begin(job, .mailbox("alice"), promise)])
            let assignment = try #require(promise.wait())
            _ = LocalDelivery(to: "alice", hub: bench.hub).carryOut(assignment)
            job.attempt?.message.unlock()
        }
        #expect(bench.mail(of: "alice").count == 1)
        // What it counts as is a try, so that its time has not come: a person asks.
        let hub = try CarrierHub(bench.hub.settings, log: bench.hub.log, isForced: true)
        try bench.carry(try #require(try bench.queued.first), by: hub)
        #expect(bench.mail(of: "alice").count == 1)
        #expect(try bench.message(entry).state.recipients[0].progress == .delivered)
    }

    @Test("only one run probes an account at fault, and a person's order does not wait")
    func probing() throws {
        let bench = try CarrierBench()
        let health = HopHealth(hub: bench.hub)
        #expect(try health.refusal(of: .account("one")) == nil)
        try health.note(HopFault("down"), of: .account("one"))
        #expect(try health.refusal(of: .account("one"))?.words == "down")
        try bench.hub.hops.change(.account("one")) { $0.nextProbe = Clock.seconds() - 1 }
        #expect(try health.refusal(of: .account("one")) == nil)
        #expect(try health.refusal(of: .account("one"))?.words == "down", "the second run waits for the first")
        let forced = HopHealth(hub: try CarrierHub(bench.hub.settings, log: bench.hub.log, isForced: true))
        #expect(try forced.refusal(of: .account("one")) == nil)
        try health.mend(.account("one"))
        #expect(try bench.hub.hops.read(.account("one")).fault == nil)
    }

    @Test("an account chosen for the message carries it, and no other does, if it is open to who submitted it")
    func chosenAccount() throws {
        let bench = try CarrierBench(routes: "route out\n    use one")
        let entry = try bench.message(to: ["a@far.example"], account: "two")
        #expect(try bench.carry(entry, faults: ["two": later("down")]) == [.account("two")])
        let closed = try bench.message(to: ["a@far.example"], by: "bob", account: "two")
        #expect(try bench.carry(closed).isEmpty)
        #expect(try bench.message(closed).state.recipients[0].isHeld)
    }

    @Test("SE12: the envelope for a server names whom it is for, with what each has asked for")
    func handedOn() throws {
        let bench = try CarrierBench()
        let entry = try bench.message(to: ["a@far.example", "b@far.example", "c@far.example"], notify: .never)
        try bench.carry(entry) { part in
            let envelope = part.assignment.envelope(for: [2, 0])
            #expect(envelope.recipients.map(\.forwardPath.description) == ["<c@far.example>", "<a@far.example>"])
            #expect(envelope.recipients.allSatisfy { $0.notify == .never })
            #expect(envelope.reversePath == part.assignment.message.envelope.reversePath)
            return .left
        }
    }

    @Test("what departs for a server holds a space for what mail must not hold; a mailbox gets it as it is")
    func strays() throws {
        let bench = try CarrierBench()
        try bench.carry(try bench.message(to: ["a@far.example"], content: "Subject: a\rb\n\nx\0y\n")) { part in
            func octets(_ hop: NextHop) throws -> [UInt8] {
                let content = bench.hub.prepare(part.assignment, for: [0], to: hop).content
                return try content.read(atMost: .max, at: 0)
            }
            let (sent, kept) = (try octets(.account("one")), try octets(.mailbox("alice")))
            #expect(sent == Array("Subject: a b\n\nx y\n".utf8))
            #expect(kept == Array("Subject: a\rb\n\nx\0y\n".utf8))
            return .left
        }
    }
}
