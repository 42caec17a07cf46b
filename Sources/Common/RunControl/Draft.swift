// A block while its lines are read.

/// The settings of a block: what its lines set, where they stand, and which words there are for it.
protocol BlockSettings: Sendable, Hashable {
    static var scope: Scope { get }
    /// The words, in the order in which they are written.
    static var list: [ListedWord<Self>] { get }
    /// All of ``list`` declared, for callers that need every one.
    static var words: [Declaration<Self>] { get }
    /// A block without lines.
    static var blank: Self { get }
    /// The name of the block, as messages have it.
    var name: String { get }
    /// The line that begins the block; empty for what stands outside blocks.
    var head: [Piece] { get }
    var headPlace: SourcePosition? { get }
    var positions: SourcePositions { get set }
}

extension BlockSettings {
    /// The declaration of the word whose key is `key`.
    static func word(_ key: String) -> Declaration<Self>? { listed(key)?.declaration() }

    /// Whether `key` is one of the words.
    static func knows(_ key: String) -> Bool { listed(key) != nil }

    private static func listed(_ key: String) -> ListedWord<Self>? { list.first { Word.isKey(key, of: $0.name) } }

    static var facts: [WordFacts] { words.map(\.facts) }
}

/// A block while it is read: its settings, where its words stand, and the names that must lead somewhere.
struct Draft<Settings> {
    var settings: Settings
    /// The first word of each group.
    var seen: [String: Word] = [:]
    /// How many lines each group has that may have several.
    var lines: [String: Int] = [:]
    /// Groups with a line at fault: that nothing is set for them is no further fault.
    var broken: Set<String> = []
    /// Whether lines that it should inherit are missing.
    var lacksLines = false
    var references: [Reference] = []

    init(_ settings: Settings) { self.settings = settings }

    /// Where the word of `group` stands.
    func position(_ group: String) -> SourcePosition? { seen[group]?.position }

    /// Whether a line of `groups` that is missing is no fault: one was at fault already, or is to be inherited.
    func excuses(_ groups: String...) -> Bool { lacksLines || !broken.isDisjoint(with: groups) }
}

/// Applies the lines of a block to `draft`; what is wrong goes to `faults`, and the next line is read all the same.
func apply<Settings: BlockSettings>(
    _ lines: [RunControlLine], to draft: inout Draft<Settings>, context: ProcessContext, faults: inout FaultList
) {
    for line in lines {
        guard let word = Settings.word(line.keyword.key) else {
            if !line.isBroken {
                faults.add(line.keyword.position, Vocabulary.unknown(line.keyword, in: Settings.scope))
            }
            // What it would have set is not demanded any more: one mistake, one fault.
            let meant = Vocabulary.meant(by: line.keyword, in: Settings.scope).flatMap { Settings.word(Word.key($0)) }
            if let meant { draft.broken.insert(meant.facts.group) }
            continue
        }
        let group = word.facts.group
        guard !line.isBroken else {
            draft.broken.insert(group)
            continue
        }
        if let earlier = draft.seen[group], !word.facts.repeats || earlier.key != line.keyword.key {
            let verb = earlier.key == line.keyword.key ? "is already given" : "contradicts \"\(earlier.text)\""
            faults.add(line.keyword.position, "\"\(line.keyword.text)\" \(verb) at \(earlier.position)")
            continue
        }
        draft.seen[group] = draft.seen[group] ?? line.keyword
        if word.facts.repeats {
            draft.lines[group, default: 0] += 1
            draft.settings.positions["\(line.keyword.key) \(draft.lines[group] ?? 0)"] = line.keyword.position
        }
        if let deed = word.facts.deed { faults.add(line.keyword.position, Refusal.message(deed)) }
        var arguments = Arguments(
            line, scope: Settings.scope, block: draft.settings.name, isDiscreet: word.facts.isDiscreet,
            context: context)
        do throws(RunControlFault) {
            try word.read(&draft.settings, &arguments)
            try arguments.end()
        } catch {
            faults.add(error)
            draft.broken.insert(group)
        }
        draft.references += arguments.references
    }
    for (group, word) in draft.seen {
        draft.settings.positions[group] = word.position
        draft.settings.positions[word.text] = word.position
    }
}
