// docs/acceptance.md against the tests: each that it names is there, and bears the sign of its row.

import MailTestKit
import Testing

@Suite("The tests that docs/acceptance.md tells of")
struct AcceptanceTests {
    /// A row of the page.
    private struct Row {
        let sign: String
        /// `Suite.function`.
        let tests: [String]
    }

    private let rows: [Row]

    init() throws {
        rows = try Project.text("docs/acceptance.md").split(separator: "\n").filter { $0.hasPrefix("| ") }.compactMap {
            let cells = $0.split(separator: "|").map { $0.split(separator: " ").joined(separator: " ") }
            guard cells.count == 3, cells[2] != "shown by" else { return nil }
            return Row(sign: cells[0], tests: cells[2].split(separator: "`").map(String.init).filter { $0 != " " })
        }
    }

    @Test("there are rows, of each kind")
    func hasRows() {
        #expect(rows.count > 50 && rows.allSatisfy { !$0.tests.isEmpty })
        for sign in ["FE1", "SC3", "OP4", "ask 30"] { #expect(rows.contains { $0.sign == sign }, "\(sign)") }
    }

    @Test("each test is there, and has the sign of its row in its name")
    func tests() throws {
        let files = try Project.swiftFiles(below: "Tests")
        var texts: [String: String] = [:]
        for row in rows {
            for test in row.tests {
                let parts = test.split(separator: ".").map(String.init)
                let file = try #require(files.first { $0.hasSuffix("/\(parts[0]).swift") }, "\(test)")
                let text = try texts[file] ?? Project.text("Tests/\(file)")
                texts[file] = text
                let name = Self.name(of: parts[1], in: text)
                #expect(
                    name.map { Self.signs(of: $0).contains(row.sign) } == true,
                    "\(row.sign): \(test) is \(name ?? "nowhere")")
            }
        }
    }

    @Test("no test bears a sign that the page does not give it")
    func strays() throws {
        let told = Set(rows.flatMap { row in row.tests.map { "\(row.sign) \($0)" } })
        for file in try Project.swiftFiles(below: "Tests") {
            let suite = file.split(separator: "/").last.map { $0.dropLast(6) } ?? ""
            let text = try Project.text("Tests/\(file)")
            for part in text.split(separator: "    func ").dropFirst() {
                let function = String(part.prefix { $0 != "(" })
                for sign in Self.name(of: function, in: text).map(Self.signs) ?? [] {
                    let isTold = told.contains("\(sign) \(suite).\(function)")
                    #expect(isTold, "\(sign): \(suite).\(function)")
                }
            }
        }
    }

    /// The name of the test that `function` is.
    private static func name(of function: String, in text: String) -> String? {
        guard let end = text.firstRange(of: "    func \(function)(")?.lowerBound,
            let start = text[..<end].ranges(of: "@Test(").last?.upperBound, !text[start..<end].contains("    func ")
        else { return nil }
        return text[start..<end].split(separator: "\"", maxSplits: 2, omittingEmptySubsequences: false).dropFirst()
            .first
            .map(String.init)
    }

    /// What stands in front of its colon, if it is signs.
    private static func signs(of name: String) -> [String] {
        let signs = name.prefix { $0 != ":" }.split(separator: ",").map { $0.trimmingPrefix(" ") }
        let kinds = ["FE", "SE", "SC", "OP", "ask "]
        return signs.allSatisfy { sign in
            kinds.contains {
                sign.hasPrefix($0) && !sign.dropFirst($0.count).isEmpty
                    && sign.dropFirst($0.count).allSatisfy(\.isNumber)
            }
        } ? signs.map(String.init) : []
    }
}
