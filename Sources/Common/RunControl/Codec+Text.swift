// How words, names, paths, commands and secrets are written in the rc.

import Credentials

extension Codec where Value == String {
    /// One word that means just what it says.
    static func text(_ what: String) -> Codec {
        Codec(
            samples: ["a", "\"a b\"", "\"\\\"a\\\\b,\""],
            read: { arguments throws(RunControlFault) in try arguments.next(what).text }, write: { [.word($0)] })
    }

    static func path(_ what: String) -> Codec {
        var codec = Codec(
            samples: ["/a", "~", "\"~/a b, c\""],
            read: { arguments throws(RunControlFault) in try arguments.path(what) }, write: { [.word($0)] })
        codec.files = { [$0] }
        return codec
    }

    static func domain(_ what: String) -> Codec {
        Codec(
            samples: ["a.example"],
            read: { arguments throws(RunControlFault) in try arguments.domain(what) }, write: { [.word($0)] })
    }

    static func hostName(_ what: String) -> Codec {
        Codec(
            samples: ["a.example"],
            read: { arguments throws(RunControlFault) in try arguments.hostName(what) }, write: { [.word($0)] })
    }

    static func reference(_ kind: ReferenceKind, _ what: String) -> Codec {
        Codec(
            samples: ["a"],
            read: { arguments throws(RunControlFault) in try arguments.refer(kind, what) }, write: { [.word($0)] })
    }

    /// All words of the line as one text.
    static func sentence(_ what: String) -> Codec {
        Codec(
            samples: ["a", "a \"b c\""],
            read: { arguments throws(RunControlFault) in try arguments.texts(what).joined(separator: " ") },
            write: { [.word($0)] })
    }
}

extension Codec where Value == String {
    /// Search keys of RFC 3501 §6.4.4, passed on as they are. What they mean only the server can say.
    static let search = Codec(
        samples: ["UNSEEN", "SINCE 1-Jan-2026 NOT \"FROM x\""],
        read: { arguments throws(RunControlFault) in
            let words = try arguments.rest("the search")
            for word in words where !word.text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F && $0 != 0x7B }) {
                throw arguments.fault(word, "a search is in printable ASCII without \"{\"")
            }
            // One word is the whole search; of several, those in quotes are strings of it.
            guard words.count > 1 else { return words[0].text }
            return words.map { $0.isQuoted ? "\"\($0.text.replacing("\"", with: "\\\""))\"" : $0.text }.joined(
                separator: " ")
        },
        write: { [.word($0)] })
}

extension Codec where Value == [String] {
    /// All words of the line; without any there is no line.
    static func words(_ what: String) -> Codec {
        Codec(
            samples: ["a", "a \"b c\" ->"],
            read: { arguments throws(RunControlFault) in try arguments.texts(what) },
            write: { $0.isEmpty ? nil : $0.map { .word($0) } })
    }

    /// Names up to the end of the line, each of a thing of `kind`.
    static func references(_ kind: ReferenceKind, _ what: String) -> Codec {
        Codec(
            samples: ["a", "a b"],
            read: { arguments throws(RunControlFault) in
                var names = [try arguments.refer(kind, what)]
                while !arguments.isAtEnd { names.append(try arguments.refer(kind, what)) }
                return names
            },
            write: { $0.isEmpty ? nil : $0.map { .word($0) } })
    }

    /// A program and its arguments.
    static let command = Codec(
        samples: ["a", "a b \"c | d\"", "\"a b\""],
        read: { arguments throws(RunControlFault) in try arguments.command() },
        write: { words in
            guard !words.isEmpty else { return nil }
            // In quotes, a word that a shell would act on, or that begins with ~, means just what it says.
            return words.map { word in
                let isPlain =
                    words.count == 1
                    || !word.contains { Arguments.shellCharacters.contains($0) } && !word.hasPrefix("~")
                return isPlain ? .word(word) : .quoted(word)
            }
        })
}

extension Codec where Value == [[String]] {
    /// Lines of words that a later release will interpret.
    static func phrases(_ what: String) -> Codec { Codec<[String]>.words(what).single }
}

extension Codec where Value == Secret {
    static func secret(_ what: String) -> Codec {
        var codec = Codec(
            samples: ["a", "\"a \\\"b\\\\c\""],
            read: { arguments throws(RunControlFault) in
                let word = try arguments.next(what)
                // In quotes it may be one that somebody chose.
                guard word.isQuoted || word.text != Secret.mask else {
                    throw RunControlFault(
                        word.position, "\(what) is masked, as --print-config shows it; write it as it is")
                }
                return Secret(word.text)
            },
            write: { [.secret($0)] })
        codec.isSecret = true
        return codec
    }
}

extension Codec where Value == Bool {
    static let onOff = Codec(
        samples: ["", "on", "off"], read: { arguments throws(RunControlFault) in try arguments.onOff() },
        write: { [.word($0 ? "on" : "off")] })
}

extension Codec where Value: RawRepresentable<String> & CaseIterable {
    /// One of the values by its name.
    /// - Parameters:
    ///   - missing: what the message calls an argument that is missing; `nil` for `what`.
    ///   - later: names that this release refuses.
    static func choice(_ what: String, missing: String? = nil, later: [Refusal] = []) -> Codec {
        var codec = Codec(
            samples: Value.allCases.map(\.rawValue),
            read: { arguments throws(RunControlFault) in
                try arguments.choice(what, missing: missing, of: Value.self, later: later)
            },
            write: { [.word($0.rawValue)] })
        codec.refusals = later
        return codec
    }

    /// The service that begins a line.
    static func service(later: [Refusal]) -> Codec {
        var codec = Codec(
            samples: Value.allCases.map(\.rawValue),
            read: { arguments throws(RunControlFault) in try arguments.service(of: Value.self, later: later) },
            write: { [.word($0.rawValue)] })
        codec.refusals = later
        return codec
    }
}
