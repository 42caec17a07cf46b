// The grammar of aliases files.

import MailAliases
import MailFormat
import MailRouting
import MailTestKit
import Testing

@Suite("An aliases file")
struct AliasFileTests {
    private func file(_ text: String) -> AliasFile { AliasFile(parsing: Array(text.utf8), path: "/a") }

    private func table(_ text: String) -> AliasTable { AliasTable([.success(file(text))]) }

    /// What an address leads to by the file, as texts; `nil` where no alias names it.
    private func targets(_ text: String, of address: String) throws -> [String]? {
        let table = table(text)
        for rank in AliasRank.allCases {
            guard case .entry(let entry, _) = table.find(try Address(address), rank) else { continue }
            return entry.members.map(\.text)
        }
        return nil
    }

    @Test("SE13: names, lists, continuation by a blank, comments, quotes, carriage returns")
    func lists() throws {
        let text = """
            # of the house
            Staff: alice, bob@far.example,, "carol"   # and others
              # nobody yet
              dave
            "odd name": |/usr/bin/a
            other@home.example: x\r
            empty1: a\t,\tb

            """
        #expect(try targets(text, of: "staff@home.example") == ["alice", "bob@far.example", "carol", "dave"])
        #expect(try targets(text, of: "STAFF@home.example") == ["alice", "bob@far.example", "carol", "dave"])
        #expect(try targets(text, of: "\"odd name\"@home.example") == ["|/usr/bin/a"])
        #expect(try targets(text, of: "other@home.example") == ["x"])
        #expect(try targets(text, of: "other@elsewhere.example") == nil)
        #expect(try targets(text, of: "empty1@home.example") == ["a", "b"])
        #expect(file(text).entries.flatMap(\.faults).isEmpty)
    }

    @Test("SE13: a whole address before a name, a name before a pattern, a pattern before * or default")
    func ranks() throws {
        let text = "joe: 1\njoe@home.example: 2\nj*: 3\nj*@home.example: 4\n*: 5\ndefault: 6\n*@near.example: 7\n"
        #expect(try targets(text, of: "joe@home.example") == ["2"])
        #expect(try targets(text, of: "joe@far.example") == ["1"])
        #expect(try targets(text, of: "jim@home.example") == ["4"])
        #expect(try targets(text, of: "jim@far.example") == ["3"])
        #expect(try targets(text, of: "x@far.example") == ["6"])
        #expect(try targets(text, of: "x@near.example") == ["7"])
        #expect(try targets("\"j*\": 1\n", of: "joe@home.example") == nil)
        #expect(try targets("\"j*\": 1\n", of: "\"j*\"@home.example") == ["1"])
        #expect(try targets("\"default\": 1\n", of: "x@home.example") == nil)
        let repeated = file("a: 1\nb: 2\na: 3\n")
        #expect(repeated.repeated.map { "\($0.name) \($0.line) \($0.earlier)" } == ["a 3 1"])
        #expect(try targets("a: 1\nb: 2\na: 3\n", of: "a@home.example") == ["3"])
    }

    @Test("SE13: of many patterns the first that matches counts, one with a domain before the others")
    func manyPatterns() throws {
        var random = SplitMix(seed: 13)
        func text(_ letters: [String], _ count: ClosedRange<Int>) -> String {
            (0..<Int.random(in: count, using: &random)).map { _ in letters.randomElement(using: &random) ?? "" }
                .joined()
        }
        for _ in 0..<200 {
            var names: [String] = []
            for _ in 0..<40 {
                let local = text(["a", "b", "é", "*", "?"], 1...5)
                let domain = ["", "@home.example", "@*.example", "@far.example"].randomElement(using: &random) ?? ""
                names.append(local + domain)
            }
            // Names without a wild card, and those for everybody, are no patterns.
            names.removeAll { name in
                (!name.contains("*") && !name.contains("?")) || name == "*" || name.hasPrefix("*@")
            }
            let table = table(names.map { "\($0): \($0)\n" }.joined())
            for _ in 0..<20 {
                let address = try Address(localPart: text(["a", "b", "é", "e\u{301}"], 1...5), domain: "home.example")
                let patterns =
                    try names.filter { $0.contains("@") }.map { try AddressPattern(parsing: $0) }
                    + names.filter { !$0.contains("@") }.map { try AddressPattern(parsing: $0) }
                let expected = patterns.first { $0.matches(address, foldingLocalPart: true) }
                var found: String?
                if case .entry(let entry, _) = table.find(address, .pattern) { found = entry.name }
                #expect(found == expected?.description, "\(address) in \(names)")
            }
        }
    }

    @Test(
        "SE13: targets of all kinds",
        arguments: [
            ("a@b.example", AliasTarget.address(try Address("a@b.example"))),
            ("\\joe", .address(try Address("joe"), isFinal: true)),
            ("a@b.example via one/two", .address(try Address("a@b.example"), via: ["one", "two"])),
            ("*@b.example", .sameName(at: try Address("*@b.example"))), ("*", .sameName(at: nil)),
            (":include: /etc/list", .include("/etc/list")), (":Include:/etc/list", .include("/etc/list")),
            ("/var/mail/a", .file("/var/mail/a")), ("/dev/null", .nowhere),
        ])
    func targets(_ text: String, _ target: AliasTarget) throws {
        let read = try AliasTarget(text)
        #expect(read == target)
    }

    @Test("SE13: a program has its words without a shell; quotes and backslashes keep what they hold together")
    func programs() throws {
        func words(_ text: String) throws -> [String] {
            guard case .program(_, let argv) = try AliasTarget(text) else { return [] }
            return argv.map(\.description)
        }
        #expect(try words("|/bin/a b  c") == ["/bin/a", "b", "c"])
        #expect(try words("| /bin/a 'b $c \\' \"d \\\" e\" f\\ g ''") == ["/bin/a", "b $c \\", "d \" e", "f g", ""])
        #expect(try words("|a %recipient %%x") == ["a", "%recipient", "%%x"])
        let line = file("a: \"|/bin/a b,c\", d\nb: |/bin/a b # c\n")
        #expect(line.entries[0].members.map(\.text) == ["|/bin/a b,c", "d"])
        #expect(line.entries[1].members.map(\.text) == ["|/bin/a b # c"])
    }

    @Test(
        "SE13: a faulty target is known by its line, and the others of the alias stand",
        arguments: [
            ("@@", "a@"), ("a b", "did not"), (":fail: x", "means nothing"), ("|", "no program"), ("|a \"b", "quote"),
            ("|a %x", "%x stands for nothing"), (":include:x", "whole path"), ("/a/../b", "plain path"),
            ("a via x//y", "via names accounts"), ("a@b@c", "@"),
        ])
    func faultyTargets(_ text: String, _ words: String) throws {
        let entry = try #require(file("x: good,\n \(text == "|a \"b" ? "'\(text)" : text)\n").entries.first)
        #expect(entry.fault == nil && entry.members.count == 2)
        #expect(entry.members[0].target == .success(.address(try Address("good"))))
        #expect(entry.faults.map(\.line) == [2], "\(entry)")
    }

    @Test(
        "SE13: what is wrong with a line concerns its name alone",
        arguments: [
            ("bad good", AliasError.noColon(name: "bad")), ("bad:", .noTarget), ("bad: ,,", .noTarget),
            ("bad: \"a", .unclosedQuote), ("bad: |/bin/a b,c", .commaInProgram), ("bad: a\u{1}b", .controlCharacter),
            ("bad: \"a\"b", .badAddress("\"a\"b", .badLocalPart)),
        ])
    func faultyLines(_ line: String, _ error: AliasError) throws {
        let file = file("one: a\n\(line)\ntwo: b\n")
        #expect(file.entries.map(\.name) == ["one", "bad", "two"])
        #expect(file.entries.map(\.fault) == [nil, error, nil])
        #expect(file.entries[1].line == 2)
    }

    @Test("SE13: a line that names nobody, octets that are not UTF-8, and a file that was cut off")
    func broken() throws {
        #expect(file(" x\na: b\n").unnamed.map(\.line) == [1])
        #expect(file(": b\n").unnamed.map(\.error) == [.noName])
        let latin = AliasFile(parsing: Array("a: b\nb: ".utf8) + [0xE4] + Array("\nc: d\n".utf8), path: "/a")
        #expect(latin.entries.map(\.fault) == [nil, .notUTF8, nil])
        let cut = file("a: b\nstaff: alice@far.example, bob@far.exam")
        #expect(cut.entries.map(\.fault) == [nil, .cutOff])
        #expect(file("").entries.isEmpty)
        let many = file("a: " + (0...1000).map { "u\($0)" }.joined(separator: ",") + "\n")
        #expect(many.entries[0].fault == .tooMany(limit: 1000))
        let long = file("a: b,\n" + String(repeating: " x,\n", count: 300_000))
        #expect(long.entries[0].fault == .lineTooLong(limit: AliasFile.lineLimit))
    }

    @Test("SE13: an included file has targets by lines and commas")
    func included() throws {
        let members = AliasFile.included(
            Array("# x\na, b\n\n  c@d.example # e\n\"|/bin/a b, c\"\n@@\n".utf8), path: "x")
        #expect(members.map(\.text) == ["a", "b", "c@d.example", "|/bin/a b, c", "@@"])
        #expect(members.map(\.line) == [2, 2, 4, 5, 6])
        #expect(AliasFile.included(Array("a\nb@exam".utf8), path: "x").last?.target == .failure(.cutOff))
    }

    @Test("SE13: a file that cannot be read might name anybody")
    func unreadable() throws {
        let fault = AliasFileFault(path: "/b", words: "no")
        let table = AliasTable([.success(file("a: b\n")), .failure(fault)])
        let address = try Address("x@home.example")
        #expect(table.find(address, .exact) == .unreadable(fault))
        guard case .entry = table.find(try Address("a@home.example"), .exact) else {
            Issue.record("the file that can be read is asked first")
            return
        }
    }
}
