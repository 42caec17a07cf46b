// Lines of a message that begin like the first line of one in an mbox.

import Testing

@testable import Octets

@Suite("The quoting of lines that begin with From")
struct FromLineQuoterTests {
    private func quoted(_ text: String, pieces: Int) -> String {
        var quoter = FromLineQuoter()
        var octets: [UInt8] = []
        let all = Array(text.utf8)
        for at in stride(from: 0, to: all.count, by: pieces) {
            octets += quoter.quote(Array(all[at..<min(all.count, at + pieces)]))
        }
        octets += quoter.finish()
        return String(decoding: octets, as: UTF8.self)
    }

    @Test(
        "each gets one more >, and nothing else is changed, wherever the pieces end",
        arguments: [
            ("From a\n", ">From a\n"), (">From a\n>>From b", ">>From a\n>>>From b"), ("from a\nFrom\nFrom:\n", nil),
            ("x From a\n From a\n> From b\n>x>From \n", nil), ("\n\nFrom \n", "\n\n>From \n"), ("Fro", nil), ("", nil),
            ("Fro\nFrom x\n", "Fro\n>From x\n"), ("FFrom \nFroFrom \n", nil), (">>>", nil), ("From", nil),
        ])
    func lines(_ text: String, _ expected: String?) {
        for pieces in 1...8 { #expect(quoted(text, pieces: pieces) == expected ?? text, "in pieces of \(pieces)") }
        #expect(quoted(text, pieces: 1000) == expected ?? text)
    }
}
