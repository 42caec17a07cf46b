// What `mhfetch --check` looks at.

import AccountSessions
import MaildirStore
import Programs
import RunControl

extension Check {
    /// What a run would stumble over.
    static let fetching: [Check] = [
        fetchLines, .stateDirectory, owners, folderNames, .secrets(\.fetchServer), .trust(\.fetchServer),
        .ports(\.fetchServer), .clearText(\.fetchServer), .hiddenFolders, .accountFolders, programs,
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
            for (word, command) in commands {
                guard let name = command.first, let fault = Program.obstacle(to: name) else { continue }
                findings.fault(
                    account.positions[word] ?? account.position, "account \(account.name): \(word): \(fault)")
            }
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
