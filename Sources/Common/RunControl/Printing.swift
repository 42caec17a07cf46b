// The settings in force, written as an rc again: what `--print-config` shows, and what mhserve hands its worker.

import InternetAddress
import MailRouting
import Reporting

extension HubSettings {
    /// An rc that says all that is in force, defaults included.
    /// - Parameter masked: whether passwords and their hashes stand as `********`.
    public func printed(masked: Bool = true) -> String {
        var page = Page(isMasked: masked)
        printTop(&page)
        for mailbox in mailboxes { mailbox.print(&page) }
        for account in accounts { account.print(&page) }
        for route in routes { route.print(&page) }
        for domain in domains { domain.print(&page) }
        for listener in listeners { listener.print(&page) }
        return page.text
    }

    private func printTop(_ page: inout Page) {
        page.line("hostname", hostname)
        if let runAs { page.line("run-as", runAs) }
        page.line("qualify", qualify)
        page.line("state", stateDirectory)
        page.line("maildirs", maildirs)
        if let postmaster { page.line("postmaster", postmaster) }
        switch log {
        case .syslog: page.line("log", "syslog")
        case .standardError: page.line("log", "stderr")
        case .nowhere: page.line("log", "none")
        case .file(let path): page.line("log", path)
        }
        page.line("tls_trust_file", tlsTrustFile ?? "system")
        if let pair = tlsCertificate { page.line("tls_certificate", pair.certificate, "key", pair.key) }
        page.line("queue-lifetime", Quantity.text(queue.lifetime))
        page.line("warn-after", queue.warnAfter.map(Quantity.text) ?? "off")
        page.line("retry", Quantity.text(queue.firstRetry), Quantity.text(queue.longestRetry))
        page.line("size-limit", Quantity.text(octets: limits.messageSize))
        page.line("max-recipients", "\(limits.recipients)")
        page.line("errors-limit", "\(limits.errors)")
        page.line("max-connections", "\(limits.connections)")
        page.line("max-connections-per-address", "\(limits.connectionsPerAddress)")
        page.line("smtp-idle", Quantity.text(limits.smtpIdle))
        page.line("pop3-idle", Quantity.text(limits.pop3Idle))
        page.line("free-space", Quantity.text(octets: limits.freeSpace))
    }
}

/// Lines of an rc as they grow; every argument is quoted where it must be.
private struct Page {
    let isMasked: Bool
    private(set) var text = ""

    init(isMasked: Bool) { self.isMasked = isMasked }

    mutating func block(_ words: String...) { text += "\n" + words.map(Self.quoted).joined(separator: " ") + "\n" }

    mutating func line(_ words: String...) { text += words.map(Self.quoted).joined(separator: " ") + "\n" }

    mutating func inner(_ word: String, _ arguments: [String]) {
        text += "  " + ([word] + arguments.map(Self.quoted)).joined(separator: " ") + "\n"
    }

    mutating func inner(_ word: String, _ arguments: String...) { inner(word, arguments) }

    /// A line of a block whose words are quoted already.
    mutating func verbatim(_ line: String) { text += "  \(line)\n" }

    /// A line for each of `values`, so that no line grows long.
    mutating func each(_ word: String, _ values: [some CustomStringConvertible]) {
        for value in values { inner(word, "\(value)") }
    }

    mutating func secret(_ word: String, _ secret: SecretText) {
        inner(word, isMasked ? SecretText.mask : secret.revealed)
    }

    /// A command whose words mean just what they say.
    mutating func command(_ word: String, _ arguments: [String]) {
        let quoted = arguments.map { argument in
            let isPlain = arguments.count == 1 || !argument.contains { Arguments.shellCharacters.contains($0) }
            return isPlain ? Self.quoted(argument) : Self.inQuotes(argument)
        }
        verbatim("\(word) \(quoted.joined(separator: " "))")
    }

    static func quoted(_ word: String) -> String {
        let special = word.utf8.contains { $0 == 0x20 || $0 == 0x22 || $0 == 0x2C }
        let isOdd = word.hasPrefix("#") || word.contains("->") || LineSplitter.beginsWithTypographicQuote(word)
        return word.isEmpty || special || isOdd ? inQuotes(word) : word
    }

    private static func inQuotes(_ word: String) -> String {
        var text = ""
        for scalar in word.unicodeScalars {
            if scalar == "\"" || scalar == "\\" { text += "\\" }
            text.unicodeScalars.append(scalar)
        }
        return "\"\(text)\""
    }
}

extension FolderSettings {
    /// `name` as a `folders` line has it: in quotes where it must be.
    public static func written(_ name: String) -> String { Page.quoted(name) }
}

extension MailboxSettings {
    fileprivate func print(_ page: inout Page) {
        page.block("mailbox", name)
        page.each("address", addresses)
        if let unixUser { page.inner("unix-user", unixUser) }
        switch verifier {
        case .none: break
        case .password(let secret): page.secret("password", secret)
        case .passwordFile(let path): page.inner("passwordfile", path)
        case .passwordHash(let secret): page.secret("passwordhash", secret)
        }
        page.inner("maildir", maildir)
        page.inner("show", show)
    }
}

extension AccountSettings {
    fileprivate func print(_ page: inout Page) {
        page.block("account", name)
        if let owner { page.inner("owner", owner) }
        switch guests {
        case .mailboxes(let names): page.each("for", names)
        case .everyone: page.inner("for", everyone)
        }
        page.each("address", addresses)
        if let user { page.inner("user", user) }
        switch secret {
        case .none: break
        case .text(let secret): page.secret("password", secret)
        case .file(let path): page.inner("passwordfile", path)
        case .command(let words): page.command("passwordeval", words)
        }
        page.inner("auth", auth.rawValue)
        if let fetch {
            page.inner("fetch", fetch.service.rawValue, Self.server(fetch.host, fetch.port))
            if fetch.service.isIMAP {
                for folder in folders {
                    let local = folder.local.map { " -> \(Page.quoted($0))" } ?? ""
                    page.verbatim("folders \(Page.quoted(folder.remote))\(local)")
                }
            }
        }
        switch keep {
        case .on: page.inner("keep", "on")
        case .off: page.inner("keep", "off")
        case .days(let days): page.inner("keep", "\(days)d")
        }
        if let every { page.inner("every", Quantity.text(every)) }
        if let send { page.inner("send", send.service.rawValue, Self.server(send.host, send.port)) }
        page.inner("tls", isInsecure ? ["off", "insecure"] : [tls.rawValue])
        page.inner("inet", inet.rawValue)
        if let sourceAddress { page.inner("source-ip", "\(sourceAddress)") }
        if let trustFile { page.inner("tls_trust_file", trustFile) }
        page.each("tls_fingerprint", fingerprints)
        if let hostOverride { page.inner("tls_host_override", hostOverride) }
        if let heloName { page.inner("domain", heloName) }
        page.inner("timeout", Quantity.text(timeout))
    }

    private static func server(_ host: String, _ port: Int) -> String {
        HostAndPort(host: host, port: port).description
    }
}

extension RouteSettings {
    fileprivate func print(_ page: inout Page) {
        page.block("route", name)
        page.each("from", route.from.allow)
        page.each("not-from", route.from.deny)
        page.each("to", route.to.allow)
        page.each("not-to", route.to.deny)
        page.each("header-from", route.headerFrom.allow)
        page.each("not-header-from", route.headerFrom.deny)
        page.each("use", route.accounts)
        page.inner("last", route.isLast ? "on" : "off")
        page.inner("on-connect-failure", route.onConnectFailure.rawValue)
    }
}

extension DomainSettings {
    fileprivate func print(_ page: inout Page) {
        page.block("domain", name)
        page.each("mailboxes", mailboxes ?? [])
        if let catchAll { page.inner("catchall", catchAll) }
        page.each("block", blocked)
    }
}

extension ListenerSettings {
    fileprivate func print(_ page: inout Page) {
        page.block("listen", service.rawValue, "\(hostAndPort)")
        page.each("allow", allow)
        page.each("deny", deny)
        if let pair = certificate { page.inner("tls_certificate", pair.certificate, "key", pair.key) }
        page.inner("max-connections", "\(maxConnections)")
        page.inner("max-connections-per-address", "\(maxConnectionsPerAddress)")
    }
}
