// What can be wrong with a Maildir, told to the person who must mend it.

import DurableFiles
import Reporting

/// What a Maildir could not do. Functions that do nothing but call the disk throw `DurableError` itself.
public enum MaildirError: Complaint, Hashable {
    case disk(DurableError)
    /// The Maildir is another user's, or others may write in it.
    case notOurs(OwnershipFault)
    case badFolderName(name: String, reason: String)
    /// A part of a file name that is not made of letters, digits, `.`, `_` and `-`, or is too long.
    case badNamePart(String)
    /// The name is taken by another file.
    case nameTaken(path: String)
    /// A message was to be shown before its content was on stable storage.
    case notSynchronized(path: String)
    /// The message was removed or moved by another program.
    case messageGone(path: String, unique: String)
    /// It became shorter while it was read: what came so far is no message.
    case shrunk(path: String)
    /// More files than a mailbox may have.
    case tooManyMessages(path: String, limit: Int)

    public var exitStatus: ExitStatus {
        switch self {
        case .disk(let error): error.exitStatus
        case .notOurs(let fault): fault.exitStatus
        case .badFolderName, .badNamePart: .dataError
        case .nameTaken: .cannotCreate
        case .messageGone: .noInput
        case .tooManyMessages, .shrunk: .temporaryFailure
        case .notSynchronized: .software
        }
    }

    public var description: String {
        switch self {
        case .disk(let error): "\(error)"
        case .notOurs(let fault): "\(fault)"
        case .badFolderName(let name, let reason): "the folder name \"\(printable(name))\" cannot be used: \(reason)"
        case .badNamePart(let part): "\"\(printable(part))\" cannot be part of a mail file's name"
        case .nameTaken(let path): "\(path): is there already; nothing was written"
        case .notSynchronized(let path):
            "\(path): the message is not on stable storage yet and was not delivered; please report this"
        case .messageGone(let path, let unique):
            "\(path): message \(printable(unique)) was removed by another program"
        case .shrunk(let path):
            "\(printable(path)): became shorter while it was read; no program may change a message in place"
        case .tooManyMessages(let path, let limit):
            "\(path): holds more than \(limit) messages; move some of them away"
        }
    }
}

/// Runs `body`, a failure of which is one of the Maildir's.
func onDisk<Result>(_ body: () throws(DurableError) -> Result) throws(MaildirError) -> Result {
    do { return try body() } catch { throw .disk(error) }
}
