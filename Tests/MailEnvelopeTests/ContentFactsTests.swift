// What is counted of a message as it comes in.

import Testing

@testable import MailEnvelope

struct ContentFactsTests {
    private let messages: [[UInt8]] = [
        [], Array("a".utf8), Array("a\n".utf8), Array("\n\n\n".utf8), Array("a\nb".utf8), [0xE9, 0x0A],
        [0x61, 0x0D, 0x0A],
        [0x00], [UInt8](repeating: 0x0A, count: 1000), [UInt8](repeating: 0x78, count: 700) + [0x0D] + [0x0A, 0x80],
    ]

    @Test("octets on the wire: CR LF for each line end, and one for a last line without")
    func sizes() {
        let facts = messages.map { ContentCounter.facts(of: [$0]) }
        #expect(facts.map(\.wireSize) == [0, 3, 3, 6, 6, 3, 4, 3, 2000, 704 + 2])
        #expect(facts.map(\.is8Bit) == [false, false, false, false, false, true, false, false, false, true])
        #expect(facts.map(\.hasStrays) == [false, false, false, false, false, false, true, true, false, true])
    }

    @Test(
        "SE18: a line of more than 998 octets is found wherever it begins and is cut",
        arguments: [(998, false), (999, true), (1253, true), (5000, true)])
    func longLines(_ length: Int, _ isLong: Bool) {
        let line = [UInt8](repeating: 0x78, count: length)
        for before in [0, 1, 254, 255, 256, 600, 1500] {
            let head = (0..<before).map { UInt8($0 % 50 == 49 || $0 == before - 1 ? 0x0A : 0x79) }
            for end in [[], [0x0A], Array("\nshort\n".utf8)] as [[UInt8]] {
                let message = head + line + end
                for size in [1, 100, 255, 256, 997, 4096] {
                    var chunks: [[UInt8]] = []
                    for start in stride(from: 0, to: message.count, by: size) {
                        chunks.append(Array(message[start..<min(message.count, start + size)]))
                    }
                    #expect(ContentCounter.facts(of: chunks).hasLongLines == isLong, "\(before) \(size)")
                }
            }
        }
    }

    @Test("where the chunks are cut changes nothing, and neither do lines that are counted apart")
    func cuts() {
        for message in messages {
            let whole = ContentCounter.facts(of: [message])
            for cut in message.indices {
                let (head, tail) = (Array(message[..<cut]), Array(message[cut...]))
                #expect(ContentCounter.facts(of: [head, tail]) == whole, "cut before octet \(cut)")
                guard head.last == 0x0A || head.isEmpty else { continue }
                #expect(ContentCounter.facts(of: [tail]).below(head) == whole, "apart at octet \(cut)")
            }
        }
    }
}

extension ContentCounter {
    fileprivate static func facts(of chunks: [[UInt8]]) -> ContentFacts {
        var counter = ContentCounter()
        for chunk in chunks { counter.count(chunk) }
        return counter.facts(isSigned: false)
    }
}
