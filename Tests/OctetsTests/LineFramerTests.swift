// Protocol lines, bounded.

import Octets
import Testing

@Suite("A line framer")
struct LineFramerTests {
    @Test("gives the same lines wherever the octets are cut")
    func everyCut() throws {
        let wire = Array("one\r\n\r\ntwo\nthree\r\nrest".utf8)
        for cut in 0...wire.count {
            var framer = LineFramer(limit: 20)
            var lines: [String] = []
            for part in [wire[..<cut], wire[cut...]] {
                framer.append(Array(part))
                while let line = try framer.nextLine() { lines.append(String(decoding: line, as: UTF8.self)) }
            }
            #expect(lines == ["one", "", "two", "three"], "cut before octet \(cut)")
            #expect(framer.takeRest() == Array("rest".utf8))
            #expect(framer.isEmpty)
        }
    }

    @Test("takes a line of exactly the limit and refuses one octet more, then goes on behind it")
    func limit() throws {
        for single in [true, false] {
            var framer = LineFramer(limit: 6)
            feed(&framer, "abcd\r\nabcde\r\nx\r\n", single: single)
            #expect(try framer.nextLine() == Array("abcd".utf8))
            #expect(throws: LineError.tooLong(limit: 6)) { try framer.nextLine() }
            #expect(try framer.nextLine() == Array("x".utf8))
        }
    }

    @Test("keeps no more than the limit of an endless line")
    func endless() throws {
        var framer = LineFramer(limit: 1000)
        for _ in 0..<10_000 {
            framer.append([UInt8](repeating: 0x61, count: 500))
            #expect(try framer.nextLine() == nil)
            #expect(framer.count < 1000)
        }
        framer.append(Array("\r\nok\r\n".utf8))
        #expect(throws: LineError.tooLong(limit: 1000)) { try framer.nextLine() }
        #expect(try framer.nextLine() == Array("ok".utf8))
    }

    @Test("gives an endless line up at the limit where asked to, wherever it is cut")
    func givenUp() throws {
        for size in [1, 3, 7, 100] {
            var framer = LineFramer(limit: 7, overlong: .givenUp)
            framer.append(Array("abcde\r\n".utf8))
            #expect(try framer.nextLine() == Array("abcde".utf8))
            var fed = 0
            #expect(throws: LineError.tooLong(limit: 7)) {
                while fed < 200 {
                    framer.append([UInt8](repeating: 0x61, count: size))
                    fed += size
                    _ = try framer.nextLine()
                }
            }
            #expect(fed < 7 + size, "pieces of \(size)")
        }
    }

    @Test("refuses a bare line feed where CRLF is asked for")
    func bareLineFeed() throws {
        var framer = LineFramer(limit: 100, bareLineFeed: .refused)
        framer.append(Array("a\nb\r\n".utf8))
        #expect(throws: LineError.bareLineFeed) { try framer.nextLine() }
        #expect(try framer.nextLine() == Array("b".utf8))
    }

    private func feed(_ framer: inout LineFramer, _ text: String, single: Bool) {
        if single {
            for octet in text.utf8 { framer.append([octet]) }
        } else {
            framer.append(Array(text.utf8))
        }
    }
}
