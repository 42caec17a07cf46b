// Envelopes in and out of the top of a queue file, hostile ones included.

import MailEnvelope
import MailFormat
import Testing

@testable import SpoolQueue

struct EnvelopeCodingTests {
    let id = QueueID.make(seconds: noon)

    private func roundTrip(
        _ envelope: Envelope, _ acceptance: Acceptance = ours, _ content: ContentFacts = ContentFacts(wireSize: 3)
    ) throws -> EnvelopeCoding.Decoded {
        let octets = try EnvelopeCoding.encode(envelope, acceptance, content, id: id)
        let first = try EnvelopeCoding.firstLine(of: octets)
        #expect(octets.count == first.length + first.block)
        let read = try EnvelopeCoding.decode(Array(octets[first.length...]), checksum: first.checksum)
        #expect(read == .init(id: id, envelope: envelope, acceptance: acceptance, content: content))
        return read
    }

    @Test("every field survives")
    func everyField() throws {
        var full = envelope()
        full.recipients = [
            .init(
                address("bob@example.net"), notify: .on([.failure, .delay]),
                originalRecipient: OriginalRecipient(type: "rfc822", address: "Bob <b+o=b>")),
            .init(address("\"a b>,<\\\"c\"@example.net"), notify: .never),
            .init(
                address("pelé@exämple.net"),
                originalRecipient: OriginalRecipient(type: "utf-8", address: "pelé@exämple.net")),
            .init(address("root")),
            .init(ForwardPath.postmaster),
            .init(address("x@[192.0.2.1]"), notify: .on(.success)),
        ]
        full.bodyType = .eightBitMIME
        full.smtpUTF8 = true
        full.returnContent = .headers
        full.envelopeID = text("QQ+314= <159>")
        let acceptance = Acceptance(
            arrival: noon, source: .peer(text("[2001:db8::1]:25 helo=<x>")), identity: text("alice: the \"first\""),
            headerFrom: address("alice@example.org"), account: text("gmail abroad"))
        _ = try roundTrip(full, acceptance)
        _ = try roundTrip(envelope(from: nil))
        var local = envelope()
        local.returnContent = .full
        _ = try roundTrip(local, Acceptance(arrival: noon, source: .unixUser(1000)))
    }

    @Test("what accept has counted survives")
    func counts() throws {
        for bits in 0..<8 {
            let content = ContentFacts(
                wireSize: 5120, is8Bit: bits & 1 != 0, hasStrays: bits & 2 != 0, isSigned: bits & 4 != 0)
            _ = try roundTrip(envelope(), ours, content)
        }
    }

    @Test("what ends a line cannot enter an envelope", arguments: ["a\nb", "a\rb", "a\0b", "\u{7F}", "\u{1B}[2J"])
    func controls(_ hostile: String) {
        #expect(throws: EnvelopeTextError.controlCharacter) { try EnvelopeText(hostile) }
        #expect(throws: AddressError.self) { try Address("\"\(hostile)\"@example.org") }
    }

    @Test("no changed octet and no cut is taken for a good envelope")
    func everyOctet() throws {
        let good = try EnvelopeCoding.encode(
            envelope(["a@b.example", "c@d.example"]), ours, ContentFacts(wireSize: 3, is8Bit: true), id: id)
        func read(_ octets: [UInt8]) -> Bool {
            guard let first = try? EnvelopeCoding.firstLine(of: octets), first.length + first.block <= octets.count
            else { return false }
            let block = Array(octets[first.length..<(first.length + first.block)])
            return (try? EnvelopeCoding.decode(block, checksum: first.checksum)) != nil
        }
        #expect(read(good))
        for at in good.indices {
            #expect(!read(Array(good[..<at])), "cut before octet \(at)")
            for flip: UInt8 in [1, 0x20, 0x80] {
                var bad = good
                bad[at] ^= flip
                #expect(!read(bad), "octet \(at) changed by \(flip)")
            }
        }
    }

    @Test(
        "first lines that are not ours are refused without reading further",
        arguments: [
            "", "\n", "From alice\n", "X-Mailhub-Envelope:", "X-Mailhub-Envelope: \n",
            "X-Mailhub-Envelope: 0 1 00000000\n",
            "X-Mailhub-Envelope: 1\n", "X-Mailhub-Envelope: 1 -1 00000000\n",
            "X-Mailhub-Envelope: 1 1048577 00000000\n",
            "X-Mailhub-Envelope: 1 99999999999999999999 00000000\n", "X-Mailhub-Envelope: 1  5 00000000\n",
            "X-Mailhub-Envelope: 1 5 0000000\n", "x-mailhub-envelope: 1 5 00000000\n",
            "X-Mailhub-Envelope: 1 5 00000000" + String(repeating: " ", count: 100) + "\n",
        ])
    func badFirstLines(_ line: String) {
        let error = #expect(throws: EnvelopeCoding.Failure.self) {
            _ = try EnvelopeCoding.firstLine(of: Array(line.utf8))
        }
        #expect(error != .newerVersion)
    }

    @Test("a newer version is told apart from damage")
    func newer() {
        #expect(throws: EnvelopeCoding.Failure.newerVersion) {
            _ = try EnvelopeCoding.firstLine(of: Array("X-Mailhub-Envelope: 2 what ever\n".utf8))
        }
    }

    @Test("recipients and octets are bounded")
    func bounds() throws {
        var many = envelope()
        many.recipients = Array(repeating: .init(address("a@b.example")), count: EnvelopeCoding.recipientLimit)
        #expect(try roundTrip(many).envelope.recipients.count == EnvelopeCoding.recipientLimit)
        many.recipients.append(.init(address("a@b.example")))
        #expect(throws: QueueError.tooManyRecipients(limit: 10_000)) {
            try EnvelopeCoding.encode(many, ours, ContentFacts(wireSize: 3), id: id)
        }
        many.recipients = []
        #expect(throws: QueueError.noRecipients) {
            try EnvelopeCoding.encode(many, ours, ContentFacts(wireSize: 3), id: id)
        }
        let long = address(String(repeating: "x", count: 60) + "@" + String(repeating: "y.", count: 100) + "example")
        many.recipients = Array(repeating: .init(long), count: 9_000)
        #expect(throws: QueueError.self) { try EnvelopeCoding.encode(many, ours, ContentFacts(wireSize: 3), id: id) }
    }

    @Test("file names carry id and hints, and nothing else is taken for one")
    func names() throws {
        let entry = QueueEntry(id: id, size: 12, notBefore: 34, isHeld: true, hasJournal: true, isTried: true)
        #expect(entry.name == "\(id),S=12,R=34,H,J")
        #expect(QueueEntry(name: Array(entry.name.utf8), isTried: true) == entry)
        let behindHop = QueueEntry(
            id: id, size: 12, notBefore: 34, hopNotBefore: 56, isHeld: false, hasJournal: true, isTried: false)
        #expect(behindHop.name == "\(id),S=12,R=34,P=56,J")
        #expect(QueueEntry(name: Array(behindHop.name.utf8), isTried: false) == behindHop)
        let marked = QueueEntry(name: Array("\(entry.name):2,FS".utf8), isTried: true)
        #expect(marked?.id == id)
        #expect(marked?.notBefore == 34)
        #expect(marked?.isHeld == true)
        for bad in [
            "", "a", ",S=1,R=1", "a,S=1", "a,R=1", "a,S=1,R=1,X", "a,S=-1,R=1", "a/b,S=1,R=1", ".a,S=1,R=1",
            "a,S=1,R=1234567890123456789", "a,S=1,R=1,", "a,S=1,R=1,P=", "a,S=1,R=1,P=x", "a,S=1,P=1", "a,S=1,R=\u{E9}",
        ] {
            #expect(QueueEntry(name: Array(bad.utf8), isTried: false) == nil, "\(bad)")
        }
        let parent = try #require(id.notice(3).parent)
        #expect(parent.id == id)
        #expect(parent.number == 3)
    }
}
