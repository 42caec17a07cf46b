// Addresses and dates.

import MailTestKit
import Testing

@testable import MailFormat

@Suite("A mail address")
struct AddressTests {
    @Test(
        "control characters are refused, those above ASCII too", arguments: ["a\u{1B}b", "a\u{85}b", "\"a\u{9B}31m\""])
    func controls(_ local: String) {
        #expect(throws: AddressError.self) { try Address("\(local)@example.net") }
    }

    @Test(
        "is read and written back",
        arguments: [
            ("alice@example.org", "alice", "example.org", "alice@example.org"),
            ("Alice+tag@Example.ORG", "Alice+tag", "example.org", "Alice+tag@example.org"),
            ("\"a b\"@x.org", "a b", "x.org", "\"a b\"@x.org"),
            ("\"a\\\"b\"@x.org", "a\"b", "x.org", "\"a\\\"b\"@x.org"),
            ("\"alice\"@x.org", "alice", "x.org", "alice@x.org"),
            ("bob@[192.0.2.1]", "bob", "[192.0.2.1]", "bob@[192.0.2.1]"),
            ("jürgen@bücher.example", "jürgen", "bücher.example", "jürgen@bücher.example"),
            ("\"a@b\"@x.org", "a@b", "x.org", "\"a@b\"@x.org"),
        ])
    func reads(_ text: String, _ local: String, _ domain: String, _ wire: String) throws {
        let address = try Address(text)
        #expect(address.localPart == local)
        #expect(address.domain == domain)
        #expect(address.description == wire)
        #expect(try Address(address.description) == address)
    }

    @Test("may lack its domain until it is qualified")
    func bare() throws {
        let root = try Address("root")
        #expect(root.domain == nil)
        #expect(try root.qualified(with: "hub.example").description == "root@hub.example")
    }

    @Test(
        "is refused when it is none",
        arguments: [
            "", "@x.org", "a@", "a@b@c", "a b@x.org", "a@x..org", "a@.org", "a@org.", "a@-x.org", "a@x-.org",
            "a\r\n@x.org",
            "a@x.org\n", "\"a@x.org", "a\"b@x.org", "a@x org", "\"a\0b\"@x.org", "a@[]", "a@[192.0.2.256]",
            "a@[2001:db8::1]", "a@[IPv6:192.0.2.1]", "a@[mx]", "<a@x.org>", "a,b@x.org",
        ])
    func refuses(_ text: String) {
        #expect(throws: AddressError.self) { try Address(text) }
    }

    @Test("refuses broken UTF-8 and over-long parts")
    func bounds() {
        #expect(throws: AddressError.forbiddenCharacter) { try Address(parsing: [0x61, 0xC3, 0x40, 0x62]) }
        #expect(throws: AddressError.self) { try Address(String(repeating: "a", count: 65) + "@x.org") }
        #expect(throws: AddressError.self) { try Address("a@" + String(repeating: "a.", count: 128) + "org") }
        #expect(throws: AddressError.badDomain) { try Address("a@" + String(repeating: "a", count: 64) + ".org") }
    }

    @Test("random octets never trap, and what is taken round-trips")
    func random() {
        var random = SplitMix(seed: 11)
        let letters = Array("ab.@\"\\ <>[]:-\r\n\0".utf8) + [0xC3, 0xA9]
        for _ in 0..<20_000 {
            let octets = (0..<Int(random.next() % 12)).map { _ in letters[Int(random.next() % UInt64(letters.count))] }
            if let address = try? Address(parsing: octets) {
                #expect((try? Address(address.description)) == address, "\(octets)")
            }
        }
    }
}

@Suite("A date field")
struct MailDateTests {
    @Test(
        "is told as RFC 5322 writes it",
        arguments: [
            (0, 0, "Thu, 1 Jan 1970 00:00:00 +0000"), (1_795_251_600, 0, "Sat, 21 Nov 2026 09:00:00 +0000"),
            (1_709_164_799, 3600, "Thu, 29 Feb 2024 00:59:59 +0100"),
            (951_782_400, -12_600, "Mon, 28 Feb 2000 20:30:00 -0330"), (-1, 0, "Wed, 31 Dec 1969 23:59:59 +0000"),
        ])
    func told(_ seconds: Int, _ offset: Int, _ text: String) {
        #expect(MailDate(seconds: seconds, offset: offset).description == text)
    }
}
