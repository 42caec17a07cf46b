// The runner of steps: order, what costs nothing, failures, signatures.

import DurableFiles
import MailEnvelope
import MailFormat
import MailTestKit
import Synchronization
import Testing

@testable import MessageContent

private struct Saying: Inspector {
    let name: String
    let answer: InspectionResult
    func inspect(_ message: Message) -> InspectionResult { answer }
}

private struct Failing: Inspector {
    struct Trouble: Error, CustomStringConvertible { let description = "no such program" }
    let name = "spam filter"
    func inspect(_ message: Message) throws -> InspectionResult { throw Trouble() }
}

/// Writes the message twice.
private struct Doubling: Rewriter {
    let name = "doubling"
    var keepsSignatures = false
    func concerns(_ message: Message) throws -> Bool { try message.header().first("Double") != nil }
    func rewrite(_ message: Message, into scratch: Scratch) throws {
        try message.content.forEachChunk { try scratch.append($0) }
        try message.content.forEachChunk { try scratch.append($0) }
    }
}

private struct Refusing: Rewriter {
    struct Trouble: Error, CustomStringConvertible { let description = "no key of bob" }
    let name = "encryption"
    let keepsSignatures = true
    func concerns(_ message: Message) -> Bool { true }
    func rewrite(_ message: Message, into scratch: Scratch) throws { throw Trouble() }
}

/// Content that tells what was read of it.
private final class Watched: Content {
    let inner: ContentInMemory
    let reads = Mutex(0)
    init(_ text: String) { inner = ContentInMemory(Array(text.utf8)) }
    var size: Int { inner.size }
    var facts: ContentFacts { inner.facts }
    func read(atMost limit: Int, at offset: Int) -> [UInt8] {
        reads.withLock { $0 += 1 }
        return inner.read(atMost: limit, at: offset)
    }
}

@Suite("A plan")
struct PlanTests {
    private let folder = ScratchDirectory()

    private func message(_ text: String, to recipients: [String] = ["bob@x.example"]) throws -> Message {
        Message(try envelope(to: recipients), ContentInMemory(Array(text.utf8)))
    }

    private func envelope(to recipients: [String]) throws -> Envelope {
        Envelope(
            reversePath: .address(try Address("alice@x.example")),
            recipients: try recipients.map { .init(try Address($0)) })
    }

    private func run(_ steps: [Step], on message: Message, top: String = "") throws -> Prepared {
        let directory = try Directory(path: folder.path)
        return Plan(steps).run(on: message, top: Array(top.utf8)) { Scratch(in: directory) }
    }

    private func text(_ prepared: Prepared) throws -> String {
        var octets: [UInt8] = []
        try prepared.forEachChunk { octets += $0 }
        return String(decoding: octets, as: UTF8.self)
    }

    @Test("without steps the message passes as it is, and nothing of it is read")
    func empty() throws {
        let content = Watched("Subject: x\n\nx\n")
        let prepared = try run([], on: Message(try envelope(to: []), content), top: "T: 1\n")
        #expect(content.reads.withLock { $0 } == 0)
        #expect(prepared.facts == ContentFacts(wireSize: 23) && prepared.size == 19 && prepared.verdict == nil)
        #expect(try text(prepared) == "T: 1\nSubject: x\n\nx\n")
    }

    @Test("steps that look at the header cost one read together, and those of other recipients none")
    func header() throws {
        let content = Watched("Received: x\n\nx\n")
        let whole = Message(try envelope(to: ["bob@x.example"]), content)
        for address in ["bob@x.example", "eve@x.example"] {
            let copy = whole.with(try envelope(to: [address]))
            let prepared = Plan.at(.departing(to: .mailbox("m"))).run(on: copy) {
                preconditionFailure("no content step")
            }
            #expect(String(decoding: prepared.top, as: UTF8.self).hasSuffix("Delivered-To: \(address)\n"))
        }
        #expect(content.reads.withLock { $0 } == 1)
    }

    @Test("fields of a later step stand above those of an earlier one; the last folder and envelope count")
    func order() throws {
        let other = try envelope(to: ["eve@x.example"])
        let prepared = try run(
            [
                .inspector(Saying(name: "a", answer: InspectionResult(top: Array("A: 1\n".utf8), folder: "Junk"))),
                .inspector(Saying(name: "b", answer: InspectionResult(top: Array("B: 2\n C\n".utf8), envelope: other))),
                .inspector(Saying(name: "c", answer: InspectionResult(folder: "Junk/2026"))),
                .inspector(Saying(name: "d", answer: InspectionResult())),
            ], on: try message("Subject: x\n\nx\n"), top: "T: 1\n")
        #expect(try text(prepared) == "B: 2\n C\nA: 1\nT: 1\nSubject: x\n\nx\n")
        #expect(prepared.folder == "Junk/2026" && prepared.envelope == other && prepared.faults.isEmpty)
    }

    @Test("the first verdict ends it: no later step is asked")
    func verdict() throws {
        let no = Verdict.permanent(7, 1, text: "no")
        let prepared = try run(
            [.inspector(Saying(name: "a", answer: InspectionResult(verdict: no))), .inspector(Failing())],
            on: try message("x\n"))
        #expect(prepared.verdict == no && prepared.faults.isEmpty)
    }

    @Test("an inspector that fails, or wants what is no row of fields, costs no mail and is told")
    func failingInspector() throws {
        let bad = ["x", "A: 1", "A: 1\n\n", "From x\nA: 1\n", "no field\n"].map {
            Step.inspector(Saying(name: "adder", answer: InspectionResult(top: Array($0.utf8))))
        }
        let big = Saying(
            name: "big", answer: InspectionResult(top: Array("A: \(String(repeating: "x", count: 70_000))\n".utf8)))
        let prepared = try run(
            [.inspector(Failing())] + bad + [.inspector(big)], on: try message("Subject: x\n\nx\n"))
        #expect(prepared.verdict == nil)
        #expect(try text(prepared) == "Subject: x\n\nx\n")
        #expect(prepared.faults.first?.description == "spam filter failed: no such program")
        #expect(prepared.faults.count == 2 + bad.count, "\(prepared.faults)")
    }

    @Test("an inspector that fails ends nothing, whatever verdict came with it")
    func failingVerdict() throws {
        let bad = InspectionResult(top: Array("no field\n".utf8), verdict: .permanent(7, 1, text: "no"))
        let prepared = try run([.inspector(Saying(name: "a", answer: bad))], on: try message("Subject: x\n\nx\n"))
        #expect(prepared.verdict == nil && prepared.faults.count == 1 && prepared.top.isEmpty)
    }

    @Test("content that ends before its size is an error, and never a message")
    func short() throws {
        struct Short: Content {
            let size = 100
            let facts = ContentFacts(wireSize: 100)
            func read(atMost limit: Int, at offset: Int) -> [UInt8] { offset == 0 ? [0x61] : [] }
        }
        #expect(throws: DurableError.self) { try Short().forEachChunk { _ in } }
        let target = try Directory(path: folder.path).createExclusive("copy")
        #expect(throws: DurableError.self) { try Short().write(to: target, behind: []) }
    }

    @Test("what the steps have left is the message of the next moment, its header too")
    func nextMoment() throws {
        let prepared = try run([.rewriter(Doubling())], on: try message("Double: 1\n\nx\n"))
        #expect(prepared.message.content.size == prepared.content.size)
        let filtered = try run([.filter(StrayFilter())], on: try message("Subject: a\rb\n\n"))
        #expect(try filtered.message.header().octetsOfFields.elementsEqual("Subject: a b\n".utf8))
    }

    @Test("a rewriter makes new content, which later steps see; where it is not needed nothing is made")
    func rewriting() throws {
        let twice = try run(
            [.rewriter(Doubling()), .rewriter(Doubling())], on: try message("Double: \u{E9}\n\nx\n"), top: "T: 1\n")
        let once = "Double: \u{E9}\n\nx\n"
        #expect(try text(twice) == "T: 1\n" + once + once + once + once)
        #expect(twice.facts.is8Bit && twice.facts.wireSize == 6 + 4 * 17)
        let not = try message("Subject: x\n\nx\n")
        #expect(try text(try run([.rewriter(Doubling())], on: not)) == "Subject: x\n\nx\n")
    }

    @Test("a rewriter that fails keeps the message from leaving as it was")
    func failingRewriter() throws {
        let prepared = try run([.rewriter(Refusing()), .filter(StrayFilter())], on: try message("Subject: x\n\nx\n"))
        #expect(prepared.verdict?.kind == .temporary)
        #expect(prepared.verdict?.text == "encryption failed: no key of bob")
        #expect(prepared.faults.map(\.description) == ["encryption failed: no key of bob"])
    }

    @Test("what is signed is rewritten by nobody who would break the signature")
    func signed() throws {
        let signed = "Double: 1\nContent-Type: multipart/signed; boundary=x\n\nx\n"
        let refused = try run([.rewriter(Doubling())], on: try message(signed))
        #expect(refused.verdict?.kind == .permanent && refused.verdict?.status == .permanent(6, 3))
        let kept = try run([.rewriter(Doubling(keepsSignatures: true))], on: try message(signed))
        #expect(kept.verdict == nil && kept.facts.isSigned)
        #expect(try text(kept) == signed + signed)
    }

    @Test("a filter changes octets wherever they are read, and the facts with them")
    func filter() throws {
        let stray = "Subject: a\rb\n\nx\0y\r\n"
        let prepared = try run([.filter(StrayFilter())], on: try message(stray), top: "T: \r\n")
        #expect(try text(prepared) == "T:  \nSubject: a b\n\nx y \n")
        #expect(!prepared.facts.hasStrays && prepared.facts.wireSize == stray.utf8.count + 5 + 4)
        #expect(try prepared.content.read(atMost: 3, at: 9) == Array("a b".utf8))
        let target = try Directory(path: folder.path).createExclusive("copy")
        try prepared.content.write(to: target, behind: prepared.top)
        #expect(ScratchDirectory.read(folder.file("copy")) == Array(try text(prepared).utf8))
        let signed = "Content-Type: multipart/signed; boundary=x\n\nx\0y\n"
        let kept = try run([.filter(StrayFilter())], on: try message(signed))
        #expect(try text(kept) == signed)
        #expect(kept.facts.hasStrays && kept.facts.isSigned)
    }
}

@Suite("The steps of every hub")
struct MomentTests {
    private func verdict(_ moment: Moment, _ header: String, to recipients: [String] = ["bob@x.example"]) throws
        -> Verdict?
    {
        let envelope = Envelope(reversePath: .null, recipients: try recipients.map { .init(try Address($0)) })
        let message = Message(envelope, ContentInMemory(Array("\(header)\nx\n".utf8)))
        return Plan.at(moment).run(on: message) { preconditionFailure("no content step") }.verdict
    }

    private func received(_ count: Int) -> String { String(repeating: "Received: by x; y\n", count: count) }

    @Test("a hundred stations are a circle for what arrives, a hundred and one for what departs")
    func stations() throws {
        for moment in [Moment.received, .submitted] {
            #expect(try verdict(moment, received(99)) == nil)
            let circle = try #require(try verdict(moment, received(100)))
            #expect(circle.kind == .permanent && circle.status == .permanent(4, 6))
            #expect(circle.text == "the message goes in circles: it has 100 Received fields")
        }
        for hop in [NextHop.account("one"), .mailbox("bob")] {
            #expect(try verdict(.departing(to: hop), received(100)) == nil)
            #expect(try verdict(.departing(to: hop), received(101)) != nil)
        }
        #expect(try verdict(.fetched, received(200)) == nil)
    }

    @Test("what a stranger hands in for somebody it was delivered to is a circle; one's own mail may be sent again")
    func deliveredBefore() throws {
        let header = "Delivered-To: Bob@X.example\n"
        #expect(
            try verdict(.received, header, to: ["eve@x.example", "bob@x.example"])?.text
                == "the message goes in circles: it was delivered to bob@x.example before")
        #expect(try verdict(.received, header, to: ["eve@x.example"]) == nil)
        #expect(try verdict(.submitted, header) == nil)
        #expect(try verdict(.departing(to: .mailbox("bob")), header) == nil)
    }

    @Test("fields for thousands of addresses of one mailbox stand on top all the same")
    func manyFields() throws {
        let envelope = Envelope(
            reversePath: .null, recipients: try (0..<3_000).map { .init(try Address("a\($0)@hub.example")) })
        let message = Message(envelope, ContentInMemory(Array("Subject: x\n\nx\n".utf8)))
        let prepared = Plan.at(.departing(to: .mailbox("any"))).run(on: message) {
            preconditionFailure("no content step")
        }
        #expect(prepared.faults.isEmpty)
        #expect(prepared.top.split(separator: 0x0A).count == 3_002)
    }

    @Test("a mailbox gets Return-Path and each of its addresses once, one of them alone in Delivered-To")
    func fields() throws {
        func top(_ recipients: [String], from reversePath: ReversePath = .null) throws -> String {
            let envelope = Envelope(reversePath: reversePath, recipients: try recipients.map { .init(try Address($0)) })
            return String(decoding: MailboxFields.octets(envelope), as: UTF8.self)
        }
        #expect(
            try top(["any@hub.example", "alice@hub.example", "any@hub.example"])
                == "Return-Path: <>\nX-Original-To: any@hub.example\nX-Original-To: alice@hub.example\n"
                + "Delivered-To: any@hub.example\n")
        #expect(
            try top(["any@hub.example"], from: .address(try Address("x@far.example")))
                == "Return-Path: <x@far.example>\nDelivered-To: any@hub.example\n")
    }
}
