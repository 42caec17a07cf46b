// From lines to settings: blocks, inheritance, defaults, and names that must lead somewhere.

import MailFormat
import MailRouting

/// The lines of a block.
struct Block {
    var scope: Scope
    var head: RunControlLine
    var body: [RunControlLine] = []
}

/// Puts settings together. Every fault is collected; the settings count only when there is none.
struct Assembly {
    let context: ProcessContext
    var faults: FaultList
    var top = Draft(HubSettings())
    var mailboxes: [Draft<MailboxSettings>] = []
    var accounts: [Draft<AccountSettings>] = []
    var routes: [Draft<RouteSettings>] = []
    var chains: [Draft<ChainSettings>] = []
    var domains: [Draft<DomainSettings>] = []
    var listeners: [Draft<ListenerSettings>] = []
    /// The lines of each account with those it inherits.
    private var accountLines: [String: [RunControlLine]] = [:]
    private var heads: [String: SourcePosition] = [:]

    init(context: ProcessContext, faults: FaultList) {
        self.context = context
        self.faults = faults
    }

    mutating func read(_ lines: [RunControlLine]) {
        let (topLines, blocks) = split(lines)
        apply(topLines, to: &top, context: context, faults: &faults)
        for block in blocks { read(block) }
    }

    /// Where indented lines belong.
    private enum Home {
        case block
        /// To nothing; no fault says so yet.
        case nowhere
        /// To a line that is a fault itself.
        case told
    }

    private mutating func split(_ lines: [RunControlLine]) -> (top: [RunControlLine], blocks: [Block]) {
        var top: [RunControlLine] = []
        var blocks: [Block] = []
        var home = Home.nowhere
        for line in lines {
            if line.isIndented {
                switch home {
                case .block: blocks[blocks.count - 1].body.append(line)
                case .nowhere:
                    faults.add(line.keyword.position, "an indented line belongs to a block, and none has begun here")
                    home = .told
                case .told: break
                }
            } else if let scope = blockBegun(by: line) {
                guard blocks.count < RunControlLimits.blocks else {
                    faults.add(line.keyword.position, "more than \(Quantity.grouped(RunControlLimits.blocks)) blocks")
                    break
                }
                blocks.append(Block(scope: scope, head: line))
                home = .block
            } else {
                top.append(line)
                home = HubSettings.knows(line.keyword.key) ? .nowhere : .told
            }
        }
        return (top, blocks)
    }

    /// What kind of block `line` begins. An unknown keyword that is nearly a block's is a fault, yet begins that block:
    /// else each line below it would be a fault too.
    private mutating func blockBegun(by line: RunControlLine) -> Scope? {
        if let scope = Scope(rawValue: line.keyword.key), scope != .top { return scope }
        guard !HubSettings.knows(line.keyword.key),
            let meant = Vocabulary.meant(by: line.keyword, in: .top), let scope = Scope(rawValue: meant), scope != .top
        else { return nil }
        if !line.isBroken { faults.add(line.keyword.position, Vocabulary.unknown(line.keyword, in: .top)) }
        return scope
    }

    private mutating func read(_ block: Block) {
        guard !block.head.isBroken else { return }
        do throws(RunControlFault) {
            var arguments = Arguments(block.head, scope: block.scope, context: context)
            switch block.scope {
            case .top: break
            case .mailbox:
                let name = try name(&arguments)
                guard name.text != everyone else {
                    throw RunControlFault(
                        name.position, "no mailbox can be called everyone, which \"for\" takes for all")
                }
                try arguments.end()
                mailboxes.append(draft(MailboxSettings(name: name.text, position: name.position), block.body))
            case .account: try readAccount(block, &arguments)
            case .route:
                let name = try name(&arguments)
                try arguments.end()
                routes.append(draft(RouteSettings(name: name.text, position: name.position), block.body))
            case .chain:
                faults.add(block.head.keyword.position, Refusal.message(Vocabulary.chainDeed))
                let name = try name(&arguments)
                try arguments.end()
                chains.append(draft(ChainSettings(name: name.text, position: name.position), block.body))
            case .domain:
                let position = arguments.peek?.position ?? block.head.end
                let name = try arguments.domain("the name of the domain")
                try arguments.end()
                refuseDouble("domain", name, at: position)
                domains.append(draft(DomainSettings(name: name, position: position), block.body))
            case .listen: try readListener(block, &arguments)
            }
        } catch {
            faults.add(error)
        }
    }

    private mutating func draft<S: BlockSettings>(_ settings: S, _ lines: [RunControlLine]) -> Draft<S> {
        var draft = Draft(settings)
        apply(lines, to: &draft, context: context, faults: &faults)
        return draft
    }

    /// The name of a block: fit for a file name, a log line and a login.
    private mutating func name(_ arguments: inout Arguments) throws(RunControlFault) -> Word {
        let word = try arguments.next("the name of the \(arguments.scope.rawValue)")
        checkName(word)
        refuseDouble(arguments.scope.rawValue, word.text, at: word.position)
        return word
    }

    /// The block is read all the same: a malformed name must not make faults of the lines that use it.
    private mutating func checkName(_ word: Word) {
        guard !Self.isName(word.text) else { return }
        faults.add(
            word.position,
            "a name has letters, digits, \".\", \"_\" and \"-\" only, \(RunControlLimits.name) at most, "
                + "unlike \"\(word.text)\"")
    }

    /// Whether `text` is fit for a file name, a log line and a login.
    static func isName(_ text: String) -> Bool {
        let isPlain = text.utf8.allSatisfy { octet in
            switch octet {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
            default: false
            }
        }
        return isPlain && !text.isEmpty && text.first != "." && text.first != "-"
            && text.utf8.count <= RunControlLimits.name
    }

    private mutating func refuseDouble(_ kind: String, _ name: String, at position: SourcePosition) {
        let key = "\(kind) \(name.lowercased())"
        if let earlier = heads[key] {
            faults.add(position, "\(kind) \(name) is already defined at \(earlier)")
        } else {
            heads[key] = position
        }
    }

    /// account NAME [":" BASE *("," BASE)]
    private mutating func readAccount(_ block: Block, _ arguments: inout Arguments) throws(RunControlFault) {
        var words: [Word] = []
        while !arguments.isAtEnd { words += Self.pieces(of: try arguments.next("the name")) }
        guard let name = words.first, name.text != ":", name.text != "," else {
            throw RunControlFault(block.head.end, "account: the name of the account is missing")
        }
        checkName(name)
        refuseDouble("account", name.text, at: name.position)
        var inherited: [RunControlLine] = []
        var lacksLines = false
        if words.count > 1 {
            guard words[1].text == ":", words.count > 2 else {
                throw RunControlFault(words[1].position, "account NAME, or account NAME : OTHER to inherit")
            }
            for base in words.dropFirst(2) where base.text != "," {
                guard let lines = accountLines[base.text] else {
                    let hint = Nearest.hint(to: base.text, among: Array(accountLines.keys.sorted()))
                    faults.add(base.position, "no account \"\(base.text)\" stands above this one\(hint)")
                    lacksLines = true
                    continue
                }
                inherited = Self.overlay(lines, over: inherited)
            }
        }
        // What an account says for IMAP is not for one that fetches by POP3 and only takes its other lines.
        let service = (block.body + inherited).first { $0.keyword.key == "fetch" }?.arguments.first?.text.lowercased()
        if service?.hasPrefix("pop3") == true {
            inherited.removeAll { AccountSettings.wordsOfIMAP.keys.contains($0.keyword.key) }
        }
        let lines = Self.overlay(block.body, over: inherited)
        accountLines[name.text] = lines
        var draft = draft(AccountSettings(name: name.text, position: name.position), lines)
        draft.lacksLines = lacksLines
        accounts.append(draft)
    }

    /// `own`, and before it the lines of `inherited` whose words it does not have itself.
    private static func overlay(_ own: [RunControlLine], over inherited: [RunControlLine]) -> [RunControlLine] {
        func group(_ line: RunControlLine) -> String {
            AccountSettings.word(line.keyword.key)?.facts.group ?? line.keyword.key
        }
        let said = Set(own.map(group))
        return inherited.filter { !said.contains(group($0)) } + own
    }

    private static func pieces(of word: Word) -> [Word] {
        var pieces: [Word] = []
        var text = ""
        func add(_ text: String) {
            if !text.isEmpty { pieces.append(Word(text: text, position: word.position)) }
        }
        for character in word.text {
            if character == ":" || character == "," {
                add(text)
                add(String(character))
                text = ""
            } else {
                text.append(character)
            }
        }
        add(text)
        return pieces
    }

    /// listen SERVICE ADDRESS[:PORT] *(WORD ARGUMENTS), the words on the line or indented below it
    private mutating func readListener(_ block: Block, _ arguments: inout Arguments) throws(RunControlFault) {
        let position = arguments.peek?.position ?? block.head.end
        let service = try ListenerSettings.services.read(&arguments)
        let (address, port) = try arguments.bindAddress(defaultPort: service.defaultPort)
        var lines: [RunControlLine] = []
        while let word = arguments.peek {
            _ = try arguments.next("a word")
            if !word.isQuoted, ListenerSettings.knows(word.key) {
                lines.append(RunControlLine(keyword: word, arguments: [], isIndented: true, end: block.head.end))
            } else if lines.isEmpty {
                throw RunControlFault(word.position, Vocabulary.unknown(word, in: .listen))
            } else {
                lines[lines.count - 1].arguments.append(word)
            }
        }
        let listener = ListenerSettings(service: service, address: address, port: port, position: position)
        listeners.append(draft(listener, lines + block.body))
    }
}
