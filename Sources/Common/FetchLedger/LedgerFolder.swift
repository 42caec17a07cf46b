// Where the ledger of each account lives: `<state>/fetch/<account>`.

import DurableFiles
import Glibc

/// The folder of an account: its journal, and its lock.
enum LedgerFolder {
    static let journalName = "journal"
    private static let name = "fetch"
    /// A file of its own, never removed: two runs must meet at the same inode.
    private static let lockName = "lock"
    /// Held by whoever waits for news of the account.
    private static let watchName = "watch"

    /// The folder of `account`, made if missing.
    static func open(_ account: String, in state: String) throws(LedgerError) -> Directory {
        let (root, kind) = try LedgerError.telling { () throws(DurableError) in
            let root = try Directory(path: state, making: 0o700)
            return (root, try root.networkFileSystem())
        }
        if let kind { throw .networkFileSystem(path: state, kind: kind) }
        let (parts, folder) = try LedgerError.telling { () throws(DurableError) in
            let parts = try root.directory(name, making: 0o700)
            return (parts, try parts.directory(account, making: 0o700))
        }
        for directory in [root, parts, folder] { try demandOwn(directory) }
        return folder
    }

    /// The account's lock; `nil` when another run has it.
    static func lock(_ folder: Directory) throws(LedgerError) -> FileLock? { try lock(lockName, in: folder) }

    /// The lock of whoever waits for news of the account; `nil` when another process has it.
    static func watchLock(_ folder: Directory) throws(LedgerError) -> FileLock? { try lock(watchName, in: folder) }

    private static func lock(_ name: String, in folder: Directory) throws(LedgerError) -> FileLock? {
        try LedgerError.telling { () throws(DurableError) in
            if let lock = try FileLock.tryAcquire(name, in: folder) { return lock }
            // `--status` holds it for an instant to look, which must not cost a run.
            usleep(50_000)
            return try FileLock.tryAcquire(name, in: folder)
        }
    }

    /// Whether somebody waits for news.
    static func isWatched(_ folder: Directory) throws(LedgerError) -> Bool {
        try LedgerError.telling { () throws(DurableError) in try FileLock.isHeld(watchName, in: folder) }
    }

    /// Whether a run is under way.
    static func isLocked(_ folder: Directory) throws(LedgerError) -> Bool {
        try LedgerError.telling { () throws(DurableError) in try FileLock.isHeld(lockName, in: folder) }
    }

    /// The folder of `account`, for looking only; `nil` when nothing was ever fetched.
    static func look(_ account: String, in state: String) throws(LedgerError) -> Directory? {
        let folder: Directory
        do throws(DurableError) {
            folder = try Directory(path: state).directory(name).directory(account)
        } catch {
            guard error.isMissing else { throw .disk(error) }
            return nil
        }
        try demandOwn(folder)
        return folder
    }

    private static func demandOwn(_ directory: Directory) throws(LedgerError) {
        let fault = try LedgerError.telling { () throws(DurableError) in try directory.ownershipFault() }
        if let fault { throw .notOurs(fault) }
    }
}
