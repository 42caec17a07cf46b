// Files that nobody would write: every one ends in settings or in a bounded list of faults.

import MailTestKit
import Testing

@testable import RunControl

@Suite struct HostileRCTests {
    @Test("a bare name too long for an address is refused where it stands, not when the printed rc is read again")
    func longBareName() {
        for name in [String(repeating: "a", count: 65), "*" + String(repeating: "a", count: 64)] {
            let listing = Fixture.listing("mailbox m\n  address \(name)\n")
            #expect(listing == ["rc:2:11: \"\(name)\": the part before the @ is not a valid local part"])
        }
        #expect(Fixture.listing("mailbox m\n  address \(String(repeating: "a", count: 64))\n").isEmpty)
        let block = Fixture.listing("domain x.example\n  block \(String(repeating: "a", count: 320))\n")
        #expect(block.count == 1 && block.first?.hasSuffix("the pattern is longer than 320 octets") == true)
    }

    @Test("random octets neither trap nor flood", arguments: 0..<40)
    func octets(_ seed: Int) {
        var source = SplitMix(seed: UInt64(seed))
        for _ in 0..<50 {
            let count = Int.random(in: 0...400, using: &source)
            let octets = (0..<count).map { _ in UInt8.random(in: 0...255, using: &source) }
            #expect(Fixture.listing(octets).count <= 101)
        }
    }

    @Test("random lines of known words and odd arguments neither trap nor flood", arguments: 0..<60)
    func words(_ seed: Int) {
        var source = SplitMix(seed: UInt64(seed))
        let words = Scope.allCases.flatMap { Vocabulary.known(in: $0) }.filter { $0 != "include" }
        let odd = [
            "\"", "\"\"", "~", "~/", "/", "->", ",", ":", "[", "]:", "[::]:", "[::]:99999", "*:0", "::1/0",
            "1.2.3.4/33",
            "0.0.0.0/0", "%m", "/%", "é", "<>", "@", "a@", "*@x.y", "9999999999d", "1g", "on", "key", "allow", "smtp",
            "imaps",
            "INBOX,,", "\"\\\\\"", "a", "b", "#", "country", "host.example", "+1:" + String(repeating: "0", count: 70),
        ]
        for _ in 0..<60 {
            var text = ""
            for _ in 0..<Int.random(in: 1...12, using: &source) {
                let count = Int.random(in: 0...5, using: &source)
                let arguments = (0..<count).map { _ in odd.randomElement(using: &source) ?? "" }
                let indent = Bool.random(using: &source) ? "  " : ""
                text += indent + ([words.randomElement(using: &source) ?? ""] + arguments).joined(separator: " ") + "\n"
            }
            let listing = Fixture.listing(text)
            #expect(listing.count <= 101)
            #expect(listing.allSatisfy { $0.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F } })
        }
    }

    @Test("a flood of faults ends in a word that more follow")
    func flood() {
        let listing = Fixture.listing(String(repeating: "x\n", count: 100_000))
        #expect(listing.count == 101 && listing[100] == "rc:100:1: more faults follow; mend these first")
    }

    @Test("a mutilated good rc neither traps nor floods", arguments: 0..<20)
    func mutilated(_ seed: Int) {
        var source = SplitMix(seed: UInt64(seed))
        let good = Array(Fixture.everything.utf8)
        for _ in 0..<15 {
            var octets = good
            for _ in 0..<Int.random(in: 1...20, using: &source) {
                let at = Int.random(in: 0..<octets.count, using: &source)
                switch Int.random(in: 0...2, using: &source) {
                case 0: octets[at] = UInt8.random(in: 0x20...0x7E, using: &source)
                case 1: octets.remove(at: at)
                default: octets.insert(contentsOf: octets[at..<min(at + 9, octets.count)], at: at)
                }
            }
            #expect(Fixture.listing(octets).count <= 101)
        }
    }

    @Test("more blocks and octets than anyone writes are refused")
    func bounds() {
        let blocks = (0..<5000).map { "mailbox m\($0)" }.joined(separator: "\n")
        #expect(Fixture.listing(blocks) == ["rc:4097:1: more than 4,096 blocks"])
        let large = [UInt8](repeating: 0x0A, count: (1 << 20) + 1)
        #expect(Fixture.listing(large) == ["rc:1:1: the file is larger than 1m"])
    }
}
