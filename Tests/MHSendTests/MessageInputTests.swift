// Standard input in all its forms, cut everywhere.

import MailTestKit
import Testing

@testable import mhsend

@Suite("The message on standard input")
struct MessageInputTests {
    struct Sample: Sendable, CustomTestStringConvertible {
        let input: String
        let withDot: String
        let withoutDot: String
        var testDescription: String { input.debugDescription }

        init(_ input: String, _ withDot: String, ignoring withoutDot: String? = nil) {
            self.input = input
            self.withDot = withDot
            self.withoutDot = withoutDot ?? withDot
        }
    }

    static let samples = [
        Sample("", ""),
        Sample("a\nb\n", "a\nb\n"),
        Sample("no end", "no end"),
        Sample("a\n.\nb\n", "a\n", ignoring: "a\n.\nb\n"),
        Sample(".\nb\n", "", ignoring: ".\nb\n"),
        Sample("a\n.", "a\n", ignoring: "a\n."),
        Sample("a\n..\n.x\n. \nx.\n.\nrest", "a\n..\n.x\n. \nx.\n", ignoring: "a\n..\n.x\n. \nx.\n.\nrest"),
        Sample("a\r\nb\r\n", "a\nb\n"),
        Sample("a\r\n.\r\nb\r\n", "a\n", ignoring: "a\n.\nb\n"),
        Sample("a\r\nb\rc\r\n\r\nlast\r", "a\nb\rc\n\nlast\r"),
        Sample("\r\na\r\n", "\na\n"),
        Sample("\na\r\nb\r\n", "\na\nb\n"),
        Sample("a\nb\r\nc\r\n", "a\nb\nc\n"),
        Sample("Subject: x\nTo: b\n\nbody\r\n\r\nin CRLF\r\n", "Subject: x\nTo: b\n\nbody\n\nin CRLF\n"),
        Sample("a\r\nb\nc\r\n", "a\nb\nc\n"),
        Sample("a\n.\r\nb\n", "a\n", ignoring: "a\n.\nb\n"),
        Sample("a\rb\nc\r\n", "a\rb\nc\n"),
        Sample("\r\r\na\r\n", "\r\na\n"),
        Sample("\r", "\r"),
        Sample("a\r", "a\r"),
        Sample("a\n.\n.\n", "a\n", ignoring: "a\n.\n.\n"),
    ]

    private static func read(_ chunks: [[UInt8]], ignoresDots: Bool) throws -> String {
        var rest = chunks[...]
        var input = MessageInput(ignoresDots: ignoresDots) { rest.popFirst() ?? [] }
        var octets: [UInt8] = []
        while let chunk = try input.next() {
            #expect(!chunk.isEmpty)
            octets += chunk
        }
        return String(decoding: octets, as: UTF8.self)
    }

    @Test("comes out the same wherever it is cut", arguments: samples)
    func everySplit(_ sample: Sample) throws {
        let octets = Array(sample.input.utf8)
        for (ignoresDots, wanted) in [(false, sample.withDot), (true, sample.withoutDot)] {
            #expect(try Self.read(octets.isEmpty ? [] : [octets], ignoresDots: ignoresDots) == wanted)
            #expect(try Self.read(octets.map { [$0] }, ignoresDots: ignoresDots) == wanted, "octet by octet")
            for cut in octets.indices.dropFirst() {
                let chunks = [Array(octets[..<cut]), Array(octets[cut...])]
                #expect(try Self.read(chunks, ignoresDots: ignoresDots) == wanted, "cut before octet \(cut)")
            }
        }
    }

    @Test("odd mail passes octet for octet when dots are ignored, each CR before a LF aside", arguments: Oddity.quick)
    func odd(_ oddity: Oddity) throws {
        let file = oddity.file()
        let wanted = Oddity.file(fromWire: file)
        var random = SplitMix(seed: 7)
        for _ in 0..<20 {
            var chunks: [[UInt8]] = []
            var at = 0
            while at < file.count {
                let end = min(file.count, at + Int.random(in: 1...max(1, file.count / 3), using: &random))
                chunks.append(Array(file[at..<end]))
                at = end
            }
            var rest = chunks[...]
            var input = MessageInput(ignoresDots: true) { rest.popFirst() ?? [] }
            var octets: [UInt8] = []
            while let chunk = try input.next() { octets += chunk }
            #expect(octets == wanted)
        }
    }
}
