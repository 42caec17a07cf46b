// Why a ledger cannot be read or kept.

import DurableFiles
import Reporting

/// A ledger that is left as it is. Its account is not fetched from: what it has brought already is not known.
public enum LedgerError: Complaint, Hashable {
    case disk(DurableError)
    /// The state directory lies on a file system whose locks and renames cannot be relied on.
    case networkFileSystem(path: String, kind: String)
    /// Others could change what stands there.
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

    /// Runs `body`, its failure told as the ledger's.
    static func telling<T>(_ body: () throws(DurableError) -> T) throws(LedgerError) -> T {
        do { return try body() } catch { throw .disk(error) }
    }
}
