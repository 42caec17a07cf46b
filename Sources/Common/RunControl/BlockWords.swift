// The words of mailbox, route, chain, domain and listen blocks.

import MailFormat
import MailRouting

let mailboxRules: [Rule<MailboxSettings>] = [
    Rule("address", repeats: true) { settings, arguments in
        settings.addresses += try arguments.patterns("an address").map { try ownAddress($0, $1, &arguments) }
    },
    Rule("unix-user") { $0.unixUser = try $1.next("the user").text },
    Rule("password", group: "verifier") { $0.verifier = .password(SecretText(try $1.next("the password").text)) },
    Rule("passwordfile", group: "verifier") { $0.verifier = .passwordFile(try $1.path("the password file")) },
    Rule("passwordhash", group: "verifier") { $0.verifier = .passwordHash(SecretText(try $1.next("the hash").text)) },
    Rule("maildir") { $0.maildir = try $1.path("the Maildir") },
    Rule("forward", repeats: true) { settings, arguments in
        for word in try arguments.rest("an address") { settings.forward.append(try plainAddress(word)) }
    },
    Rule("show") { settings, arguments in
        let words = try arguments.rest("a folder")
        settings.show = words.map { $0.text.uppercased() == "INBOX" ? "INBOX" : $0.text }
        if let other = words.first(where: { $0.text.uppercased() != "INBOX" }),
            let refusal = NotYet.refusal(.mailbox, "show folder")
        {
            throw arguments.fault(other, refusal)
        }
    },
    Rule("pgp", repeats: true) { $0.pgp.append(try $1.texts("what to do")) },
]

/// An address or glob of a mailbox or account: with a domain in the end, and never of everybody everywhere.
func ownAddress(_ pattern: AddressPattern, _ word: Word, _ arguments: inout Arguments) throws -> AddressPattern {
    guard !pattern.isNull else { throw arguments.fault(word, "<> is nobody's address") }
    guard let domain = pattern.domain else {
        // The hub's domain completes it later; what no domain makes an address of would be refused only then.
        let isLong = word.text.utf8.count > AddressPattern.localPartLimit
        guard !isLong, pattern.isGlob || pattern.qualified(with: "localhost").address != nil else {
            throw arguments.fault(word, "\"\(word.text)\": \(AddressError.badLocalPart)")
        }
        return pattern
    }
    let plain = domain.hasPrefix("*.") ? String(domain.dropFirst(2)) : domain
    guard !plain.contains(where: { $0 == "*" || $0 == "?" }) else {
        throw arguments.fault(word, "\"\(word.text)\" would take addresses of other people's domains; name the domain")
    }
    guard Address.isDomain(Array(plain.utf8)) else {
        throw arguments.fault(word, "\"\(domain)\" is no domain")
    }
    if !pattern.isGlob, pattern.address == nil {
        throw arguments.fault(word, "\"\(word.text)\": \(AddressError.badLocalPart)")
    }
    return pattern
}

func plainAddress(_ word: Word) throws(RunControlFault) -> Address {
    do throws(AddressError) {
        return try Address(word.text)
    } catch {
        throw RunControlFault(word.place, "\"\(word.text)\": \(error)")
    }
}

private func condition(
    _ word: String, _ path: WritableKeyPath<Route, [AddressPattern]> & Sendable
) -> Rule<RouteSettings> {
    Rule(word, repeats: true) { $0.route[keyPath: path] += try $1.patterns("a pattern").map(\.0) }
}

let routeRules: [Rule<RouteSettings>] = [
    condition("from", \.from.allow),
    condition("not-from", \.from.deny),
    condition("to", \.to.allow),
    condition("not-to", \.to.deny),
    condition("header-from", \.headerFrom.allow),
    condition("not-header-from", \.headerFrom.deny),
    Rule("use", repeats: true) { settings, arguments in
        repeat {
            settings.route.accounts.append(try arguments.refer(.sendingAccount, "the account"))
        } while !arguments.isAtEnd
    },
    Rule("last") { $0.route.isLast = try $1.onOff() },
    Rule("on-connect-failure") {
        $0.route.onConnectFailure = try $1.choice("what to do", of: ConnectFailure.self)
    },
    Rule("mx") { $0.isMX = try $1.onOff() },
    Rule("pipe") { $0.pipe = try $1.command() },
    Rule("online") { $0.online = try $1.next("the name").text },
    Rule("rewrite", repeats: true) { $0.rewrite.append(try $1.texts("what to rewrite")) },
    Rule("limit") { $0.limit = try $1.texts("the limit") },
]

let chainRules: [Rule<ChainSettings>] = [
    Rule("hop", repeats: true) { settings, arguments in
        let kinds = [
            "wireguard", "ssh", "socks5", "socks4", "socks4a", "http", "https", "proxies", "command", "device",
        ]
        let kind = try arguments.next("the kind of hop")
        guard kinds.contains(kind.text) else {
            let hint = Nearest.hint(to: kind.text, among: kinds)
            throw arguments.fault(kind, "a hop is one of \(kinds.joined(separator: ", ")), not \"\(kind.text)\"\(hint)")
        }
        settings.hops.append(ChainSettings.Hop(kind: kind.text, arguments: try arguments.texts("where it leads")))
    },
    Rule("resolver") { $0.resolver = try $1.ownAddress("the resolver") },
    Rule("forbid", repeats: true) { settings, arguments in
        let kind = try arguments.next("net, country or address")
        guard ["net", "country", "address"].contains(kind.text) else {
            throw arguments.fault(kind, "forbid net, country or address, not \"\(kind.text)\"")
        }
        settings.forbidden.append([kind.text] + (try arguments.texts("what is forbidden")))
    },
    Rule("forbid-unknown") { $0.forbidsUnknown = try $1.onOff() },
    Rule("test") { $0.test = try $1.texts("the target") },
]

private func policy(_ word: String) -> Rule<DomainSettings> {
    Rule(word, repeats: true) { $0.policies.append([word] + (try $1.texts("reject, mark or off"))) }
}

let domainRules: [Rule<DomainSettings>] = [
    Rule("mailboxes", repeats: true) { settings, arguments in
        var names = settings.mailboxes ?? []
        repeat { names.append(try arguments.refer(.mailbox, "the mailbox")) } while !arguments.isAtEnd
        settings.mailboxes = names
    },
    Rule("aliases") { $0.aliases = try $1.path("the aliases file") },
    Rule("catchall") { $0.catchAll = try $1.refer(.mailbox, "the mailbox") },
    Rule("block", repeats: true) { settings, arguments in
        for (pattern, word) in try arguments.patterns("an address") {
            let whole = pattern.qualified(with: settings.name)
            guard !whole.isNull, whole.domain == settings.name else {
                throw arguments.fault(word, "\"\(word.text)\" is not at \(settings.name)")
            }
            guard whole.localPart?.lowercased() != "postmaster" else {
                throw arguments.fault(word, "the postmaster of a domain must be known (RFC 5321, 4.5.1)")
            }
            guard "\(whole)".utf8.count <= AddressPattern.lengthLimit else {
                throw arguments.fault(
                    word, "\"\(word.text)\": \(PatternError.tooLong(limit: AddressPattern.lengthLimit))")
            }
            settings.blocked.append(whole)
        }
    },
    Rule("sendas") { $0.sendAs = try $1.onOff() },
    Rule("suffix") { $0.suffix = try $1.next("the character").text },
    Rule("relay-to") { $0.relayTo = try $1.texts("the hub") },
    Rule("hold-for") { $0.holdFor = try $1.refer(.account, "the account") },
    policy("dkim"), policy("spf"), policy("dmarc"),
]

let listenRules: [Rule<ListenerSettings>] = [
    Rule("allow", repeats: true) { $0.allow += try $1.networks() },
    Rule("deny", repeats: true) { $0.deny += try $1.networks() },
    Rule("tls_certificate") { $0.certificate = try $1.certificatePair() },
    Rule("max-connections") { $0.maxConnections = try $1.number("the number of connections", in: 1...65_535) },
    Rule("max-connections-per-address") {
        $0.maxConnectionsPerAddress = try $1.number("the number of connections", in: 1...65_535)
    },
    Rule("dnsbl", repeats: true) { _, arguments in _ = try arguments.texts("the list") },
    Rule("via") { $0.via = try $1.refer(.chain, "the chain") },
]
