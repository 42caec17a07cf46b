// What `mhfetch --check` looks at.

import AccountSessions
import MaildirStore
import Programs
import RunControl

extension Check {
    /// What a run would stumble over.
    static let fetching: [Check] = [
        fetchLines, .stateDirectory, owners, folderNames, .secrets(\.fetchServer), .trust(\.fetchServer),
        .ports(\.fetchServer), .clearText(\.fetchServer), .hiddenFolders, filters,
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

    /// The filters of accounts can be started.
    private static let filters = Check { settings, findings in
        for account in settings.accounts where account.fetch != nil {
            guard let name = account.filter.first, let fault = Program.obstacle(to: name) else { continue }
            findings.fault(account.positions["filter"] ?? account.position, "account \(account.name): filter: \(fault)")
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
