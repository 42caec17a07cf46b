// What a command that stays has told a person: the same is told again only after a while.

import Blocking
import Synchronization

/// The faults of each account that were told.
final class ToldFaults: Sendable {
    /// After how long the same is told once more.
    private static let pause = Duration.seconds(6 * 3600)
    /// Words of one account that are kept in mind; what comes beyond them is told each time.
    private static let limit = 100

    /// What stands for the hub itself among the accounts; no account can have that name.
    static let hub = "*"

    private let told = Mutex<[String: [String: Deadline]]>([:])

    /// Whether words about an account are to be told; that counts as done then.
    func isNews(_ words: String, of account: String) -> Bool {
        told.withLock { told in
            var known = told[account] ?? [:]
            if let at = known[words], at.elapsed < Self.pause { return false }
            if known.count >= Self.limit { known = known.filter { $0.value.elapsed < Self.pause } }
            if known.count < Self.limit { known[words] = .now }
            told[account] = known
            return true
        }
    }

    /// Notes that all is well with an account.
    /// - Returns: whether that is news.
    func noteWell(_ account: String) -> Bool { told.withLock { $0.removeValue(forKey: account) != nil } }
}
