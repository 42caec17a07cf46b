// The documents and the declarations say the same of every word.

import MailTestKit
import Testing

@testable import RunControl

/// An item of a list in the manual: the words it is about, and its text without mdoc's marks.
private struct Item {
    var words: Set<String>
    var text = ""
}

/// mailhubrc(5) as a reader sees it.
private struct Manual {
    private(set) var items: [String: [Item]] = [:]

    init() throws {
        var section = ""
        var isHead = false
        for line in try Project.text("man/mailhubrc.5").split(separator: "\n") {
            if line.hasPrefix(".Ss ") || line.hasPrefix(".Sh ") { section = String(line.dropFirst(4)) }
            if line.hasPrefix(".It Ic ") {
                let rest = line.dropFirst(7)
                let word = section == "Words of later releases" ? String(rest) : String(rest.prefix { $0 != " " })
                if isHead, let last = items[section]?.indices.last {
                    items[section]?[last].words.insert(word)
                } else {
                    items[section, default: []].append(Item(words: [word]))
                }
                isHead = true
            } else if let last = items[section]?.indices.last {
                isHead = false
                items[section]?[last].text += Self.plain(line)
            }
        }
    }

    /// `line` without its macros: a blank before it unless it is punctuation.
    private static func plain(_ line: Substring) -> String {
        guard line.hasPrefix(".") else { return " " + line }
        var words = line.split(separator: " ").map(String.init)
        if words[0] == ".Pp" { return "" }
        if words[0] == ".Xr", words.count >= 3 { words[1...2] = ["\(words[1])(\(words[2]))"] }
        if words[0] == ".Fl" { words[1] = "-" + words[1] }
        var text = ""
        for word in words.dropFirst() where !["Pa", "Cm", "Li", "Ic", "Ar"].contains(word) {
            let isMark = [".", ",", ":", ";", ")"].contains(word)
            text += (isMark ? "" : " ") + word.replacing("\\&", with: "").replacing("\\-", with: "-")
        }
        return text
    }

    func item(_ word: String, in section: String) -> Item? { items[section]?.first { $0.words.contains(word) } }
}

/// What is to be said of one word.
private struct Demand {
    let scope: Scope
    let word: WordFacts
    /// The default as an rc says it.
    let standard: String?
}

extension BlockSettings {
    fileprivate static func demands() -> [Demand] {
        words.filter { $0.facts.deed == nil }.map { word in
            let page = Page(.inForce, isMasked: false)
            let line = word.inForce(blank).map { $0.map(page.rendered).joined(separator: " ") }.joined(separator: ", ")
            let standard = word.facts.defaultWords ?? (line.isEmpty ? nil : line)
            return Demand(scope: scope, word: word.facts, standard: standard)
        }
    }
}

@Suite struct DocumentsTests {
    private static let sections: [Scope: String] = [
        .top: "Lines outside blocks", .mailbox: "Words of a mailbox", .account: "Words of an account",
        .route: "Words of a route", .domain: "Words of a domain", .listen: "Words of a listener",
    ]

    private static let demands: [Demand] =
        HubSettings.demands() + MailboxSettings.demands() + AccountSettings.demands() + RouteSettings.demands()
        + DomainSettings.demands() + ListenerSettings.demands()

    @Test("every word that the reader knows is in the man page, and the other way about")
    func sameWords() throws {
        let manual = try Manual()
        for (scope, section) in Self.sections {
            let known = Set(Vocabulary.known(in: scope)).subtracting(
                Vocabulary.words(in: scope).filter { $0.deed != nil }.map(\.name))
            let there = Set(manual.items[section]?.flatMap(\.words) ?? [])
            #expect(there.subtracting(known) == [], "man/mailhubrc.5, \(section): the reader knows no such words")
            #expect(known.subtracting(there) == [], "man/mailhubrc.5, \(section): add an item for each")
        }
        var later: Set<String> = ["top chain"]
        for scope in Scope.allCases {
            for word in Vocabulary.words(in: scope) {
                if word.deed != nil { later.insert("\(scope) \(word.key)") }
                for refusal in word.refusals { later.insert("\(scope) \(word.key) \(refusal.word)") }
            }
        }
        for refusal in ListenerSettings.services.refusals { later.insert("listen listen \(refusal.word)") }
        let told = Set(manual.items["Words of later releases"]?.flatMap(\.words) ?? [])
        #expect(told == later, "man/mailhubrc.5, Words of later releases")
    }

    @Test("the man page says of every word what it is for, its default and its bounds, as the declarations do")
    func manual() throws {
        let manual = try Manual()
        for demand in Self.demands {
            let section = try #require(Self.sections[demand.scope])
            let item = try #require(manual.item(demand.word.name, in: section), "\(section): \(demand.word.name)")
            let position = "man/mailhubrc.5, \(section), \(demand.word.name)"
            #expect(
                item.text.contains(demand.word.documentation),
                "\(position): the item must begin with \"\(demand.word.documentation)\", not \"\(item.text)\"")
            #expect(!demand.word.documentation.isEmpty, "\(position)")
            for measure in demand.word.measures {
                #expect(
                    item.text.contains(measure.words), "\(position): the bounds are \"\(measure.words)\": \(item.text)")
            }
            if let standard = demand.standard {
                let told = item.text.firstRange(of: "Default: \(standard)")
                let isWhole = told.map {
                    item.text[$0.upperBound...].first.map { !$0.isLetter && !$0.isNumber } ?? true
                }
                #expect(isWhole == true, "\(position): must say \"Default: \(standard)\": \(item.text)")
            }
        }
    }

    @Test("every bounded word with a default has its row in docs/limits.md, with that default")
    func limits() throws {
        // The first table is that of the words.
        let rows = try Project.text("docs/limits.md").split(separator: "\n").prefix { !$0.hasPrefix("## ") }
            .map { $0.split(separator: "|").map { String($0).trimmingBlanks } }
        var told: Set<String> = []
        for demand in Self.demands where demand.word.defaultWords == nil {
            guard let measure = demand.word.measures.first, let standard = demand.standard,
                standard.first?.isNumber == true
            else { continue }
            let wanted = Self.said(standard, as: measure)
            func found(_ name: String) -> [[String]] { rows.filter { $0.count > 2 && $0[1] == "`\(name)`" } }
            // A word of several kinds of block may have another default in each.
            let scoped = found("\(demand.scope) \(demand.word.name)")
            let own = scoped.isEmpty ? found(demand.word.name) : scoped
            #expect(!own.isEmpty, "docs/limits.md: \(demand.word.name) needs a row with the default \(wanted)")
            for row in own {
                #expect(row[2] == wanted, "docs/limits.md: the default of \(demand.word.name) is \(wanted)")
            }
            told.insert(demand.word.name)
        }
        #expect(told.isSuperset(of: ["size-limit", "retry", "queue-lifetime", "timeout", "max-recipients"]))
    }

    /// `5m 4h` as the table says it: `5 min to 4 h`.
    private static func said(_ standard: String, as measure: Measure) -> String {
        let units: [Character: String] =
            switch measure {
            case .time: ["s": "s", "m": "min", "h": "h", "d": "d"]
            case .size: ["k": "KiB", "m": "MiB", "g": "GiB"]
            case .number: [:]
            }
        return standard.split(separator: " ").map { word in
            guard let unit = word.last.flatMap({ units[$0] }) else { return String(word) }
            return "\(word.dropLast()) \(unit)"
        }.joined(separator: " to ")
    }
}

extension String {
    fileprivate var trimmingBlanks: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}
