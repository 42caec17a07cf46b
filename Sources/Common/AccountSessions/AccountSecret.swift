// The login of an account: its password from where the rc says, the mechanism that both sides know.

import Blocking
import Credentials
import Programs
import Reporting
import RunControl
import SASLMechanisms

/// What an account logs in with.
public struct AccountLogin: Sendable {
    public let user: String
    public let password: Secret
    private let allowed: Set<SASLMechanism>

    /// The login of `account`; `nil` when it has none (`auth off`, or no password and no user).
    ///
    /// A `passwordeval` is run anew at each call: a password that was changed counts at once.
    /// - Throws: ``AccountError``, `ProgramError`.
    public init?(of account: AccountSettings) throws {
        if account.auth == .off { return nil }
        switch account.secret {
        case .none: return nil
        case .text(let secret): password = secret
        case .file(let path): password = try SecretReader.file(path).read(until: .never)
        case .command(let argv): password = try SecretReader.command(argv).read(until: Deadline(after: .seconds(120)))
        }
        guard let user = account.user ?? account.addresses.lazy.compactMap({ $0.address }).first?.description else {
            throw AccountError.noUser(account: account.name, place: account.place)
        }
        self.user = user
        allowed =
            switch account.auth {
            case .auto: Set(SASLMechanism.allCases)
            case .plain: [.plain]
            case .login: [.login]
            case .off: []
            }
    }

    /// The strongest mechanism that the server offers and the account allows.
    /// - Throws: ``AccountError/noMechanism(account:offered:)``, ``AccountError/unusable(account:reason:)``.
    public func exchange(offered: [String], for account: AccountSettings) throws -> SASLClient {
        guard let mechanism = SASLMechanism.choose(offered: offered, allowed: allowed) else {
            throw AccountError.noMechanism(account: account.name, offered: offered)
        }
        do throws(SASLError) {
            return try SASLClient(mechanism, user: user, password: password)
        } catch {
            throw AccountError.unusable(account: account.name, reason: sentence(error))
        }
    }

    /// Whether the account allows one of the mechanisms that the server offers.
    public func speaks(anyOf offered: [String]) -> Bool {
        SASLMechanism.choose(offered: offered, allowed: allowed) != nil
    }
}

/// Why an account cannot log in.
public enum AccountError: Complaint {
    case noUser(account: String, place: Place)
    case noMechanism(account: String, offered: [String])
    /// A login or password that no mechanism can carry.
    case unusable(account: String, reason: String)
    /// Connected, and no word came.
    case silent(AccountServer)

    public var exitStatus: ExitStatus {
        switch self {
        case .noUser, .unusable: .configuration
        case .noMechanism: .noPermission
        case .silent(let server): server.portFault == nil ? .temporaryFailure : .configuration
        }
    }

    public var description: String {
        switch self {
        case .noUser(let account, let place):
            "\(place): account \(account) has a password and no `user` and no `address`"
        case .noMechanism(let account, let offered):
            "account \(account): the server offers none of the logins we have (it offers "
                + "\(offered.isEmpty ? "none" : printable(offered.joined(separator: " ")))); see `auth` in mailhubrc(5)"
        case .silent(let server):
            "\(server.host) port \(server.port): took the connection and says nothing; \(server.silenceAdvice)"
        case .unusable(let account, let reason): "account \(account): the rc gives \(reason); mend it"
        }
    }
}
