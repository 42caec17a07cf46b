// The words of domain blocks.

import MailFormat

extension DomainSettings: BlockSettings {
    static let scope = Scope.domain
    static let blank = DomainSettings(name: "a.example")
    static let list = listed()
    static let words = list.map { $0.declaration() }
    var head: [Piece] { [.word("domain"), .word(name)] }
    var headPlace: SourcePosition? { position }

    @WordList<DomainSettings> private static func listed() -> [ListedWord<DomainSettings>] {
        each(
            "mailboxes", \.$mailboxes,
            Codec<[String]>.references(.mailbox, "the mailbox").map({ $0 as [String]? }, { $0 }),
            "The mailboxes that are known by their names there.", [.served, .defaultsTo("all")],
            add: { (earlier, more, _) throws(RunControlFault) in ((earlier ?? nil) ?? []) + (more ?? []) },
            lines: { $0.map { $0.map { [$0] } } ?? [] })
        maybe(
            "aliases", \.$aliases, .path("the aliases file"), "The aliases of its addresses.",
            [.served, .file(.examinedAbove)])
        maybe(
            "catchall", \.$catchAll, .reference(.mailbox, "the mailbox"),
            "Who gets the mail that nobody else gets.", [.served])
        each("block", \.$blocked, .blocked, "Addresses that take no mail.", [.served])
        one(
            "sendas", \.$sendAs, .onOff, "Whether the subject names the sender.",
            [.later("take the sender from the subject")])
        maybe(
            "suffix", \.$suffix, .signs("the character"),
            "The characters any of which begins the suffix of a local part.", [.served])
        maybe(
            "drop-characters", \.$droppedCharacters, .signs("the character"),
            "The characters that mean nothing in a local part before its suffix.", [.served])
        one(
            "relay-to", \.$relayTo, .words("the hub"), "The hub that its mail is relayed to.",
            [.later("relay a domain to another hub")])
        maybe(
            "hold-for", \.$holdFor, .reference(.account, "the account"), "The account that its mail is held for.",
            [.later("hold a domain for another hub")])
        each(
            "dkim", \.$dkim, .dkim, "What it is signed with, and what becomes of bad signatures.",
            [.later("sign with DKIM, or check it"), .file(.examinedAbove)],
            add: { (earlier, more, arguments) throws(RunControlFault) in try DKIMPolicy.adding(earlier, more, arguments)
            },
            lines: \.lines)
        maybe("spf", \.$spf, .choice("the policy"), "What becomes of mail that fails.", [.later("check SPF")])
        maybe("dmarc", \.$dmarc, .choice("the policy"), "What becomes of mail that fails.", [.later("check DMARC")])
    }
}

extension Codec where Value == String {
    /// Characters of local parts that are neither letters nor digits.
    fileprivate static func signs(_ what: String) -> Codec {
        Codec(
            samples: ["+", "+-_", "."],
            read: { arguments throws(RunControlFault) in
                let word = try arguments.next(what)
                let signs = "!#$%&'*+-./=?^_`{|}~"
                guard !word.text.isEmpty, word.text.allSatisfy({ signs.contains($0) }) else {
                    throw arguments.fault(
                        word, "characters that may stand here are + - . _ = and such, unlike \"\(word.text)\"")
                }
                return word.text
            },
            write: { [.word($0)] })
    }
}

extension Codec where Value == DKIMPolicy {
    /// `dkim reject | mark | off`, or `dkim SELECTOR FILE`.
    fileprivate static let dkim: Codec = {
        let action = Codec<PolicyAction>.choice("the policy")
        let path = Codec<String>.path("the key file")
        var codec = Codec(
            samples: action.samples + ["s ~/a.key", "s.2026 \"/a b\""],
            read: { arguments throws(RunControlFault) in
                guard arguments.line.arguments.count > 1 else {
                    return DKIMPolicy(action: try action.read(&arguments))
                }
                let selector = try arguments.next("the selector")
                guard Address.isDomain(Array(selector.text.utf8)), !selector.text.hasPrefix("[") else {
                    throw arguments.fault(selector, "the selector is a name in DNS, not \"\(selector.text)\"")
                }
                return DKIMPolicy(keys: [DKIMKey(selector: selector.text, file: try path.read(&arguments))])
            },
            write: { policy in
                if let said = policy.action { return action.write(said) }
                return policy.keys.first.map { [.word($0.selector), .word($0.file)] }
            })
        codec.files = { $0.keys.map(\.file) }
        return codec
    }()
}

extension DKIMPolicy {
    /// Both together, unless both say what becomes of bad signatures.
    fileprivate static func adding(
        _ earlier: DKIMPolicy?, _ more: DKIMPolicy, _ arguments: Arguments
    ) throws(RunControlFault) -> DKIMPolicy {
        if let said = earlier?.action, more.action != nil {
            throw RunControlFault(arguments.line.keyword.position, "\"dkim \(said.rawValue)\" is already given")
        }
        return DKIMPolicy(action: earlier?.action ?? more.action, keys: (earlier?.keys ?? []) + more.keys)
    }

    fileprivate var lines: [DKIMPolicy] {
        (action.map { [DKIMPolicy(action: $0)] } ?? []) + keys.map { DKIMPolicy(keys: [$0]) }
    }
}
