// The man page and the reader know the same words.

import MailTestKit
import Testing

@testable import RunControl

@Suite struct ManualTests {
    /// The words behind `.It Ic`, by subsection.
    private func manual() throws -> [String: Set<String>] {
        let octets = try #require(ScratchDirectory.read(Fixture.repository("man/mailhubrc.5")))
        var words: [String: Set<String>] = [:]
        var section = ""
        for line in String(decoding: octets, as: UTF8.self).split(separator: "\n") {
            if line.hasPrefix(".Ss ") { section = String(line.dropFirst(4)) }
            guard line.hasPrefix(".It Ic ") else { continue }
            let rest = line.dropFirst(7)
            let word = section == "Words of later releases" ? rest : rest.prefix { $0 != " " }
            words[section, default: []].insert(String(word))
        }
        return words
    }

    @Test("every word that the reader knows is in the man page, and the other way about")
    func sameWords() throws {
        let manual = try manual()
        let titles: [Scope: String] = [
            .top: "Lines outside blocks", .mailbox: "Words of a mailbox", .account: "Words of an account",
            .route: "Words of a route", .domain: "Words of a domain", .listen: "Words of a listener",
        ]
        for (scope, title) in titles {
            let later = Set(NotYet.entries.filter { $0.scope == scope && $0.word != "chain" }.map(\.word))
            let known = Set(Words.known(in: scope)).filter { !later.contains(Word.key($0)) }
            #expect(manual[title] == known, "\(title)")
        }
        #expect(manual["Words of later releases"] == Set(NotYet.entries.map { "\($0.scope.rawValue) \($0.word)" }))
    }

    @Test("each refused word is one that the reader knows")
    func notYetWordsExist() {
        for entry in NotYet.entries {
            let word = entry.word.split(separator: " ")[0]
            let known = Words.known(in: entry.scope).map { Word.key($0) } + (entry.scope == .listen ? ["listen"] : [])
            #expect(known.contains(String(word)), "\(entry.scope) \(entry.word)")
            #expect(NotYet.refusal(entry.scope, entry.word) != nil)
        }
    }
}
