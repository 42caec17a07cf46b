// Why the spool of an account cannot be used.

import DurableFiles
import FetchLedger
import MaildirStore
import Reporting

public enum SpoolError: Complaint {
    case disk(DurableError)
    case maildir(MaildirError)
    case journal(JournalError)
    case ledger(LedgerError)

    /// Does `body`, whose errors are those of the rooms that a spool is made of.
    static func telling<Value>(_ body: () throws -> Value) throws(SpoolError) -> Value {
        do { return try body() } catch let error as DurableError {
            throw .disk(error)
        } catch let error as MaildirError {
            throw .maildir(error)
        } catch let error as JournalError {
            throw .journal(error)
        } catch let error as LedgerError {
            throw .ledger(error)
        } catch {
            preconditionFailure("a spool is made of nothing that throws \(error)")
        }
    }

    public var exitStatus: ExitStatus {
        switch self {
        case .disk(let error): error.exitStatus
        case .maildir(let error): error.exitStatus
        case .journal(let error): error.exitStatus
        case .ledger(let error): error.exitStatus
        }
    }

    public var description: String {
        switch self {
        case .disk(let error): "\(error)"
        case .maildir(let error): "\(error)"
        case .journal(let error): "\(error)"
        case .ledger(let error): "\(error)"
        }
    }
}
