// docs/limits.md against the code: each name it gives is declared, with the value it gives, and each test it names is there.

import MailTestKit
import Testing

@Suite("The limits that docs/limits.md tells of")
struct LimitsTests {
    /// A row of one of its tables.
    private struct Row {
        /// Without the last cell, which names tests.
        let text: String
        let tests: [String]
        /// What stands in backquotes and is no word of the rc.
        let names: [String]
    }

    private let rows: [Row]
    private let sources: [Source]

    init() throws {
        rows = try Project.text("docs/limits.md").split(separator: "\n").filter { $0.hasPrefix("| ") }.compactMap {
            line in
            let cells = line.split(separator: "|").map { $0.trimmingPrefix(" ") }
            guard cells.count >= 4, cells[0] != "bound ", cells[0] != "beyond " else { return nil }
            let told = cells.dropLast().joined(separator: "|")
            return Row(
                text: told, tests: Self.quoted(String(cells.last ?? "")).filter { $0.hasSuffix("Tests") },
                names: Self.quoted(told).filter { $0.first?.isLetter == true && $0.contains { $0.isUppercase } })
        }
        sources = try Project.swiftFiles(below: "Sources").map { Source(try Project.text("Sources/\($0)")) }
    }

    private static func quoted(_ text: String) -> [String] {
        let parts = text.split(separator: "`", omittingEmptySubsequences: false)
        return parts.enumerated().filter { $0.offset % 2 == 1 }.map { String($0.element) }
    }

    @Test("there are rows, names and values to look at")
    func hasRows() throws {
        #expect(rows.count > 100)
        #expect(rows.flatMap(\.names).compactMap { literal(of: $0) }.count > 60)
    }

    @Test("a test that is named exists")
    func tests() throws {
        let files = try Project.swiftFiles(below: "Tests").map { "/\($0)" }
        for name in Set(rows.flatMap(\.tests)) {
            #expect(files.contains { $0.hasSuffix("/\(name).swift") }, "docs/limits.md names \(name)")
        }
    }

    @Test("a name that is given is declared in the code")
    func names() {
        for name in Set(rows.flatMap(\.names)) {
            #expect(isDeclared(name), "docs/limits.md: \(name)")
        }
    }

    @Test("a bound that the code gives as a number is the one that the row tells")
    func values() throws {
        for row in rows {
            for name in row.names {
                guard let value = literal(of: name) else { continue }
                #expect(
                    value.spellings.contains { row.text.contains(wholeWord: $0) },
                    "docs/limits.md: \(name) is \(value.spellings) in: \(row.text)")
            }
        }
    }

    // MARK: The code

    /// What a source file declares.
    private struct Source {
        /// Types that it declares or extends.
        var types: Set<String> = []
        /// Constants, variables, functions and cases, with what stands behind the `=` of the first one of that name.
        var members: [String: String] = [:]

        init(_ text: String) {
            for line in text.split(separator: "\n") {
                let words = line.split { !$0.isPartOfWord }
                for (keyword, name) in zip(words, words.dropFirst()) {
                    switch keyword {
                    case "struct", "class", "enum", "protocol", "extension": types.insert(String(name))
                    case "let", "var", "func", "case":
                        guard members[String(name)] == nil else { break }
                        let halves = line.split(separator: "=", maxSplits: 1)
                        members[String(name)] = halves.count == 2 ? halves[1].trimmed : ""
                    default: break
                    }
                }
            }
        }
    }

    /// `Type`, `Type.member`, `Type.Nested.member` or `member`.
    private func isDeclared(_ name: String) -> Bool {
        let parts = name.split(separator: ".").map(String.init)
        return candidates(for: parts).contains { source in
            parts.allSatisfy { source.types.contains($0) || source.members[$0] != nil }
        }
    }

    /// The sources that declare or extend the first type of `parts`; all, where there is none.
    private func candidates(for parts: [String]) -> [Source] {
        guard let type = parts.first, type.first?.isUppercase == true else { return sources }
        return sources.filter { $0.types.contains(type) }
    }

    private enum Value {
        case number(Int)
        case milliseconds(Int)

        /// How a document may write it.
        var spellings: [String] {
            switch self {
            case .number(let number):
                var all = ["\(number)", Self.grouped(number)]
                for (unit, size) in [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)] where number % size == 0 {
                    all.append("\(number / size) \(unit)")
                }
                return all + Self.times(number * 1000)
            case .milliseconds(let time): return Self.times(time)
            }
        }

        private static func times(_ time: Int) -> [String] {
            let units = [("ms", 1), ("s", 1000), ("min", 60_000), ("h", 3_600_000), ("d", 86_400_000)]
            var all = units.filter { time % $0.1 == 0 }.map { "\(time / $0.1) \($0.0)" }
            if time % 100 == 0 { all.append("\(Double(time) / 1000) s") }
            if time == 60_000 { all.append("a minute") }
            for (days, words) in [(1, ["1 day", "a day"]), (7, ["a week"])] where time == days * 86_400_000 {
                all += words
            }
            return all
        }

        private static func grouped(_ number: Int) -> String {
            var digits = Array("\(number)")
            var at = digits.count - 3
            while at > 0 {
                digits.insert(",", at: at)
                at -= 3
            }
            return String(digits)
        }
    }

    /// The value of a constant whose declaration is a number or a time, on one line; `nil` for anything else.
    private func literal(of name: String) -> Value? {
        let parts = name.split(separator: ".").map(String.init)
        guard let member = parts.last, member.first?.isLowercase == true else { return nil }
        return candidates(for: parts).lazy.compactMap { $0.members[member] }.compactMap(Self.value).first
    }

    private static func value(of declaration: String) -> Value? {
        // A comment may follow.
        let code = (declaration.split(separator: "//").first ?? "").trimmed
        if let number = number(code) { return .number(number) }
        let units = [("milliseconds", 1), ("seconds", 1000), ("minutes", 60_000), ("hours", 3_600_000)]
        for (unit, size) in units {
            guard let open = code.range(of: ".\(unit)("), code.hasSuffix(")") else { continue }
            return number(String(code[open.upperBound...].dropLast())).map { .milliseconds($0 * size) }
        }
        return nil
    }

    /// A literal, or two of them with `<<` or `*` between.
    private static func number(_ code: String) -> Int? {
        if let number = Int(code.filter { $0 != "_" }) { return number }
        for (sign, combine) in [(" << ", { $0 << $1 }), (" * ", { $0 * $1 })] as [(String, (Int, Int) -> Int)] {
            let parts = code.split(separator: sign, maxSplits: 1).map { Int($0.filter { $0 != "_" }) }
            if parts.count == 2, let left = parts[0], let right = parts[1] { return combine(left, right) }
        }
        return nil
    }
}

extension StringProtocol {
    /// Whether `word` stands here with no letter, digit or grouping comma on either side.
    fileprivate func contains(wholeWord word: String) -> Bool {
        var rest = self[...]
        while let found = rest.range(of: word) {
            let before = found.lowerBound == startIndex ? nil : self[index(before: found.lowerBound)]
            let behind = found.upperBound == endIndex ? nil : self[found.upperBound]
            let next = found.upperBound == endIndex ? nil : self[found.upperBound...].dropFirst().first
            let isCutOff = behind == "," && next?.isNumber == true
            if before?.isPartOfWord != true, before != ",", behind?.isPartOfWord != true, !isCutOff { return true }
            rest = self[found.upperBound...]
        }
        return false
    }

    fileprivate func range(of part: String) -> Range<Index>? { ranges(of: part).first }

    fileprivate var trimmed: String {
        var rest = self[...]
        while rest.first?.isWhitespace == true { rest = rest.dropFirst() }
        while rest.last?.isWhitespace == true { rest = rest.dropLast() }
        return String(rest)
    }
}

extension Character {
    fileprivate var isPartOfWord: Bool { isLetter || isNumber || self == "_" }
}
