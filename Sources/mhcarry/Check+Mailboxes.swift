// The checks of where the mail of mailboxes goes, and of the folders that the hub writes and empties.

import MaildirStore
import MboxStore
import Programs
import Reporting
import RunControl

extension Check {
    /// Programs and mboxes of mailboxes can take mail, and folders have names.
    static let mailboxPlaces = Check { settings, findings in
        for mailbox in settings.mailboxes {
            func tell(_ word: String, _ fault: (any Error)?) {
                guard let fault else { return }
                findings.fault(
                    mailbox.positions[word] ?? mailbox.position, "mailbox \(mailbox.name): \(word): \(sentence(fault))")
            }
            switch mailbox.delivery {
            case .program(let argv): tell("deliver", argv.first.flatMap { Program.obstacle(to: $0.description) })
            case .mbox(let path): tell("deliver", MboxFile.obstacle(to: path))
            case .server(let server) where server.isInsecure:
                findings.warning(
                    mailbox.positions["deliver"] ?? mailbox.position,
                    "mailbox \(mailbox.name): mail goes to \(server.host) in clear, for anybody between to read")
            case .maildir, .server, .append: break
            }
            tell("sent", mailbox.sentFolder.flatMap(fault))
            for line in mailbox.expiry { tell("expire", fault(of: line.folder)) }
        }
    }

    private static func fault(of folder: String) -> MaildirError? {
        do throws(MaildirError) {
            _ = try FolderName.named(folder)
            return nil
        } catch {
            return error
        }
    }
}
