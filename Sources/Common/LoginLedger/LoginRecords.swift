// Whether a login may be tried, and what became of the last tries: the same for all commands, on disk.

import Blocking
import DurableFiles
import Glibc
import Octets
import Reporting

/// Who logs in, and where. Two ports of one host may be two services with passwords of their own, or the ends of two
/// tunnels.
public struct LoginIdentity: Sendable, Hashable {
    public let user: String
    public let host: String
    public let port: Int

    public init(user: String, host: String, port: Int) {
        (self.user, self.host, self.port) = (user, host, port)
    }

    /// The name of its state, below `login` in the state directory.
    var fileName: String { StateFiles<LoginState>.fileName("\(host.lowercased()) \(port) \(user)") }
}

/// The states of all logins of a hub. A server that refuses a login is not asked again and again: it would lock the
/// account. So one process at a time tries a login, and after refusals with pauses that grow.
public final class LoginRecords: Sendable {
    private let stateDirectory: String
    /// The files of the rc.
    private let sources: [String]
    /// Whether a person asked, who need not wait for the end of a pause.
    private let isForced: Bool
    /// Whether nothing is to be kept: for a person who only looks.
    private let isLooking: Bool
    /// Tells a person what no error says.
    private let warn: @Sendable (String) -> Void

    /// - Parameters:
    ///   - stateDirectory: the hub's.
    ///   - sources: the files of the rc: when they have changed, a login that was refused is tried at once.
    public init(
        in stateDirectory: String, watching sources: [String], isForced: Bool = false, isLooking: Bool = false,
        warn: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        (self.stateDirectory, self.sources) = (stateDirectory, sources)
        (self.isForced, self.isLooking, self.warn) = (isForced, isLooking, warn)
    }

    /// What is known of the login `identity`, without a lock.
    /// - Throws: ``LoginRecordError/state(_:)``.
    public func state(of identity: LoginIdentity) throws(LoginRecordError) -> LoginState {
        let directory: Directory
        do throws(DurableError) { directory = try Directory(path: "\(stateDirectory)/login") } catch {
            guard error.isMissing else { throw .state(.disk(error)) }
            return LoginState()
        }
        return try read(identity, StateFiles(in: directory))
    }

    /// What the rc and the files of the secret look like: another stamp, and something was mended.
    /// - Parameter paths: the password's file, or the files that a command line names.
    public func stamp(of paths: [String]) -> String {
        FileStatus.stamp(of: sources + paths)
    }

    /// Refuses a login that is in a pause. No lock is taken, nobody is asked.
    /// - Throws: ``LoginRecordError/paused(_:until:since:words:)``, ``LoginRecordError/state(_:)``.
    public func demandLeave(_ identity: LoginIdentity, stamp: String) throws(LoginRecordError) {
        try demandLeave(identity, state(of: identity), stamp)
    }

    private func demandLeave(
        _ identity: LoginIdentity, _ state: LoginState, _ stamp: String
    ) throws(LoginRecordError) {
        guard !isForced, let until = state.pause(at: time(nil), stamp: stamp) else { return }
        throw .paused(identity, until: until, since: state.since, words: state.words)
    }

    /// The right to try a login now; waits for others who try it. `nil` for those who only look.
    /// - Throws: ``LoginRecordError/busy(_:)`` when they are not done by `deadline`; as ``demandLeave(_:stamp:)``: they
    ///   may have been refused meanwhile.
    public func attempt(
        _ identity: LoginIdentity, stamp: String, until deadline: Deadline
    ) throws(LoginRecordError) -> LoginAttempt? {
        guard !isLooking else {
            try demandLeave(identity, stamp: stamp)
            return nil
        }
        let files = try files()
        guard let lock = try lock("\(identity.fileName).lock", in: files.directory, until: deadline) else {
            throw .busy(identity)
        }
        let state = try read(identity, files)
        try demandLeave(identity, state, stamp)
        return LoginAttempt(identity, of: files, lock: lock, stamp: stamp, state: state, warn: warn)
    }

    /// The right to run a command that writes tokens: one at a time, over all processes, since it may keep a refresh
    /// token that is good for one use.
    /// - Throws: ``LoginRecordError/tokenBusy(command:)`` when others are not done by `deadline`.
    public func tokenLock(_ argv: [String], until deadline: Deadline) throws(LoginRecordError) -> FileLock {
        let name = "token-\(CRC32C.hex(Array(argv.joined(separator: "\0").utf8))).lock"
        guard let lock = try lock(name, in: files().directory, until: deadline) else {
            throw .tokenBusy(command: argv.first ?? "")
        }
        return lock
    }

    /// How often a lock that others hold is looked at, as nothing tells that it was given back.
    private static let pace = Duration.milliseconds(50)

    private func lock(
        _ name: String, in directory: Directory, until deadline: Deadline
    ) throws(LoginRecordError) -> FileLock? {
        while true {
            let lock: FileLock?
            do throws(DurableError) { lock = try FileLock.tryAcquire(name, in: directory) } catch {
                throw .state(.disk(error))
            }
            if let lock { return lock }
            guard !deadline.hasPassed, StopSignal.pause(until: Deadline(after: Self.pace).earlier(of: deadline)) else {
                return nil
            }
        }
    }

    private func files() throws(LoginRecordError) -> StateFiles<LoginState> {
        do throws(DurableError) {
            // A power cut may take it: that costs three tries, and no mail.
            let state = try Directory(path: stateDirectory, making: 0o700)
            return StateFiles(in: try state.directory("login", making: 0o700, isDurable: false))
        } catch {
            throw .state(.disk(error))
        }
    }

    private func read(
        _ identity: LoginIdentity, _ files: StateFiles<LoginState>
    ) throws(LoginRecordError) -> LoginState {
        do throws(StateFileError) { return try files.read(identity.fileName) } catch { throw .state(error) }
    }
}
