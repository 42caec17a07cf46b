// Why a journal cannot be read.

import Reporting

/// A journal that is left as it is, since its content cannot be relied on.
public enum JournalError: Complaint, Hashable {
    case disk(DurableError)
    /// Others could have written it.
    case notOurs(OwnershipFault)
    /// A directory, a link, a fifo, a device.
    case noPlainFile(path: String)
    /// A line that does not fit its checksum before one that does, or a whole line that cannot stand there.
    case damaged(path: String, line: Int)
    /// It, or one of its lines, is of a later release.
    case newerVersion(path: String)

    public var exitStatus: ExitStatus {
        switch self {
        case .disk(let error): error.exitStatus
        case .notOurs(let fault): fault.exitStatus
        case .noPlainFile, .damaged, .newerVersion: .osFile
        }
    }

    public var description: String {
        switch self {
        case .disk(let error): error.description
        case .notOurs(let fault): fault.description
        case .noPlainFile(let path):
            "\(path): is not a plain file, and the hub did not make it; find out who did, and remove it"
        case .damaged(let path, let line):
            "\(path): line \(line) is damaged though good lines follow; it is left alone: "
                + "check the disk, then mend or remove the file"
        case .newerVersion(let path): "\(path): was written by a newer release; run that one"
        }
    }
}
