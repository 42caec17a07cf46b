// Who may log in: verifiers of the mailboxes, failures counted, successes remembered.

import AccessControl
import Blocking
import Credentials
import InternetAddress
import MailRouting
import RunControl
import SASLMechanisms
import Synchronization

/// The logins of the hub's mailboxes, for all services and threads together. The limits of a client's address are
/// looked at before any hash is made, a name that does not exist costs the same work, and a success is remembered for
/// ten minutes as a digest under a key of this process. Guesses count against a mailbox, whichever of its names and
/// whichever listener they use.
public final class Logins: Sendable {
    private struct Account: Sendable {
        let login: Login
        let verifier: PasswordVerifier
    }

    private struct Memory {
        var throttle: LoginThrottle
        var successes = RecentLogins()
    }

    /// What a client may log in with: the mechanisms that work with every verifier of the rc.
    public let mechanisms = [SASLMechanism.plain, .login]

    /// By every name a person may log in with: the mailbox's, and every address it may send from, lower-case.
    private let accounts: [String: Account]
    private let memory: Mutex<Memory>
    private let now: @Sendable () -> Duration

    /// - Parameter now: time since an epoch of the caller's choice, on a clock that never goes back; `nil` counts from
    ///   this call.
    /// - Throws: ``LoginFault`` for a mailbox whose password nobody can log in with.
    public init(
        _ settings: HubSettings, throttle: LoginThrottle = LoginThrottle(), now: (@Sendable () -> Duration)? = nil
    ) throws(LoginFault) {
        var all: [(account: Account, names: [String])] = []
        for mailbox in settings.mailboxes {
            guard let verifier = try Self.verifier(of: mailbox) else { continue }
            let login = Login(mailbox: mailbox.name, addresses: settings.addressesOwned(by: mailbox))
            all.append((Account(login: login, verifier: verifier), [mailbox.name] + mailbox.loginAddresses))
        }
        var accounts: [String: Account] = [:]
        for (account, names) in all {
            for name in names { accounts[name.lowercased()] = account }
        }
        // After all names of the mailboxes' own: an address of an account may be that of several mailboxes.
        for (account, _) in all {
            for address in account.login.addresses.compactMap(\.address) {
                let name = address.description.lowercased()
                accounts[name] = accounts[name] ?? account
            }
        }
        self.accounts = accounts
        memory = Mutex(Memory(throttle: throttle))
        let begun = Deadline.now
        self.now = now ?? { begun.elapsed }
    }

    /// What verifies the password of `mailbox`; `nil` when nobody can log in to it.
    /// - Throws: ``LoginFault/unusable(_:_:)`` for a password or a hash that no login could match.
    public static func verifier(of mailbox: MailboxSettings) throws(LoginFault) -> PasswordVerifier? {
        do throws(PasswordError) {
            return switch mailbox.verifier {
            case .none, .passwordFile: nil  // whoever reads the rc has put the file's content in its place
            case .password(let secret): try PasswordVerifier(plain: secret)
            case .passwordHash(let hash): try PasswordVerifier(hash: hash.revealedText)
            }
        } catch {
            throw .unusable("mailbox \(mailbox.name)", error)
        }
    }

    /// The outcome, where it can be told without a hash; else `nil`.
    func outcomeAtOnce(of credentials: SASLCredentials, from peer: IPAddress) -> LoginOutcome? {
        let (account, target) = find(credentials.login)
        return memory.withLock { memory in
            let now = now()
            if case .pause = memory.throttle.decide(peer, now: now) { return .paused }
            if let account, memory.successes.knows(target, credentials.password, at: now) {
                return .accepted(account.login)
            }
            // Last, and not for an address that the owner used lately: strangers who guess must not lock the owner out.
            let isKnown = memory.successes.hasSeen(target, from: peer, at: now)
            if !isKnown, case .pause = memory.throttle.decide(peer, login: target, now: now) { return .paused }
            return nil
        }
    }

    /// Checks a password. Blocks. The attempt is counted here, where it is about to cost a hash.
    func judge(_ credentials: SASLCredentials, from peer: IPAddress) -> LoginOutcome {
        let (account, target) = find(credentials.login)
        let password = credentials.password
        let early = memory.withLock { memory -> LoginOutcome? in
            let now = now()
            // A program that logs in several times at once: the others have waited for the first.
            if let account, memory.successes.knows(target, password, at: now) { return .accepted(account.login) }
            let isKnown = memory.successes.hasSeen(target, from: peer, at: now)
            switch memory.throttle.begin(peer, login: target, isKnown: isKnown, now: now) {
            case .allowed: return nil
            case .full: return .busy
            case .pause: return .paused
            }
        }
        if let early { return early }
        let isRight: Bool
        do {
            isRight = try account?.verifier.verify(password) ?? PasswordVerifier.verifyAgainstNobody(password)
        } catch {
            memory.withLock { _ = $0.throttle.end(peer, login: target, as: .unchecked, now: now()) }
            return .busy
        }
        return memory.withLock { memory in
            let now = now()
            guard isRight, let account else {
                memory.throttle.end(peer, login: target, as: .wrong, now: now)
                return .refused
            }
            memory.throttle.end(peer, login: target, as: .right, now: now)
            memory.successes.remember(target, password, from: peer, at: now)
            return .accepted(account.login)
        }
    }

    /// The account that `name` belongs to, and the name under which guesses at it count.
    private func find(_ name: String) -> (Account?, target: String) {
        let name = name.lowercased()
        let account = accounts[name]
        return (account, account?.login.mailbox ?? name)
    }
}
