// Mail as it leaves by a route that rewrites addresses.

import DurableFiles
import MailEnvelope
import MailFormat
import MailRouting
import MailTestKit
import MessageContent
import Testing

@testable import mhcarry

@Suite("What a route puts into mail that leaves")
struct DepartingRewritesTests {
    private let scratch = ScratchDirectory()

    private func depart(
        _ text: String, from: String = "alice@home.example", _ rules: [(RewritePlace?, String, String)] = [],
        replyTo: String? = nil
    ) throws -> (text: String, from: String, verdict: Verdict?) {
        let locals = LocalAddresses(hostname: "hub.example", qualify: "home.example", mailboxes: [], domains: [])
        let rules = try rules.map { place, pattern, new in
            RewriteRule(
                place: place, pattern: try AddressPattern(parsing: pattern),
                replacement: new.hasPrefix("*@")
                    ? .domain(String(new.dropFirst(2))) : .mailbox(try Address(new), displayName: "Alice D"))
        }
        let rewrites = DepartingRewrites(
            rules: RewriteRules(rules, locals: locals), replyTo: try replyTo.map { try Address($0) })
        let envelope = Envelope(
            reversePath: from.isEmpty ? .null : .address(try Address(from)),
            recipients: [.init(try Address("x@far.example"))])
        let message = Message(envelope, ContentInMemory(Array(text.utf8)))
        let directory = try Directory(path: scratch.path)
        let prepared = Plan.at(.departing(to: .account("one")), rewriting: rewrites.steps).run(on: message) {
            Scratch(in: directory)
        }
        var octets: [UInt8] = []
        try prepared.forEachChunk { octets += $0 }
        #expect(prepared.size == octets.count && prepared.faults.isEmpty)
        return (String(decoding: octets, as: UTF8.self), "\(prepared.envelope.reversePath)", prepared.verdict)
    }

    @Test("SE8, ask 20: mail of cron leaves with addresses that a provider takes; the rest of it stands")
    func cron() throws {
        let body = "\nX-Not: root\nFrom: root\n\u{FF}binary\n"
        let made = try depart(
            "Received: from root by hub\nFrom: root (Cron Daemon)\nTo: root\nSender: root\nSubject: root\n" + body,
            from: "root@home.example",
            [(.from, "root", "alice@isp.example"), (.sender, "*", "alice@isp.example"), (nil, "*", "*@isp.example")])
        #expect(made.verdict == nil)
        #expect(
            made.text == "Received: from root by hub\nFrom: alice@isp.example (Cron Daemon)\nTo: root@isp.example\n"
                + "Sender: Alice D <alice@isp.example>\nSubject: root\n" + body)
        #expect(made.from == "<root@isp.example>")
    }

    @Test("SE8: signed mail leaves as it is but for the envelope; with an author who has no domain it is held")
    func signed() throws {
        let rules: [(RewritePlace?, String, String)] = [(nil, "*", "*@isp.example")]
        let signature = "DKIM-Signature: v=1\n"
        let text = "\(signature)From: alice@home.example\nTo: root\n\nx\n"
        let made = try depart(text, rules, replyTo: "r@isp.example")
        #expect(made.text == text && made.from == "<alice@isp.example>" && made.verdict == nil)
        let bare = try depart("\(signature)From: root\n\nx\n", rules)
        #expect(bare.verdict?.kind == .heldByRule && bare.verdict?.text.contains("without a domain") == true)
        // Rules for other places ask nothing of its author.
        #expect(try depart("\(signature)From: root\n\nx\n", [(.sender, "*", "*@isp.example")]).verdict == nil)
    }

    @Test("SE8: a field that cannot be read, where a rule is for it, holds the message; without one it leaves")
    func unreadable() throws {
        for (field, place) in [("From: a b c <", RewritePlace.from), ("Cc: <<>>", .cc), ("Reply-To: (", .replyTo)] {
            let text = "\(field)\n\nx\n"
            let held = try depart(text, [(place, "*", "*@isp.example")])
            #expect(held.verdict?.kind == .heldByRule && held.text == text)
            #expect(held.verdict?.text.contains(field.prefix { $0 != ":" }) == true, "\(held.verdict?.text ?? "")")
            let other: RewritePlace = place == .to ? .sender : .to
            let sent = try depart(text, [(other, "*", "*@isp.example")])
            #expect(sent.verdict == nil && sent.text == text)
        }
        let long = try depart(
            String(repeating: "X: y\n", count: 1100) + "From: root\n\nx\n", [(nil, "*", "*@isp.example")])
        #expect(long.verdict?.kind == .heldByRule)
    }

    @Test("SE8: an account's Reply-To is added where there is none, and not to notices")
    func replyTo() throws {
        let text = "From: alice@home.example\n\nx\n"
        #expect(try depart(text, replyTo: "r@isp.example").text == "Reply-To: r@isp.example\n" + text)
        let own = "Reply-To: other@x.example\n" + text
        #expect(try depart(own, replyTo: "r@isp.example").text == own)
        #expect(try depart(text, from: "", replyTo: "r@isp.example").text == text)
        // A rule for the field has nothing to do with what the account adds.
        #expect(
            try depart(text, [(.replyTo, "*", "x@y.example")], replyTo: "r@isp.example").text
                == "Reply-To: r@isp.example\n" + text)
    }

    @Test("a message of many megabytes is written anew in pieces, and ends as it did")
    func large() throws {
        let body = "\n" + String(repeating: "0123456789\n", count: 30_000) + "no line end"
        let made = try depart("From: root\n" + body, [(nil, "*", "*@isp.example")])
        #expect(made.text == "From: root@isp.example\n" + body)
    }
}
