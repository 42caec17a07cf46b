// Why mail could not be appended to an mbox.

import DurableFiles
import Glibc
import Reporting

/// Nothing of the message is in the mbox then, as far as the disk lets us.
public enum MboxError: Complaint, Hashable {
    case disk(DurableError)
    case notOurs(OwnershipFault)
    /// A device, or a file with other names besides.
    case notPlain(path: String)
    case isFolder(path: String)
    /// Another program holds it, and did not give it back in time.
    case busy(path: String)

    public var exitStatus: ExitStatus {
        switch self {
        case .disk(let error): error.exitStatus
        case .notOurs(let fault): fault.exitStatus
        case .notPlain, .isFolder: .cannotCreate
        case .busy: .temporaryFailure
        }
    }

    public var description: String {
        switch self {
        case .disk(let error) where error.code == ELOOP: "\(error.path): is a link; name the file that it leads to"
        case .disk(let error) where error.code == EISDIR: "\(error.path): is a folder; an mbox is a file"
        case .disk(let error): "\(error)"
        case .notOurs(let fault): "\(fault)"
        case .notPlain(let path): "\(path): is no plain file with one name, so that no mail is written there"
        case .isFolder(let path): "\(path): is a folder; an mbox is a file"
        case .busy(let path):
            "\(path): another program has it locked; if \(path).lock is there and no program uses the mbox, remove that"
        }
    }
}

func onDisk<Value>(_ body: () throws(DurableError) -> Value) throws(MboxError) -> Value {
    do throws(DurableError) { return try body() } catch { throw .disk(error) }
}
