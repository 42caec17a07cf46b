// A word of the rc is one declaration: how it is read and written, its default, its documentation and the rest.
//
// To add a word: a property with @Setting in the settings of its block, a line in the block's list of words, and its
// item in mailhubrc(5), which the tests ask for. Nothing else: reading, `--print-config`, the worker's copy, the hints,
// the writer of blocks and the checks of files go by the list.

/// What is known of a word besides how it is read and written.
struct WordFacts: Sendable {
    /// As people write it, and as it is compared.
    let name: String
    let key: String
    /// Words of one group exclude each other.
    var group: String
    /// Its first sentence in mailhubrc(5).
    let documentation: String
    /// Whether its lines add up.
    var repeats = false
    /// Whether it goes into the copy that mhserve's worker gets. Nothing else does.
    var isServed = false
    /// Whether no message may show its arguments: they are a password, or lead to one.
    var isDiscreet = false
    /// Whether its argument is a secret, so that others may not read the rc.
    var isSecret = false
    /// What a word of a later release would do, after "this release cannot"; the word is read, and refused.
    var deed: String?
    /// Arguments of later releases.
    var refusals: [Refusal] = []
    /// What `--check` asks of the files it names.
    var file: FileUse?
    /// The default in words, where it follows from other lines.
    var defaultWords: String?
    var samples: [String] = []
    var measures: [Measure] = []

    init(name: String, documentation: String) {
        self.name = name
        self.documentation = documentation
        key = Word.key(name)
        group = key
    }
}

/// One word of the blocks of one kind.
struct Declaration<Settings: Sendable>: Sendable {
    typealias Path<Value: Sendable> = WritableKeyPath<Settings, Setting<Value>> & Sendable

    var facts: WordFacts
    /// Reads the arguments of a line, after those of earlier lines.
    let read: @Sendable (inout Settings, inout Arguments) throws(RunControlFault) -> Void
    /// The arguments of each line for the value that was said.
    fileprivate(set) var said: @Sendable (Settings) -> [[Piece]]
    /// The arguments of each line for the value in force.
    fileprivate(set) var inForce: @Sendable (Settings) -> [[Piece]]
    /// Whether its default has a meaning in a block.
    fileprivate(set) var isMeant: @Sendable (Settings) -> Bool = { _ in true }
    /// The paths of the files that the value in force names.
    let files: @Sendable (Settings) -> [String]

    /// - Parameters:
    ///   - path: made only when a value is read or written: it costs more than all the rest.
    ///   - add: what earlier lines and another one say together; the earlier value is `nil` for the first line.
    ///   - lines: the value in parts, one for each line.
    fileprivate init<Value: Sendable>(
        _ name: String, _ path: @escaping @Sendable () -> Path<Value>, _ codec: Codec<Value>, _ documentation: String,
        _ traits: [Trait<Settings>],
        add: @escaping @Sendable (Value?, Value, Arguments) throws(RunControlFault) -> Value,
        lines: @escaping @Sendable (Value) -> [Value]
    ) {
        facts = WordFacts(name: name, documentation: documentation)
        facts.isSecret = codec.isSecret
        facts.isDiscreet = codec.isSecret
        facts.refusals = codec.refusals
        facts.samples = codec.samples
        facts.measures = codec.measures
        read = { settings, arguments throws(RunControlFault) in
            let value = try codec.read(&arguments)
            let path = path()
            settings[keyPath: path].wrappedValue = try add(settings[keyPath: path].said, value, arguments)
        }
        let write: @Sendable (Value?) -> [[Piece]] = { $0.map(lines)?.compactMap(codec.write) ?? [] }
        said = { write($0[keyPath: path()].said) }
        inForce = { write($0[keyPath: path()].inForce) }
        files = { codec.files($0[keyPath: path()].inForce) }
        for trait in traits { trait.apply(&self) }
    }
}

/// What is particular to a word.
struct Trait<Settings: Sendable>: Sendable {
    fileprivate let apply: @Sendable (inout Declaration<Settings>) -> Void

    /// It goes into the worker's copy.
    static var served: Trait { Trait { $0.facts.isServed = true } }

    /// No message shows its arguments.
    static var discreet: Trait { Trait { $0.facts.isDiscreet = true } }

    /// The reader knows it, but this release cannot carry it out.
    /// - Parameter deed: after "this release cannot".
    static func later(_ deed: String) -> Trait {
        Trait {
            $0.facts.deed = deed
            $0.isMeant = { _ in false }
        }
    }

    static func file(_ use: FileUse) -> Trait { Trait { $0.facts.file = use } }

    /// The default in words, where it follows from other lines.
    static func defaultsTo(_ words: String) -> Trait { Trait { $0.facts.defaultWords = words } }

    /// Another name for a word: it is read, and never written.
    static var alias: Trait {
        Trait {
            $0.said = { _ in [] }
            $0.inForce = { _ in [] }
        }
    }

    /// Its default is written only where it has a meaning.
    static func onlyWhere(_ isMeant: @escaping @Sendable (Settings) -> Bool) -> Trait {
        Trait { $0.isMeant = isMeant }
    }
}

/// A word with one value, which always has one.
func one<Settings, Value>(
    _ name: String, _ path: @autoclosure @escaping @Sendable () -> Declaration<Settings>.Path<Value>,
    _ codec: @autoclosure @escaping @Sendable () -> Codec<Value>, _ documentation: String,
    _ traits: @autoclosure @escaping @Sendable () -> [Trait<Settings>] = []
) -> ListedWord<Settings> {
    ListedWord(name) {
        Declaration(
            name, path, codec(), documentation, traits(),
            add: { (_, value, _) throws(RunControlFault) in value }, lines: { [$0] })
    }
}

/// A word with one value, or none.
func maybe<Settings, Value>(
    _ name: String, _ path: @autoclosure @escaping @Sendable () -> Declaration<Settings>.Path<Value?>,
    _ codec: @autoclosure @escaping @Sendable () -> Codec<Value>, _ documentation: String,
    _ traits: @autoclosure @escaping @Sendable () -> [Trait<Settings>] = []
) -> ListedWord<Settings> {
    ListedWord(name) {
        Declaration(
            name, path, codec().map({ $0 }, { $0 }), documentation, traits(),
            add: { (_, value, _) throws(RunControlFault) in value }, lines: { [$0] })
    }
}

/// A word whose lines add up, each with as many values as it likes; written one to a line, so that none grows long.
func each<Settings, Element>(
    _ name: String, _ path: @autoclosure @escaping @Sendable () -> Declaration<Settings>.Path<[Element]>,
    _ codec: @autoclosure @escaping @Sendable () -> Codec<[Element]>, _ documentation: String,
    _ traits: @autoclosure @escaping @Sendable () -> [Trait<Settings>] = []
) -> ListedWord<Settings> {
    each(
        name, path(), codec(), documentation, traits(),
        add: { (earlier, more, _) throws(RunControlFault) in (earlier ?? []) + more }, lines: { $0.map { [$0] } })
}

/// A word whose lines add up in a way of their own.
func each<Settings, Value>(
    _ name: String, _ path: @autoclosure @escaping @Sendable () -> Declaration<Settings>.Path<Value>,
    _ codec: @autoclosure @escaping @Sendable () -> Codec<Value>, _ documentation: String,
    _ traits: @autoclosure @escaping @Sendable () -> [Trait<Settings>] = [],
    add: @escaping @Sendable (Value?, Value, Arguments) throws(RunControlFault) -> Value,
    lines: @escaping @Sendable (Value) -> [Value]
) -> ListedWord<Settings> {
    ListedWord(name) {
        var word = Declaration(name, path, codec(), documentation, traits(), add: add, lines: lines)
        word.facts.repeats = true
        return word
    }
}

/// Several words for one setting, of which a block says one.
func branch<Settings>(_ group: String, _ words: ListedWord<Settings>...) -> [ListedWord<Settings>] {
    words.map { word in
        ListedWord(word.name) {
            var declaration = word.declaration()
            declaration.facts.group = group
            return declaration
        }
    }
}

/// A word in the list of its block. It is declared only when a line has it: an rc has few of the words there are, and
/// to declare all of them would take longer than to read it.
struct ListedWord<Settings: Sendable>: Sendable {
    let name: String
    let declaration: @Sendable () -> Declaration<Settings>

    init(_ name: String, _ declaration: @escaping @Sendable () -> Declaration<Settings>) {
        self.name = name
        self.declaration = declaration
    }
}

/// Makes a list of words of the statements of a function, so that each is checked by itself.
@resultBuilder
enum WordList<Settings: Sendable> {
    static func buildExpression(_ word: ListedWord<Settings>) -> [ListedWord<Settings>] { [word] }
    static func buildExpression(_ words: [ListedWord<Settings>]) -> [ListedWord<Settings>] { words }
    static func buildBlock(_ words: [ListedWord<Settings>]...) -> [ListedWord<Settings>] { words.flatMap { $0 } }
}
