// How the log and the place of the Maildirs are written in the rc.

import MailEnvelope
import Reporting

extension Codec where Value == Log.Destination {
    static let log: Codec = {
        let path = Codec<String>.path("the log file")
        var codec = Codec(
            samples: ["syslog", "stderr", "none"] + path.samples,
            read: { arguments throws(RunControlFault) in
                guard let word = arguments.peek, !word.text.hasPrefix("/"), !word.text.hasPrefix("~") else {
                    let what = arguments.isAtEnd ? "syslog, stderr, none or a file" : "the log file"
                    return .file(try arguments.path(what))
                }
                _ = try arguments.next("a destination")
                switch word.text {
                case "syslog": return .syslog
                case "stderr": return .standardError
                case "none": return .nowhere
                default:
                    let hint = Nearest.hint(to: word.text, among: ["syslog", "stderr", "none"])
                    throw arguments.fault(
                        word, "log goes to syslog, stderr, none or a file, not \"\(word.text)\"\(hint)")
                }
            },
            write: { destination in
                switch destination {
                case .syslog: [.word("syslog")]
                case .standardError: [.word("stderr")]
                case .nowhere: [.word("none")]
                case .file(let file): path.write(file)
                }
            })
        codec.files = { if case .file(let file) = $0 { [file] } else { [] } }
        return codec
    }()
}

extension Codec where Value == OnlineQuery {
    static let onlineQuery = Codec(
        samples: ["command a", "command a b \"c d\"", "file ~/a", "interface a", "interface a b"],
        read: { arguments throws(RunControlFault) in
            let kinds = ["command", "file", "interface"]
            let word = try arguments.next("command, file or interface")
            switch word.text {
            case "command": return .command(try Codec<[String]>.command.read(&arguments))
            case "file": return .file(try arguments.path("the file"))
            case "interface": return .interface(try arguments.texts("the network interface"))
            default:
                let hint = Nearest.hint(to: word.text, among: kinds)
                throw arguments.fault(
                    word, "online-query asks a command, a file or an interface, not \"\(word.text)\"\(hint)")
            }
        },
        write: { query in
            switch query {
            case .command(let argv): Codec<[String]>.command.write(argv).map { [.word("command")] + $0 }
            case .file(let path): [.word("file"), .word(path)]
            case .interface(let names): [.word("interface")] + names.map { .word($0) }
            }
        })
}

extension Codec where Value == String {
    /// The path of the Maildirs, with `%m` in it for the mailbox.
    static let maildirs = Codec(
        samples: ["/a/%m", "\"~/a b/%m/%%\""],
        read: { arguments throws(RunControlFault) in
            let word = arguments.peek
            let path = try arguments.path("the path of the Maildirs")
            if let word, !path.split(separator: "/").contains(where: { $0.contains("%m") }) {
                throw arguments.fault(word, "maildirs: %m must stand for the mailbox, as in \(path)/%m")
            }
            return path
        },
        write: { [.word($0)] })
}

extension Codec where Value == Notify {
    /// As `-N` of sendmail has it; `off` for what mail does without it.
    static let dsnNotify = Codec(
        samples: ["off", "never", "failure,delay", "success, failure , delay"],
        read: { arguments throws(RunControlFault) in
            let words = try arguments.rest("off, never, or a list of success, failure, delay")
            let text = words.map(\.text).joined(separator: ",").split(separator: ",").joined(separator: ",")
            guard text != "off" else { return .unspecified }
            guard let notify = Notify(parsing: text.utf8) else {
                throw arguments.fault(
                    words[0], "\"\(text)\": dsn_notify is off, never, or a list of success, failure, delay")
            }
            return notify
        },
        write: { [.word($0.value?.lowercased() ?? "off")] })
}

extension Codec where Value == ReturnContent? {
    /// As `-R` of sendmail has it; `off` where nobody asks.
    static let dsnReturn = Codec(
        samples: ["off", "headers", "full"],
        read: { arguments throws(RunControlFault) in
            let word = try arguments.next("off, headers or full")
            switch word.text {
            case "off": return nil
            case "headers", "hdrs": return .headers
            case "full": return .full
            default:
                let hint = Nearest.hint(to: word.text, among: ["off", "headers", "full"])
                throw arguments.fault(word, "dsn_return is off, headers or full, not \"\(word.text)\"\(hint)")
            }
        },
        write: { [.word($0.map { $0 == .full ? "full" : "headers" } ?? "off")] })
}
