// Words as data: each has a name, a scope and a function that reads its arguments; one loop applies them.

import Reporting

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

/// A block while it is read: its settings, where its words stand, and the names that must lead somewhere.
struct Draft<Settings> {
    var settings: Settings
    /// By group: the first word of it.
    var seen: [String: Word] = [:]
    /// Groups with a line that was complained of: what it should have set is no further complaint.
    var broken: Set<String> = []
    /// Whether lines are missing that it was to inherit.
    var lacksLines = false
    var references: [Reference] = []

    init(_ settings: Settings) { self.settings = settings }

    /// Where the word of `group` stands.
    func place(_ group: String) -> Place? { seen[group]?.place }

    /// Whether nothing of `groups` can be missed: a line of them was complained of, or may be elsewhere.
    func excuses(_ groups: String...) -> Bool { lacksLines || !broken.isDisjoint(with: groups) }
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

    /// Those of ``known(in:)`` that this release carries out: no hint leads to a refusal.
    static func usable(in scope: Scope) -> [String] {
        known(in: scope).filter { NotYet.refusal(scope, Word.key($0)) == nil }
    }

    /// The word that was most likely meant by one that nothing knows in `scope`.
    static func meant(by word: Word, in scope: Scope) -> String? {
        Predecessors.synonym(of: word.key, in: scope) ?? Nearest.word(to: word.text, among: usable(in: scope))
    }

    static let blockKeywords = Scope.allCases.filter { $0 != .top }.map(\.rawValue)

    /// The complaint about a word that nothing knows in `scope`.
    static func unknown(_ word: Word, in scope: Scope) -> String {
        if let hint = Predecessors.hint(for: word.key, in: scope) { return hint }
        if let synonym = Predecessors.synonym(of: word.key, in: scope) {
            return "write \"\(synonym)\" for \"\(word.text)\""
        }
        if let home = Scope.allCases.first(where: { other in
            other != scope && other != .chain && usable(in: other).contains { Word.key($0) == word.key }
        }) {
            let indent = home == .top ? "at the beginning of a line" : "indented, in \(home.title)"
            return "\"\(word.text)\" does not belong to \(scope.title); it stands \(indent)"
        }
        let place = scope == .top ? "" : " in \(scope.title)"
        let near = Nearest.hint(to: word.text, among: usable(in: scope))
        // A word that is nowhere near one of ours may be the first of a file that is no rc, /etc/shadow perhaps.
        if near.isEmpty { return "unknown word\(place); it is like none of the rc's words, and so it is not shown" }
        return "unknown word \"\(word.text)\"\(place)\(near)"
    }
}

/// Words of msmtp, mpop and fetchmail whose meaning here has another form.
enum Predecessors {
    /// The word here that means the same.
    static func synonym(of key: String, in scope: Scope) -> String? {
        switch (scope, key) {
        case (.account, "username"), (.account, "login"): "user"
        case (.account, "pass"): "password"
        case (.account, "protocol"), (.account, "proto"), (.account, "service"): "fetch"
        case (.account, "folder"), (.account, "mailbox"): "folders"
        case (.account, "poll-interval"), (.account, "interval"): "every"
        case (.account, "certfile"), (.account, "sslcertfile"): "tls_trust_file"
        case (.account, "sslfingerprint"): "tls_fingerprint"
        default: nil
        }
    }

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
        case (.top, "poll"), (.top, "skip"):
            "that is fetchmail's; write \"account NAME\", and indented below it \"fetch imaps HOST\", \"user LOGIN\", "
                + "\"password TEXT\""
        case (.top, "set"): "that is fetchmail's; leave it out, and see mailhubrc(5) for what stands outside blocks"
        case (.account, "ssl"), (.account, "sslproto"):
            "the service says it: pop3s and imaps begin with TLS, pop3 and imap with STARTTLS"
        case (.account, "fetchall"), (.account, "nofetchall"): "only new mail is ever fetched; remove the line"
        case (.account, "nokeep"): "write \"keep off\""
        case (.account, "mda"), (.account, "smtphost"), (.account, "smtp"):
            "fetched mail goes to the Maildir of the account's owner; remove the line"
        case (.top, "defaults"): "there is no defaults block; let an account inherit: account NAME : OTHER"
        case (.account, "proxy-host"), (.account, "proxy-port"): NotYet.refusal(.account, "via")
        default: nil
        }
    }
}

/// Applies the lines of a block to `draft`; what is wrong goes to `faults`, and the next line is read all the same.
func apply<Settings: BlockSettings>(
    _ lines: [Line], to draft: inout Draft<Settings>, rules: [Rule<Settings>], scope: Scope, surroundings: Surroundings,
    faults: inout FaultList
) {
    func rule(_ word: String) -> Rule<Settings>? { rules.first { Word.key($0.word) == Word.key(word) } }
    for line in lines {
        guard let rule = rule(line.keyword.key) else {
            faults.add(line.keyword.place, Words.unknown(line.keyword, in: scope))
            // What it would have set is not missed: one mistake, one complaint.
            if let meant = Words.meant(by: line.keyword, in: scope).flatMap(rule) { draft.broken.insert(meant.group) }
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
            draft.broken.insert(rule.group)
        } catch {
            faults.add(line.keyword.place, sentence(error))
            draft.broken.insert(rule.group)
        }
        draft.references += arguments.references
    }
    for (group, word) in draft.seen {
        draft.settings.places[group] = word.place
        draft.settings.places[word.text] = word.place
    }
}
