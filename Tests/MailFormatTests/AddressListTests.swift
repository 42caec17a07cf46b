// Address lists as people and programs write them.

import MailTestKit
import Testing

@testable import MailFormat

@Suite("An address list")
struct AddressListTests {
    private func text(_ octets: some Sequence<UInt8>) -> String { String(decoding: Array(octets), as: UTF8.self) }

    @Test(
        "is read with names",
        arguments: [
            ("alice@x.org", ["alice@x.org"], [""]),
            ("Alice <alice@x.org>, bob@x.org", ["alice@x.org", "bob@x.org"], ["Alice", ""]),
            ("\"Last, First\" <a@x.org>", ["a@x.org"], ["Last, First"]),
            ("John Q. Public <a@x.org>", ["a@x.org"], ["John Q. Public"]),
            ("a@x.org (Alice (the \\) one))", ["a@x.org"], ["Alice (the ) one)"]),
            ("(c) Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", ["pete@silly.test"], ["Pete"]),
            (
                "A Group:Ed Jones <joe@where.test>,\n John <jdoe@one.test>;", ["joe@where.test", "jdoe@one.test"],
                ["Ed Jones", "John"]
            ),
            ("undisclosed-recipients:;", [], []),
            (
                "Mary Smith <@node.test,@x.test:mary@example.net>, , jdoe@test . example",
                ["mary@example.net", "jdoe@test.example"], ["Mary Smith", ""]
            ),
            ("=?UTF-8?Q?J=C3=BCrgen?= <j@x.org>", ["j@x.org"], ["=?UTF-8?Q?J=C3=BCrgen?="]),
            ("root", ["root"], [""]),
            ("\"a b\"@x.org, x@[192.0.2.1]", ["\"a b\"@x.org", "x@[192.0.2.1]"], ["", ""]),
            ("Jürgen <jürgen@bücher.example>", ["jürgen@bücher.example"], ["Jürgen"]),
            (",,,", [], []), ("", [], []), (" \n\t", [], []),
        ])
    func reads(_ field: String, _ addresses: [String], _ names: [String]) throws {
        let octets = Array(field.utf8)
        let list = try AddressList(parsing: octets)
        #expect(list.mailboxes.map(\.address.description) == addresses)
        #expect(list.mailboxes.map { text($0.displayName ?? []) } == names)
        #expect(list.faults.isEmpty)
    }

    @Test(
        "tells what is no address and reads the others",
        arguments: [
            ("alice bob@x.org, c@x.org", ["c@x.org"], ["alice bob@x.org"]),
            ("<alice@x.org, c@x.org", ["c@x.org"], ["<alice@x.org"]),
            ("\"open <a@x.org>, b@x.org", [], ["\"open <a@x.org>, b@x.org"]),
            ("a@x.org) , b@x.org", ["b@x.org"], ["a@x.org)"]),
            ("<>, b@x.org", ["b@x.org"], ["<>"]),
            ("A <a@x.org> trailing, b@x.org", ["b@x.org"], ["A <a@x.org> trailing"]),
            ("a@x.org <b@x.org> <c@x.org>", [], ["a@x.org <b@x.org> <c@x.org>"]),
            ("a@b@c", [], ["a@b@c"]),
            ("a\u{0}b@x.org", [], ["a\u{0}b@x.org"]),
            ("<@a,@b c@x.org>, d@x.org", [], ["<@a,@b c@x.org>"]),
        ])
    func faults(_ field: String, _ addresses: [String], _ faults: [String]) throws {
        let octets = Array(field.utf8)
        let list = try AddressList(parsing: octets)
        #expect(list.faults.map { text(octets[$0.range]) } == faults)
        if !addresses.isEmpty { #expect(list.mailboxes.map(\.address.description) == addresses) }
    }

    @Test(
        "an address before a colon is never passed over as the name of a group",
        arguments: [
            ("b@x: c@d", ["b@x: c@d"], []), (":include:/etc/passwd", [":include:/etc/passwd"], []),
            ("b@x: c@d, e@f", ["b@x: c@d"], ["e@f"]), ("e@f, b@x:;", ["b@x:"], ["e@f"]),
            ("<b@x>: c@d", ["<b@x>: c@d"], []), ("(note): c@d", [": c@d"], []), ("[x]: c@d", ["[x]: c@d"], []),
            ("): c@d", ["): c@d"], []), ("A: b@x: c@d;", ["b@x: c@d"], []), ("A: B: c@d;", ["B: c@d"], []),
            (".x: c@d", [".x: c@d"], []), ("<@a,b@c:d@e>", ["<@a,b@c:d@e>"], []),
            ("<@a b@c:d@e>", ["<@a b@c:d@e>"], []),
        ] as [(String, [String], [String])])
    func groupNames(_ field: String, _ faults: [String], _ addresses: [String]) throws {
        let octets = Array(field.utf8)
        let list = try AddressList(parsing: octets)
        #expect(list.faults.map { text(octets[$0.range]) } == faults)
        #expect(list.mailboxes.map(\.address.description) == addresses)
    }

    @Test(
        "a group has a name of words, dots and quoted strings, and ends before the next one",
        arguments: [
            ("J. Doe's \"b@x\" friends: c@d;", ["c@d"]), ("A: a@x;, B: b@x;", ["a@x", "b@x"]),
            ("A: a@x; B: b@x;", ["a@x", "b@x"]), ("A: a@x", ["a@x"]), ("<@a,,@b:c@d>", ["c@d"]),
        ])
    func groups(_ field: String, _ addresses: [String]) throws {
        let list = try AddressList(parsing: Array(field.utf8))
        #expect(list.faults.isEmpty && list.mailboxes.map(\.address.description) == addresses)
    }

    @Test("says where each part stands, so that it can be replaced")
    func ranges() throws {
        let octets = Array("To: \"A\" <a@x.org> (c), <@r:b@y.org>\n".utf8)
        let list = try AddressList(parsing: octets, in: 3..<(octets.count - 1))
        let first = try #require(list.mailboxes.first)
        let second = try #require(list.mailboxes.last)
        #expect(text(octets[first.addressRange]) == "a@x.org")
        #expect(text(octets[try #require(first.displayNameRange)]) == "\"A\"")
        #expect(text(octets[first.whole]) == "\"A\" <a@x.org>")
        #expect(text(octets[second.addressRange]) == "b@y.org")
        #expect(text(octets[second.whole]) == "<@r:b@y.org>")
    }

    @Test("is bounded in depth and count")
    func bounds() throws {
        let deep = [UInt8](repeating: 0x28, count: 200_000)
        #expect(throws: AddressListError.commentsTooDeep(limit: 32)) { try AddressList(parsing: deep) }
        let many = Array(String(repeating: "a@b,", count: 10_001).utf8)
        #expect(throws: AddressListError.tooManyAddresses(limit: 10_000)) { try AddressList(parsing: many) }
    }

    @Test("never traps, whatever the octets")
    func noise() throws {
        let signs = Array("a@<>(),;:.\"\\[] \n\u{0}\u{FF}".utf8) + [0xFF]
        var random = SplitMix(seed: 7)
        for _ in 0..<20_000 {
            let octets = (0..<Int(random.next() % 24)).map { _ in signs[Int(random.next() % UInt64(signs.count))] }
            let list = try AddressList(parsing: octets)
            for mailbox in list.mailboxes {
                #expect(mailbox.whole.lowerBound <= mailbox.addressRange.lowerBound)
                #expect(mailbox.whole.upperBound >= mailbox.addressRange.upperBound)
            }
        }
    }

    @Test(
        "a name that is somebody else's address without quotes makes the list unreadable: readers would see him",
        arguments: [
            "boss@corp.example <alice@hub.example>", "boss @ corp.example <alice@hub.example>",
            "boss@[192.0.2.1] <alice@hub.example>", "[boss@corp.example] <alice@hub.example>",
            "\u{FEFF}boss@corp.example <alice@hub.example>", "b@x.example <c@d.example>",
        ])
    func foreignName(_ field: String) throws {
        let list = try AddressList(parsing: Array(field.utf8))
        #expect(list.mailboxes.isEmpty && list.faults.count == 1)
    }

    @Test("a name that is the same address, and one in quotes, are common and harmless")
    func ownName() throws {
        for field in [
            "alice@hub.example <alice@hub.example>", "alice@HUB.example <alice@hub.example>",
            "\"boss@corp.example\" <alice@hub.example>",
        ] {
            let list = try AddressList(parsing: Array(field.utf8))
            #expect(
                list.mailboxes.map(\.address.description) == ["alice@hub.example"] && list.faults.isEmpty, "\(field)")
        }
    }
}
