// The words of account blocks, those of msmtp and mpop with the meaning they have there.

import InternetAddress
import MailRouting

/// Whom `for` names without a name; no mailbox is called so.
let everyone = "everyone"

let accountRules: [Rule<AccountSettings>] = [
    Rule("owner") { $0.owner = try $1.refer(.mailbox, "the mailbox") },
    Rule("for", repeats: true) { settings, arguments in
        if arguments.peek?.text == everyone {
            _ = try arguments.next("the mailbox")
            settings.guests = .everyone
            return
        }
        repeat {
            let name = try arguments.refer(.mailbox, "the mailbox, or everyone,")
            if case .mailboxes(let names) = settings.guests { settings.guests = .mailboxes(names + [name]) }
        } while !arguments.isAtEnd
    },
    Rule("address", repeats: true) { settings, arguments in
        settings.addresses += try arguments.patterns("an address").map { try wholeAddress($0, $1, &arguments) }
    },
    // msmtp's word for the same.
    Rule("from", group: "address") { settings, arguments in
        settings.addresses = try arguments.patterns("an address").map { try wholeAddress($0, $1, &arguments) }
    },
    Rule("user") { $0.user = try $1.next("the login").text },
    Rule("password", group: "secret") { $0.secret = .text(SecretText(try $1.next("the password").text)) },
    Rule("passwordfile", group: "secret") { $0.secret = .file(try $1.path("the password file")) },
    Rule("passwordeval", group: "secret") { $0.secret = .command(try $1.command()) },
    Rule("auth") { settings, arguments in
        if arguments.peek?.text == "on" {  // as msmtp has it
            _ = try arguments.next("the method")
            settings.auth = .auto
        } else {
            settings.auth = try arguments.choice("the method", of: AuthMethod.self)
        }
    },
    Rule("tokeneval") { $0.tokeneval = try $1.command() },
    Rule("fetch") { settings, arguments in
        let service = try arguments.service(of: FetchServer.Service.self)
        let (host, port) = try arguments.hostAndPort("the server", defaultPort: service.defaultPort)
        settings.fetch = FetchServer(service: service, host: host, port: port)
    },
    Rule("folders", repeats: true) { settings, arguments in
        let words = arguments.line.arguments
        for folder in try folders(&arguments) {
            if settings.folders.contains(where: { $0.remote == folder.remote }) {
                let word = words.last { $0.text.lowercased().contains(folder.remote.lowercased()) }
                throw RunControlFault(
                    word?.place ?? arguments.line.end,
                    "the folder \"\(folder.remote)\" is fetched already; name it once")
            }
            settings.folders.append(folder)
        }
    },
    Rule("search") { $0.search = try $1.texts("the search").joined(separator: " ") },
    Rule("keep") { settings, arguments in
        switch arguments.peek?.text {
        case nil, "on"?, "off"?: settings.keep = try arguments.onOff() ? .on : .off
        default:
            let word = arguments.peek
            if let word, !word.text.utf8.contains(where: { (0x30...0x39).contains($0) }) {
                let hint = Nearest.hint(to: word.text, among: ["on", "off"])
                throw arguments.fault(word, "keep is on, off or a time such as 30d, not \"\(word.text)\"\(hint)")
            }
            let time = try arguments.durationToEnd("the time of keep", in: 86_400...315_360_000)
            guard time.components.seconds % 86_400 == 0 else {
                throw RunControlFault(word?.place ?? arguments.line.end, "keep counts whole days, as in 30d")
            }
            settings.keep = .days(Int(time.components.seconds / 86_400))
        }
    },
    Rule("every") { $0.every = try $1.durationToEnd("the time", in: 60...31_536_000) },
    Rule("at", repeats: true) { $0.at += try $1.texts("the time of day") },
    // The owner's Maildir is where mail goes anyway.
    Rule("deliver", repeats: true) { _, arguments in
        let kind = try arguments.next("the kind of place")
        if let refusal = NotYet.refusal(.account, "deliver \(kind.key)") { throw arguments.fault(kind, refusal) }
        guard kind.text == "maildir" else {
            throw arguments.fault(kind, "mail is delivered to a maildir, not to \"\(kind.text)\"; leave the line out")
        }
    },
    Rule("send") { settings, arguments in
        let service = try arguments.service(of: SendServer.Service.self)
        let (host, port) = try arguments.hostAndPort("the server", defaultPort: service.defaultPort)
        settings.send = SendServer(service: service, host: host, port: port)
    },
    Rule("tls") { settings, arguments in
        let word = arguments.peek
        if word == nil || word?.text == "on" {  // as msmtp has it
            _ = try arguments.onOff()
            settings.tls = .required
        } else {
            settings.tls = try arguments.choice("tls", of: TLSRule.self)
            // In clear over a network: said in so many words, or not at all.
            if settings.tls == .off, let word = arguments.peek {
                _ = try arguments.next("insecure")
                guard word.text == "insecure" else {
                    let hint = Nearest.hint(to: word.text, among: ["insecure"])
                    throw arguments.fault(word, "tls off, or tls off insecure, not \"tls off \(word.text)\"\(hint)")
                }
                settings.isInsecure = true
            }
        }
    },
    Rule("inet") { $0.inet = try $1.choice("the kind of address", of: AddressPreference.self) },
    Rule("source-ip") { $0.sourceAddress = try $1.ownAddress("the address to connect from") },
    Rule("tls_trust_file") { $0.trustFile = try $1.path("the trust file") },
    Rule("tls_fingerprint", repeats: true) { settings, arguments in
        for word in try arguments.rest("the fingerprint") { settings.fingerprints.append(try fingerprint(word)) }
    },
    Rule("tls_host_override") { $0.hostOverride = try $1.domain("the name in the certificate") },
    Rule("domain") { $0.heloName = try $1.domain("the name for EHLO") },
    Rule("timeout") { $0.timeout = try $1.durationToEnd("the time", in: 1...3600) },
    Rule("via") { $0.via = try $1.refer(.chain, "the chain") },
    Rule("privacy", repeats: true) { $0.privacy.append(try $1.texts("what to do")) },
    Rule("pgp", repeats: true) { $0.pgp.append(try $1.texts("what to do")) },
]

/// An address of an account: it lives at a provider, so its domain must be said.
private func wholeAddress(_ pattern: AddressPattern, _ word: Word, _ arguments: inout Arguments) throws
    -> AddressPattern
{
    let own = try ownAddress(pattern, word, &arguments)
    guard own.domain == nil else { return own }
    throw arguments.fault(
        word, "\"\(word.text)\" has no domain; an account's address is whole, as in alice@example.org")
}

/// folders = folder *("," folder); folder = NAME ["->" NAME]
private func folders(_ arguments: inout Arguments) throws -> [FolderSettings] {
    var folders: [FolderSettings] = []
    var expectsName = true
    for word in try arguments.rest("a folder") {
        if word.text == "->", !word.isQuoted, let last = folders.last, !expectsName, last.local == nil {
            folders[folders.count - 1].local = ""
            expectsName = true
            continue
        }
        guard word.isQuoted || !word.text.contains("->") else {
            throw arguments.fault(word, "put blanks around ->, or quote the name")
        }
        for (text, isLast) in parts(of: word) {
            // Behind the comma that ends a word nothing is missing: the next word follows.
            if text.isEmpty, isLast, !word.bareCommas.isEmpty { continue }
            if text.isEmpty {
                guard !expectsName, !isLast else { throw arguments.fault(word, "the name of a folder is missing") }
            } else {
                guard expectsName else {
                    throw arguments.fault(word, "a comma belongs between folders; quote a name with blanks in it")
                }
                if text.contains(where: { $0 == "*" || $0 == "%" }),
                    let refusal = NotYet.refusal(.account, "folders pattern")
                {
                    throw arguments.fault(word, refusal)
                }
                if let last = folders.last, last.local == "" {
                    folders[folders.count - 1].local = text
                } else {
                    folders.append(FolderSettings(remote: text, local: nil))
                }
                expectsName = false
            }
            if !isLast { expectsName = true }
        }
    }
    if folders.last?.local == "" { throw RunControlFault(arguments.line.end, "the folder behind -> is missing") }
    return folders
}

/// The parts of `word` between commas that stand outside quotes.
private func parts(of word: Word) -> [(text: String, isLast: Bool)] {
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

/// 64 hexadecimal digits, with colons between octets or without.
private func fingerprint(_ word: Word) throws -> PinnedFingerprint {
    let digits = word.text.utf8.filter { $0 != 0x3A }
    var octets: [UInt8] = []
    if digits.count == 64 {
        for at in stride(from: 0, to: 64, by: 2) {
            guard let octet = UInt8(String(decoding: digits[at..<(at + 2)], as: UTF8.self), radix: 16) else { break }
            octets.append(octet)
        }
    }
    guard let fingerprint = PinnedFingerprint(octets: octets), !digits.contains(0x2B) else {
        let old = digits.count == 32 || digits.count == 40 ? "MD5 and SHA-1 prove nothing any more; " : ""
        throw RunControlFault(
            word.place,
            "\(old)a fingerprint is the SHA-256 of a certificate, 64 hexadecimal digits with or without colons")
    }
    return fingerprint
}
