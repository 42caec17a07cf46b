// The checks of accounts that need nothing but the rc: ports, clear text, folders that POP3 does not show.

import DurableFiles
import Glibc
import MailFormat
import MailRouting

/// Which of an account's servers a command goes to.
public typealias AccountSide = KeyPath<AccountSettings, AccountServer?> & Sendable

extension Check {
    /// A service that begins with TLS at a port that does not, or the other way about.
    public static func ports(_ side: AccountSide) -> Check {
        Check { settings, findings in
            for account in settings.accounts {
                for server in account[keyPath: side]?.all ?? [] {
                    guard let fault = server.portFault else { continue }
                    findings.fault(
                        account.positions[server.word] ?? account.position, "account \(account.name): \(fault)")
                }
            }
        }
    }

    /// Accounts whose mail crosses the network in clear, because their block says so.
    public static func clearText(_ side: AccountSide) -> Check {
        Check { settings, findings in
            for account in settings.accounts {
                let all = account[keyPath: side]?.all ?? []
                guard let server = all.first(where: account.speaksInClear) else { continue }
                let login = account.secret == .none ? "mail goes" : "mail and password go"
                findings.warning(
                    account.positions["tls"] ?? account.position,
                    "account \(account.name): \(login) to \(server.host) in clear, for anybody between to read")
            }
        }
    }

    /// Accounts that no mailbox may send through, and routes that lead to such accounts alone.
    public static let openToNobody = Check { settings, findings in
        let closed = settings.accounts.filter { $0.send != nil && $0.owner == nil && $0.guests == .mailboxes([]) }
        for account in closed {
            findings.warning(
                account.positions["send"] ?? account.position,
                "account \(account.name): neither \"owner\" nor \"for\" opens it to anybody, so the hub's own user alone sends "
                    + "through it")
        }
        let names = Set(closed.map(\.name))
        for route in settings.routes where !route.accounts.isEmpty && names.isSuperset(of: route.accounts) {
            findings.warning(
                route.positions["use"] ?? route.position,
                "route \(route.name): its accounts are open to nobody, so it carries the mail of the hub's own user alone"
            )
        }
    }

    /// Routes for connections that nothing tells of.
    public static let onlineQuery = Check { settings, findings in
        for route in settings.routes where !route.online.isEmpty {
            let position = route.positions["online"] ?? route.position
            switch settings.onlineQuery {
            case nil:
                findings.warning(
                    position, "route \(route.name): without a line online-query it is tried only by: mhsend -qo NAME")
            case .interface(let names):
                guard !names.contains(where: { route.route.isTried(over: $0) }) else { continue }
                findings.warning(
                    position, "route \(route.name): no interface of online-query has such a name, so it is never tried")
            case .command, .file: continue
            }
        }
    }

    /// Accounts that mail of the programs here leaves through, of root's, of the hub's own user or of a mailbox's, and that
    /// will hardly take it.
    public static let machineSender = Check { settings, findings in
        let isRoots = settings.isSystem || settings.runAs != nil || geteuid() == 0
        var senders: [(user: String, submitter: Submitter)] = []
        if let user = isRoots ? "root" : UserName.of(geteuid()) { senders = [(user, .hubUser)] }
        for mailbox in settings.mailboxes {
            if let user = mailbox.unixUser { senders.append((user, .mailbox(mailbox.name))) }
        }
        var told: Set<String> = []
        for (user, submitter) in senders {
            guard let sender = settings.sender(ofUnixUser: user) else { continue }
            let decision = settings.routingTable.decide(
                for: submitter, reversePath: .address(sender), recipient: .postmaster, headerFrom: sender)
            guard let step = decision.steps.first else { continue }
            let rules = RewriteRules(
                settings.routes.first { $0.name == step.route }?.rewrites ?? [], locals: settings.localAddresses)
            let leaving = rules.replacement(of: sender, in: .envelope)?.address ?? sender
            for account in settings.accounts where step.ways.contains(.account(account.name)) {
                guard let doubt = settings.doubt(about: leaving, through: account) else { continue }
                let words = "account \(account.name): \(doubt)"
                guard told.insert(words).inserted else { continue }
                findings.warning(account.positions["send"] ?? account.position, words)
            }
        }
    }

    /// Rules that put one address in for many people.
    public static let rewrites = Check { settings, findings in
        for route in settings.routes {
            for rule in route.rewrites where rule.pattern.isGlob && [nil, .to, .cc].contains(rule.place) {
                guard case .mailbox(let address, _) = rule.replacement else { continue }
                let places = rule.place.map { "the field \($0.rawValue)" } ?? "all places, To and Cc among them,"
                findings.warning(
                    route.positions["rewrite"] ?? route.position,
                    "route \(route.name): in \(places) whoever \(rule.pattern) matches becomes \(address)")
            }
        }
    }

    /// Folders of the Maildir that fetched mail goes to, and that no POP3 client ever sees.
    public static let hiddenFolders = Check { settings, findings in
        guard settings.listeners.contains(where: \.service.isPOP3) else { return }
        for account in settings.accounts where account.fetch?.service.isIMAP == true {
            for folder in account.folders where (folder.local ?? folder.remote).uppercased() != "INBOX" {
                findings.warning(
                    account.positions["folders"] ?? account.position,
                    "account \(account.name): mail of \"\(folder.remote)\" goes into a folder of the Maildir, and POP3 shows "
                        + "the inbox alone")
            }
        }
    }
}
