// Dot transparency and line ends, cut at every octet.

import MailTestKit
import Octets
import Testing

@Suite("Dot-stuffed content")
struct DotsTests {
    struct Sample: Sendable, CustomTestStringConvertible {
        let wire: String
        let file: String
        let contentFaults: ContentFaults
        var testDescription: String { wire.debugDescription }
        init(_ wire: String, _ file: String, _ contentFaults: ContentFaults = []) {
            (self.wire, self.file, self.contentFaults) = (wire, file, contentFaults)
        }
    }

    static let samples = [
        Sample(".\r\n", ""),
        Sample("a\r\n.\r\n", "a\n"),
        Sample("..\r\n...b\r\n.\r\n", ".\n..b\n"),
        Sample("\r\n\r\n.\r\n", "\n\n"),
        Sample("a\n.\r\nb\r\n.\r\n", "a\n.\nb\n", .bareLF),
        Sample("a\n.\n.\r\n\r\n.\r\n", "a\n.\n.\n\n", .bareLF),
        Sample("a\r.\r\nb\r\n.\r\n", "a\r.\nb\n", .bareCR),
        Sample("a\r\n.\n.\r\n.\r\n", "a\n\n.\n", .bareLF),
        Sample("a\r\n.\rb\r\n.\r\n", "a\n\rb\n", .bareCR),
        Sample("a\r\r\n.\r\n", "a\r\n", .bareCR),
        Sample(".\r\r\n.\r\n", "\r\n", .bareCR),
        Sample("a\0b\r\n.\r\n", "a\0b\n", .nul),
        Sample("\n.\r\n.\r\n", "\n.\n", .bareLF),
    ]

    @Test("means the same wherever the network cuts the octets", arguments: samples)
    func everyCut(_ sample: Sample) {
        let wire = Array((sample.wire + "NEXT").utf8)
        for cut in 0...wire.count {
            var decoder = DotDecoder()
            var file: [UInt8] = []
            var consumed = decoder.decode(wire, in: 0..<cut, into: &file)
            if !decoder.isFinished {
                #expect(consumed == cut)
                consumed = decoder.decode(wire, in: cut..<wire.count, into: &file)
            }
            #expect(decoder.isFinished, "cut before octet \(cut)")
            #expect(String(decoding: file, as: UTF8.self) == sample.file, "cut before octet \(cut)")
            #expect(consumed == wire.count - 4, "stops behind the closing line, cut before octet \(cut)")
            #expect(decoder.contentFaults == sample.contentFaults, "cut before octet \(cut)")
        }
    }

    @Test("octet by octet gives the same as all at once", arguments: samples)
    func singleOctets(_ sample: Sample) {
        let wire = Array(sample.wire.utf8)
        var decoder = DotDecoder()
        var file: [UInt8] = []
        for at in wire.indices { _ = decoder.decode(wire, in: at..<(at + 1), into: &file) }
        #expect(decoder.isFinished)
        #expect(String(decoding: file, as: UTF8.self) == sample.file)
        #expect(decoder.wireCount == wire.count)
    }

    @Test("no sequence of line ends and dots but CRLF.CRLF ends the content")
    func smuggling() {
        // Every sequence of up to seven octets of CR, LF, dot and a letter, behind a first line.
        let letters: [UInt8] = [Octet.cr, Octet.lf, Octet.dot, 0x61]
        for length in 0...7 {
            var digits = [Int](repeating: 0, count: length)
            while true {
                let tail = digits.map { letters[$0] }
                let wire = Array("x\r\n".utf8) + tail
                var decoder = DotDecoder()
                var file: [UInt8] = []
                _ = decoder.decode(wire, in: 0..<wire.count, into: &file)
                #expect(decoder.isFinished == contains(wire, Array("\r\n.\r\n".utf8)), "\(tail)")
                guard let place = digits.lastIndex(where: { $0 < 3 }) else { break }
                digits[place] += 1
                for later in digits.indices where later > place { digits[later] = 0 }
            }
        }
    }

    @Test("what the encoder writes the decoder reads back, a missing last line end aside")
    func roundTrip() {
        var random = SplitMix(seed: 7)
        for _ in 0..<2000 {
            let length = Int(random.next() % 40)
            let file = (0..<length).map { _ in [0x0A, 0x2E, 0x61, 0xFF][Int(random.next() % 4)] as UInt8 }
            var encoder = DotEncoder()
            var wire: [UInt8] = []
            let cut = length == 0 ? 0 : Int(random.next() % UInt64(length))
            encoder.encode(file, in: 0..<cut, into: &wire)
            encoder.encode(file, in: cut..<length, into: &wire)
            encoder.finish(into: &wire)
            var decoder = DotDecoder()
            var back: [UInt8] = []
            let end = decoder.decode(wire, in: 0..<wire.count, into: &back)
            #expect(decoder.isFinished && end == wire.count && decoder.contentFaults.isEmpty)
            #expect(back == file || back == file + [0x0A])
        }
    }

    @Test("line ends of a literal come through, cut anywhere")
    func lineEnds() {
        let wire = Array("a\r\nb\nc\rd\r\r\n\r".utf8)
        for cut in 0...wire.count {
            var decoder = LineEndDecoder()
            var file: [UInt8] = []
            decoder.decode(wire, in: 0..<cut, into: &file)
            decoder.decode(wire, in: cut..<wire.count, into: &file)
            decoder.finish(into: &file)
            #expect(String(decoding: file, as: UTF8.self) == "a\nb\nc\rd\r\n\r", "cut before octet \(cut)")
            #expect(decoder.contentFaults == [.bareCR, .bareLF])
        }
        var encoder = LineEndEncoder()
        var back: [UInt8] = []
        let file = Array("a\n\r\n".utf8)
        encoder.encode(file, in: 0..<file.count, into: &back)
        #expect(String(decoding: back, as: UTF8.self) == "a\r\n\r\r\n")
    }

    private func contains(_ octets: [UInt8], _ wanted: [UInt8]) -> Bool {
        guard octets.count >= wanted.count else { return false }
        return (0...(octets.count - wanted.count)).contains { Array(octets[$0..<($0 + wanted.count)]) == wanted }
    }
}
