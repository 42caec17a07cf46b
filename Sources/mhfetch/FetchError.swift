// What keeps an account from being fetched, said for the person who must act.

import AccountSessions
import Programs
import Reporting
import RunControl

enum FetchError: Complaint {
    case nothingToFetch(rc: String)
    case noSuchAccount(String, rc: String, hint: String)
    case doesNotFetch(String, position: SourcePosition)
    case noOwner(String, position: SourcePosition)
    case noRoom(path: String, free: Int, kept: Int)
    case noRoomFor(octets: Int, path: String, free: Int)
    case spoolFull(octets: Int, words: String)
    case endless(octets: Int)
    case noUniqueIDs(host: String)
    case numbersAsUniqueIDs(host: String)
    case numbersWait(host: String)
    case renumbered(folder: String, accept: String, refetch: String, reindex: String)
    case doubtfulUIDs(folder: String, host: String, what: String)
    case miscounted(folder: String, host: String, told: Int, listed: Int)
    case noSuchFolder(String, host: String, nearest: String?)
    case noSuchFolderInRC(String, rc: String)
    case noLocalFolder(folder: String, reason: String)
    case noFoldersByPOP3(String, position: SourcePosition)
    case searchRefused(folder: String, host: String, search: String, words: String)
    case noDatesByPOP3(String)
    case whoseFolders(String)
    case noUIDValidity(folder: String, host: String)
    case command(String, ProgramError)
    case watchedElsewhere
    case openFiles(accounts: Int, needed: Int, limit: Int)

    var exitStatus: ExitStatus {
        switch self {
        case .nothingToFetch, .noSuchAccount, .doesNotFetch, .noOwner,
            .noSuchFolderInRC, .noLocalFolder, .noFoldersByPOP3, .noDatesByPOP3:
            .configuration
        case .whoseFolders: .usage
        case .command(_, let error): error.exitStatus
        case .openFiles: .osError
        case .watchedElsewhere: .temporaryFailure
        case .noUniqueIDs, .numbersAsUniqueIDs, .noUIDValidity, .noSuchFolder: .unavailable
        case .noRoom, .noRoomFor, .spoolFull, .numbersWait, .searchRefused: .temporaryFailure
        case .renumbered: .dataError
        case .doubtfulUIDs, .miscounted, .endless: .protocolError
        }
    }

    /// Whether other folders of the account may still be fetched after `error`.
    static func stopsFolderOnly(_ error: any Error) -> Bool {
        if case AccountError.refused = error { return true }
        return (error as? FetchError)?.stopsFolderOnly ?? false
    }

    private var stopsFolderOnly: Bool {
        switch self {
        case .renumbered, .searchRefused, .noUIDValidity, .doubtfulUIDs, .miscounted, .noSuchFolder, .noLocalFolder:
            true
        case .nothingToFetch, .noSuchAccount, .doesNotFetch, .noOwner, .noUniqueIDs, .numbersAsUniqueIDs, .noRoom,
            .noRoomFor, .spoolFull, .numbersWait, .endless, .noSuchFolderInRC, .noFoldersByPOP3, .noDatesByPOP3,
            .whoseFolders, .openFiles, .watchedElsewhere, .command:
            false
        }
    }

    var description: String {
        switch self {
        case .nothingToFetch(let rc):
            "\(rc): no account has a `fetch` line; add one to an account block, such as: fetch imaps HOST"
        case .noSuchAccount(let name, let rc, let hint):
            "\(rc): there is no account \"\(printable(name))\"\(hint)"
        case .doesNotFetch(let name, let position): "\(position): account \(name) has no `fetch` line"
        case .noOwner(let name, let position):
            "\(position): account \(name) has no `owner`, the mailbox its mail goes to"
        case .noRoom(let path, let free, let kept):
            "\(path): \(free >> 20) MiB are free there, and `free-space` keeps \(kept >> 20): make room; until then "
                + "nothing more is fetched, and nothing is lost"
        case .noRoomFor(let octets, let path, let free):
            "\(path): there is no room for its \(counted(octets, "octet")): \(sized(free)) are free, some of which "
                + "`free-space` keeps; make room"
        case .spoolFull(let octets, let words):
            "\(sized(octets)) of fetched mail wait for their places, so that nothing more is fetched until those take it"
                + (words.isEmpty ? "" : ": \(words)")
        case .endless(let octets):
            "the server sent \(counted(octets, "octet")) of a message, and no end of it"
        case .noUniqueIDs(let host):
            "\(host) has no UIDL, so that what was fetched cannot be told from what is new; use IMAP"
        case .numbersAsUniqueIDs(let host):
            "\(host) gives message numbers for unique ids, so that nothing can be kept there; say `keep off`, or use "
                + "IMAP"
        case .numbersWait(let host):
            "\(host) gives message numbers for unique ids, and fetched mail waits for its places: nothing is fetched "
                + "until they have it, as it would come again"
        case .renumbered(let folder, let accept, let refetch, let reindex):
            "folder \(printable(folder)): the server has renumbered it, nothing was fetched from it; either "
                + "\(accept) (take what is there now as known), or \(refetch) (fetch all again), "
                + "or \(reindex) (fetch what is not here yet, by its Message-ID), "
                + "or remove it from the rc's `folders`"
        case .doubtfulUIDs(let folder, let host, let what):
            "folder \(printable(folder)): \(host) gave \(what); its UIDs cannot be relied on, so nothing is fetched "
                + "from the folder or deleted there in this run; ask the server's operator"
        case .miscounted(let folder, let host, let told, let listed):
            "folder \(printable(folder)): \(host) tells of \(told) messages and lists \(listed); nothing is deleted "
                + "there in this run"
        case .noSuchFolder(let name, let host, let nearest):
            "folder \(printable(name)): \(host) has no such folder"
                + (nearest.map { "; did you mean \"\(printable($0))\"?" }
                    ?? "; mhfetch --folders ACCOUNT lists what it has")
        case .noSuchFolderInRC(let name, let rc):
            "\(rc): none of the accounts chosen fetches from a folder \"\(printable(name))\""
        case .noLocalFolder(let folder, let reason):
            "folder \(printable(folder)): \(reason); say where its mail goes: "
                + "`folders \(FolderSettings.written(folder)) -> NAME`"
        case .noFoldersByPOP3(let name, let position):
            "\(position): account \(name) fetches by POP3, which knows no folders; fetch by IMAP to see them"
        case .searchRefused(let folder, let host, let search, let words):
            "folder \(printable(folder)): \(host) refused the rc's `search \(search)`: \(words); mend it"
        case .noDatesByPOP3(let name):
            "account \(name) fetches by POP3, and POP3 tells no dates: leave --before out, or fetch by IMAP"
        case .whoseFolders(let rc): "--folders needs the name of one account; \(rc) has several that fetch"
        case .noUIDValidity(let folder, let host):
            "\(host) gives no lasting UIDs for \(printable(folder)); it cannot be fetched"
        case .command(let word, let error): "\(word): \(error)"
        case .watchedElsewhere: "another mhfetch --idle watches it; this one follows when that ends"
        case .openFiles(let accounts, let needed, let limit):
            "to watch \(counted(accounts, "account")) takes \(needed) open files at least, and the limit is \(limit): raise "
                + "it (LimitNOFILE= in a unit of systemd, ulimit -n in a shell), or name fewer accounts"
        }
    }
}

/// An error of one account among several.
struct AccountFault: Complaint {
    let account: String
    let error: any Error

    var exitStatus: ExitStatus { (error as? any Complaint)?.exitStatus ?? .software }
    var description: String {
        let words = sentence(error)
        return words.hasPrefix("account \(account)") ? words : "account \(account): \(words)"
    }
}
