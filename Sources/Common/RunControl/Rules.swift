// Words as data: each has a name, a scope and a function that reads its arguments; one loop applies them.

/// Where a word may stand.
enum Scope: String, Sendable, Hashable, CaseIterable {
    case top, mailbox, account, route, chain, domain, listen

    /// As a message names it.
    var title: String { self == .top ? "the beginning of a line" : "a \(rawValue) block" }
}

/// A block while it is read: its settings, where its words stand, and the names that must lead somewhere.
struct Draft<Settings> {
    var settings: Settings
    /// By group: the first word of it.
    var seen: [String: Word] = [:]
    var references: [Reference] = []

    init(_ settings: Settings) { self.settings = settings }

    /// Where the word of `group` stands.
    func place(_ group: String) -> Place? { seen[group]?.place }
}

/// One word of one scope.
struct Rule<Settings>: Sendable {
    typealias Read = @Sendable (inout Settings, inout Arguments) throws -> Void

    /// As people write it.
    let word: String
    /// Words of one group exclude each other.
    let group: String
    let repeats: Bool
    let read: Read

    init(_ word: String, group: String? = nil, repeats: Bool = false, _ read: @escaping Read) {
        self.word = word
        self.group = group ?? Word.key(word)
        self.repeats = repeats
        self.read = read
    }
}

/// All words, for the listing of what is known and for the nearest word.
enum Words {
    static func known(in scope: Scope) -> [String] {
        switch scope {
        case .top: topRules.map(\.word) + blockKeywords + ["include"]
        case .mailbox: mailboxRules.map(\.word)
        case .account: accountRules.map(\.word)
        case .route: routeRules.map(\.word)
        case .chain: chainRules.map(\.word)
        case .domain: domainRules.map(\.word)
        case .listen: listenRules.map(\.word)
        }
    }

    static let blockKeywords = Scope.allCases.filter { $0 != .top }.map(\.rawValue)

    /// The complaint about a word that nothing knows in `scope`.
    static func unknown(_ word: Word, in scope: Scope) -> String {
        if let hint = Predecessors.hint(for: word.key, in: scope) { return hint }
        let near = Nearest.hint(to: word.text, among: known(in: scope))
        if near.isEmpty,
            let home = Scope.allCases.first(where: { other in
                other != scope && known(in: other).contains { Word.key($0) == word.key }
            })
        {
            let indent = home == .top ? "at the beginning of a line" : "indented, in \(home.title)"
            return "\"\(word.text)\" does not belong to \(scope.title); it stands \(indent)"
        }
        let place = scope == .top ? "" : " in \(scope.title)"
        return "unknown word \"\(word.text)\"\(place)\(near)"
    }
}

/// Words of msmtp and mpop whose meaning here has another form.
enum Predecessors {
    static func hint(for key: String, in scope: Scope) -> String? {
        switch (scope, key) {
        case (.account, "host"), (.account, "port"):
            "write \"send submission HOST:PORT\" or \"fetch pop3s HOST:PORT\" instead of \"\(key)\""
        case (.account, "tls-starttls"):
            "the service says it: submission, smtp, pop3 and imap begin with STARTTLS, submissions, pop3s and imaps with TLS"
        case (.account, "tls-certcheck"):
            "certificates are always checked; name the one to trust with tls_fingerprint or tls_trust_file"
        case (.account, "logfile"), (.top, "logfile"), (.top, "syslog"), (.account, "syslog"):
            "write \"log syslog\" or \"log FILE\" at the beginning of a line"
        case (.account, "delivery"): "fetched mail goes to the Maildir of the account's owner; remove the line"
        case (.account, "uidls-file"): "what was fetched is remembered below the state directory; remove the line"
        case (.account, "only-new"): "only new mail is ever fetched; remove the line"
        case (.top, "defaults"): "there is no defaults block; let an account inherit: account NAME : OTHER"
        case (.account, "proxy-host"), (.account, "proxy-port"): NotYet.refusal(.account, "via")
        default: nil
        }
    }
}

/// Applies the lines of a block to `draft`; what is wrong goes to `faults`, and the next line is read all the same.
func apply<Settings>(
    _ lines: [Line], to draft: inout Draft<Settings>, rules: [Rule<Settings>], scope: Scope, surroundings: Surroundings,
    faults: inout FaultList
) {
    for line in lines {
        guard let rule = rules.first(where: { Word.key($0.word) == line.keyword.key }) else {
            faults.add(line.keyword.place, Words.unknown(line.keyword, in: scope))
            continue
        }
        if !rule.repeats || draft.seen[rule.group].map({ $0.key != line.keyword.key }) == true,
            let earlier = draft.seen[rule.group]
        {
            let verb = earlier.key == line.keyword.key ? "stands already" : "contradicts \"\(earlier.text)\""
            faults.add(line.keyword.place, "\"\(line.keyword.text)\" \(verb) at \(earlier.place)")
            continue
        }
        draft.seen[rule.group] = draft.seen[rule.group] ?? line.keyword
        if let refusal = NotYet.refusal(scope, line.keyword.key) { faults.add(line.keyword.place, refusal) }
        var arguments = Arguments(line, scope: scope, surroundings: surroundings)
        do {
            try rule.read(&draft.settings, &arguments)
            try arguments.end()
        } catch let fault as RunControlFault {
            faults.add(fault)
        } catch {
            faults.add(line.keyword.place, "\(error)")
        }
        draft.references += arguments.references
    }
}
