// Why the queue cannot accept, hand out or change a message.

import DurableFiles
import Reporting

/// A failure of the queue. Unless the case says otherwise the message concerned is still where it was.
public enum QueueError: Complaint, Hashable {
    /// Disk or quota full: nothing was accepted, nothing was attempted.
    case noSpace(DurableError)
    case disk(DurableError)
    /// The state directory lies on a file system whose locks and renames cannot be relied on.
    case networkFileSystem(path: String, kind: String)
    /// A directory or file that others own or could change.
    case notOurs(OwnershipFault)
    /// A file of a newer release; it is left alone.
    case newerVersion(path: String)
    /// A file that is no queued message; it was moved to `queue/foreign`.
    case foreign(path: String, why: String)
    /// A file of another user, such as root; it is never sent, and is left where it is.
    case foreignOwner(path: String, owner: UInt32, own: UInt32)
    /// As `foreign`, seen without the lock: it is still where it was.
    case damaged(path: String, why: String)
    /// A journal with a bad line before good ones; the message is not attempted until a person has looked.
    case journalDamaged(path: String, line: Int)
    /// A directory, a link, a fifo or a device in the place of a journal.
    case noPlainFile(path: String)
    /// A write or synchronization of this message failed before; it is left alone until the next run.
    case distrusted(path: String)
    /// The state of a next hop makes no sense; the hop is not used.
    case hopDamaged(path: String)
    /// A value that cannot stand in an envelope.
    case textRefused(what: String, why: String)
    case tooManyRecipients(limit: Int)
    case envelopeTooLarge(octets: Int, limit: Int)
    case noRecipients
    /// Another process holds the message; `holder` is `nil` when that process cannot be seen.
    case busy(id: String, holder: Int32?)

    init(_ error: DurableError) { self = error.isNoSpace ? .noSpace(error) : .disk(error) }

    init(_ error: JournalError) {
        switch error {
        case .disk(let error): self.init(error)
        case .notOurs(let fault): self = .notOurs(fault)
        case .noPlainFile(let path): self = .noPlainFile(path: path)
        case .damaged(let path, let line): self = .journalDamaged(path: path, line: line)
        case .newerVersion(let path): self = .newerVersion(path: path)
        }
    }

    public var exitStatus: ExitStatus {
        switch self {
        case .noSpace, .distrusted, .busy: .temporaryFailure
        case .disk(let error): error.exitStatus
        case .networkFileSystem: .configuration
        case .notOurs(let fault): fault.exitStatus
        case .newerVersion, .journalDamaged, .noPlainFile, .hopDamaged: .osFile
        case .foreignOwner: .noPermission
        case .foreign, .damaged, .textRefused, .tooManyRecipients, .envelopeTooLarge, .noRecipients: .dataError
        }
    }

    public var description: String {
        switch self {
        case .noSpace(let error), .disk(let error):
            "\(error)"
        case .networkFileSystem(let path, let kind):
            "\(path): lies on a \(kind) file system, whose locks cannot be relied on; "
                + "name a local directory in the rc's `state` line"
        case .notOurs(let fault):
            fault.description
        case .newerVersion(let path):
            "\(path): was written by a newer release; it is left alone: run that release, or remove the file"
        case .foreign(let path, let why):
            "\(path): is no queued message (\(why)); it was moved to the queue's `foreign` directory: look at it there"
        case .foreignOwner(let path, let owner, let own):
            "\(path): belongs to user \(owner), but this hub runs as user \(own), and sends nobody else's files; it is "
                + "left alone: look at it, then remove it, or run: chown \(own) \(path)"
        case .damaged(let path, let why):
            "\(path): is no queued message (\(why)); the next run moves it to the queue's `foreign` directory"
        case .journalDamaged(let path, let line):
            "\(path): line \(line) is damaged though good lines follow; the message is left alone: "
                + "check the disk, then mend or remove the file"
        case .noPlainFile(let path):
            "\(path): is not a plain file, and the hub did not make it; its message is left alone: "
                + "find out who did, and remove it"
        case .distrusted(let path):
            "\(path): a write failed before, so it is left alone until the next run"
        case .hopDamaged(let path):
            "\(path): cannot be read; remove it: only what was known of a fault there is lost"
        case .textRefused(let what, let why):
            "\(what) is refused: \(why)"
        case .tooManyRecipients(let limit):
            "more than \(limit) recipients in one message; send it in parts"
        case .envelopeTooLarge(let octets, let limit):
            "an envelope of \(octets) octets is above the limit of \(limit); send to fewer recipients at once"
        case .noRecipients:
            "a message without recipients cannot be queued"
        case .busy(let id, let holder):
            "\(id): \(holder.map { "process \($0)" } ?? "another process") is working on it; try again when it is done"
        }
    }
}

/// Runs `body` and throws its failure as the queue's own.
func durably<T>(_ body: () throws(DurableError) -> T) throws(QueueError) -> T {
    do { return try body() } catch { throw QueueError(error) }
}
