// The arguments of one line, taken word by word into typed values.

import Credentials
import Glibc
import InternetAddress
import MailFormat
import MailRouting

/// What a name in the rc must refer to.
enum ReferenceKind: Sendable { case mailbox, account, sendingAccount, chain }

struct Reference: Sendable {
    var kind: ReferenceKind
    var name: Word
}

/// A cursor over the arguments of a line. What is left over, or missing, is a fault.
struct Arguments {
    let line: RunControlLine
    let scope: Scope
    /// The name of the block that the line belongs to.
    let block: String
    /// Whether the arguments may be a password, which no message shows.
    let isDiscreet: Bool
    let context: ProcessContext
    private(set) var references: [Reference] = []
    private var at = 0

    init(_ line: RunControlLine, scope: Scope, block: String = "", isDiscreet: Bool = false, context: ProcessContext) {
        self.line = line
        self.scope = scope
        self.block = block
        self.isDiscreet = isDiscreet
        self.context = context
    }

    var isAtEnd: Bool { at >= line.arguments.count }
    var peek: Word? { isAtEnd ? nil : line.arguments[at] }

    func fault(_ word: Word, _ message: String) -> RunControlFault { RunControlFault(word.position, message) }

    mutating func next(_ what: String) throws(RunControlFault) -> Word {
        guard !isAtEnd else {
            let comment =
                line.endsInComment ? "; # begins a comment, so put quotes around a word that begins with it" : ""
            throw RunControlFault(line.end, "\(line.keyword.text): \(what) is missing\(comment)")
        }
        at += 1
        return line.arguments[at - 1]
    }

    /// All words that are left, at least one.
    mutating func rest(_ what: String) throws(RunControlFault) -> [Word] {
        var words = [try next(what)]
        while !isAtEnd { words.append(try next(what)) }
        return words
    }

    mutating func texts(_ what: String) throws(RunControlFault) -> [String] { try rest(what).map(\.text) }

    func end() throws(RunControlFault) {
        guard let word = peek else { return }
        guard !isDiscreet else { throw fault(word, "\(line.keyword.text): put quotes around what has blanks in it") }
        throw fault(word, "\(line.keyword.text): nothing may follow here, yet \"\(word.text)\" does")
    }

    mutating func refer(_ kind: ReferenceKind, _ what: String) throws(RunControlFault) -> String {
        let name = try next(what)
        references.append(Reference(kind: kind, name: name))
        return name.text
    }

    /// One of the values of `T` by its name; a name of a later release has a message of its own.
    mutating func choice<T: RawRepresentable & CaseIterable>(
        _ what: String, missing: String? = nil, of _: T.Type, later: [Refusal] = []
    ) throws(RunControlFault) -> T where T.RawValue == String {
        let word = try next(missing ?? what)
        if let value = T(rawValue: word.key) { return value }
        if let refusal = later.first(where: { $0.word == word.key }) { throw fault(word, refusal.message) }
        let all = T.allCases.map(\.rawValue)
        let hint = Nearest.hint(to: word.text, among: all)
        throw fault(word, "\(what) is one of \(all.joined(separator: ", ")), not \"\(word.text)\"\(hint)")
    }

    /// The service that begins a line: `fetch imaps HOST`, not `fetch imaps://HOST` and not `fetch HOST imaps`.
    mutating func service<T: RawRepresentable & CaseIterable>(
        of _: T.Type, later: [Refusal]
    ) throws(RunControlFault) -> T where T.RawValue == String {
        if let word = peek, let (scheme, rest) = Self.parted(word.text), T(rawValue: scheme) != nil {
            throw fault(word, "write \"\(line.keyword.text) \(scheme) \(rest)\", without ://")
        }
        if let word = peek, T(rawValue: word.key) == nil, at + 1 < line.arguments.count {
            let second = line.arguments[at + 1]
            if T(rawValue: second.key) != nil, HostAndPort(word.text) != nil {
                throw fault(word, "write it the other way about: \"\(line.keyword.text) \(second.text) \(word.text)\"")
            }
        }
        return try choice("the service", of: T.self, later: later)
    }

    /// The scheme and the host of a URL, such as `imaps://mail.example.org/`.
    static func parted(_ text: String) -> (scheme: String, rest: String)? {
        guard let mark = text.firstRange(of: "://") else { return nil }
        let rest = text[mark.upperBound...].prefix { $0 != "/" }
        return (text[..<mark.lowerBound].lowercased(), String(rest))
    }

    /// What was most likely meant by a word that is neither `on` nor `off`.
    static func onOffHint(_ word: String) -> String {
        switchMeant(by: word).map { "; did you mean \"\($0)\"?" } ?? Nearest.hint(to: word, among: ["on", "off"])
    }

    /// `on` or `off`, as other programs call it; `nil` for what is neither.
    static func switchMeant(by word: String) -> String? {
        switch word.lowercased() {
        case "no", "none", "never", "false", "0": "off"
        case "yes", "true", "1": "on"
        default: nil
        }
    }

    mutating func onOff() throws(RunControlFault) -> Bool {
        guard let word = peek else { return true }
        _ = try next("on or off")
        switch word.text {
        case "on": return true
        case "off": return false
        default:
            let hint = Self.onOffHint(word.text)
            throw fault(word, "\(line.keyword.text) is on or off, not \"\(word.text)\"\(hint)")
        }
    }

    mutating func number(_ what: String, in range: ClosedRange<Int>) throws(RunControlFault) -> Int {
        let word = try next(what)
        guard word.text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let value = Int(word.text), range ~= value
        else {
            throw fault(
                word,
                "\(what) is a number from \(Quantity.grouped(range.lowerBound)) to "
                    + "\(Quantity.grouped(range.upperBound)), not \"\(word.text)\"")
        }
        return value
    }

    mutating func size(_ what: String, in range: ClosedRange<Int>) throws(RunControlFault) -> Int {
        let word = try next(what)
        guard let octets = Quantity.octets(word.text), range ~= octets else {
            throw fault(
                word,
                "\(what) is a size such as 10m, from \(Quantity.text(octets: range.lowerBound)) to "
                    + "\(Quantity.text(octets: range.upperBound)), not \"\(word.text)\"")
        }
        return octets
    }

    /// One duration of one word.
    mutating func duration(_ what: String, in range: ClosedRange<Int>) throws(RunControlFault) -> Duration {
        try duration(next(what), what, in: range)
    }

    /// A duration that may have blanks in it and ends the line, as in `1d 12h`.
    mutating func durationToEnd(_ what: String, in range: ClosedRange<Int>) throws(RunControlFault) -> Duration {
        var word = try next(what)
        while let more = peek {
            _ = try next(what)
            word.text += more.text
        }
        return try duration(word, what, in: range)
    }

    private func duration(_ word: Word, _ what: String, in range: ClosedRange<Int>) throws(RunControlFault) -> Duration
    {
        guard let seconds = Quantity.seconds(word.text) else {
            throw fault(word, "\(what) is a time in w, d, h, m and s, such as 90s, 15m or 1d12h, not \"\(word.text)\"")
        }
        guard range ~= seconds else {
            throw fault(
                word,
                "\(what) is from \(Quantity.words(seconds: range.lowerBound)) to "
                    + "\(Quantity.words(seconds: range.upperBound)), so it cannot be \"\(word.text)\"")
        }
        return .seconds(seconds)
    }

    /// An absolute path; `~` is the home.
    mutating func path(_ what: String) throws(RunControlFault) -> String {
        let word = try next(what)
        if word.text.hasPrefix("/") { return word.text }
        guard word.text == "~" || word.text.hasPrefix("~/") else {
            let given = isDiscreet ? "" : ", unlike \"\(word.text)\""
            throw fault(word, "\(what) must begin with / or ~/, since commands run from any directory\(given)")
        }
        return try atHome(word.text, word)
    }

    /// `text`, which stands in `word`, with a `~/` in front made the home directory.
    private func atHome(_ text: String, _ word: Word) throws(RunControlFault) -> String {
        guard text == "~" || text.hasPrefix("~/") else { return text }
        guard let home = context.home else {
            throw fault(word, "~ means nothing here: there is no HOME, and no such user in the password file")
        }
        let slashed = home.hasSuffix("/") ? String(home.dropLast()) : home
        return slashed + text.dropFirst()
    }

    mutating func certificatePair() throws(RunControlFault) -> CertificatePair {
        let certificate = try path("the certificate file")
        let word = try next("\"key\" and the key file")
        guard word.text == "key" else { throw fault(word, "\"key FILE\" must follow here, not \"\(word.text)\"") }
        return CertificatePair(certificate: certificate, key: try path("the key file"))
    }

    /// Address patterns up to the end of the line, commas between them allowed.
    mutating func patterns(_ what: String) throws(RunControlFault) -> [(AddressPattern, Word)] {
        var patterns: [(AddressPattern, Word)] = []
        for var word in try rest(what) {
            // A lost line end would make a password an address, which messages show.
            if !word.isQuoted, !patterns.isEmpty,
                Vocabulary.known(in: scope).contains(where: { Word.key($0) == word.key })
            {
                throw fault(word, "\(word.text) begins a line of its own")
            }
            if word.bareCommas.last == word.text.utf8.count - 1 { word.text.removeLast() }
            do throws(PatternError) {
                patterns.append((try AddressPattern(parsing: word.text), word))
            } catch {
                throw fault(word, "\"\(word.text)\": \(error)")
            }
        }
        return patterns
    }

    /// What a shell would act on; here it would not mean what its author thinks.
    static let shellCharacters: Set<Character> = ["|", ";", "&", "<", ">", "$", "`", "*", "?", "(", ")", "'"]

    /// A command and its arguments: each a word, or all in one pair of quotes as msmtp has it.
    mutating func command() throws(RunControlFault) -> [String] {
        let words = try rest("the command")
        let unquoted = words.count == 1 ? words : words.filter { !$0.isQuoted }
        for word in unquoted {
            guard let odd = word.text.first(where: { Self.shellCharacters.contains($0) }) else { continue }
            throw fault(word, "no shell is used, so \(odd) means nothing; quote each word by itself, or write a script")
        }
        guard words.count == 1, words[0].isQuoted else {
            let argv = try words.map { word throws(RunControlFault) in
                word.isQuoted ? word.text : try atHome(word.text, word)
            }
            // Alone and in quotes it would be cut at its blanks.
            guard argv.count > 1 || !argv[0].contains(" ") else {
                throw fault(words[0], "~ has a blank in it here, \(argv[0]): name a program whose path has none")
            }
            return argv
        }
        let inner = try words[0].text.split(whereSeparator: { $0 == " " || $0 == "\t" }).map {
            text throws(RunControlFault) in try atHome(String(text), words[0])
        }
        guard !inner.isEmpty else { throw fault(words[0], "\(line.keyword.text): the command is missing") }
        guard !words[0].text.contains("\"") else {
            throw fault(words[0], "quotes within quotes: write the command's words without the outer ones")
        }
        return inner
    }
}
