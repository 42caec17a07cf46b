// What `--status` tells of an account: how its last runs ended, and what could not be fetched.

import Reporting
import RunControl

struct StatusReport {
    let account: AccountSettings
    let state: FetchState
    /// Seconds since 1970.
    let now: Int
    /// Whether a run holds the account's lock.
    let isUnderWay: Bool

    /// Runs behind the last one that came to its end, the one under way aside.
    private var died: Int { max(0, state.run - state.lastEnded - (isUnderWay ? 1 : 0)) }

    /// Whether nothing is to be done.
    var isWell: Bool { state.failures.isEmpty && (state.lastEnding?.status ?? 0) == 0 && died == 0 }

    /// A line for the account, then one for each message that could not be fetched, by key.
    var text: String {
        var text = "\(account.name): "
        if let end = state.lastEnding {
            text += end.status == 0 ? "well" : "status \(end.status)"
            if !end.words.isEmpty { text += ": \(printable(end.words))" }
            text += ", \(ago(end.time))"
            if end.status != 0, let success = state.lastSuccess { text += "; last well \(ago(success))" }
        } else {
            text += state.run == 0 ? "never fetched" : "no run has come to its end yet"
        }
        if died > 0 { text += died == 1 ? "; the last run died" : "; the last \(died) runs died" }
        if isUnderWay { text += "; a run is under way, begun \(ago(state.lastRun))" }
        let atMaildrop = state.known.values.filter { $0.deletion == nil }.count
        let fetched = atMaildrop + state.folders.reduce(0) { $0 + $1.fetched.reduce(0) { $0 + $1.uids.count } }
        text += "; \(counted(state.run, "run")), \(counted(fetched, "message")) known"
        let staying = state.known.values.filter { $0.deletion == .ignored }.count
        if staying > 0 { text += ", \(staying) that the server does not delete" }
        text += "; \(state.journal?.size ?? 0) octets of state\n"
        for (key, failure) in state.failures {
            text +=
                "  failed \(place(key)): \(counted(failure.tries, "time")), \(ago(failure.time)): \(printable(failure.reason))"
            text += failure.isFinal ? "; tried once a day, or at once with --retry\n" : "\n"
        }
        return text
    }

    private func place(_ key: MessageKey) -> String {
        switch key {
        case .unique(let id, 0): printable(id)
        case .unique(let id, let occurrence): "\(printable(id)) (number \(occurrence + 1) with this id)"
        case .uid(let uid, let index):
            "UID \(uid) of \(state.folders.indices.contains(index) ? printable(state.folders[index].name) : "?")"
        }
    }

    private func ago(_ time: Int) -> String {
        switch now - time {
        case ..<0: "at a time still to come (look at the clock)"
        case 0..<60: "just now"
        case let seconds where seconds < 3600: "\(seconds / 60) min ago"
        case let seconds where seconds < 2 * 86_400: "\(seconds / 3600) h ago"
        case let seconds: "\(seconds / 86_400) days ago"
        }
    }
}
