// What concerns all blocks together: names that must lead somewhere, and lines that contradict each other.

import InternetAddress
import MailFormat
import MailRouting

extension Assembly {
    /// The settings; they count only when no fault was found.
    mutating func conclude(source: String, isSystem: Bool) -> HubSettings {
        var settings = top.settings
        settings.source = source
        settings.isSystem = isSystem
        settings.settle(context)
        demandDirectories(settings)
        concludeMailboxes(&settings)
        concludeAccounts(&settings)
        settings.routes = routes.map(\.settings)
        settings.chains = chains.map(\.settings)
        settings.domains = domains.map(\.settings)
        concludeListeners(&settings)
        concludeRoutes()
        checkReferences(settings)
        demandHostname()
        return settings
    }

    /// A hub that talks to servers of strangers needs a name that they can look up; providers and our own people need
    /// none, and the machine's own name is nobody's business. A fault only if there is no other, as of the line
    /// `hostname` itself.
    private mutating func demandHostname() {
        guard top.seen["hostname"] == nil, faults.isEmpty else { return }
        let needing =
            routes.filter(\.settings.isMX).map { ($0.position("mx") ?? $0.settings.position, "mx") }
            + listeners.filter { $0.settings.service == .smtp }.map { ($0.settings.position, "listen smtp") }
        for (position, words) in needing {
            faults.add(
                position,
                "\(words) talks to other servers and needs the line \"hostname NAME\", the name they know this hub by")
        }
    }

    /// Each route leads somewhere, and to one kind of place.
    private mutating func concludeRoutes() {
        for route in routes {
            // `mx off` says nothing.
            let words = ["use"] + (route.settings.isMX ? ["mx"] : []) + (route.settings.pipe.isEmpty ? [] : ["pipe"])
            let said = words.compactMap { word in route.position(word).map { (word, $0) } }
            let name = "route \(route.settings.name)"
            if said.isEmpty, !route.excuses("use", "mx", "pipe") {
                faults.add(
                    route.settings.position,
                    "\(name): no \"use ACCOUNT\", \"mx\" or \"pipe PROGRAM\" says where mail goes")
            } else if said.count > 1, let last = said.max(by: { $0.1.line < $1.1.line }) {
                faults.add(
                    last.1,
                    "\(name): \(said.map { "\"\($0.0)\"" }.joined(separator: " and ")) lead to different places; make a route "
                        + "of its own for each: all that match count, in order")
            }
        }
    }

    private mutating func demandDirectories(_ settings: HubSettings) {
        let start = SourcePosition(file: settings.source, line: 1, column: 1)
        if settings.stateDirectory.isEmpty, top.seen["state"] == nil {
            faults.add(start, "there is no HOME, so the rc must say \"state DIR\"")
        }
        if settings.maildirs.isEmpty, top.seen["maildirs"] == nil {
            faults.add(start, "there is no HOME, so the rc must say \"maildirs DIR/%m\"")
        }
    }

    private mutating func concludeMailboxes(_ settings: inout HubSettings) {
        var owners: [String: String] = [:]
        var paths: [String: String] = [:]
        var users: [String: String] = [:]
        for draft in mailboxes.isEmpty ? [impliedMailbox(settings)].compactMap(\.self) : mailboxes {
            var mailbox = draft.settings
            mailbox.settle(in: settings)
            for pattern in Set(mailbox.addresses) {
                let key = "\(pattern)".lowercased()
                if let other = owners[key], other != mailbox.name {
                    faults.add(
                        draft.position("address") ?? mailbox.position,
                        "\(pattern) is an address of mailbox \(other) already")
                }
                owners[key] = mailbox.name
            }
            if let other = paths[mailbox.maildir], other != mailbox.name {
                faults.add(
                    draft.position("maildir") ?? mailbox.position,
                    "mailbox \(other) has the Maildir \(mailbox.maildir) already")
            }
            paths[mailbox.maildir] = mailbox.name
            if let user = mailbox.unixUser {
                if let other = users[user], other != mailbox.name {
                    faults.add(
                        draft.position("unix-user") ?? mailbox.position, "mailbox \(other) has the user \(user) already"
                    )
                }
                users[user] = mailbox.name
            }
            settings.mailboxes.append(mailbox)
        }
    }

    /// The mailbox of an rc without a `mailbox` block: that of the Unix user whose hub it is. It has no address but its
    /// name at the domains of this hub, since those of the accounts live at their providers.
    private func impliedMailbox(_ settings: HubSettings) -> Draft<MailboxSettings>? {
        guard let name = settings.runAs ?? context.userName, Self.isName(name) else { return nil }
        var mailbox = MailboxSettings(name: name, position: SourcePosition(file: settings.source, line: 1, column: 1))
        mailbox.unixUser = name
        return Draft(mailbox)
    }

    private mutating func concludeAccounts(_ settings: inout HubSettings) {
        for draft in accounts {
            var account = draft.settings
            account.settle(in: settings)
            check(account, draft)
            settings.accounts.append(account)
        }
        for draft in accounts { checkPlaces(draft, settings) }
    }

    /// Mail that is appended upstream must come to an end there: what is fetched from that account may not come back.
    private mutating func checkPlaces(_ draft: Draft<AccountSettings>, _ settings: HubSettings) {
        let name = draft.settings.name
        for (index, place) in draft.settings.destinations.enumerated() {
            guard case .append(let upstream, let folder) = place, let account = settings.account(upstream) else {
                continue
            }
            func complain(_ message: String) {
                faults.add(draft.settings.position(ofPlace: index), "account \(name): \(message)")
            }
            if account.fetch?.service.isIMAP != true {
                complain(
                    "account \(upstream) has no \"fetch imaps\" or \"fetch imap\", so nothing can be appended there")
            } else if settings.returns(to: name, from: account, folder) {
                let hint =
                    account.name != name && account.isSameMailbox(as: draft.settings)
                    ? "; both are fetched from one mailbox" : ""
                complain("its mail would go round in a circle by way of account \(upstream)\(hint)")
            }
        }
    }

    private mutating func check(_ account: AccountSettings, _ draft: Draft<AccountSettings>) {
        func complain(_ word: String, _ message: String) {
            faults.add(draft.position(word) ?? account.position, "account \(account.name): \(message)")
        }
        if account.fetch != nil, draft.position("fetch") != nil {
            if account.owner == nil, !draft.excuses("owner") {
                complain("fetch", "\"owner MAILBOX\" must say whose mail it is")
            }
            if account.user == nil, account.auth != .external, !draft.excuses("user", "address") {
                complain("fetch", "\"user LOGIN\" is missing, and no address stands in for it")
            }
            if account.auth == .off { complain("auth", "nothing can be fetched without a login") }
        }
        let needsLogin =
            account.fetch != nil || (account.send != nil && account.secret != .none && account.auth != .off)
        let hasNoSecret =
            account.secret == .none && draft.position("secret") == nil && !draft.excuses("secret")
            && account.auth != .external
        if account.fetch != nil, hasNoSecret {
            complain("fetch", "\"passwordeval\", \"passwordfile\", \"password\" or \"tokeneval\" is missing")
        }
        checkMethod(account, draft)
        if account.send != nil, needsLogin, account.auth != .external, account.user == nil, account.fetch == nil,
            !draft.excuses("user", "address")
        {
            complain("send", "\"user LOGIN\" is missing, and no address stands in for it")
        }
        if account.send != nil, account.fetch == nil, hasNoSecret, account.auth != .off, account.user != nil,
            draft.position("user") != nil
        {
            complain("user", "there is a login and no password; add one, or say \"auth off\"")
        }
        checkFolders(account, draft)
        if let header = account.headerSize, let skip = account.skipSize, header >= skip {
            complain("header-only", "what \"header-only\" is for is left out by \"skip\" already; name a smaller size")
        }
        if account.jitter > .zero, account.every == nil, account.at.isEmpty {
            complain("jitter", "\"jitter\" puts off the turns of \"every\" and \"at\", and there are none")
        }
        if let every = account.every, account.at.isEmpty, account.jitter > every {
            complain("jitter", "\"jitter\" is longer than \"every\"; name a shorter time")
        }
        if account.isOnlyWhenSending, account.send == nil, !draft.excuses("send") {
            complain(
                "only", "nothing is sent through it, so that nothing would be fetched: \"send SERVICE HOST\" is missing"
            )
        }
        if account.isOnlyWhenSending, !account.at.isEmpty {
            complain("only", "\"only when sending\" and \"at\" exclude each other")
        }
        if account.tls == .off { checkClearText(account, draft) }
        if draft.position("tls-key-file") != nil, account.certificateFile == nil, !draft.excuses("tls-cert-file") {
            complain("tls-key-file", "\"tls_cert_file FILE\" must name the certificate whose key it is")
        }
        if let source = account.sourceAddress, !account.inet.allows(source.family) {
            complain("source-ip", "\(source) is no address of \"inet \(account.inet.rawValue)\"")
        }
    }

    /// What only IMAP can do, and folders that contradict each other.
    private mutating func checkFolders(_ account: AccountSettings, _ draft: Draft<AccountSettings>) {
        func complain(_ word: String, _ message: String) {
            faults.add(draft.position(word) ?? account.position, "account \(account.name): \(message)")
        }
        if account.fetch.map({ !$0.service.isIMAP }) == true {
            let words = AccountSettings.wordsOfIMAP.sorted { $0.key < $1.key }
            for (word, what) in words where draft.position(word) != nil {
                complain(word, "POP3 knows no \(what); fetch by IMAP or remove the line")
            }
        }
        let isAnyPattern = account.folders.contains(where: \.isPattern)
        if case .folder = account.idle, let folder = account.idleFolder, !account.mayFetch(folder) {
            complain("idle", "folder \"\(folder)\" is not fetched; name it with \"folders\", too")
        }
        if let excluded = account.folders.first(where: \.isExcluded), !isAnyPattern {
            complain(
                "folders",
                account.folders.allSatisfy(\.isExcluded)
                    ? "\"!\(excluded.remote)\" only leaves out; to fetch all else write \"folders *, !\(excluded.remote)\""
                    : "\"!\(excluded.remote)\" leaves nothing out, since there is no pattern such as \"*\"")
        }
        if isAnyPattern, account.leavesOutAll { complain("folders", "all that is named is left out by \"!\", too") }
        guard let target = account.moveTarget else { return }
        if FolderSettings(remote: target, local: nil).isPattern {
            complain("move", "mail is moved to one folder, and \"\(target)\" is a pattern")
        }
        if account.$keep.said == .on {
            complain("move", "\"keep on\" leaves mail where it is; remove one of the two lines")
        }
        if account.folders.contains(where: {
            !$0.isPattern && !$0.isExcluded && $0.remote.lowercased() == target.lowercased()
        }) {
            complain("move", "\"\(target)\" is fetched from, so that its mail would be fetched and moved for ever")
        }
    }

    /// `auth`: what it names can be done with what the block gives.
    private mutating func checkMethod(_ account: AccountSettings, _ draft: Draft<AccountSettings>) {
        func complain(_ message: String) {
            faults.add(draft.position("auth") ?? account.position, "account \(account.name): \(message)")
        }
        let name = account.auth.rawValue
        switch account.auth {
        case .auto, .off: break
        case .oauth, .oauthbearer, .xoauth2:
            if !account.hasToken, !draft.excuses("secret") { complain("\"auth \(name)\" needs \"tokeneval COMMAND\"") }
        case .external:
            if account.certificateFile == nil, !draft.excuses("tls-cert-file") {
                complain("\"auth external\" needs \"tls_cert_file FILE\", the certificate to log in with")
            }
        case .apop:
            if account.fetch?.service.isIMAP != false, !draft.excuses("fetch") {
                complain("\"auth apop\" is for \"fetch pop3s\" and \"fetch pop3\" alone")
            }
            if account.hasToken { complain("\"tokeneval\" writes a token, and \"auth apop\" is for a password") }
        case .scramSHA256Plus, .scramSHA256, .scramSHA1, .cramMD5, .plain, .login:
            if account.hasToken { complain("\"tokeneval\" writes a token, and \"auth \(name)\" is for a password") }
        }
    }

    /// `tls off`: nothing that needs TLS, and nothing over a network unless the line says `insecure`.
    private mutating func checkClearText(_ account: AccountSettings, _ draft: Draft<AccountSettings>) {
        func complain(_ word: String, _ message: String) {
            faults.add(draft.position(word) ?? account.position, "account \(account.name): \(message)")
        }
        let servers = [account.fetchServer, account.sendServer].compactMap(\.self)
        let all = servers.flatMap(\.all)
        for server in servers where server.hasImplicitTLS {
            complain(server.word, "\(server.service) is TLS, and \"tls off\" forbids it")
        }
        for word in ["tls-trust-file", "tls-fingerprint", "tls-host-override"] where draft.position(word) != nil {
            complain(word, "\"tls off\" leaves nothing to check")
        }
        for word in ["tls-cert-file", "tls-key-file", "tls-min", "tls-ciphers"] where draft.position(word) != nil {
            complain(word, "\"tls off\" leaves no TLS that it could be for")
        }
        let clear = all.first { !$0.hasImplicitTLS && account.speaksInClear(to: $0) }
        if !account.isInsecure, let server = clear {
            complain(
                "tls",
                "\(server.host) is another machine, and everybody between reads what goes there in clear; remove the line, "
                    + "or write \"tls off insecure\" to have it so")
        }
    }

    private mutating func concludeListeners(_ settings: inout HubSettings) {
        var taken: [String: SourcePosition] = [:]
        for draft in listeners {
            var listener = draft.settings
            listener.settle(in: settings)
            if listener.service.hasImplicitTLS, listener.certificate == nil, top.position("tls-certificate") == nil,
                draft.position("tls-certificate") == nil
            {
                faults.add(
                    listener.position, "\(listener.service.rawValue) is TLS and needs \"tls_certificate FILE key FILE\""
                )
            }
            let key = "\(listener.hostAndPort)"
            if listener.port != 0, let earlier = taken[key] {
                faults.add(listener.position, "another listener has this address and port, at \(earlier)")
            }
            taken[key] = listener.position
            settings.listeners.append(listener)
        }
    }
}

extension HubSettings {
    /// Whether mail that is appended to a folder of the mailbox of `account` comes back to the account `name`, by
    /// whatever way.
    /// - Parameter folder: `nil` for one that is not known.
    fileprivate func returns(to name: String, from account: AccountSettings, _ folder: String?) -> Bool {
        var seen: Set<String> = []
        var next = [(account, folder)]
        while let (target, folder) = next.popLast() {
            let readers = accounts.filter { account in
                account.fetch != nil && account.isSameMailbox(as: target)
                    && folder.map { account.mayFetch(FolderSettings(remote: $0, local: nil).remote) } ?? true
            }
            for reader in readers {
                if reader.name == name { return true }
                guard seen.insert(reader.name).inserted else { continue }
                for case .append(let further, let folder) in reader.destinations {
                    if let target = self.account(further) { next.append((target, folder)) }
                }
            }
        }
        return false
    }
}
