// How much TOP shows, cut anywhere.

import Octets
import Testing

@testable import POP3Protocol

@Suite struct TopCounterTests {
    private static func top(_ file: [UInt8], lines: Int, cutAt cut: Int) -> [UInt8] {
        var counter = TopCounter(lines: lines)
        var shown: [UInt8] = []
        for part in [Array(file[..<cut]), Array(file[cut...])] {
            shown += part[..<counter.take(part, in: 0..<part.count)]
        }
        return shown
    }

    @Test(
        "header, empty line and n lines, whatever the line ends and the cuts",
        arguments: [
            ("A: b\nC: d\n\none\ntwo\n", 0, "A: b\nC: d\n\n"),
            ("A: b\nC: d\n\none\ntwo\n", 1, "A: b\nC: d\n\none\n"),
            ("A: b\nC: d\n\none\ntwo\n", 9, "A: b\nC: d\n\none\ntwo\n"),
            ("A: b\n\none\ntwo", 2, "A: b\n\none\ntwo"),
            ("A: b\r\n\r\none\r\ntwo\r\n", 1, "A: b\r\n\r\none\r\n"),
            ("A: b\n\r\r\n\nx\n", 0, "A: b\n\r\r\n\n"),
            ("\nbody\n", 0, "\n"), ("", 5, ""), ("no body", 0, "no body"), ("A\n\n\n\n\n", 2, "A\n\n\n\n"),
        ])
    func shows(_ file: String, _ lines: Int, _ expected: String) {
        let octets = Array(file.utf8)
        for cut in 0...octets.count {
            #expect(Self.top(octets, lines: lines, cutAt: cut) == Array(expected.utf8), "cut at \(cut)")
        }
    }
}
