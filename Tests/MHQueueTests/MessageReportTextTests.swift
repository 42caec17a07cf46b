// What a person reads of a queued message: the listing, the envelope, and why each recipient waits.

import AddressExpansion
import ArgumentParser
import MailEnvelope
import MailFormat
import MailRouting
import RunControl
import SpoolQueue
import Testing

@testable import mhqueue

@Suite("What is told of a queued message")
struct MessageReportTextTests {
    private let bench: QueueBench

    init() throws { bench = try QueueBench() }

    private func list(_ id: QueueID) throws -> String { MessageReport(try bench.message(id)).lines }
    private func envelope(_ id: QueueID) throws -> String { MessageReport(try bench.message(id)).envelope }

    /// What `why` says on a hub where bob lives and the account `one` can send.
    private func reasons(_ id: QueueID) throws -> String {
        let message = try bench.message(id)
        var settings = HubSettings()
        (settings.hostname, settings.qualify) = ("hub.example", "home.example")
        settings.mailboxes = [MailboxSettings(name: "bob")]
        return try MessageReport(message).reasons(of: message, by: ways(settings))
    }

    private func ways(_ settings: HubSettings, rooms: [String: Int] = [:]) throws -> WaysOut {
        WaysOut(
            routing: RoutingTable(
                routes: [
                    Route(
                        name: "news", to: AddressConditions(allow: [try AddressPattern(parsing: "*@news.example")]),
                        target: .accounts(["one"]))
                ],
                accounts: [SendingAccount(name: "one", addresses: [])]),
            expander: Expander(settings), hops: try HopStates(in: bench.queue.state), rooms: rooms)
    }

    /// What becomes of a message, as it is told an hour after noon, where mail is tried for five days.
    private func outlook(_ id: QueueID, rooms: [String: Int] = [:], holder: Int32? = nil) throws -> String {
        var settings = HubSettings()
        (settings.hostname, settings.qualify) = ("hub.example", "home.example")
        settings.mailboxes = [MailboxSettings(name: "bob")]
        return try Outlook(
            of: try bench.message(id), by: ways(settings, rooms: rooms), holder: holder, lifetime: 5 * 86_400,
            now: noon + 3600
        ).paragraph()
    }

    private let delivered = Verdict.delivered(.passedOn, from: "mx.far.example", text: "250 2.0.0 ok")
    private let unknown = Verdict.permanent(1, 1, from: "mx.far.example", text: "550 5.1.1 no such user")
    private let later = Verdict.temporary(2, 0, from: "mx.far.example", text: "450 4.2.0 try later")
    private let notOpen = Verdict.heldByRule(7, 1, text: "no account is open to alice")

    /// One attempt at noon, with these results.
    private func attempt(_ id: QueueID, _ results: [AttemptResult]) throws {
        let message = try bench.lock(id)
        try message.beginAttempt(next: noon + 300)
        try message.record(results, at: noon)
    }

    @Test("SE20: a listing has a line for the message, and one for each recipient with how far it is and who said so")
    func lines() throws {
        let id = try bench.add("1.a.hub", to: ["a", "b", "c", "d", "e"].map { "\($0)@far.example" }, "four")
        #expect(
            try list(id) == """
                1.a.hub  <alice@home.example>  4 octets  \(told(noon))
                    waiting  <a@far.example>
                    waiting  <b@far.example>
                    waiting  <c@far.example>
                    waiting  <d@far.example>
                    waiting  <e@far.example>

                """)
        try attempt(
            id,
            [
                AttemptResult(recipients: [0], delivered), AttemptResult(recipients: [1], unknown),
                AttemptResult(recipients: [2], later, next: noon + 300),
                AttemptResult(recipients: [3], notOpen, next: noon + 14_400),
            ])
        #expect(
            try list(id) == """
                1.a.hub  <alice@home.example>  4 octets  \(told(noon))
                    delivered  <a@far.example>  (mx.far.example: 250 2.0.0 ok)
                    failed  <b@far.example>  (mx.far.example: 550 5.1.1 no such user)
                    waiting  <c@far.example>  next try \(told(noon + 300))  (mx.far.example: 450 4.2.0 try later)
                    held  <d@far.example>  next try \(told(noon + 14_400))  (no account is open to alice)
                    waiting  <e@far.example>

                """)
    }

    @Test("a listing tells of a hold by hand, and of a next hop that is at fault and when it is asked again")
    func heldAndAtFault() throws {
        let id = try bench.add("1.a.hub", from: nil, "x")
        do {
            let message = try bench.lock(id)
            try message.hold(because: "look\nhere")
            try message.postpone(untilHopMayAnswer: noon + 60)
        }
        #expect(
            try list(id) == """
                1.a.hub  <>  1 octet  \(told(noon))  held: look here  waits for its way out
                    waiting  <bob@far.example>

                """)
        do {
            let message = try bench.lock(id)
            try message.release()
            try message.postpone(untilHopMayAnswer: noon + 60)
        }
        #expect(try list(id).hasSuffix("    waiting  <bob@far.example>  next try \(told(noon + 60))\n"))
    }

    @Test("an envelope says a line for each thing that is known, and none for what is not")
    func envelopes() throws {
        let bare = try bench.add("1.a.hub", from: nil, "x")
        #expect(
            try envelope(bare) == """
                Id: 1.a.hub
                From: <>
                To: waiting  <bob@far.example>
                Arrived: Fri, 15 Jan 2027 08:00:00 +0000
                Size: 1

                """)
        let two = ["a@far.example", "b@far.example"]
        let full = try bench.add("2.a.hub", to: two, "four", by: "alice", account: "mine")
        do {
            let message = try bench.lock(full)
            try message.hold(because: "look")
            try message.setRoute(EnvelopeText(cleaning: "work"))
        }
        #expect(
            try envelope(full) == """
                Id: 2.a.hub
                From: <alice@home.example>
                To: waiting  <a@far.example>
                To: waiting  <b@far.example>
                Arrived: Fri, 15 Jan 2027 08:00:00 +0000
                Size: 4
                Submitted-By: alice
                Held: look
                Account: mine
                Route: work

                """)
    }

    @Test("SE20: why: those who wait have their reasons, those who are done have had their verdict")
    func why() throws {
        let recipients = [
            "a@far.example", "bob@home.example", "nobody@home.example", "c@far.example", "d@far.example",
        ]
        let id = try bench.add("1.a.hub", to: recipients)
        try attempt(
            id,
            [
                AttemptResult(recipients: [0], delivered), AttemptResult(recipients: [3], later, next: noon + 300),
                AttemptResult(recipients: [4], notOpen, next: noon + 14_400),
            ])
        #expect(
            try reasons(id) == """
                  delivered  <a@far.example>  (mx.far.example: 250 2.0.0 ok)
                  waiting  <bob@home.example>
                    goes to the mailbox bob
                  waiting  <nobody@home.example>
                    nobody has this address here
                  waiting  <c@far.example>  next try \(told(noon + 300))  (mx.far.example: 450 4.2.0 try later)
                    tried 1 time
                    route news: passed over, to does not match c@far.example
                    no account has the address alice@home.example
                    account one: the only account that can send
                  held  <d@far.example>  next try \(told(noon + 14_400))  (no account is open to alice)
                    tried 1 time
                    held by rule: tried again by the rc as it then is; returned at the end of queue-lifetime
                    route news: passed over, to does not match d@far.example
                    no account has the address alice@home.example
                    account one: the only account that can send

                """)
    }

    @Test("why: a hold by hand and how to end it; an account at fault, since when, and how to ask it now")
    func whyHeld() throws {
        let id = try bench.add("1.a.hub")
        try bench.lock(id).hold(because: "look")
        try HopStates(in: bench.queue.state).change(.account("one")) {
            $0.fault = "the login was refused"
            $0.since = noon
            $0.nextProbe = noon + 60
        }
        #expect(
            try reasons(id) == """
                  held: look; let it go on with: mhqueue release 1.a.hub
                  waiting  <bob@far.example>
                    route news: passed over, to does not match bob@far.example
                    no account has the address alice@home.example
                    account one: the only account that can send
                    account one is at fault since \(told(noon)): the login was refused; asked again \
                \(told(noon + 60))

                """)
    }

    @Test("why: an account chosen by hand is asked after, and not the one that the rules would take")
    func whyChosen() throws {
        let id = try bench.add("1.a.hub")
        try bench.lock(id).setRoute(EnvelopeText(cleaning: "work"))
        let hops = try HopStates(in: bench.queue.state)
        for (account, fault) in [("one", "of one"), ("work", "of work")] {
            try hops.change(.account(account)) { $0.fault = fault }
        }
        let told = try reasons(id)
        #expect(told.contains("\n    by work, which was chosen by hand\n"), "\(told)")
        #expect(told.contains("\n    account work is at fault since ") && !told.contains("of one"), "\(told)")
    }

    @Test("why: a notice goes to the mailbox of whose mail it tells, wherever its address leads")
    func whyNotice() throws {
        let id = try bench.add("1.a.hub", from: nil, to: ["alice@provider.example"], by: "alice")
        #expect(
            try reasons(id) == """
                  waiting  <alice@provider.example>
                    goes to the mailbox alice

                """)
    }

    @Test("SE20: why tells in one paragraph what happens, when it is next tried, and what would change that")
    func outlooks() throws {
        let fresh = try outlook(try bench.add("1.a.hub"))
        #expect(
            fresh
                == "The message of <alice@home.example> came in 1 h ago and waits for <bob@far.example>. It leaves by "
                + "account one. The next run of the queue takes it (mhsend -q, as a timer starts it). To try it now: mhqueue "
                + "try 1.a.hub. Else it is given up, at the earliest \(told(noon + 5 * 86_400)), and its sender is told."
        )
        let partly = try bench.add("2.a.hub", to: ["a@far.example", "b@far.example", "c@far.example"], by: "alice")
        try attempt(
            partly,
            [
                AttemptResult(recipients: [0], delivered), AttemptResult(recipients: [1], unknown),
                AttemptResult(recipients: [2], later, next: noon + 7200),
            ])
        let some = try outlook(partly)
        #expect(
            some.contains(
                "handed in by alice came in 1 h ago and waits for <c@far.example> (1 served, 1 refused). It leaves by "
                    + "account one. It was tried 1 time; the last answer was: mx.far.example: 450 4.2.0 try later. It is "
                    + "tried again \(told(noon + 7200)), in 1 h."), "\(some)")
        #expect(try outlook(partly, holder: 4711).contains("Process 4711 is at work on it."))
        let held = try bench.add("3.a.hub")
        try attempt(held, [AttemptResult(recipients: [0], notOpen, next: noon + 14_400)])
        let rule = try outlook(held)
        #expect(
            rule.contains("A rule holds it: account one: the only account that can send.")
                && rule.contains("mhqueue route NAME 3.a.hub."), "\(rule)")
        try bench.lock(held).hold(because: "look \u{1B}[2J")
        let byHand = try outlook(held)
        #expect(byHand.hasSuffix("A person holds it: look  [2J. It stays until: mhqueue release 3.a.hub."), "\(byHand)")
    }

    @Test("SE20: why tells of a next hop at fault, of a limit, of a mailbox, an order by hand, and of nobody")
    func otherOutlooks() throws {
        try HopStates(in: bench.queue.state).change(.account("one")) {
            ($0.fault, $0.since) = ("the login was refused", noon)
        }
        let id = try bench.add("1.a.hub")
        try bench.lock(id).postpone(untilHopMayAnswer: noon + 7200)
        let fault = try outlook(id)
        #expect(
            fault.contains(
                "It leaves by account one, but account one is at fault since \(told(noon)): the login was refused. It is tried again \(told(noon + 7200)), in 1 h. Once that is mended: mhqueue try 1.a.hub."
            ), "\(fault)")
        let news = try outlook(try bench.add("2.a.hub", to: ["x@news.example"]), rooms: ["news": noon + 5000])
        #expect(
            news.contains(
                "It leaves by the route news, which has carried what its limit allows and has room again \(told(noon + 5000))."
            ), "\(news)")
        #expect(try outlook(try bench.add("3.a.hub", to: ["bob@home.example"])).contains("It goes to the mailbox bob."))
        #expect(
            try outlook(try bench.add("4.a.hub", to: ["zoe@home.example"])).contains(
                "Nobody has this address here: it will come back."))
        let pinned = try bench.add("5.a.hub")
        try bench.lock(pinned).setRoute(EnvelopeText(cleaning: "news"))
        #expect(try outlook(pinned).contains("It leaves by account one, as the route news says, but"))
        let failed = try bench.add("6.a.hub")
        try attempt(failed, [AttemptResult(recipients: [0], unknown)])
        #expect(
            try outlook(failed).hasSuffix(
                "waits for nobody (1 refused). Nobody waits for it any more; the next run of the queue tells the sender, and removes it."
            ))
        let notice = try outlook(try bench.add("7.a.hub", from: nil))
        #expect(
            notice.contains("There is no way out: a notice leaves by a route that takes <>, and none does.")
                && notice.hasSuffix("at the earliest \(told(noon + 5 * 86_400))."), "\(notice)")
    }

    @Test("a paragraph is filled to lines of 78 characters, each word whole")
    func filled() {
        let words = String(repeating: "abcde ", count: 30)
        let text = Paragraph.filled(words + String(repeating: "x", count: 90) + " end", indent: "  ")
        let lines = text.split(separator: "\n").map(String.init)
        // Twelve words of five letters, eleven blanks and the indent are 73; one more would be 79.
        #expect(lines.map(\.count) == [73, 73, 37, 92, 5], "\(text)")
        #expect(lines.allSatisfy { $0.hasPrefix("  ") } && lines.last == "  end")
    }

    /// What steers a terminal instead of standing on it.
    private func steering(_ text: String) -> [Unicode.Scalar] {
        text.unicodeScalars.filter { scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: scalar != "\n"
            default: false
            }
        }
    }

    // docs/security.md: "What a peer said is shown with control characters as \xNN, on a terminal". With SMTPUTF8 a
    // stranger's address may hold U+009B, which begins a terminal's orders in one character, and U+202E.
    @Test("nothing of it steers a terminal, whatever strangers have written into addresses and replies")
    func harmless() throws {
        let id = try bench.add(
            "1.a.hub", from: "a\u{200F}b\u{202E}c@far.example", to: ["c\u{200F}d\u{202E}e@far.example"])
        let odd = Verdict.temporary(2, 0, text: "450 later \u{202E}\u{2028}")
        try attempt(id, [AttemptResult(recipients: [0], odd, next: noon + 300)])
        for text in [try list(id), try envelope(id), try reasons(id), try outlook(id)] {
            #expect(text.contains("@far.example"))
            #expect(steering(text).isEmpty, "\(text.debugDescription)")
        }
    }

    @Test("the message of an id is found, and no other; what is none is told like one that is gone")
    func finding() throws {
        let id = try bench.add("1.a.hub")
        try bench.add("2.a.hub")
        #expect(try find("1.a.hub", in: bench.queue).entry.id == id)
        for word in ["3.a.hub", "1.a", "", "../../etc/passwd", "1.a.hub\n"] {
            let error = #expect(throws: QueueCommandError.self, "\(word)") { try find(word, in: bench.queue) }
            #expect(error?.exitStatus == .dataError)
            #expect(
                error?.description
                    == "\(word): no such message in the queue; it may be gone already, see: mhqueue list")
        }
        #expect(throws: ValidationError.self) { try find(nil, in: bench.queue) }
    }

    @Test("complaints say what to do, and their statuses tell what waits from what was wrong")
    func complaints() {
        let held = QueueCommandError.isHeld("1.a.hub", why: "look")
        #expect(held.description == "1.a.hub: is held (look); let it go on with: mhqueue release 1.a.hub")
        #expect(held.exitStatus == .dataError)
        let notTried = QueueCommandError.notTried("1.a.hub", why: "421 closed for repair")
        #expect(notTried.description == "1.a.hub: could not be tried: 421 closed for repair")
        #expect(notTried.exitStatus == .temporaryFailure)
    }
}

@Suite("Foreign octets on a terminal")
struct HarmlessTests {
    @Test(
        "keep their line ends and tabs; every other control character, and what is no UTF-8, stands as its octets",
        arguments: [
            ("", ""), ("Subject: x\n\nhello\n", "Subject: x\n\nhello\n"), ("\n\na\tb\n\t\n", "\n\na\tb\n\t\n"),
            ("no end", "no end"), ("\u{1B}[2Jx\r\ny\u{7F}\0", "\\x1B[2Jx\\x0D\ny\\x7F\\x00"),
            ("gr\u{FC}n \u{20AC}", "gr\u{FC}n \u{20AC}"), ("a\u{9B}b\u{202E}c", "a\\xC2\\x9Bb\\xE2\\x80\\xAEc"),
        ])
    func text(_ octets: String, _ shown: String) {
        #expect(Harmless.text(Array(octets.utf8)) == shown)
    }

    @Test("are shown to the last, however many stand on a line")
    func long() {
        #expect(Harmless.text([0xFF, 0x61, 0xC3]) == "\\xFFa\\xC3")
        let line = [UInt8](repeating: 0x61, count: 100_000)
        #expect(Harmless.text(line + [0x1B]).utf8.count == 100_004)
    }
}
