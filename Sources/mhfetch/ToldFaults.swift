// What a command that stays has told a person: the same is told again only after a while.

import Blocking
import Synchronization

/// The last fault of each account that was told.
final class ToldFaults: Sendable {
    /// After how long the same is told once more.
    private static let pause = Duration.seconds(6 * 3600)

    private let last = Mutex<[String: (words: String, at: Deadline)]>([:])

    /// Whether a fault of an account is to be told; that counts as done then.
    func isNews(_ words: String, of account: String) -> Bool {
        last.withLock { last in
            if let told = last[account], told.words == words, told.at.elapsed < Self.pause { return false }
            last[account] = (words, .now)
            return true
        }
    }

    /// Notes that all is well with an account.
    /// - Returns: whether that is news.
    func noteWell(_ account: String) -> Bool { last.withLock { $0.removeValue(forKey: account) != nil } }
}
