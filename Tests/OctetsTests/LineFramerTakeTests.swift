// What a line framer gives besides lines: a look at the start, and counted octets.

import Octets
import Testing

@Suite("A line framer, between lines,")
struct LineFramerTakeTests {
    @Test("tells what octets begin with as soon as it can be told")
    func begins() throws {
        var framer = LineFramer(limit: 100)
        #expect(framer.begins(with: "* S") == nil)
        framer.append([UInt8]("x\r\n* "))
        #expect(framer.begins(with: "* S") == false)
        #expect(try framer.nextLine() == [0x78])
        #expect(framer.begins(with: "* S") == nil)
        framer.append([UInt8]("s"))
        #expect(framer.begins(with: "* S") == true)
    }

    @Test("takes counted octets, lines before and behind them, wherever the octets are cut")
    func takes() throws {
        let wire = [UInt8]("{5}\r\na\r\nb\nrest\r\n")
        for cut in 0...wire.count {
            var framer = LineFramer(limit: 100)
            var line: [UInt8]?
            var taken: [UInt8] = []
            var behind: [UInt8]?
            for part in [Array(wire[..<cut]), Array(wire[cut...])] {
                framer.append(part)
                if line == nil { line = try framer.nextLine() }
                if line != nil, taken.count < 5 { taken += framer.take(atMost: 5 - taken.count) }
                if taken.count == 5, behind == nil { behind = try framer.nextLine() }
            }
            #expect(line == [UInt8]("{5}"))
            #expect(taken == [UInt8]("a\r\nb\n"))
            #expect(behind == [UInt8]("rest"), "cut before octet \(cut)")
            #expect(framer.isEmpty)
        }
    }

    @Test("takes no further than the octet that it is told to stop behind")
    func stops() throws {
        var framer = LineFramer(limit: 100)
        framer.append([UInt8]("ab\ncd"))
        #expect(framer.take(atMost: 2, through: Octet.lf) == [UInt8]("ab"))
        #expect(framer.take(atMost: 9, through: Octet.lf) == [UInt8]("\n"))
        #expect(framer.take(atMost: 9, through: Octet.lf) == [UInt8]("cd"))
        #expect(framer.take(atMost: 9, through: Octet.lf).isEmpty)
    }

    @Test("what waits is lent where it lies, and taken as far as its reader came")
    func waiting() throws {
        var framer = LineFramer(limit: 100)
        framer.append(Array("first\r\ncontent\nsec".utf8))
        #expect(try framer.nextLine() == Array("first".utf8))
        var (octets, range) = framer.waiting
        #expect(String(decoding: octets[range], as: UTF8.self) == "content\nsec")
        framer.drop(through: range.lowerBound + 8)
        framer.append(Array("ond\r\n".utf8))
        #expect(framer.count == 8)
        #expect(try framer.nextLine() == Array("second".utf8))
        (octets, range) = framer.waiting
        #expect(range.isEmpty && framer.isEmpty)
        framer.drop(through: range.upperBound)
        framer.append([0x61])
        #expect(framer.waiting.octets[framer.waiting.range] == [0x61])
    }
}
