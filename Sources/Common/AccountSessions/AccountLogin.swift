// The login of an account: who logs in, by which mechanisms, and where its secret is.

import Blocking
import Credentials
import Programs
import RunControl
import SASLMechanisms

/// What an account logs in with. The secret itself is read last: when it is known how it will be used.
public struct AccountLogin: Sendable {
    public let user: String
    private let account: String
    private let source: SecretSource
    /// The mechanisms that the rc allows, the one to prefer first.
    let mechanisms: [SASLClientMechanism]
    /// Whether the rc leaves the way to log in to us.
    let isFree: Bool

    /// The login of `account`; `nil` when it has none (`auth off`, or no password).
    /// - Parameter mechanisms: all that we speak, the one to prefer first.
    /// - Throws: ``AccountError/noUser(account:position:)``.
    public init?(
        of account: AccountSettings, speaking mechanisms: [SASLClientMechanism] = SASLClientMechanism.all
    ) throws(AccountError) {
        if account.auth == .off { return nil }
        if case .none = account.secret { return nil }
        guard let user = account.user ?? account.addresses.lazy.compactMap({ $0.address }).first?.description else {
            throw AccountError.noUser(account: account.name, position: account.position)
        }
        self.user = user
        self.account = account.name
        source = account.secret
        isFree = account.auth == .auto
        self.mechanisms =
            switch account.auth {
            case .auto: mechanisms
            case .scramSHA256Plus, .scramSHA256, .scramSHA1, .cramMD5, .plain, .login, .off:
                mechanisms.filter { $0.name == account.auth.rawValue.uppercased() }
            }
    }

    /// How long a password program may take, whatever `timeout` says: a person may have to unlock a key first.
    private static let patience = Duration.seconds(120)

    /// The password. A `passwordeval` is run anew at each call: a password that was changed counts at once.
    /// - Throws: ``AccountError/secret(_:)``.
    func readSecret() throws(AccountError) -> Secret {
        do throws(ProgramError) {
            switch source {
            case .none: return Secret("")
            case .text(let secret): return secret
            case .file(let path): return try SecretReader.file(path).read(until: .never)
            case .command(let argv):
                return try SecretReader.command(argv).read(until: Deadline(after: Self.patience))
            }
        } catch {
            throw .secret(error)
        }
    }

    /// The password as text, for a login that takes no octets.
    /// - Throws: ``AccountError/passwordNotText(account:)``, ``AccountError/secret(_:)``.
    func readText() throws(AccountError) -> String {
        guard let text = String(validating: try readSecret().revealed, as: UTF8.self) else {
            throw AccountError.passwordNotText(account: account)
        }
        return text
    }
}
