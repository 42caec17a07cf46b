// Who may log in: verifiers of the mailboxes, failures counted, successes remembered, hashes on threads of their own.

import AccessControl
import Credentials
import InternetAddress
import MailFormat
import MailRouting
import NIOCore
import Reporting
import RunControl
import SASLMechanisms
import Synchronization

/// A person or program that has logged in.
struct Login: Sendable {
    /// The mailbox, by its name in the rc.
    let mailbox: String
    /// The addresses it may send from.
    let addresses: [AddressPattern]

    func owns(_ address: Address) -> Bool { addresses.contains { $0.matches(address) } }
}

/// Checks passwords (DECISIONS 38): address limits before any hash, the same work for a name that does not exist, a
/// success remembered for ten minutes as a digest under a key of this process. What is guessed at is a mailbox, under
/// whichever of its names, by whichever listener.
final class Logins: Sendable {
    enum Outcome: Sendable {
        case accepted(Login)
        case refused
        /// Too many failures: nothing was looked at.
        case paused
        /// Too many checks wait or are under way, or no memory for one: nothing was found out.
        case busy
    }

    private struct Account: Sendable {
        let login: Login
        let verifier: PasswordVerifier
    }

    private struct Memory {
        var throttle: LoginThrottle
        var successes = RecentLogins()
    }

    /// By every name a person may log in with: the mailbox's, and every address it may send from, lower-case.
    private let accounts: [String: Account]
    private let memory: Mutex<Memory>
    private let hashing: WorkPool

    init(settings: HubSettings, hashing: WorkPool) throws {
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
        // Behind all names of their own: an address of an account may be of several mailboxes.
        for (account, _) in all {
            for address in account.login.addresses.compactMap(\.address) {
                let name = address.description.lowercased()
                accounts[name] = accounts[name] ?? account
            }
        }
        self.accounts = accounts
        self.hashing = hashing
        memory = Mutex(Memory(throttle: LoginThrottle()))
    }

    static func verifier(of mailbox: MailboxSettings) throws -> PasswordVerifier? {
        do { return try unchecked(mailbox) } catch { throw LoginFault.unusable("mailbox \(mailbox.name)", error) }
    }

    private static func unchecked(_ mailbox: MailboxSettings) throws(PasswordError) -> PasswordVerifier? {
        switch mailbox.verifier {
        case .none, .passwordFile: nil  // the keeper has put the file's content in its place
        case .password(let secret): try PasswordVerifier(plain: secret)
        case .passwordHash(let hash): try PasswordVerifier(hash: hash.revealedText)
        }
    }

    /// Checks `password` for `name` and tells `done`; the line is held meanwhile.
    func check(
        _ credentials: SASLCredentials, from peer: IPAddress, on line: any SessionLine,
        done: @escaping (Outcome) -> Void
    ) {
        let name = credentials.login.lowercased()
        let password = credentials.password
        let account = accounts[name]
        let target = account?.login.mailbox ?? name
        let early = memory.withLock { memory -> Outcome? in
            let now = Self.now()
            if case .pause = memory.throttle.decide(peer, now: now) { return .paused }
            if let account, memory.successes.knows(target, password, at: now) { return .accepted(account.login) }
            // Last, and not for an address whose owner was here lately: strangers who guess must not lock the owner out.
            let isKnown = memory.successes.hasSeen(target, from: peer, at: now)
            if !isKnown, case .pause = memory.throttle.decide(peer, login: target, now: now) { return .paused }
            return nil
        }
        if let early { return done(early) }
        let started = line.offload(to: hashing) { [self] in
            judge(password, of: target, account, from: peer)
        } then: { result in
            switch result {
            case .success(let outcome): done(outcome)
            case .failure: done(.busy)
            }
        }
        if !started { done(.busy) }
    }

    /// Checks on a thread of the pool. The try counts from here on, where it is about to cost a hash.
    private func judge(_ password: Secret, of target: String, _ account: Account?, from peer: IPAddress) -> Outcome {
        let early = memory.withLock { memory -> Outcome? in
            let now = Self.now()
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
            memory.withLock { _ = $0.throttle.end(peer, login: target, as: .unchecked, now: Self.now()) }
            return .busy
        }
        return memory.withLock { memory in
            let now = Self.now()
            guard isRight, let account else {
                memory.throttle.end(peer, login: target, as: .wrong, now: now)
                return .refused
            }
            memory.throttle.end(peer, login: target, as: .right, now: now)
            memory.successes.remember(target, password, from: peer, at: now)
            return .accepted(account.login)
        }
    }

    private static func now() -> Duration { .nanoseconds(Int64(clamping: NIODeadline.now().uptimeNanoseconds)) }
}

/// A password or a hash that nobody can log in with.
enum LoginFault: Complaint {
    /// - Parameter whose: the mailbox.
    case unusable(_ whose: String, PasswordError)
    case unfit(PasswordError)

    var exitStatus: ExitStatus {
        switch self {
        case .unusable: .configuration
        case .unfit(.cannotHash): .temporaryFailure
        case .unfit: .dataError
        }
    }

    var description: String {
        switch self {
        case .unusable(let whose, let error): "\(whose): \(error)"
        case .unfit(let error): sentence(error)
        }
    }
}
