// How an account's folders, guests, login and deliveries are written in the rc.

import MailRouting

/// The argument of `for` that means everyone; no mailbox may have this name.
let everyone = "everyone"

extension Codec where Value == AccountGuests {
    static let guests = Codec(
        samples: ["a", "a b", "everyone"],
        read: { arguments throws(RunControlFault) in
            if arguments.peek?.text == everyone {
                _ = try arguments.next("the mailbox")
                return .everyone
            }
            if let word = arguments.line.arguments.first(where: { $0.text == everyone }) {
                throw arguments.fault(word, "everyone is for all mailboxes, and stands alone")
            }
            return .mailboxes(
                try Codec<[String]>.references(.mailbox, "the mailbox, or everyone,").read(&arguments))
        },
        write: { guests in
            switch guests {
            case .everyone: [.word(everyone)]
            case .mailboxes(let names): names.isEmpty ? nil : names.map { .word($0) }
            }
        })
}

extension AccountGuests {
    /// The guests of both.
    func adding(_ more: AccountGuests) -> AccountGuests {
        guard case .mailboxes(let names) = self, case .mailboxes(let others) = more else { return .everyone }
        return .mailboxes(names + others)
    }

    /// One line for each, so that none grows long.
    var lines: [AccountGuests] {
        guard case .mailboxes(let names) = self else { return [self] }
        return names.map { .mailboxes([$0]) }
    }
}

extension Codec where Value == AuthMethod {
    static let auth: Codec = {
        let named = Codec.choice("the method")
        return Codec(
            samples: named.samples + ["on"],
            read: { arguments throws(RunControlFault) in
                guard arguments.peek?.text == "on" else { return try named.read(&arguments) }  // as msmtp has it
                _ = try arguments.next("the method")
                return .auto
            },
            write: named.write)
    }()
}

extension Codec where Value == IdleChoice {
    static let idle: Codec = {
        let folder = Codec<String>.text("the folder, or on or off,")
        return Codec(
            samples: ["on", "off", "INBOX", "\"Junk Mail\""],
            read: { arguments throws(RunControlFault) in
                let word = arguments.peek
                let name = try folder.read(&arguments)
                if let word, !word.isQuoted, let meant = Arguments.switchMeant(by: name) {
                    throw arguments.fault(
                        word,
                        "idle is on, off or a folder; write \"\(meant)\", or the name of a folder \"\(name)\" in quotes"
                    )
                }
                guard !name.contains(where: { $0 == "*" || $0 == "%" }) else {
                    throw RunControlFault(
                        arguments.line.arguments.first?.position ?? arguments.line.end,
                        "\"\(name)\": a session waits in one folder, not in those of a pattern")
                }
                return name == "on" ? .standard : name == "off" ? .off : .folder(name)
            },
            write: { choice in
                switch choice {
                case .standard: [.word("on")]
                case .off: [.word("off")]
                case .folder(let name) where ["on", "off"].contains(name): nil
                case .folder(let name) where Arguments.switchMeant(by: name) != nil: [.quoted(name)]
                case .folder(let name): folder.write(name)
                }
            })
    }()
}

extension Codec where Value == [FolderSettings] {
    /// folders = folder *("," folder); folder = NAME ["->" NAME] / "!" NAME
    static let folders: Codec =
        Codec(
            samples: [
                "inbox", "a, \"b c\" -> d, \"e, f\" -> \"g -> h\"", "\"[A]/b\"", "a/* -> b/*, *, !c, !\"d %\"",
            ],
            read: { arguments throws(RunControlFault) in try arguments.folders() },
            write: { folders in
                let lines = folders.map { folder -> [Piece] in
                    [.word((folder.isExcluded ? "!" : "") + folder.remote)]
                        + (folder.local.map { [.sign("->"), .word($0)] } ?? [])
                }
                return lines.isEmpty ? nil : Array(lines.joined(separator: [.sign(",")]))
            })

    /// `earlier` and `more`, unless a folder is in both or twice in one.
    static func adding(
        _ earlier: Value?, _ more: Value, _ arguments: Arguments
    ) throws(RunControlFault) -> Value {
        var folders = earlier ?? []
        for folder in more {
            if folders.contains(where: { $0.remote == folder.remote && $0.isExcluded == folder.isExcluded }) {
                let words = arguments.line.arguments
                let word = words.last { $0.text.lowercased().contains(folder.remote.lowercased()) }
                throw RunControlFault(
                    word?.position ?? arguments.line.end,
                    "the folder \"\(folder.remote)\" is fetched already; name it once")
            }
            folders.append(folder)
        }
        return folders
    }
}

extension Arguments {
    fileprivate mutating func folders() throws(RunControlFault) -> [FolderSettings] {
        var folders: [FolderSettings] = []
        var expectsName = true
        for word in try rest("a folder") {
            if word.text == "->", !word.isQuoted, let last = folders.last, !expectsName, last.local == nil {
                folders[folders.count - 1].local = ""
                expectsName = true
                continue
            }
            guard word.isQuoted || word.text != "->" || !expectsName else {
                throw fault(word, "the folder before -> is missing")
            }
            guard word.isQuoted || !word.text.contains("->") else {
                throw fault(word, "put blanks around ->, or quote the name")
            }
            for (text, isLast) in Self.parts(of: word) {
                // After a comma that ends a word nothing is missing: the next word follows.
                if text.isEmpty, isLast, !word.bareCommas.isEmpty { continue }
                if text.isEmpty {
                    guard !expectsName, !isLast else { throw fault(word, "the name of a folder is missing") }
                } else {
                    guard expectsName else {
                        throw fault(word, "a comma belongs between folders; quote a name with blanks in it")
                    }
                    if let last = folders.last, last.local == "" {
                        try demandLocal(text, for: last, word)
                        folders[folders.count - 1].local = text
                    } else {
                        let isExcluded = text.hasPrefix("!")
                        let name = isExcluded ? String(text.dropFirst()) : text
                        guard !name.isEmpty else { throw fault(word, "the name of a folder is missing") }
                        folders.append(FolderSettings(remote: name, local: nil, isExcluded: isExcluded))
                    }
                    expectsName = false
                }
                if !isLast { expectsName = true }
            }
        }
        if folders.last?.local == "" { throw RunControlFault(line.end, "the folder after -> is missing") }
        return folders
    }

    /// Mail of a folder that is left out goes nowhere, and only a pattern has something to put for `*`.
    private func demandLocal(_ local: String, for folder: FolderSettings, _ word: Word) throws(RunControlFault) {
        guard !folder.isExcluded else {
            throw fault(word, "\"!\" leaves a folder out, so that no mail of it goes anywhere")
        }
        guard !local.contains("%") else { throw fault(word, "\"%\" is for patterns; write \"*\" for what one matched") }
        guard folder.isPattern || !local.contains("*") else {
            throw fault(word, "\"*\" stands for what a pattern matched, and \"\(folder.remote)\" is none")
        }
    }

    /// The parts of `word` between commas that stand outside quotes.
    private static func parts(of word: Word) -> [(text: String, isLast: Bool)] {
        let octets = Array(word.text.utf8)
        var parts: [(String, Bool)] = []
        var start = 0
        for comma in word.bareCommas {
            parts.append((String(decoding: octets[start..<comma], as: UTF8.self), false))
            start = comma + 1
        }
        parts.append((String(decoding: octets[start...], as: UTF8.self), true))
        return parts
    }
}
