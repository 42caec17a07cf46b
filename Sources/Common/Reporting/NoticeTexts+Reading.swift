// A site's own texts of notices, from a file.

extension NoticeTexts {
    /// Octets of such a file.
    public static let sizeLimit = 262_144

    /// What is wrong with a line of the file.
    public struct Fault: Error, Sendable, Hashable, CustomStringConvertible {
        /// Counted from 1.
        public let line: Int
        public let description: String
    }

    /// Reads texts of a site's own; what the file does not say is as in `base`.
    ///
    /// A line `language: en-GB` says their language. A line `[failure]` (or `delay`, `success`, `held`, `account`,
    /// `offline`, `drop`, `unowned`, `alert`) begins a text: `subject: …`, an empty line, and the body. In the part `[words]` stand
    /// `saying: …`, `silence: …`, `unknown-date: …` and `no-subject: …`. Lines that begin with `#` above the first part
    /// are comments.
    /// - Throws: ``Fault`` for octets that are no UTF-8 or hold a control character, an unknown part, word or name in
    ///   braces, and a part without a subject or a body.
    public init(reading octets: [UInt8], over base: NoticeTexts) throws(Fault) {
        self = base
        guard octets.count <= Self.sizeLimit else {
            throw Fault(line: 1, description: "the file is larger than \(Self.sizeLimit) octets")
        }
        var reader = TextsReader(texts: base)
        for (index, line) in octets.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
            guard let text = String(validating: line, as: UTF8.self),
                text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) })
            else { throw Fault(line: index + 1, description: "no control characters, and UTF-8, may stand here") }
            try reader.take(text, index + 1)
        }
        try reader.end()
        self = reader.texts
    }
}

/// Takes the lines of a file of texts.
private struct TextsReader {
    private typealias Text = WritableKeyPath<NoticeTexts, NoticeTexts.Wording> & Sendable
    private typealias Word = WritableKeyPath<NoticeTexts, String> & Sendable

    var texts: NoticeTexts
    /// The part under way, where it began, and what of it came.
    private var part: (name: String, line: Int)?
    private var subject: String?
    private var body: [String]?

    private static let common: Set<String> = ["hub", "recipients", "arrival", "until", "id", "subject"]
    /// The texts, and what may stand in braces there.
    private static let parts: [String: (Text, names: Set<String>)] = [
        "failure": (\.failure, common), "delay": (\.delay, common), "success": (\.success, common),
        "held": (\.held, common), "account": (\.account, ["hub", "account", "fault", "since"]),
        "offline": (\.offline, ["hub", "fault", "since"]), "drop": (\.drop, ["hub", "files"]),
        "aliases": (\.aliases, ["hub", "faults"]), "unowned": (\.unowned, ["hub", "messages", "count"]),
        "alert": (\.alert, ["hub", "first", "concerns"]),
    ]
    private static let words: [String: (Word, names: Set<String>)] = [
        "saying": (\.saying, ["host"]), "silence": (\.silence, []), "unknown-date": (\.unknownDate, []),
        "no-subject": (\.noSubject, []),
    ]

    init(texts: NoticeTexts) { self.texts = texts }

    mutating func take(_ line: String, _ number: Int) throws(NoticeTexts.Fault) {
        if line.hasPrefix("["), line.hasSuffix("]") {
            try end()
            let name = String(line.dropFirst().dropLast())
            guard name == "words" || Self.parts[name] != nil else {
                let known = (Self.parts.keys.sorted() + ["words"]).joined(separator: ", ")
                throw fault(number, "there is no text \"\(name)\"; there are \(known)")
            }
            part = (name, number)
            return
        }
        guard let part else { return try takeAbove(line, number) }
        guard part.name != "words" else { return try takeWord(line, number) }
        if body != nil {
            try check(line, Self.parts[part.name]?.names ?? [], number)
            body?.append(line)
        } else if let value = Self.value(of: "subject", in: line), subject == nil {
            try check(value, Self.parts[part.name]?.names ?? [], number)
            subject = value
        } else if line.isEmpty, subject != nil {
            body = []
        } else if !line.isEmpty {
            throw fault(number, "a text begins with \"subject: …\" and an empty line")
        }
    }

    private mutating func takeAbove(_ line: String, _ number: Int) throws(NoticeTexts.Fault) {
        if line.isEmpty || line.hasPrefix("#") { return }
        guard let language = Self.value(of: "language", in: line), !language.isEmpty,
            language.utf8.allSatisfy({
                $0 == 0x2D || ($0 | 0x20) >= 0x61 && ($0 | 0x20) <= 0x7A || $0 >= 0x30 && $0 <= 0x39
            })
        else {
            throw fault(number, "\"language: TAG\", or a text that begins with its name in brackets, may stand here")
        }
        texts.language = language
    }

    private mutating func takeWord(_ line: String, _ number: Int) throws(NoticeTexts.Fault) {
        if line.isEmpty { return }
        for (name, (path, names)) in Self.words {
            guard let value = Self.value(of: name, in: line) else { continue }
            try check(value, names, number)
            texts[keyPath: path] = value
            return
        }
        throw fault(number, "there are the words \(Self.words.keys.sorted().joined(separator: ", "))")
    }

    /// Ends the part under way.
    mutating func end() throws(NoticeTexts.Fault) {
        defer { (part, subject, body) = (nil, nil, nil) }
        guard let part, let (path, _) = Self.parts[part.name] else { return }
        guard let subject, !subject.isEmpty, var body else {
            throw fault(part.line, "the text \"\(part.name)\" lacks its subject or its body")
        }
        while body.last?.isEmpty == true { body.removeLast() }
        guard !body.isEmpty else { throw fault(part.line, "the text \"\(part.name)\" has no body") }
        texts[keyPath: path] = NoticeTexts.Wording(subject: subject, body: body.joined(separator: "\n"))
    }

    /// What stands in braces is known.
    private func check(_ text: String, _ names: Set<String>, _ number: Int) throws(NoticeTexts.Fault) {
        var rest = text[...]
        while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
            let name = String(rest[rest.index(after: open)..<close])
            guard names.contains(name) else {
                let known = names.sorted().map { "{\($0)}" }.joined(separator: " ")
                throw fault(number, "{\(name)} stands for nothing here; there are \(known.isEmpty ? "none" : known)")
            }
            rest = rest[rest.index(after: close)...]
        }
    }

    private func fault(_ line: Int, _ words: String) -> NoticeTexts.Fault {
        NoticeTexts.Fault(line: line, description: words)
    }

    /// `name: value`, the name whatever its case.
    private static func value(of name: String, in line: String) -> String? {
        guard let colon = line.firstIndex(of: ":"), line[..<colon].lowercased() == name else { return nil }
        let value = line[line.index(after: colon)...].drop { $0 == " " }
        return String(value.reversed().drop { $0 == " " }.reversed())
    }
}
