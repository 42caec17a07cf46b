// The checks of what every run depends on: users, directories, the log.

import DurableFiles
import Glibc
import Reporting

extension Check {
    /// What the start of every command needs.
    public static let start: [Check] = [runAs, rcReadable, log, filesRead]

    /// The hub's user exists, and is not root.
    public static let runAs = Check { settings, findings in
        guard let name = settings.runAs else { return }
        let position = settings.positions["run-as"]
        guard let entry = unsafe getpwnam(name) else {
            return findings.fault(position, "run-as: there is no user \"\(name)\"; create it, or name another")
        }
        if unsafe entry.pointee.pw_uid == 0 {
            findings.fault(
                position, "run-as \(name): that is root, and the hub never runs as root; name an ordinary user")
        }
    }

    /// The hub's user can read the rc that root has read.
    static let rcReadable = Check { settings, findings in
        for path in settings.sources where unsafe access(path, R_OK) != 0 {
            let (user, command) = FileSafety.reader(of: path)
            findings.warning(
                settings.positions["run-as"],
                "the user \(user), as whom the hub runs, cannot read \(path), so that \"mhfetch --idle\" cannot follow its changes; "
                    + "run: \(command)")
        }
    }

    /// The files that are read because a word names them, whatever the block.
    static let filesRead = Check { settings, findings in
        func look(_ block: some BlockSettings) {
            block.examineFiles(&findings) { if case .read = $0 { true } else { false } }
        }
        look(settings)
        for block in settings.mailboxes { look(block) }
        for block in settings.accounts { look(block) }
        for block in settings.routes { look(block) }
        for block in settings.chains { look(block) }
        for block in settings.domains { look(block) }
        for block in settings.listeners { look(block) }
    }

    /// The texts of the site's own can be read.
    public static let noticeTexts = Check { settings, findings in
        guard let fault = settings.noticeTexts.fault else { return }
        findings.warning(settings.positions["notice-texts"], "notice-texts: \(fault)")
    }

    /// The log file opens for appending, or could be created.
    public static let log = Check { settings, findings in
        settings.examineFiles(&findings) { if case .append = $0 { true } else { false } }
    }

    /// Log lines of runs in the background, whose standard error nobody sees.
    public static let logOfBackgroundRuns = Check { settings, findings in
        guard settings.log == .standardError else { return }
        findings.warning(
            settings.positions["log"],
            "log stderr: a run in the background, whose standard error is /dev/null, logs to syslog; in a container without "
                + "one, to the standard error of the container's first process")
    }

    /// The state directory is ours; one that is not there yet is made when it is needed.
    public static let stateDirectory = Check { settings, findings in
        settings.examineFiles(&findings) { if case .directory = $0 { true } else { false } }
    }

    /// The Maildirs are ours; those that are not there yet are made when they are needed.
    /// - Parameter concerns: whether the run touches the mailbox.
    public static func maildirs(
        where concerns: @escaping @Sendable (HubSettings, MailboxSettings) -> Bool = { _, _ in true }
    ) -> Check {
        Check { settings, findings in
            for mailbox in settings.mailboxes where concerns(settings, mailbox) {
                mailbox.examineFiles(&findings) { $0 == .maildir }
            }
        }
    }

    /// The folders that accounts name are ours, or can be made.
    public static let accountFolders = Check { settings, findings in
        for account in settings.accounts {
            account.examineFiles(&findings) { if case .directory = $0 { true } else { false } }
        }
    }

    /// The Unix user of each mailbox exists. A warning only: no run refuses one that does not.
    public static let unixUsers = Check { settings, findings in
        for mailbox in settings.mailboxes {
            guard let user = mailbox.unixUser, unsafe getpwnam(user) == nil else { continue }
            findings.warning(
                mailbox.positions["unix-user"] ?? mailbox.position,
                "unix-user of mailbox \(mailbox.name): there is no user \"\(user)\"")
        }
    }
}

/// Questions about paths that a run will use.
enum PathCheck {
    /// What keeps `path` from being a directory of ours, closed to others; `nil` when nothing does, or when it is not
    /// there yet and can be made.
    static func directoryFault(_ path: String, isMailbox: Bool) -> String? {
        do {
            let directory = try Directory(path: path)
            if let fault = try isMailbox ? directory.mailboxOwnershipFault() : directory.ownershipFault() {
                return fault.words
            }
            return unsafe access(path, W_OK | X_OK) == 0 ? nil : "cannot write there: \(reason(errno))"
        } catch {
            return error.code == ENOENT ? makingFault(path) : reason(error.code)
        }
    }

    /// What keeps us from making the directory `path`, and those above it that are missing.
    private static func makingFault(_ path: String) -> String? {
        var missing = path[...]
        while let slash = missing.lastIndex(of: "/") {
            let above = missing[..<slash]
            let directory = above.isEmpty ? "/" : String(above)
            if unsafe access(directory, W_OK | X_OK) == 0 { return nil }
            let code = errno
            guard code == ENOENT else {
                let hint = code == EACCES ? "; as root: \(UserName.makingCommand(String(missing)))" : ""
                return "cannot be made: \(directory): \(reason(code))\(hint)"
            }
            missing = above
        }
        return nil
    }

    /// The errno that opening `path` for appending would give; `nil` for none. Nothing is created.
    static func appendFault(_ path: String) -> Int32? {
        var status = stat()
        if unsafe stat(path, &status) == 0 {
            if status.st_mode & S_IFMT == S_IFDIR { return EISDIR }
            return unsafe access(path, W_OK) == 0 ? nil : errno
        }
        guard errno == ENOENT else { return errno }
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        let directory = slash == path.startIndex ? "/" : String(path[..<slash])
        return unsafe access(directory, W_OK | X_OK) == 0 ? nil : errno
    }
}
