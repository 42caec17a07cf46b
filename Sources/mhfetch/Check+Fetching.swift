// What `mhfetch --check` looks at.

import AccountSessions
import DurableFiles
import MaildirStore
import MboxStore
import Programs
import RunControl

extension Check {
    /// What a run would stumble over.
    static let fetching: [Check] = [
        fetchLines, .stateDirectory, owners, folderNames, .secrets(\.fetchServer), .trust(\.fetchServer),
        .ports(\.fetchServer), .clearText(\.fetchServer), .hiddenFolders, .accountFolders, programs,
        places, wordsOfPlaces, sameMailbox,
    ]

    /// There is something to fetch.
    private static let fetchLines = Check { settings, findings in
        guard settings.accounts.allSatisfy({ $0.fetch == nil }) else { return }
        findings.fault(nil, "\(FetchError.nothingToFetch(rc: settings.source))")
    }

    /// The Maildirs that mail is fetched into are ours.
    private static let owners = Check.maildirs { settings, mailbox in
        settings.accounts.contains { $0.fetch != nil && $0.owner == mailbox.name }
    }

    /// The programs that a run calls can be started.
    private static let programs = Check { settings, findings in
        if let name = settings.notify.first, let fault = Program.obstacle(to: name) {
            findings.fault(settings.positions["notify"], "notify: \(fault)")
        }
        for account in settings.accounts where account.fetch != nil {
            let commands = [
                ("filter", account.filter), ("preconnect", account.preconnect), ("postconnect", account.postconnect),
            ]
            for (index, place) in account.destinations.enumerated() {
                guard case .program(let argv) = place, let name = argv.first?.description,
                    let fault = Program.obstacle(to: name)
                else { continue }
                findings.fault(account.position(ofPlace: index), "account \(account.name): deliver: \(fault)")
            }
            for (word, command) in commands {
                guard let name = command.first, let fault = Program.obstacle(to: name) else { continue }
                findings.fault(
                    account.positions[word] ?? account.position, "account \(account.name): \(word): \(fault)")
            }
        }
    }

    /// The places of fetched mail that are of this machine can take it, and what leaves it is under TLS.
    private static let places = Check { settings, findings in
        for account in settings.accounts where account.fetch != nil {
            for (index, place) in account.destinations.enumerated() {
                let position = account.position(ofPlace: index)
                switch place {
                case .mbox(let path):
                    guard let fault = MboxFile.obstacle(to: path) else { continue }
                    findings.fault(position, "account \(account.name): deliver: \(fault)")
                case .server(let server) where server.isSocket:
                    look(atSocket: server.host, of: account, position, &findings)
                case .server(let server) where server.isInsecure:
                    findings.warning(
                        position,
                        "account \(account.name): mail goes to \(server.host) in clear, for anybody between to read")
                case .maildir, .program, .server, .append: break
                }
            }
        }
    }

    /// No two accounts fetch from one mailbox, and put its mail where it is already.
    private static let sameMailbox = Check { settings, findings in
        let accounts = settings.accounts.filter { $0.fetch != nil }
        for (index, account) in accounts.enumerated() {
            guard
                let other = accounts.prefix(index).first(where: { other in
                    other.isSameMailbox(as: account) && other.owner == account.owner && other.folders == account.folders
                })
            else { continue }
            findings.warning(
                account.position,
                "account \(account.name): fetches from the mailbox of account \(other.name), so that its mail comes twice"
            )
        }
    }

    /// Something may listen there; where it does not, its server may only be down.
    private static func look(
        atSocket path: String, of account: AccountSettings, _ position: SourcePosition, _ findings: inout Findings
    ) {
        let place = "account \(account.name): deliver: \(path)"
        do throws(DurableError) {
            guard let status = try FileStatus.at(path) else {
                return findings.warning(position, "\(place): there is no such socket now")
            }
            if !status.isSocket { findings.fault(position, "\(place): this is no socket") }
        } catch {
            findings.warning(position, "account \(account.name): deliver: \(error)")
        }
    }

    /// No word for places says what has no effect.
    private static let wordsOfPlaces = Check { settings, findings in
        for account in settings.accounts where account.fetch != nil {
            for word in ["from-line", "from-quoting"] where !account.deliversToProgram {
                guard let position = account.positions[word] else { continue }
                findings.warning(
                    position, "account \(account.name): \(word) is for programs of \"deliver\", and there is none")
            }
            guard !account.needsSpool, let position = account.positions["fallback"] else { continue }
            findings.warning(
                position,
                "account \(account.name): its mail goes into its owner's Maildir alone, which refuses nothing, so that "
                    + "\"fallback\" gets none")
        }
    }

    /// The local folders have names that a Maildir can have.
    private static let folderNames = Check { settings, findings in
        for account in settings.accounts where account.fetch != nil {
            for local in account.folders.compactMap(\.local) {
                do throws(MaildirError) {
                    _ = try FolderName.named(local)
                } catch {
                    findings.fault(
                        account.positions["folders"] ?? account.position, "account \(account.name): folders: \(error)")
                }
            }
        }
    }
}
