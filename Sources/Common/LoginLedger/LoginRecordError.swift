// Why a login is not tried at this time.

import DurableFiles
import Glibc
import Reporting

/// What keeps a login from being tried. Times are in seconds since 1970.
public enum LoginRecordError: Complaint, Hashable {
    /// It was refused before, and is not tried at this time.
    case paused(LoginIdentity, until: Int, since: Int, words: String)
    /// Another process is at the same login.
    case busy(LoginIdentity)
    /// Another process is at the same `tokeneval`.
    case tokenBusy(command: String)
    /// What is known of logins cannot be read, or no lock be taken.
    case state(StateFileError)

    /// Whether it is for past refusals alone.
    public var isPause: Bool { if case .paused = self { true } else { false } }

    /// As ``description``, for who reads it at some later time.
    public var lastingDescription: String {
        guard case .paused(let identity, _, _, let words) = self else { return description }
        return
            "\(identity.host) refuses the login of \(printable(identity.user)): \(printable(words)); it is tried again after "
            + "a while, as soon as the rc or the password's file has changed, or when you ask: mhqueue try ALL"
    }

    public var exitStatus: ExitStatus {
        switch self {
        case .paused: .noPermission
        case .busy, .tokenBusy: .temporaryFailure
        case .state(let error): error.exitStatus
        }
    }

    public var description: String {
        switch self {
        case .paused(let identity, let until, let since, let words):
            "\(identity.host) refuses the login of \(printable(identity.user)), the first time "
                + "\(RelativeTime.past(since, now: time(nil))): \(printable(words)); it is tried again "
                + "\(RelativeTime.ahead(until, now: time(nil))), as soon as "
                + "the rc or the password's file has changed, or when you ask: mhfetch --retry for what is fetched, "
                + "mhqueue try ALL for what is sent"
        case .busy(let identity):
            "another process is at the login of \(printable(identity.user)) at \(identity.host), and not done; it is tried "
                + "again later"
        case .tokenBusy(let command):
            "\(printable(command)): another run of it is not done; if it hangs, end it"
        case .state(let error): "\(error)"
        }
    }
}
