// Record data from hostile zones: exact, bounded, or nothing.

import MailTestKit
import Testing

@testable import Resolver

@Suite struct RecordDataTests {
    private static let longLabel: [UInt8] = [63] + [UInt8](repeating: 0x61, count: 63)
    private static let noNames: [[UInt8]] = [
        [], [1], [1, 0x61], [2, 0x61, 0], [0, 0], [0xC0, 0x0C], [0x40, 0x61, 0], [1, 0x61, 0, 1],
        [64] + [UInt8](repeating: 0x61, count: 64) + [0],
        longLabel + longLabel + longLabel + longLabel + [0],
    ]

    @Test("well-formed records are read")
    func good() {
        #expect(
            RecordData.mailExchanger([0, 10] + wire("mx.example.org"))
                == MailExchanger(preference: 10, host: "mx.example.org"))
        #expect(RecordData.mailExchanger([0, 0, 0])?.isNull == true)
        #expect(RecordData.text([3, 0x61, 0x62, 0x63, 0, 1, 0x64]) == [0x61, 0x62, 0x63, 0x64])
        #expect(RecordData.text([0]) == [])
        #expect(RecordData.pointer(wire("a.b")) == "a.b")
        #expect(RecordData.tlsa([3, 1, 1, 9, 8]) == TLSARecord(usage: 3, selector: 1, matching: 1, data: [9, 8]))
        #expect(RecordData.address([1, 2, 3, 4], count: 4) == [1, 2, 3, 4])
    }

    @Test(
        "names that are cut, too long, compressed or followed by more are no names",
        arguments: RecordDataTests.noNames)
    func names(data: [UInt8]) {
        #expect(RecordData.pointer(data) == nil)
        #expect(RecordData.mailExchanger([0, 1] + data) == nil)
    }

    @Test("dots, line ends and quotes within a label stay data")
    func escapes() {
        #expect(RecordData.pointer([4, 0x61, 0x2E, 0x0A, 0x62, 0]) == #"a\046\010b"#)
        #expect(RecordData.pointer([3, 0x00, 0xFF, 0x5C, 0]) == #"\000\255\092"#)
    }

    @Test("other types refuse what does not fit")
    func misfits() {
        #expect(RecordData.text([]) == nil)
        #expect(RecordData.text([2, 0x61]) == nil)
        #expect(RecordData.text([1, 0x61, 5]) == nil)
        #expect(RecordData.tlsa([3, 1, 1]) == nil)
        #expect(RecordData.mailExchanger([0]) == nil)
        #expect(RecordData.address([1, 2, 3], count: 4) == nil)
        #expect(RecordData.address([UInt8](repeating: 0, count: 17), count: 16) == nil)
    }

    @Test("every cut of a good record is refused or reads as less, never traps")
    func cuts() {
        let record = [0, 5] + wire("mail.example.org")
        for count in 0..<record.count {
            #expect(RecordData.mailExchanger(Array(record[..<count])) == nil)
            _ = RecordData.text(Array(record[..<count]))
            _ = RecordData.tlsa(Array(record[..<count]))
        }
    }

    @Test("addresses turn into the names of their PTR records")
    func reverse() throws {
        #expect(try reverseName(of: [192, 0, 2, 5]) == "5.2.0.192.in-addr.arpa")
        let six = try reverseName(of: [0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [0x1F])
        #expect(six == "f.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa")
        #expect(throws: ResolverError.self) { try reverseName(of: []) }
    }
}
