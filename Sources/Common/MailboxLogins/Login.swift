// Who has logged in, and what came of a try.

import MailFormat
import MailRouting
import Reporting
import SASLMechanisms

/// A person or program that has logged in.
public struct Login: Sendable {
    /// The mailbox, by its name in the rc.
    public let mailbox: String
    /// The addresses it may send from.
    public let addresses: [AddressPattern]

    public init(mailbox: String, addresses: [AddressPattern]) {
        self.mailbox = mailbox
        self.addresses = addresses
    }

    public func owns(_ address: Address) -> Bool { addresses.contains { $0.matches(address) } }
}

/// What came of a try to log in.
public enum LoginOutcome: Sendable {
    case accepted(Login)
    case refused
    /// Too many failures: nothing was looked at.
    case paused
    /// Too many checks wait or are under way, or no memory for one: nothing was found out.
    case busy

    /// One word for the log, which fail2ban reads.
    public var word: String {
        switch self {
        case .accepted: "ok"
        case .refused: "refused"
        case .paused: "paused"
        case .busy: "busy"
        }
    }
}

/// A password or a hash that nobody can log in with.
public enum LoginFault: Complaint {
    /// - Parameter whose: the mailbox.
    case unusable(_ whose: String, PasswordError)
    case unfit(PasswordError)

    public var exitStatus: ExitStatus {
        switch self {
        case .unusable: .configuration
        case .unfit(.cannotHash): .temporaryFailure
        case .unfit: .dataError
        }
    }

    public var description: String {
        switch self {
        case .unusable(let whose, let error): "\(whose): \(error)"
        case .unfit(let error): sentence(error)
        }
    }
}
