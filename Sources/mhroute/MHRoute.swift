// The command line of mhroute.

import AddressExpansion
import ArgumentParser
import CommandStart
import DurableFiles
import Glibc
import MailAliases
import MailEnvelope
import MailFormat
import MailRouting
import Reporting
import RunControl

struct MHRoute: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mhroute", abstract: "Explain which way a message would take, and why.",
        version: HubRelease.line(for: "mhroute"), subcommands: [Show.self], defaultSubcommand: Show.self)
}

extension MHRoute {
    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Tell where a message to ADDRESS would go, and which rule says so. Contacts nobody.")

        @OptionGroup var hub: HubOptions

        @Option(
            name: [.customShort("f"), .customLong("from")],
            help: ArgumentHelp(
                "The envelope sender; <> for a notice. Without it: the submitter's.",
                valueName: "address"))
        var sender: String?

        @Option(
            name: .customLong("header-from"),
            help: ArgumentHelp(
                "The address in the From field. Without it: the envelope sender.", valueName: "address"))
        var author: String?

        @Option(
            name: .customLong("as"),
            help: ArgumentHelp(
                "The mailbox that submits the message. Without it: that of -f's address, or the user who calls.",
                valueName: "mailbox"))
        var mailbox: String?

        @Flag(
            name: .customLong("as-caller"),
            help: "The user who calls submits the message, as with mhsend, whatever its sender.")
        var isOfCaller = false

        @Option(
            name: .customLong("online"),
            help: ArgumentHelp(
                "The connection over which the hub is online. Without it: offline.", valueName: "name"))
        var connection: String?

        @Argument(help: "The recipients.")
        var addresses: [String] = []

        func validate() throws {
            guard !(isOfCaller && mailbox != nil) else {
                throw ValidationError("either --as or --as-caller, not both")
            }
        }

        func run() throws {
            let caller = getuid()  // before root becomes the hub's user
            let settings = try hub.start("mhroute", checks: []).settings
            guard let first = addresses.first else { throw ValidationError("name a recipient: mhroute show ADDRESS") }
            let hint = Nearest.hint(to: first, among: ["show", "help"])
            guard addresses.count == 1 || first.contains("@") || hint.isEmpty else {
                throw ValidationError("unknown command \"\(printable(first))\"\(hint)")
            }
            let recipients = try addresses.map { try Self.read($0, qualify: settings.qualify) }
            let reversePath = try reversePath(of: caller, settings)
            let headerFrom = try author.map { try Self.read($0, qualify: settings.qualify) } ?? reversePath.address
            let submitter = try submitter(calledBy: caller, settings, reversePath)
            let expander = Expander(settings)
            var isUnknown = false
            for recipient in recipients {
                try writeToStandardOutput(
                    told(recipient, by: expander, reversePath, headerFrom, submitter, settings, isUnknown: &isUnknown))
            }
            if isUnknown { throw ExitCode(ExitStatus.noUser.rawValue) }
        }

        /// Where a message to `recipient` would go.
        /// - Parameter isUnknown: becomes true where nobody has the address.
        private func told(
            _ recipient: Address, by expander: Expander, _ reversePath: ReversePath, _ headerFrom: Address?,
            _ submitter: Submitter,
            _ settings: HubSettings, isUnknown: inout Bool
        ) -> String {
            var text = "to \(recipient), from \(reversePath), submitted by \(submitter)\n"
            var recipients = [BareRecipient(ExpandedRecipient(.address(recipient)))]
            func tell(_ index: Int) {
                let indent = String(repeating: "  ", count: recipients.ancestors(of: index).count)
                func add(_ lines: String) {
                    for line in lines.split(separator: "\n") { text += "\(indent)\(printable(String(line)))\n" }
                }
                if index > 0 { add("to \(recipients[index].recipient.destination.description)") }
                var answered: Set<Expander.Question> = []
                while case .unanswered(let question) = expander.standing(
                    of: index, in: recipients, answered: answered)
                {
                    switch expander.answer(question, about: index, in: recipients) {
                    case .nothing: answered.insert(question)
                    case .verdict(let verdict):
                        if verdict.kind == .permanent { isUnknown = true }
                        return add("  \(question.told): \(verdict.text)")
                    case .into(let expansion):
                        do throws(ExpansionError) {
                            let added = try recipients.expand(index, to: expansion)
                            add("  \(question.told) leads to \(counted(expansion.children.count, "recipient"))")
                            for child in added { tell(child) }
                        } catch {
                            isUnknown = true
                            add("  \(question.told): \(error.verdict.text)")
                        }
                        return
                    }
                }
                let standing = expander.standing(of: index, in: recipients, answered: answered)
                if standing.isUnknown { isUnknown = true }
                guard standing == .address(.elsewhere), let address = recipients.address(of: index) else {
                    return add("  local: \(standing.told(settings))")
                }
                add(
                    out(to: address, via: recipients[index].recipient.via, reversePath, headerFrom, submitter, settings)
                )
            }
            tell(0)
            return text
        }

        /// Which way a message to a recipient elsewhere would take.
        /// - Parameter via: the accounts that an alias names.
        private func out(
            to recipient: Address, via: [String], _ reversePath: ReversePath, _ headerFrom: Address?,
            _ submitter: Submitter, _ settings: HubSettings
        ) -> String {
            guard via.isEmpty else {
                return "  the alias names the way\n" + via.map { "  " + Self.told(account: $0, settings) }.joined()
            }
            var text = ""
            let decision = settings.routingTable.decide(
                for: submitter, reversePath: reversePath, recipient: recipient, headerFrom: headerFrom,
                connectivity: connection.map { .online($0) } ?? .offline)
            for reason in decision.reasons { text += "  \(reason)\n" }
            if decision.awaitsConnection, decision.ways.isEmpty {
                text += "  waits: it leaves when the hub is online\n"
            } else if decision.ways.isEmpty {
                text +=
                    submitter == .notice
                    ? "  local: put into the postmaster's mailbox\n"
                    : "  held: no account carries it; its sender is told, and it waits in the queue\n"
            }
            for step in decision.steps { text += rewrites(by: step, settings, reversePath, headerFrom, recipient) }
            for way in decision.ways { text += "  " + Self.told(way, to: recipient, settings) }
            return text + doubts(decision, settings, reversePath)
        }

        /// What the route of a step makes of the addresses.
        private func rewrites(
            by step: RouteStep, _ settings: HubSettings, _ reversePath: ReversePath, _ headerFrom: Address?,
            _ recipient: Address
        ) -> String {
            guard let route = settings.routes.first(where: { $0.name == step.route }) else { return "" }
            let rules = RewriteRules(route.rewrites, locals: settings.localAddresses)
            var text = ""
            func tell(_ address: Address?, in place: RewritePlace, _ what: String) {
                guard let address, let new = rules.replacement(of: address, in: place) else { return }
                text += "  route \(route.name): \(what) \(address) becomes \(new.address)\n"
            }
            tell(reversePath.address, in: .envelope, "the envelope sender")
            tell(headerFrom, in: .from, "the author")
            tell(recipient, in: .to, "in the To field")
            return text
        }

        /// What providers may have against the sender.
        private func doubts(_ decision: RouteDecision, _ settings: HubSettings, _ reversePath: ReversePath) -> String {
            guard let sender = reversePath.address else { return "" }
            var text = ""
            for step in decision.steps {
                let rules = settings.routes.first { $0.name == step.route }?.rewrites ?? []
                let leaving = RewriteRules(rules, locals: settings.localAddresses)
                    .replacement(of: sender, in: .envelope)?.address
                for account in step.ways.compactMap(\.account).compactMap(settings.account) {
                    guard let doubt = settings.doubt(about: leaving ?? sender, through: account) else { continue }
                    text += "  warning: account \(account.name): \(doubt)\n"
                }
            }
            return text
        }

        private func reversePath(of caller: UInt32, _ settings: HubSettings) throws -> ReversePath {
            if let sender {
                return sender == "<>" || sender.isEmpty
                    ? .null : .address(try Self.read(sender, qualify: settings.qualify))
            }
            if let mailbox {
                let own = settings.mailbox(mailbox).flatMap(settings.author)
                return .address(try own ?? Self.read(mailbox, qualify: settings.qualify))
            }
            let name = UserName.of(caller) ?? "uid\(caller)"
            return settings.sender(ofUnixUser: name).map { .address($0) } ?? .null
        }

        private func submitter(
            calledBy caller: UInt32, _ settings: HubSettings, _ reversePath: ReversePath
        ) throws -> Submitter {
            if let mailbox {
                guard settings.mailbox(mailbox) != nil else {
                    let hint = Nearest.hint(to: mailbox, among: settings.mailboxes.map(\.name))
                    throw ValidationError("\(printable(mailbox)): the rc has no such mailbox\(hint)")
                }
                return .mailbox(mailbox)
            }
            guard sender != nil, !isOfCaller else {
                let own = UserName.of(caller).flatMap(settings.mailbox(ofUnixUser:))
                return Submitter(ofUnixUser: caller, mailbox: own?.name, hubUser: geteuid())
            }
            guard let sender = reversePath.address else { return .notice }
            let owner = settings.mailboxes.first {
                settings.addressesOwned(by: $0).contains { $0.matches(sender, foldingLocalPart: true) }
            }
            return owner.map { .mailbox($0.name) } ?? .hubUser
        }

        private static func read(_ text: String, qualify: String) throws -> Address {
            do {
                return try Address(text).qualified(with: qualify)
            } catch {
                throw ValidationError("\(printable(text)): \(error)")
            }
        }

        private static func told(_ way: WayOut, to recipient: Address, _ settings: HubSettings) -> String {
            switch way {
            case .account(let name): return told(account: name, settings)
            case .direct: return "straight to \(recipient.domain ?? "")\n"
            case .program(let route):
                let argv = settings.routes.first { $0.name == route }?.pipe ?? []
                return "the program \(argv.map(\.description).joined(separator: " "))\n"
            }
        }

        /// How the account would be reached.
        private static func told(account name: String, _ settings: HubSettings) -> String {
            let account = settings.account(name)
            guard let account, let server = account.send else { return "account \(name): the rc has none that sends\n" }
            let security: String
            if account.tls == .off {
                security = "in clear"
            } else {
                security = (server.service.hasImplicitTLS ? "TLS from the start" : "STARTTLS") + ", " + trust(account)
            }
            let places = (account.sendServer?.all ?? []).map(\.place).joined(separator: ", else ")
            let login = account.logsIn && server.service != .lmtp ? "login \(account.user ?? "")" : "no login"
            return "account \(account.name): \(server.service.rawValue) \(places), \(security), \(login)\n"
        }

        private static func trust(_ account: AccountSettings) -> String {
            if !account.pins.isEmpty { return "certificate pinned" }
            let name = account.hostOverride.map { " as \($0)" } ?? ""
            return "certificate verified\(name) by \(account.trustFile ?? "the system's roots")"
        }
    }
}

extension Expander.Question {
    fileprivate var told: String {
        switch self {
        case .alias(let address, _): "the alias \(address.localPart)"
        case .forward(let mailbox): "the mailbox \(mailbox)"
        case .again: "what the alias says here"
        }
    }
}

extension Expander.Standing {
    /// Whether mail for it comes back.
    fileprivate var isUnknown: Bool {
        switch self {
        case .address(.unknownHere), .address(.blocked), .address(.alias), .failed: true
        case .address(.mailbox), .address(.elsewhere), .target, .unanswered: false
        }
    }

    fileprivate func told(_ settings: HubSettings) -> String {
        switch self {
        case .address(.mailbox(let name)):
            "delivered into the mailbox \(name)"
                + (settings.mailbox(name).map { ", \($0.delivery == .maildir ? $0.maildir : "\($0.delivery)")" } ?? "")
        case .address(.unknownHere), .address(.alias):
            "nobody has this address here; a client is told 550, queued mail is returned"
        case .address(.blocked): "the domain blocks this address; a client is told 550, queued mail is returned"
        case .failed(let verdict): "\(verdict.text); it is returned"
        case .target(.program): "given to this program"
        case .target(.file): "appended to this mbox"
        case .target, .address(.elsewhere), .unanswered: "dropped"
        }
    }
}
