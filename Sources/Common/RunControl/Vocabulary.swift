// What is known of all words: which there are, which this release carries out, and which one was meant.

/// Where a word may stand.
enum Scope: String, Sendable, Hashable, CaseIterable {
    case top, mailbox, account, route, chain, domain, listen

    /// As a message names it.
    var title: String {
        switch self {
        case .top: "the beginning of a line"
        case .account: "an account block"
        case .mailbox, .route, .chain, .domain, .listen: "a \(rawValue) block"
        }
    }
}

/// All words, for the listing of what is known and for the nearest word.
enum Vocabulary {
    /// The settings of each kind of block, which have the words.
    static let blocks: [any BlockSettings.Type] = [
        HubSettings.self, MailboxSettings.self, AccountSettings.self, RouteSettings.self, ChainSettings.self,
        DomainSettings.self, ListenerSettings.self,
    ]

    /// The declared words.
    static func words(in scope: Scope) -> [WordFacts] { facts[scope] ?? [] }

    private static let facts = Dictionary(uniqueKeysWithValues: blocks.map { ($0.scope, $0.facts) })

    /// All that may begin a line.
    static func known(in scope: Scope) -> [String] {
        words(in: scope).map(\.name) + (scope == .top ? blockKeywords + ["include"] : [])
    }

    /// Those of ``known(in:)`` that this release carries out: no hint leads to a refusal.
    static func usable(in scope: Scope) -> [String] { usable[scope] ?? [] }

    private static let usable = Dictionary(
        uniqueKeysWithValues: Scope.allCases.map { scope in
            (scope, known(in: scope).filter { deed(of: Word.key($0), in: scope) == nil })
        })

    private static let usableKeys = usable.mapValues { Set($0.map(Word.key)) }

    /// What a word asks for and this release cannot do; `nil` for one that it can carry out, and for what is no word.
    static func deed(of key: String, in scope: Scope) -> String? {
        if scope == .top, key == Scope.chain.rawValue { return chainDeed }
        return words(in: scope).first { $0.key == key }?.deed
    }

    /// What a block `chain` is for.
    static let chainDeed = "connect over a chain"

    /// The words whose argument is a secret, wherever they stand.
    static let secrets = Set(Scope.allCases.flatMap { words(in: $0) }.filter(\.isSecret).map(\.key))

    /// The word that was most likely meant by one that nothing knows in `scope`.
    static func meant(by word: Word, in scope: Scope) -> String? {
        Predecessors.synonym(of: word.key, in: scope) ?? Nearest.word(to: word.text, among: usable(in: scope))
    }

    static let blockKeywords = Scope.allCases.filter { $0 != .top }.map(\.rawValue)

    /// The complaint about a word that nothing knows in `scope`.
    static func unknown(_ word: Word, in scope: Scope) -> String {
        if let hint = Predecessors.hint(for: word.key, in: scope) { return hint }
        if let synonym = Predecessors.synonym(of: word.key, in: scope) {
            let block = blockKeywords.contains(word.key) ? ", or leave out the indent where it begins a block" : ""
            return "write \"\(synonym)\" for \"\(word.text)\"\(block)"
        }
        if let home = Scope.allCases.first(where: { other in
            other != scope && other != .chain && usableKeys[other]?.contains(word.key) == true
        }) {
            let indent = home == .top ? "at the beginning of a line" : "indented, in \(home.title)"
            return "\"\(word.text)\" does not belong to \(scope.title); it stands \(indent)"
        }
        let suffix = scope == .top ? "" : " in \(scope.title)"
        let near = Nearest.hint(to: word.text, among: usable(in: scope))
        // A word that is nowhere near one of ours may be the first of a file that is no rc, /etc/shadow perhaps.
        if near.isEmpty { return "unknown word\(suffix); it is like none of the rc's words, and so it is not shown" }
        return "unknown word \"\(word.text)\"\(suffix)\(near)"
    }
}
