// Open files for the rounds of all accounts of `mhfetch --idle`.

import Blocking
import Reporting
import RunControl

/// Gives each round as many open files as it may need. One that waits for its server needs few, so that silent servers keep
/// nobody from mail; there are always enough for one that fetches.
final class OpenFileRoom: Sendable {
    /// What a round needs until it fetches.
    static let first = 32
    /// Descriptors of an account that waits: its lock, its alarm and its connection.
    private static let ofAccount = 3
    /// More, where places may be at work between the rounds: the lock, the journal and the Maildir of the spool; and for each of
    /// these the message, the connection and what is made of the two.
    private static let ofSpool = 16
    private static let ofPlace = 4

    /// How many are left.
    private let left: Monitor<Int>

    /// - Throws: ``FetchError/openFiles(accounts:needed:limit:)`` where there are too few for one round.
    init(for accounts: [AccountSettings]) throws(FetchError) {
        let limit = OpenFileLimit.raise()
        let standing = accounts.reduce(AccountRuns.ownFiles) { sum, account in
            let more = account.needsSpool ? Self.ofSpool + account.destinations.count * Self.ofPlace : 0
            return sum + Self.ofAccount + more
        }
        guard limit >= standing + AccountRuns.openFiles else {
            throw .openFiles(accounts: accounts.count, needed: standing + AccountRuns.openFiles, limit: limit)
        }
        left = Monitor(limit - standing)
    }

    /// The files of one round. Used by one thread.
    final class Share {
        private let room: OpenFileRoom
        private var count = OpenFileRoom.first

        fileprivate init(of room: OpenFileRoom) { self.room = room }

        /// Waits until there are enough to fetch with; an order to stop ends the wait.
        func growToFetch() {
            let more = AccountRuns.openFiles - count
            guard more > 0, room.take(more, leaving: 0) else { return }
            count += more
        }

        /// Gives back what only who fetches needs.
        func shrink() {
            room.left.change { $0 += count - OpenFileRoom.first }
            count = OpenFileRoom.first
        }

        fileprivate func giveBack() { room.left.change { $0 += count } }
    }

    /// Does `body` when there are files for one more round.
    /// - Returns: `nil` when the order to stop has come first.
    func withShare<Value>(_ body: (Share) -> Value) -> Value? {
        // Were all taken by rounds that have begun, none of them could fetch.
        guard take(Self.first, leaving: AccountRuns.openFiles - Self.first) else { return nil }
        let share = Share(of: self)
        defer { share.giveBack() }
        return body(share)
    }

    /// - Returns: `false` when the order to stop has come first.
    private func take(_ count: Int, leaving rest: Int) -> Bool {
        left.wait { left -> Bool? in
            if StopSignal.hasCome { return false }
            guard left >= count + rest else { return nil }
            left -= count
            return true
        } ?? false
    }

    /// Lets those who wait look whether they are told to stop.
    func wake() { left.change { _ in } }
}
