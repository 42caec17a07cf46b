// The login of an account: who logs in, by which mechanisms, and where its password or token is.

import Blocking
import Credentials
import DurableFiles
import LoginLedger
import Programs
import RunControl
import SASLMechanisms

/// What an account logs in with. The secret itself is read last: when it is known how it will be used.
public struct AccountLogin: Sendable {
    /// Who logs in, as people know them.
    public let name: String
    /// Who logs in, as the server is told; with EXTERNAL empty where it is to know it by the certificate.
    let user: String
    private let account: String
    private let source: SecretSource
    /// The mechanisms that the rc allows, the one to prefer first.
    let mechanisms: [SASLClientMechanism]
    /// Whether the rc leaves the way to log in to us.
    let isFree: Bool
    private let auth: AuthMethod
    /// Whether POP3 is to log in by APOP.
    let prefersAPOP: Bool
    /// `nil` where no record is kept.
    private let records: LoginRecords?

    /// The login of `account` at `server`; `nil` when it has none (`auth off`, or nothing to log in with), and at a server of
    /// LMTP, which knows none.
    /// - Throws: ``AccountError/noUser(account:position:)``, ``AccountError/records(_:)`` in a pause after refusals.
    public init?(
        of account: AccountSettings, at server: AccountServer, recordedBy records: LoginRecords
    ) throws(AccountError) {
        guard !server.speaksLMTP else { return nil }
        try self.init(of: account, recordedBy: records)
        do throws(LoginRecordError) {
            try records.demandLeave(identity(at: server.host, server.port), stamp: records.stamp(of: secretFiles))
        } catch {
            throw .records(error)
        }
    }

    /// - Parameter mechanisms: all that we speak for a password, the one to prefer first.
    /// - Throws: ``AccountError/noUser(account:position:)``.
    init?(
        of account: AccountSettings, speaking mechanisms: [SASLClientMechanism] = SASLClientMechanism.withPassword,
        recordedBy records: LoginRecords? = nil
    ) throws(AccountError) {
        guard account.logsIn else { return nil }
        let isExternal = account.auth == .external
        let certificate = isExternal ? account.certificateFile : nil
        let address = account.addresses.lazy.compactMap({ $0.address }).first?.description
        guard let name = account.user ?? address ?? certificate else {
            throw AccountError.noUser(account: account.name, position: account.position)
        }
        self.name = name
        user = isExternal ? account.$user.said.flatMap(\.self) ?? "" : name
        self.account = account.name
        self.records = records
        source = account.secret
        prefersAPOP = account.auth == .apop
        auth = account.auth
        isFree = account.auth == .auto && !account.hasToken
        let all = account.hasToken ? SASLClientMechanism.withToken : mechanisms
        self.mechanisms =
            switch account.auth {
            case .auto, .oauth, .apop: all
            case .external: [.external]
            case .scramSHA256Plus, .scramSHA256, .scramSHA1, .cramMD5, .plain, .login, .oauthbearer, .xoauth2, .off:
                all.filter { $0.name == account.auth.rawValue.uppercased() }
            }
    }

    /// Whether the protocol's own command, which shows the password, is one of the ways: `login` is its name as much as a
    /// mechanism's, and `plain` means it where a server knows of no mechanism at all.
    func takesOwnCommand(offered: [String]) -> Bool {
        isFree || auth == .login || auth == .plain && offered.isEmpty
    }

    /// The right to try the login now; see ``LoginRecords``.
    func attempt(at host: String, _ port: Int, until deadline: Deadline) throws(AccountError) -> LoginAttempt? {
        guard let records else { return nil }
        do throws(LoginRecordError) {
            return try records.attempt(identity(at: host, port), stamp: records.stamp(of: secretFiles), until: deadline)
        } catch {
            throw .records(error)
        }
    }

    public func identity(at host: String, _ port: Int) -> LoginIdentity {
        LoginIdentity(user: name, host: host, port: port)
    }

    /// What the rc and the files of the secret look like now; see `LoginRecords`.
    var stamp: String { records?.stamp(of: secretFiles) ?? "" }

    /// The files whose change may have changed the secret: its own, or those that its command names.
    private var secretFiles: [String] {
        switch source {
        case .none, .text: []
        case .file(let path): [path]
        case .command(let words), .token(let words): words.filter { $0.hasPrefix("/") }
        }
    }

    /// How long a password program may take, whatever `timeout` says: a person may have to unlock a key first.
    private static let patience = Duration.seconds(120)

    /// The password or the token, empty where none is needed. A command is run anew at each call: a password that was
    /// changed counts at once, and a token is fresh.
    /// - Throws: ``AccountError/secret(_:)``.
    func readSecret() throws(AccountError) -> Secret {
        switch source {
        case .none: return Secret("")
        case .text(let secret): return secret
        case .file(let path): return try read(.file(path), until: .never)
        case .command(let argv): return try read(.command(argv), until: Deadline(after: Self.patience))
        case .token(let argv):
            let deadline = Deadline(after: Self.patience)
            let lock: FileLock?
            do throws(LoginRecordError) { lock = try records?.tokenLock(argv, until: deadline) } catch {
                throw .records(error)
            }
            defer {
                // One that cannot be released ends with its descriptor. A command that runs on keeps the lock.
                _ = try? StopSignal.hasCome ? lock?.leave() : lock?.release()
            }
            return try read(.token(argv, holding: lock?.descriptor), until: deadline)
        }
    }

    private func read(_ reader: SecretReader, until deadline: Deadline) throws(AccountError) -> Secret {
        do throws(ProgramError) { return try reader.read(until: deadline) } catch { throw .secret(error) }
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

extension AccountSettings {
    /// Who logs in at `server` for the account; `nil` where there is no login.
    public func loginIdentity(at server: AccountServer?) throws(AccountError) -> LoginIdentity? {
        guard let server else { return nil }
        return try AccountLogin(of: self)?.identity(at: server.host, server.port)
    }
}
