// What `--status` prints of an account: how its last runs ended, and what could not be fetched.

import FetchLedger
import Reporting

extension AccountReport {
    /// A line for the account, then one for each message that could not be fetched.
    /// - Parameter now: seconds since 1970.
    func text(at now: Int) -> String {
        guard runs > 0 || isUnderWay || !failures.isEmpty else { return "\(account): never fetched\n" }
        var text = "\(account): "
        if let end = lastEnding {
            text += end.status == 0 ? "well" : "status \(end.status)"
            if !end.words.isEmpty { text += ": \(printable(end.words))" }
            text += ", \(ago(end.time, now))"
            if end.status != 0, let success = lastSuccess { text += "; last well \(ago(success, now))" }
        } else {
            text += "no run has come to its end yet"
        }
        if died > 0 { text += died == 1 ? "; the last run died" : "; the last \(died) runs died" }
        if isUnderWay { text += "; a run is under way, begun \(ago(lastRun, now))" }
        text += "; \(counted(runs, "run")), \(counted(known, "message")) known"
        if staying > 0 { text += ", \(staying) that the server does not delete" }
        text += "; \(octets) octets of state\n"
        for failure in failures {
            let tries = "\(counted(failure.tries, "time")), \(ago(failure.time, now))"
            text += "  failed \(failure.place): \(tries): \(printable(failure.reason))"
            text += failure.isFinal ? "; tried once a day, or at once with --retry\n" : "\n"
        }
        return text
    }
}

extension AccountReport.Failure {
    /// Which message it is at its source, safe for a terminal.
    fileprivate var place: String {
        switch key {
        case .unique(let id, 0): printable(id)
        case .unique(let id, let occurrence): "\(printable(id)) (number \(occurrence + 1) with this id)"
        case .uid(let uid, _): "UID \(uid) of \(folder.map { printable($0) } ?? "?")"
        }
    }
}

private func ago(_ time: Int, _ now: Int) -> String {
    switch now - time {
    case ..<0: "at a time still to come (look at the clock)"
    case 0..<60: "just now"
    case let seconds where seconds < 3600: "\(seconds / 60) min ago"
    case let seconds where seconds < 2 * 86_400: "\(seconds / 3600) h ago"
    case let seconds: "\(seconds / 86_400) days ago"
    }
}
