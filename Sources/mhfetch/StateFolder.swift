// Where the fetch state of each account lives: `<state>/fetch/<account>`.

import DurableFiles
import Glibc

enum StateFolder {
    private static let name = "fetch"
    /// A file of its own, never removed: two runs must meet at the same inode (DECISIONS 35).
    private static let lockName = "lock"

    /// The folder of `account`, made if missing.
    static func open(_ state: String, account: String) throws -> Directory {
        let root = try Directory(path: state, making: 0o700)
        if let kind = try root.networkFileSystem() { throw FetchError.networkFileSystem(path: state, kind: kind) }
        let parts = try root.directory(name, making: 0o700)
        let folder = try parts.directory(account, making: 0o700)
        for directory in [root, parts, folder] { try demandOwn(directory) }
        return folder
    }

    /// The account's lock; `nil` when another run has it.
    static func lock(_ folder: Directory) throws -> FileLock? {
        if let lock = try FileLock.tryAcquire(lockName, in: folder) { return lock }
        // A look of `--status` holds it for an instant, and must not cost a run.
        usleep(50_000)
        return try FileLock.tryAcquire(lockName, in: folder)
    }

    /// Whether a run is under way.
    static func isLocked(_ folder: Directory) throws -> Bool { try FileLock.isHeld(lockName, in: folder) }

    /// The folder of `account`, for looking only; `nil` when nothing was ever fetched.
    static func look(_ state: String, account: String) throws -> Directory? {
        let folder: Directory
        do throws(DurableError) {
            folder = try Directory(path: state).directory(name).directory(account)
        } catch  where error.isMissing {
            return nil
        }
        try demandOwn(folder)
        return folder
    }

    private static func demandOwn(_ directory: Directory) throws {
        if let fault = try directory.ownershipFault() { throw fault }
    }
}
