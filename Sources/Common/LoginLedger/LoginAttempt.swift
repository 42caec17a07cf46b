// One try of a login, and what it came to.

import DurableFiles
import Glibc
import Reporting

/// A login that this process alone tries, until the attempt is released.
public final class LoginAttempt {
    private let identity: LoginIdentity
    private let files: StateFiles<LoginState>
    private let lock: FileLock
    private let stamp: String
    private let warn: @Sendable (String) -> Void
    /// What was known when it began.
    public let state: LoginState

    init(
        _ identity: LoginIdentity, of files: StateFiles<LoginState>, lock: FileLock, stamp: String, state: LoginState,
        warn: @escaping @Sendable (String) -> Void
    ) {
        (self.identity, self.files, self.lock) = (identity, files, lock)
        (self.stamp, self.state, self.warn) = (stamp, state, warn)
    }

    deinit { _ = try? lock.release() }  // one that cannot be released ends with its descriptor

    /// Notes that the credentials were refused.
    /// - Parameters:
    ///   - words: the server's, as they came.
    ///   - after: the stamp as it is now: the program that gave the secret may have written a file of its own.
    public func refused(_ words: String, stamp after: String) {
        let now = max(time(nil), ClockSanity.buildDate)
        do throws(StateFileError) {
            try change { $0.noteRefusal(words, stamp: stamp, leaving: after, at: now) }
        } catch {
            warn(
                "the refused login at \(identity.host) could not be noted, so the next tries follow without a pause: \(error)"
            )
        }
    }

    /// Notes that the login was accepted, and tells a person, once, when it went by a weaker mechanism than before.
    /// - Parameters:
    ///   - mechanism: what was chosen of all that work with a password; `nil` where there was no such choice.
    ///   - isWeaker: whether the first mechanism protects the password less than the second.
    public func accepted(by mechanism: String?, isWeaker: (String, String) -> Bool) {
        var after = state
        after.noteAcceptance()
        if let mechanism {
            if let strongest = state.strongest, isWeaker(mechanism, strongest) {
                after.toldOf = mechanism
            } else {
                after.strongest = mechanism
                after.toldOf = nil
            }
        }
        if let weaker = after.toldOf, let strongest = after.strongest, weaker != state.toldOf {
            warn(
                "\(identity.host) offers no login by \(strongest) any more; \(weaker) was taken, which protects the "
                    + "password less: TLS is verified, so it is the server's own doing")
        }
        // A disk that takes no note of it does not undo a login, and the next one is noted again.
        _ = try? change { $0 = after }
    }

    private func change(_ body: (inout LoginState) -> Void) throws(StateFileError) {
        try files.changeLocked(identity.fileName, body)
    }
}
