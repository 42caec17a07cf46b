// How collecting from an account goes: its last runs, what is known, what could not be fetched.

import FetchCalendar
import Reporting

/// The health of one account, for `--status`, a page or a meter. A value, possibly a moment old.
public struct AccountReport: Sendable, Hashable {
    /// A message that could not be fetched.
    public struct Failure: Sendable, Hashable {
        public let key: MessageKey
        /// The folder of a UID, as the rc names it.
        public let folder: String?
        public let tries: Int
        /// The time of the last try, in seconds since 1970.
        public let time: Int
        /// A text of the server's or ours, not yet safe for a terminal.
        public let reason: String
        /// Whether it is tried once a day only.
        public let isFinal: Bool
    }

    public let account: String
    /// The number of runs so far; 0 when nothing was ever fetched.
    public let runs: Int
    /// When the last run began, in seconds since 1970.
    public let lastRun: Int
    /// How the last run ended that came to its end.
    public let lastEnding: FetchState.Ending?
    /// When a run last ended well, in seconds since 1970.
    public let lastSuccess: Int?
    /// Since when no run has ended well, in seconds since 1970; `nil` when the last one did.
    public let failingSince: Int?
    /// Whether a run holds the account's lock.
    public let isUnderWay: Bool
    /// Whether a process waits for news of the account.
    public let isWatched: Bool
    /// Runs after that of ``lastEnding`` that died: they began, have not ended, and are not under way.
    public let died: Int
    /// Messages that were fetched and, for all we know, are still at the source.
    public let known: Int
    /// Messages that the server said it had deleted, and still has.
    public let staying: Int
    /// Messages that are left at the source as they are too large, and those of which only the header was fetched.
    public let skipped: Int
    public let headersOnly: Int
    /// What all runs have delivered, and when the first began, in seconds since 1970.
    public let total: FetchState.Total
    public let since: Int?
    /// What the plan of the account asks for.
    public let past: FetchPlan.Past
    /// Octets of the journal.
    public let octets: Int
    /// The messages that could not be fetched, sorted by key.
    public let failures: [Failure]

    /// Whether there is nothing for a person to do.
    public var isWell: Bool { failures.isEmpty && (lastEnding?.status ?? 0) == 0 && died == 0 }

    /// Reads the ledger of `account` without its lock, and changes nothing.
    /// - Parameter directory: the hub's state directory.
    /// - Throws: ``LedgerError`` when the ledger cannot be read or relied on.
    public static func read(_ account: String, in directory: String) throws(LedgerError) -> AccountReport {
        guard let folder = try LedgerFolder.look(account, in: directory) else {
            return AccountReport(of: account, FetchState(), octets: 0)
        }
        // First the lock: a run that ends in between has written its end.
        let isUnderWay = try LedgerFolder.isLocked(folder)
        let (state, octets) = try AccountLedger.read(folder)
        return AccountReport(
            of: account, state, octets: octets, isUnderWay: isUnderWay, isWatched: try LedgerFolder.isWatched(folder))
    }

    init(
        of account: String, _ state: FetchState, octets: Int, isUnderWay: Bool = false, isWatched: Bool = false
    ) {
        self.account = account
        self.octets = octets
        self.isUnderWay = isUnderWay
        self.isWatched = isWatched
        runs = state.run
        lastRun = state.lastRun
        lastEnding = state.lastEnding
        lastSuccess = state.lastSuccess
        died = max(0, state.run - state.lastEnded - (isUnderWay ? 1 : 0))
        let atMaildrop = state.known.count - state.known.deletionCount
        known = atMaildrop + state.folders.reduce(0) { $0 + $1.fetched.reduce(0) { $0 + $1.uids.count } }
        staying = state.known.deletionCount == 0 ? 0 : state.known.values.count { $0.deletion == .ignored }
        past = state.past
        failingSince = state.failingSince
        (total, since) = (state.total, state.since)
        skipped = state.large.values.count { $0 == .skipped }
        headersOnly = state.large.values.count { $0 == .headerHere }
        let folders = state.folders.map(\.name)
        failures = state.failures.map { key, failure in
            Failure(
                key: key, folder: key.folder.flatMap { folders.indices.contains($0) ? folders[$0] : nil },
                tries: failure.tries, time: failure.time, reason: failure.reason, isFinal: failure.isFinal)
        }
    }
}

extension AccountReport {
    public var json: JSON {
        [
            "account": .text(account), "well": .bool(isWell), "runs": .number(runs),
            "begun": lastRun > 0 ? .number(lastRun) : .null,
            "underway": .bool(isUnderWay), "watched": .bool(isWatched), "ended": JSON(lastEnding?.time),
            "status": JSON(lastEnding?.status),
            "words": JSON(lastEnding?.words), "lastwell": JSON(lastSuccess), "died": .number(died),
            "known": .number(known), "staying": .number(staying), "skipped": .number(skipped),
            "headersonly": .number(headersOnly), "since": JSON(since), "messages": .number(total.messages),
            "messageoctets": .number(total.octets), "octets": .number(octets),
            "failed": .list(failures.map(\.json)),
        ]
    }
}

extension AccountReport.Failure {
    fileprivate var json: JSON {
        let uid: Int? = if case .uid(let uid, _) = key { Int(uid) } else { nil }
        return [
            "uidl": JSON(key.uniqueID), "uid": JSON(uid), "folder": JSON(folder), "tries": .number(tries),
            "time": .number(time), "reason": .text(reason), "daily": .bool(isFinal),
        ]
    }
}
