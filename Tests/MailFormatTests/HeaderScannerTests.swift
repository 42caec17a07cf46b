// Headers as they come: whole, cut anywhere, broken, missing, too long.

import MailTestKit
import Testing

@testable import MailFormat

@Suite("The header scanner")
struct HeaderScannerTests {
    private func text(_ octets: some Sequence<UInt8>) -> String { String(decoding: Array(octets), as: UTF8.self) }

    private func names(_ header: HeaderSection) -> [String] { header.fields.map { text(header.octets[$0.name]) } }

    @Test("finds fields, keeps folding and stops at the empty line")
    func plain() throws {
        let header = HeaderSection(of: Array("Subject: one\n two\n\tthree\nTo : bob\nX:\n\nBody: no\n".utf8))
        #expect(names(header) == ["Subject", "To", "X"])
        #expect(header.end == .blankLine)
        let subject = try #require(header.first("SUBJECT"))
        #expect(text(header.octets[subject.body]) == " one\n two\n\tthree")
        #expect(text(header.octets[subject.whole]) == "Subject: one\n two\n\tthree\n")
        #expect(text(header.unfolded(subject)) == "one two\tthree")
        #expect(text(header.octets) == "Subject: one\n two\n\tthree\nTo : bob\nX:\n")
    }

    @Test(
        "ends where the header ends",
        arguments: [
            ("", HeaderSection.End.endOfMessage, [], ""),
            ("\n", .blankLine, [], ""),
            ("\nbody", .blankLine, [], "body"),
            ("just words\nmore\n", .garbage, [], "just words\nmore\n"),
            (" folded: first\n\nx", .garbage, [], " folded: first\n\nx"),
            ("A: 1\nno field here\nB: 2\n\nx", .garbage, ["A"], "no field here\nB: 2\n\nx"),
            ("A: 1\nB: 2\n", .endOfMessage, ["A", "B"], ""),
            ("A: 1\nB: 2", .endOfMessage, ["A", "B"], ""),
            ("A: 1\n: nameless\n\nx", .garbage, ["A"], ": nameless\n\nx"),
            ("A: 1\n\r\nx", .blankLine, ["A"], "x"),
            ("A: \u{0}\u{1}ü\n\nx", .blankLine, ["A"], "x"),
            ("Ü: 1\n\nx", .garbage, [], "Ü: 1\n\nx"),
            ("A: 1\n \n b\n\nx", .blankLine, ["A"], "x"),
            ("From alice Sat Nov 21 09:00:00 2026\nA: 1\n\nx", .blankLine, ["A"], "x"),
            ("From : alice\n\nx", .blankLine, ["From"], "x"),
            ("A: 1\nFrom alice\n\nx", .garbage, ["A"], "From alice\n\nx"),
        ])
    func ends(_ message: String, _ end: HeaderSection.End, _ fields: [String], _ body: String) {
        var scanner = HeaderScanner()
        scanner.append(Array(message.utf8))
        let header = scanner.finish()
        #expect(header.end == end)
        #expect(names(header) == fields)
        #expect(text(scanner.bodyStart) == body)
    }

    @Test("finds the same wherever the message is cut")
    func everySplit() {
        let message = Array("From x\nSubject: a\n b\nTo: c\r\n\r\nbody\n\nmore".utf8)
        var whole = HeaderScanner()
        whole.append(message)
        let header = whole.finish()
        for cut in message.indices {
            var scanner = HeaderScanner()
            scanner.append(Array(message[..<cut]))
            scanner.append(Array(message[cut...]))
            #expect(scanner.finish() == header, "cut before octet \(cut)")
            #expect(scanner.bodyStart == whole.bodyStart, "cut before octet \(cut)")
        }
    }

    @Test("gives a field over the bound to the body, whole, and keeps what stood before")
    func hugeField() {
        let start = Array("A: 1\nHuge: ".utf8)
        let message = start + [UInt8](repeating: 0x78, count: 1_048_576) + Array("\nB: 2\n\nbody".utf8)
        var scanner = HeaderScanner()
        var at = 0
        while at < message.count {
            scanner.append(Array(message[at..<min(at + 65_536, message.count)]))
            at += 65_536
        }
        let header = scanner.finish()
        #expect(header.end == .tooLong)
        #expect(header.octets.count + scanner.bodyStart.count == message.count)
        #expect(header.fields.count <= 1)
        #expect(header.octets + scanner.bodyStart == message)
    }

    @Test("stops at a thousand fields")
    func manyFields() {
        let message = Array((0..<1001).flatMap { "F\($0): x\n".utf8 }) + Array("\nbody".utf8)
        var scanner = HeaderScanner()
        scanner.append(message)
        let header = scanner.finish()
        #expect(header.end == .tooLong)
        #expect(header.fields.count == 1000)
        #expect(text(scanner.bodyStart) == "F1000: x\n\nbody")
    }

    @Test("takes the header of handed-in mail further: ten thousand recipients, each in a field of its own")
    func handedIn() {
        let message = Array((1...10_000).map { "Bcc: a-rather-long-name-number-\($0)@example.org\n" }.joined().utf8)
        var scanner = HeaderScanner(bounds: .handedIn)
        scanner.append(message + Array("\nbody".utf8))
        let header = scanner.finish()
        #expect(header.end == .blankLine && header.fields.count == 10_000 && header.octets == message)
        var common = HeaderScanner()
        common.append(message)
        #expect(common.finish().end == .tooLong)
    }

    @Test("counts stations and knows its own delivery again")
    func loops() throws {
        let received = String(repeating: "Received: by x; y\n", count: 99)
        #expect(LoopStop.receivedCount(in: HeaderSection(of: Array("\(received)RECEIVED: z\n\n".utf8))) == 100)
        let delivered = HeaderSection(of: Array("Delivered-To: Alice@X.example\n\n".utf8))
        #expect(LoopStop.wasDelivered(delivered, to: try Address("alice@x.example")))
        #expect(!LoopStop.wasDelivered(delivered, to: try Address("bob@x.example")))
    }
}
