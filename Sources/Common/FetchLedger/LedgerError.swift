// Why a ledger cannot be read or kept.

import DurableFiles
import Reporting

/// A ledger that cannot be used, and is left as it is. Nothing is fetched from its account, as it is unknown what was
/// fetched already.
public enum LedgerError: Complaint, Hashable {
    case disk(DurableError)
    /// The state directory lies on a file system whose locks and renames cannot be relied on.
    case networkFileSystem(path: String, kind: String)
    /// A directory that others own or could change.
    case notOurs(OwnershipFault)
    case journal(JournalError)

    public var exitStatus: ExitStatus {
        switch self {
        case .disk(let error): error.exitStatus
        case .networkFileSystem: .configuration
        case .notOurs(let fault): fault.exitStatus
        case .journal(let error): error.exitStatus
        }
    }

    public var description: String {
        switch self {
        case .disk(let error): error.description
        case .networkFileSystem(let path, let kind):
            "\(path): lies on a \(kind) file system, whose locks cannot be relied on; name a local directory in the "
                + "rc's `state` line"
        case .notOurs(let fault): fault.description
        case .journal(.damaged(let path, let line)):
            "\(path): line \(line) is damaged though good lines follow; check the disk, then restore the file or "
                + "remove it (all mail of the account is fetched again then)"
        case .journal(let error): error.description
        }
    }

    /// Runs `body` and throws its failure as the ledger's.
    static func telling<T>(_ body: () throws(DurableError) -> T) throws(LedgerError) -> T {
        do { return try body() } catch { throw .disk(error) }
    }
}
