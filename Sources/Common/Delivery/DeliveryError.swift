// Why a message could not be delivered here, and what that means for it.

import DurableFiles
import Glibc
import MailEnvelope
import MaildirStore
import MboxStore
import Programs
import Reporting

/// A delivery that failed. Nothing of it is there then.
public enum DeliveryError: Complaint {
    case disk(DurableError)
    case maildir(MaildirError)
    case mbox(MboxError)
    /// The mailbox is another user's, or others may write where it lies.
    case notOurs(OwnershipFault)
    /// The program did not start.
    case program(ProgramError)
    /// What no other case tells of.
    case other(words: String, exitStatus: ExitStatus)

    public init(_ error: any Error) {
        self =
            switch error {
            case let error as DeliveryError: error
            case let error as DurableError: .disk(error)
            case MaildirError.disk(let error): .disk(error)
            case MaildirError.notOurs(let fault): .notOurs(fault)
            case let error as MaildirError: .maildir(error)
            case MboxError.disk(let error): .disk(error)
            case MboxError.notOurs(let fault): .notOurs(fault)
            case let error as MboxError: .mbox(error)
            case let error as ProgramError: .program(error)
            default: .other(words: sentence(error), exitStatus: .software)
            }
    }

    public var exitStatus: ExitStatus {
        switch self {
        case .disk(let error): error.exitStatus
        case .maildir(let error): error.exitStatus
        case .mbox(let error): error.exitStatus
        case .notOurs(let fault): fault.exitStatus
        case .program(let error): error.exitStatus
        case .other(_, let status): status
        }
    }

    public var description: String {
        switch self {
        case .disk(let error): "\(error)"
        case .maildir(let error): "\(error)"
        case .mbox(let error): "\(error)"
        case .notOurs(let fault): "\(fault)"
        case .program(let error): "\(error)"
        case .other(let words, _): words
        }
    }

    /// Its meaning for the mail, by RFC 3463 §3, and the words for a stranger: what is wrong with our files is ours to know.
    ///
    /// All of it can be mended by somebody, so that waiting helps: even a message too large for a file may be so by
    /// `ulimit -f` alone.
    private var meaning: (subject: Int, detail: Int, words: String) {
        let unspecific = "the message could not be stored"
        switch self {
        case .disk(let error):
            switch error.code {
            case ENOSPC: return (3, 1, "the disk is full")
            case EDQUOT: return (2, 2, "the mailbox is full")
            case EFBIG: return (3, 4, "the message is too large for now")
            case EACCES, EPERM, EROFS, ENOENT, ENOTDIR, ELOOP: return (3, 5, unspecific)
            default: return (3, 0, unspecific)
            }
        case .maildir(.tooManyMessages): return (2, 2, "the mailbox is full")
        case .mbox(.busy): return (2, 0, "the mailbox is in use")
        case .maildir(.badFolderName), .mbox, .notOurs, .program: return (3, 5, unspecific)
        case .maildir, .other: return (3, 0, unspecific)
        }
    }

    /// What it comes to for those the message was for.
    public var verdict: Verdict { .temporary(meaning.subject, meaning.detail, text: description) }

    /// As ``verdict``, in words fit for a stranger.
    public var verdictForStrangers: Verdict {
        .temporary(meaning.subject, meaning.detail, text: "\(meaning.words); try again later")
    }
}
