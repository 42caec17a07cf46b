// A login that succeeded, and what else may come of an attempt.

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

    /// Whether the login may send from `address`; `Alice` and `alice` are one mailbox here.
    public func owns(_ address: Address) -> Bool {
        addresses.contains { $0.matches(address, foldingLocalPart: true) }
    }
}

/// What came of an attempt to log in.
public enum LoginOutcome: Sendable {
    case accepted(Login)
    case refused
    /// Too many failures: the password was not checked.
    case paused
    /// Too many checks wait or are under way, or no memory for one: the password was not checked.
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
    /// What the rc has for `whose`, such as `mailbox alice`.
    case unusable(_ whose: String, PasswordError)
    /// What a person gave to be hashed.
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
