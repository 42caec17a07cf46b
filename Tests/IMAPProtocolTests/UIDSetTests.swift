// Sets of UIDs: printed compactly, read back, cut to size.

import MailTestKit
import Testing

@testable import IMAPProtocol

@Suite struct UIDSetTests {
    @Test(
        "printed compactly",
        arguments: [
            ([UInt32](), ""), ([5], "5"), ([3, 1, 2, 2], "1:3"), ([9, 1, 3, 2], "1:3,9"), ([0, 1], "1"),
            ([.max - 1, 1], "1,4294967294"),
        ] as [([UInt32], String)])
    func prints(_ uids: [UInt32], _ text: String) {
        #expect(String(decoding: UIDSet(uids).octets, as: UTF8.self) == text)
        #expect(uids.isEmpty || UIDSet(parsing: Array(text.utf8)[...]) == UIDSet(uids))
    }

    @Test("open to the end")
    func open() {
        #expect(UIDSet.from(7).octets == Array("7:*".utf8))
        #expect(UIDSet(parsing: Array("*:7".utf8)[...]) == .from(7))
        #expect(UIDSet(ranges: [5...UInt32.max, 7...9]).octets == Array("5:*".utf8))
    }

    @Test("what is no set is refused", arguments: ["", "0", "1,", "1:", "a", "1:2:3", "4294967296", "-1", ",", "1 2"])
    func refuses(_ text: String) { #expect(UIDSet(parsing: Array(text.utf8)[...]) == nil) }

    @Test("pieces fit their limit and lose nothing")
    func pieces() {
        let all = UIDSet(stride(from: 1, to: 60_000, by: 3))
        let pieces = all.pieces(atMost: 500)
        #expect(pieces.allSatisfy { $0.octets.count <= 500 && !$0.isEmpty })
        #expect(UIDSet(ranges: pieces.flatMap(\.ranges)) == all)
        #expect(pieces.reduce(0) { $0 + $1.count } == 20_000)
        #expect(all.contains(59_998))
        #expect(!all.contains(59_999))
        #expect(!all.contains(0))
    }

    @Test("sets of UIDs subtract as sets do", arguments: 1...20)
    func subtraction(_ seed: UInt64) {
        var random = SplitMix(seed: seed)
        func some() -> Set<UInt32> {
            Set((0..<Int.random(in: 0..<60, using: &random)).map { _ in UInt32.random(in: 1...80, using: &random) })
        }
        for _ in 0..<50 {
            let (one, other) = (some(), some())
            #expect(UIDSet(one).subtracting(UIDSet(other)) == UIDSet(one.subtracting(other)))
        }
        let all = UIDSet(ranges: [1...UInt32.max])
        #expect(all.subtracting(UIDSet([.max])) == UIDSet(ranges: [1...(UInt32.max - 1)]))
        #expect(all.subtracting(all).isEmpty)
    }
}
