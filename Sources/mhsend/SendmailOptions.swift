// The command line as sendmail's callers write it: acted on where it means something here, ignored where harmless.

import Reporting

/// What the caller asks for. Parsed by hand: an option parser would slow down the intake of every message.
struct SendmailOptions: Equatable {
    enum Mode: Equatable {
        /// Take a message from standard input.
        case intake
        /// Take messages by SMTP on standard input and output (`-bs`, `smtpd`, `in.smtpd`).
        case dialogue
        /// Run the queue (`-q`), with these arguments for the carrier.
        case carry([String])
        /// List the queue (`-bp`, `mailq`).
        case list
        /// Remove from the queue (`-Mrm`, `mailrm`).
        case remove([String])
        /// Tell where mail to these would go (`-bv`).
        case verify([String])
        /// `-bi`, `-I`, `newaliases`: nothing to do here.
        case nothing
        /// Take in what others have left in the drop directory (`--take-drop`): for the carrier.
        case takeDrop
        case version
        case help
        case check
        case printConfig
    }

    /// What happens after a message was queued.
    enum Delivery: Equatable {
        /// `-odb`: a run of the queue in the background.
        case background
        /// `-odi`: wait for the attempt.
        case immediate
        /// `-odq`, `-odd`: nothing; the next run takes it.
        case queueOnly
    }

    var mode = Mode.intake
    /// `nil` where the rc says it.
    var delivery: Delivery?
    /// `-C`: the rc to read.
    var rc: String?
    /// `-t`: recipients are also in the header.
    var recipientsFromHeader = false
    /// `-i`, `-oi`: a lone dot does not end the message.
    var ignoresDots = false
    /// `-f`, `-r`: the reverse-path as written; empty or `<>` is the null path.
    var reversePath: String?
    /// `--read-envelope-from`: the author in the header is the sender.
    var readsReversePath = false
    /// `-a`: the account that it is to leave through.
    var account: String?
    /// Whether it comes as UUCP has it: its first line says who the sender is.
    var hasSenderLine = false
    /// `-F`: the display name of a From that we add.
    var fullName: String?
    /// `-N`: DSN conditions (RFC 3461 §4.1) as written.
    var notify: String?
    /// `-R`: what a notice returns, `full` or `hdrs`.
    var returnWhat: String?
    /// `-V`: the envelope id.
    var envelopeID: String?
    /// `-B`: `8BITMIME` or `7BIT`.
    var bodyType: String?
    /// `--now`: it is sent before we end, and never queued.
    var isNow = false
    var isVerbose = false
    var recipients: [String] = []
    /// The option that chose the mode.
    private var modeOption: String?

    /// Parses the arguments behind the program's name.
    /// - Parameter name: the last component of the name we were called by: `mailq`, `newaliases`, `runq`, `mailrm`
    ///   choose a mode.
    init(name: String, arguments: [String]) throws(OptionError) {
        switch name {
        case "mailq": mode = .list
        case "runq": mode = .carry(["-q"])
        case "newaliases": mode = .nothing
        case "mailrm": mode = .remove([])
        case "smtpd", "in.smtpd": mode = .dialogue
        case "rmail": (ignoresDots, hasSenderLine) = (true, true)
        default: break
        }
        var words = arguments[...]
        var isAfterDashes = false
        while let word = words.first, word.hasPrefix("-"), word != "-", !isAfterDashes {
            words.removeFirst()
            if word == "--" {
                isAfterDashes = true
            } else if word.hasPrefix("--") {
                try readLong(word, &words)
            } else {
                try readShort(word, &words)
            }
        }
        // A web form that hands on an address as `-X/var/www/shell.php` must not get anywhere with it.
        if !isAfterDashes, let word = words.first(where: { $0.hasPrefix("-") && $0 != "-" }) {
            throw .optionBehindRecipient(word)
        }
        if isNow, mode != .intake { throw .contradiction("--now", modeOption ?? name) }
        switch mode {
        case .remove: mode = .remove(Array(words))
        case .verify:
            guard !words.isEmpty else { throw .missingValue(modeOption ?? name) }
            mode = .verify(Array(words))
        case .intake: recipients = Array(words)
        case .carry, .list, .check, .printConfig, .dialogue, .takeDrop:
            if let word = words.first { throw .surplus(word, behind: modeOption ?? name) }
        case .nothing, .version, .help: break
        }
    }

    private mutating func choose(_ mode: Mode, by option: String) throws(OptionError) {
        if let modeOption, self.mode != mode { throw .contradiction(modeOption, option) }
        self.mode = mode
        modeOption = option
    }

    private mutating func readLong(_ word: String, _ words: inout ArraySlice<String>) throws(OptionError) {
        switch word {
        case "--version": try choose(.version, by: word)
        case "--help": try choose(.help, by: word)
        case "--check": try choose(.check, by: word)
        case "--print-config": try choose(.printConfig, by: word)
        case "--take-drop": try choose(.takeDrop, by: word)
        case "--now": isNow = true
        case "--read-envelope-from": readsReversePath = true
        case "--read-recipients": recipientsFromHeader = true
        default: try readLongValued(word, &words)
        }
    }

    /// A long option with a value, behind `=` or in the next word.
    private mutating func readLongValued(_ word: String, _ words: inout ArraySlice<String>) throws(OptionError) {
        let name = word.prefix { $0 != "=" }
        func value() throws(OptionError) -> String {
            name.endIndex < word.endIndex
                ? String(word[word.index(after: name.endIndex)...]) : try self.value(of: word, in: &words)
        }
        switch name {
        case "--file": rc = try value()
        case "--account": account = try value()
        case "--from": reversePath = try value()
        case "--dsn-notify": notify = try value()
        case "--dsn-return": returnWhat = try value()
        default: throw .unknown(word)
        }
    }

    /// One word of short options, as getopt(3) reads them: letters without a value may stand together (`-ti`).
    private mutating func readShort(_ word: String, _ words: inout ArraySlice<String>) throws(OptionError) {
        var rest = word.dropFirst()
        while let letter = rest.popFirst() {
            switch letter {
            case "t": recipientsFromHeader = true
            case "i": ignoresDots = true
            case "v": isVerbose = true
            case "I": try choose(.nothing, by: "-I")
            case "G", "m", "n", "U", "E", "x", "s", "T", "c": break  // harmless, and without a value
            default:
                try readValued(letter, String(rest), &words)
                return
            }
        }
    }

    /// An option that takes the rest of its word, or the next word.
    private mutating func readValued(
        _ letter: Character, _ rest: String, _ words: inout ArraySlice<String>
    ) throws(OptionError) {
        func value() throws(OptionError) -> String {
            rest.isEmpty ? try self.value(of: "-\(letter)", in: &words) : rest
        }
        switch letter {
        case "f", "r": reversePath = try value()
        case "F": fullName = try value()
        case "C": rc = try value()
        case "a": account = try value()
        case "N": notify = try value()
        case "R": returnWhat = try value()
        case "V": envelopeID = try value()
        case "B": bodyType = try value()
        case "b": try readMode(try value())
        case "o": readOption(try value())
        case "q": try readQueueRun(rest, &words)
        case "M" where rest == "rm": try choose(.remove([]), by: "-Mrm")
        // Ignored with their value: the log of a session, a hop count, a label, an option by its long name. None of
        // them names a file that we would write.
        case "X", "h", "L", "O", "A", "D", "p", "e": _ = try value()
        case "d": break  // a debugging level stands in the same word
        default: throw .unknown("-\(letter)\(rest)")
        }
    }

    private mutating func readMode(_ letter: String) throws(OptionError) {
        switch letter {
        // What callers say always, whatever else they ask for.
        case "m": if modeOption == nil, mode != .dialogue { mode = .intake }
        case "p": try choose(.list, by: "-bp")
        case "i": try choose(.nothing, by: "-bi")
        case "V": try choose(.version, by: "-bV")
        case "d", "D", "l":
            throw .notHere("-b\(letter)", "listening is mhserve's work: run mhserve; see mhserve(8)")
        case "s": try choose(.dialogue, by: "-bs")
        case "v": try choose(.verify([]), by: "-bv")
        case "t": throw .notHere("-bt", "there are no rewriting rules to try by number; use: mhroute show ADDRESS")
        default: throw .unknown("-b\(letter)")
        }
    }

    private mutating func readOption(_ option: String) {
        switch option {
        case "i": ignoresDots = true
        case "db": delivery = .background
        case "di": delivery = .immediate
        case "dq", "dd": delivery = .queueOnly
        default: break  // sendmail's tuning: error reporting, aliases, timeouts
        }
    }

    private mutating func readQueueRun(_ rest: String, _ words: inout ArraySlice<String>) throws(OptionError) {
        if rest.isEmpty || rest == "f" {
            try choose(.carry(["-q"]), by: "-q")
        } else if rest.hasPrefix("I") {
            let id = rest.count > 1 ? String(rest.dropFirst()) : try value(of: "-qI", in: &words)
            try choose(.carry(["-q", "--id", id]), by: "-qI")
        } else if rest.hasPrefix("R") || rest.hasPrefix("S") {
            let option = "-q\(rest.prefix(1))"
            let text = rest.count > 1 ? String(rest.dropFirst()) : try value(of: option, in: &words)
            try choose(.carry(["-q", "--\(option == "-qR" ? "recipient" : "sender")=\(text)"]), by: option)
        } else if rest.hasPrefix("o") {
            let name = rest.count > 1 ? String(rest.dropFirst()) : try value(of: "-qo", in: &words)
            guard !name.isEmpty, !name.contains(where: \.isWhitespace) else {
                throw .notHere("-qo", "it takes the name of a connection, which is one word")
            }
            try choose(.carry(["-q", "--online=\(name)"]), by: "-qo")
        } else if rest.utf8.first.map({ $0 >= 0x30 && $0 <= 0x39 }) ?? false {
            throw .notHere(
                "-q\(rest)", "no daemon is needed: put \"* * * * * mhsend -q\" into the crontab")
        } else {
            throw .unknown("-q\(rest)")
        }
    }

    private func value(of word: String, in words: inout ArraySlice<String>) throws(OptionError) -> String {
        guard let value = words.popFirst() else { throw .missingValue(word) }
        return value
    }
}

/// A command line that asks for something we do not do.
enum OptionError: Complaint, Equatable {
    case unknown(String)
    case missingValue(String)
    case optionBehindRecipient(String)
    case contradiction(String, String)
    case surplus(String, behind: String)
    case notHere(String, String)

    var exitStatus: ExitStatus { .usage }

    var description: String {
        switch self {
        case .unknown(let word):
            "unknown option \(shown(word)); see mhsend(8), and put -- before an address that begins with -"
        case .missingValue(let word): "option \(shown(word)) needs a value"
        case .optionBehindRecipient(let word):
            "\(shown(word)): an option after a recipient; put options first, and -- before an address that begins with -"
        case .contradiction(let one, let other): "\(one) and \(other) ask for two things; give one of them"
        case .surplus(let word, let option): "\(option) takes nothing behind it, yet \(shown(word)) follows"
        case .notHere(let word, let advice): "\(shown(word)): \(advice)"
        }
    }
}
