// What answers of an account become, with a queue of its own and no network.

import Blocking
import Glibc
import MailEnvelope
import MailFormat
import MailTestKit
import MessageContent
import Reporting
import RunControl
import SpoolQueue
import Testing

@testable import mhcarry

@Suite("An attempt")
struct AttemptTests {
    /// A hub in a scratch directory, and one message in its queue.
    private struct Bench {
        let scratch = ScratchDirectory()
        let hub: CarrierHub

        init(routes: String = "", postmaster: String = "alice", isForced: Bool = false) throws {
            let rc = """
                hostname hub.example
                state \(scratch.file("state"))
                maildirs \(scratch.file("mail"))/%m
                log none
                free-space 1M
                retry 60 600
                postmaster \(postmaster)
                mailbox alice
                    address alice@home.example
                mailbox bob
                    address bob@home.example
                mailbox carol
                account one
                    owner alice
                    address alice@one.example
                    auth off
                    tls off
                    send smtp 127.0.0.1:9
                account two
                    owner alice
                    auth off
                    tls off
                    send smtp 127.0.0.1:9
                \(routes)
                """
            let path = scratch.write(rc + "\n", to: "rc")
            let settings = try HubSettings.load(explicitPath: path)
            hub = try CarrierHub(settings, log: try Log(program: "test", to: .nowhere), isForced: isForced)
        }

        func message(
            from: String = "alice@one.example", to: [String], age: Int = 0, by submitter: String? = "alice",
            source: Acceptance.Source = .unixUser(4_000_000_000), account: String? = nil,
            notify: Notify = .unspecified, content: String = "Subject: x\n\nx\n"
        ) throws -> QueueEntry {
            let envelope = Envelope(
                reversePath: from.isEmpty ? .null : .address(try Address(from)),
                recipients: try to.map { .init(try Address($0), notify: notify) })
            let acceptance = Acceptance(
                arrival: Clock.seconds() - age, source: source, identity: submitter.map { EnvelopeText(cleaning: $0) },
                account: account.map { EnvelopeText(cleaning: $0) })
            let content = ContentInMemory(Array(content.utf8))
            let id = try hub.queue.add(Prepared(Message(envelope, content)), acceptance)
            return try #require(try hub.queue.find(id))
        }

        func attempt(_ entry: QueueEntry) throws -> Attempt {
            // A child that another test has just forked holds our descriptors, and with them old locks, until its exec.
            let deadline = Deadline(after: .seconds(10))
            var message = try hub.queue.lock(entry)
            while message == nil, !deadline.hasPassed {
                sched_yield()
                message = try hub.queue.lock(entry)
            }
            let attempt = Attempt(of: try #require(message), hub: hub)
            #expect(try attempt.begin())
            return attempt
        }

        var queued: [QueueEntry] { get throws { try hub.queue.list().entries } }

        /// Carries every notice that waits to where it belongs.
        func carryNotices() throws {
            for entry in try queued {
                guard let glimpse = try hub.queue.peek(entry), glimpse.acceptance.isNotice(glimpse.envelope) else {
                    continue
                }
                try attempt(entry).end()
            }
        }

        func mail(of name: String) -> [String] {
            ScratchDirectory.names(in: scratch.file("mail/\(name)/new")).map {
                String(decoding: ScratchDirectory.read(scratch.file("mail/\(name)/new/\($0)")) ?? [], as: UTF8.self)
            }
        }
    }

    @Test("one recipient sent, one failed, one deferred: only the last stays, and the sender hears of the second")
    func mixed() throws {
        let bench = try Bench()
        let attempt = try bench.attempt(try bench.message(to: ["a@far.example", "b@far.example", "c@far.example"]))
        #expect(attempt.nextAccount == "one")
        #expect(attempt.recipients == [0, 1, 2])
        try attempt.take(
            [
                AccountResult(recipients: [0], verdict: .delivered(.passedOn, from: "mx", text: "250 ok")),
                AccountResult(recipients: [1], verdict: .permanent(1, 1, from: "mx", text: "550 5.1.1 no such user")),
                AccountResult(recipients: [2], verdict: .temporary(2, 0, from: "mx", text: "450 later")),
            ], from: "one")
        attempt.end()
        let entries = try bench.queued
        #expect(entries.count == 2)
        let own = try #require(
            try entries.first { !$0.id.text.hasSuffix("n1") }.flatMap { try bench.hub.queue.peek($0) })
        #expect(own.state.recipients.map(\.progress) == [.delivered, .failed, .waiting])
        #expect(own.state.recipients[2].tries == 1)
        #expect(own.entry.notBefore > Clock.seconds() + 40)
        let notice = try #require(entries.first { $0.id.text.hasSuffix("n1") })
        let carried = try bench.attempt(notice)
        carried.end()
        // The sender's address is at a provider: its owner gets the notice at home.
        let mail = bench.mail(of: "alice")
        #expect(mail.count == 1)
        #expect(mail.first?.contains("Final-Recipient: rfc822; b@far.example") == true, "\(mail)")
        #expect(mail.first?.contains("550 5.1.1 no such user") == true)
        #expect(mail.first?.contains("a@far.example") == false)
        #expect(try bench.queued.count == 1)
    }

    @Test("a route's fault goes on to the route's next account, then counts for nothing")
    func fallThrough() throws {
        let bench = try Bench(routes: "route out\n    use one two")
        let attempt = try bench.attempt(try bench.message(to: ["a@far.example"]))
        let fault = AccountResult(
            recipients: [0], verdict: .faultOfHop(7, 0, text: "535 wrong password"), notBefore: Clock.seconds() + 60,
            mayGoElsewhere: true)
        try attempt.take([fault], from: "one")
        #expect(attempt.nextAccount == "two")
        try attempt.take([fault], from: "two")
        #expect(attempt.nextAccount == nil)
        attempt.end()
        let glimpse = try #require(try bench.queued.first.flatMap { try bench.hub.queue.peek($0) })
        #expect(glimpse.state.recipients[0].tries == 0)
        #expect(glimpse.state.recipients[0].progress == .waiting)
        #expect(glimpse.state.recipients[0].verdict?.text == "535 wrong password")
    }

    @Test(
        "mail that no account is open to is held by rule: its submitter is told once, and it is tried by the rc of then",
        arguments: ["bob", nil])
    func closed(to submitter: String?) throws {
        let bench = try Bench(routes: "route all\n    use one", postmaster: "carol")
        // The sender's address is alice's, and no matter.
        let entry = try bench.message(to: ["a@far.example"], by: submitter)
        let before = Clock.seconds()
        do {
            let attempt = try bench.attempt(entry)
            #expect(attempt.nextAccount == nil)
            attempt.end()
        }
        let held = try #require(try bench.queued.first { $0.id == entry.id })
        let state = try #require(try bench.hub.queue.peek(held)).state
        #expect(state.recipients[0].isHeld && state.recipients[0].tries == 1 && state.hold == nil)
        #expect(state.recipients[0].verdict?.text.contains("no account is open to \(submitter ?? "senders")") == true)
        #expect((540...661).contains(held.notBefore - before), "the longest delay, a tenth more or less")
        try bench.carryNotices()
        let told = bench.mail(of: submitter ?? "carol")
        #expect(told.count == 1 && told[0].contains("Subject: Your message is held\n"), "\(told)")
        try bench.attempt(try #require(try bench.hub.queue.find(entry.id))).end()
        #expect(try bench.queued.count == 1, "told once")
        #expect(bench.mail(of: "alice").isEmpty)
        // The same message by an rc that has been mended, without an order for it.
        let source = bench.hub.settings.source
        let rc = String(decoding: try #require(ScratchDirectory.read(source)), as: UTF8.self)
        let line = "    address alice@one.example\n"
        let path = bench.scratch.write(rc.replacing(line, with: line + "    for everyone\n"), to: "mended")
        let hub = try CarrierHub(try .load(explicitPath: path), log: bench.hub.log, isForced: true)
        let again = Attempt(of: try #require(try hub.queue.lock(id: entry.id)), hub: hub)
        #expect(try again.begin() && again.nextAccount == "one")
    }

    @Test("what is held by rule comes back by age and tries together, to its submitter, whatever sender was given")
    func heldTooLong() throws {
        let bench = try Bench(postmaster: "carol", isForced: true)
        let entry = try bench.message(to: ["a@far.example"], age: 6 * 86_400, by: "bob")
        for _ in 1...7 { try bench.attempt(try #require(try bench.hub.queue.find(entry.id))).end() }
        try bench.carryNotices()
        #expect(try bench.queued.map(\.id) == [entry.id], "age alone gives nothing up")
        try bench.attempt(try #require(try bench.hub.queue.find(entry.id))).end()
        try bench.carryNotices()
        #expect(try bench.queued.isEmpty)
        let mail = bench.mail(of: "bob")
        #expect(mail.count == 2 && bench.mail(of: "alice").isEmpty && bench.mail(of: "carol").isEmpty)
        let last = try #require(mail.first { $0.contains("Action: failed") })
        #expect(last.contains("gave up after 8 tries: no route: no account is open to bob"), "\(last)")
    }

    @Test("mail of the hub's own user and of root leaves through any account", arguments: [0, geteuid()])
    func hubUser(_ user: UInt32) throws {
        let bench = try Bench()
        let attempt = try bench.attempt(try bench.message(to: ["a@far.example"], by: "bob", source: .unixUser(user)))
        #expect(attempt.nextAccount == "one")
        attempt.end()
    }

    @Test("a notice for a stranger leaves by a route that takes <>, else the postmaster has it")
    func strangersNotice() throws {
        let bench = try Bench(postmaster: "carol")
        try bench.attempt(try bench.message(from: "", to: ["x@far.example"], by: nil, source: .hub)).end()
        #expect(try bench.queued.isEmpty && bench.mail(of: "carol").count == 1)
        let open = try Bench(routes: "route notices\n    from <>\n    use one", postmaster: "carol")
        let attempt = try open.attempt(try open.message(from: "", to: ["x@far.example"], by: nil, source: .hub))
        #expect(attempt.nextAccount == "one" && open.mail(of: "carol").isEmpty)
        attempt.end()
    }

    @Test("an account at fault for a day, and for five, gets its owner a letter each, and none between")
    func faultLetters() throws {
        let bench = try Bench(postmaster: "carol")
        let health = RouteHealth(hub: bench.hub, isHeard: false)
        func letters(after age: Int) throws -> [String] {
            try bench.hub.routes.change("one") { $0.since = Clock.seconds() - age }
            try health.fault("one.example: 535 wrong \u{1B}password", of: "one")
            for entry in try bench.queued { try bench.attempt(entry).end() }
            return bench.mail(of: "alice")
        }
        try health.fault("down", of: "one")
        #expect(try letters(after: 86_000).isEmpty)
        let first = try letters(after: 86_500)
        #expect(first.count == 1 && first[0].contains("Subject: No mail leaves through the account one\n"), "\(first)")
        #expect(first[0].contains("\n    one.example: 535 wrong \\x1Bpassword\n"))
        #expect(try letters(after: 4 * 86_400).count == 1)
        #expect(try letters(after: 5 * 86_400).count == 2)
        #expect(try letters(after: 50 * 86_400).count == 2)
        try health.mend("one")
        #expect(try bench.hub.routes.read("one").told == 0)
        #expect(bench.mail(of: "carol").isEmpty)
    }

    @Test("a message that a person holds is not offered to the next account")
    func held() throws {
        let bench = try Bench(routes: "route out\n    use one two")
        let attempt = try bench.attempt(try bench.message(to: ["a@far.example"]))
        try attempt.message.hold(because: "sender refused")
        try attempt.take(
            [AccountResult(recipients: [0], verdict: .faultOfHop(4, 1, text: "down"), notBefore: Clock.seconds())],
            from: "one")
        #expect(attempt.nextAccount == nil)
        attempt.end()
        #expect(try bench.queued.map(\.isHeld) == [true])
    }

    @Test("`on-connect-failure bounce` sends mail back when nothing can be reached, and not when a login fails")
    func bounces() throws {
        let bench = try Bench(routes: "route out\n    use one\n    on-connect-failure bounce")
        for (isUnreachable, wanted) in [(true, RecipientState.Progress.failed), (false, .waiting)] {
            let entry = try bench.message(from: "alice@home.example", to: ["a@far.example"])
            let attempt = try bench.attempt(entry)
            let down = AccountResult(
                recipients: [0], verdict: .faultOfHop(4, 1, text: "down"), notBefore: Clock.seconds() + 60,
                mayGoElsewhere: true, isUnreachable: isUnreachable)
            try attempt.take([down], from: "one")
            #expect(attempt.message.state.recipients[0].progress == wanted)
            attempt.end()
        }
    }

    @Test("a clock behind the last accept gives nothing up, whatever it says of ages")
    func clockBehind() throws {
        let bench = try Bench()
        let entry = try bench.message(to: ["a@far.example"], age: 6 * 86_400)
        let later = Clock.seconds() + 3600
        var times = [timespec(tv_sec: later, tv_nsec: 0), timespec(tv_sec: later, tv_nsec: 0)]
        unsafe utimensat(AT_FDCWD, bench.scratch.file("state/run/wake"), &times, 0)
        let run = try CarrierHub(bench.hub.settings, log: try Log(program: "test", to: .nowhere), isForced: false)
        let attempt = Attempt(of: try #require(try run.queue.lock(entry)), hub: run)
        #expect(try attempt.begin())
        let trouble = AccountResult(recipients: [0], verdict: .temporary(2, 0, text: "450 later"))
        for _ in 1...9 { try attempt.take([trouble], from: "one") }
        #expect(attempt.message.state.recipients[0].progress == .waiting)
        #expect(attempt.message.state.recipients[0].tries == 9)
        attempt.end()
        #expect(try bench.queued.count == 1, "nobody is told that it is late")
    }

    @Test("temporary trouble becomes final by age and tries together, and says so")
    func expiry() throws {
        let bench = try Bench()
        let old = try bench.message(to: ["a@far.example"], age: 6 * 86_400)
        let attempt = try bench.attempt(old)
        let later = AccountResult(recipients: [0], verdict: .temporary(2, 0, text: "450 later"))
        for tries in 1...7 {
            try attempt.take([later], from: "one")
            #expect(attempt.message.state.recipients[0].progress == .waiting, "age alone gave up")
            #expect(attempt.message.state.recipients[0].tries == tries)
        }
        try attempt.take([later], from: "one")
        let last = attempt.message.state.recipients[0]
        #expect(last.progress == .failed)
        #expect(last.verdict?.status == .transient(4, 7))
        #expect(last.verdict?.text == "gave up after 8 tries: 450 later")
    }

    @Test("mail that has passed more than a hundred stations fails at once, and the sender hears why")
    func circles() throws {
        for (stations, isStopped) in [(100, false), (101, true)] {
            let bench = try Bench()
            let content = String(repeating: "Received: by x; y\n", count: stations) + "Subject: x\n\nx\n"
            let entry = try bench.message(to: ["a@far.example", "alice@home.example"], content: content)
            let attempt = try bench.attempt(entry)
            let outgoing = bench.hub.prepare(attempt.message, for: [0], to: .server)
            #expect((outgoing.verdict != nil) == isStopped)
            if let verdict = outgoing.verdict {
                try attempt.take([AccountResult(recipients: [0], verdict: verdict)], from: "one")
            }
            attempt.end()
            if !isStopped { continue }
            #expect(bench.mail(of: "alice").isEmpty)
            let notice = try #require(try bench.queued.first)
            #expect(try bench.queued.count == 1 && notice.id.text.hasSuffix("n1"))
            try bench.attempt(notice).end()
            let told = try #require(bench.mail(of: "alice").first)
            #expect(told.ranges(of: "Status: 5.4.6").count == 2 && told.contains("in circles"), "\(told)")
        }
    }

    @Test("final delivery here tells our own people when they asked, and nobody else")
    func successHere() throws {
        for (notify, from, isTold) in [
            (Notify.on(.success), "alice@one.example", true), (.unspecified, "alice@one.example", false),
            (.on(.success), "", false),
        ] {
            let bench = try Bench()
            let entry = try bench.message(from: from, to: ["alice@home.example"], notify: notify)
            try bench.attempt(entry).end()
            #expect(bench.mail(of: "alice").count == 1)
            #expect(try bench.queued.count == (isTold ? 1 : 0))
            guard isTold else { continue }
            try bench.attempt(try #require(try bench.queued.first)).end()
            let told = bench.mail(of: "alice").filter { $0.contains("multipart/report") }
            #expect(told.count == 1 && bench.mail(of: "alice").count == 2)
            #expect(told.first?.contains("Final-Recipient: rfc822; alice@home.example\nAction: delivered\n") == true)
        }
    }

    @Test("a notice that fails makes no notice and goes")
    func doubleBounce() throws {
        let bench = try Bench()
        let entry = try bench.message(from: "", to: ["nobody@hub.example"], by: nil, source: .hub)
        try bench.attempt(entry).end()
        #expect(try bench.queued.isEmpty)
        #expect(bench.mail(of: "alice").count == 1, "the postmaster's mailbox is the last stop")
    }

    @Test("the notice that a provider refuses for ever comes to the postmaster, too")
    func refusedNotice() throws {
        let bench = try Bench(routes: "route out\n    use one")
        let attempt = try bench.attempt(try bench.message(from: "", to: ["x@far.example"], by: nil, source: .hub))
        try attempt.take(
            [AccountResult(recipients: [0], verdict: .permanent(1, 1, from: "mx", text: "550 no"))], from: "one")
        attempt.end()
        #expect(try bench.queued.isEmpty)
        #expect(bench.mail(of: "alice").count == 1)
    }

    @Test("results are on disk as soon as they are taken, and the rest of the account's recipients still wait")
    func writtenAtOnce() throws {
        let bench = try Bench()
        let attempt = try bench.attempt(try bench.message(to: ["a@far.example", "b@far.example"]))
        try attempt.take(
            [AccountResult(recipients: [0], verdict: .delivered(.passedOn, from: "mx", text: "250 ok"))], from: "one")
        #expect(attempt.nextAccount == "one" && attempt.recipients == [1])
        // As it would be found after a death here.
        let id = attempt.message.id
        attempt.message.unlock()
        let again = try #require(try bench.hub.queue.lock(id: id))
        #expect(again.state.recipients.map(\.progress) == [.delivered, .waiting])
    }

    @Test("mail that only ever waited for its route is called late, too")
    func lateWithoutTries() throws {
        let bench = try Bench()
        let attempt = try bench.attempt(try bench.message(to: ["a@far.example"], age: 5 * 3600))
        let down = AccountResult(
            recipients: [0], verdict: .faultOfHop(4, 1, text: "down"), notBefore: Clock.seconds() + 60)
        try attempt.take([down], from: "one")
        attempt.end()
        #expect(try bench.queued.count == 2, "the message and its notice")
    }

    @Test("a fault that nobody could read is told again where somebody can")
    func heard() throws {
        let bench = try Bench()
        try RouteHealth(hub: bench.hub, isHeard: false).fault("down", of: "one")
        #expect(try bench.hub.routes.read("one").told == 0)
        try RouteHealth(hub: bench.hub, isHeard: true).fault("down", of: "one")
        #expect(try bench.hub.routes.read("one").told == 1)
    }

    @Test("a local recipient is there once even if the attempt before died behind the delivery")
    func diedBehindDelivery() throws {
        let bench = try Bench()
        let entry = try bench.message(to: ["alice@home.example", "x@far.example"])
        do {
            let died = try bench.attempt(entry)
            died.message.unlock()
        }
        #expect(bench.mail(of: "alice").count == 1)
        let again = try #require(try bench.queued.first)
        try bench.attempt(again).end()
        #expect(bench.mail(of: "alice").count == 1)
    }

    @Test("only one run probes an account at fault, and a person's order does not wait")
    func probing() throws {
        let bench = try Bench()
        let health = RouteHealth(hub: bench.hub)
        #expect(try health.refusal(of: "one") == nil)
        try health.fault("down", of: "one")
        #expect(try health.refusal(of: "one") == "down")
        try bench.hub.routes.change("one") { $0.nextProbe = Clock.seconds() - 1 }
        #expect(try health.refusal(of: "one") == nil)
        #expect(try health.refusal(of: "one") == "down", "the second run waits for the first")
        let forced = RouteHealth(hub: try CarrierHub(bench.hub.settings, log: bench.hub.log, isForced: true))
        #expect(try forced.refusal(of: "one") == nil)
        try health.mend("one")
        #expect(try bench.hub.routes.read("one").fault == nil)
    }

    @Test("an account chosen for the message carries it, and no other does, if it is open to who submitted it")
    func chosenAccount() throws {
        let bench = try Bench(routes: "route out\n    use one")
        let attempt = try bench.attempt(try bench.message(to: ["a@far.example"], account: "two"))
        #expect(attempt.nextAccount == "two")
        try attempt.take(
            [AccountResult(recipients: [0], verdict: .faultOfHop(4, 1, text: "down"), mayGoElsewhere: true)],
            from: "two")
        #expect(attempt.nextAccount == nil)
        attempt.end()
        let closed = try bench.attempt(try bench.message(to: ["a@far.example"], by: "bob", account: "two"))
        #expect(closed.nextAccount == nil && closed.message.state.recipients[0].isHeld)
        closed.end()
    }

    @Test("the envelope for a server names whom it is for, with what each has asked for")
    func handedOn() throws {
        let bench = try Bench()
        let attempt = try bench.attempt(
            try bench.message(to: ["a@far.example", "b@far.example", "c@far.example"], notify: .never))
        let envelope = attempt.message.envelope(for: [2, 0])
        #expect(envelope.recipients.map(\.forwardPath.description) == ["<c@far.example>", "<a@far.example>"])
        #expect(envelope.recipients.allSatisfy { $0.notify == .never })
        #expect(envelope.reversePath == attempt.message.envelope.reversePath)
    }

    @Test("what departs for a server holds a space for what mail must not hold; a mailbox gets it as it is")
    func strays() throws {
        let bench = try Bench()
        let attempt = try bench.attempt(try bench.message(to: ["a@far.example"], content: "Subject: a\rb\n\nx\0y\n"))
        func octets(_ hop: NextHop) throws -> [UInt8] {
            let content = bench.hub.prepare(attempt.message, for: [0], to: hop).content
            return try content.read(atMost: .max, at: 0)
        }
        #expect(try octets(.server) == Array("Subject: a b\n\nx y\n".utf8))
        #expect(try octets(.mailbox("alice")) == Array("Subject: a\rb\n\nx\0y\n".utf8))
    }
}
