// What `--status` prints of an account: how its last runs ended, whether its login is refused, what could not be fetched.

import FetchLedger
import LoginLedger
import Reporting

/// The health of one account, as a person or a program reads it.
struct AccountStatus {
    let report: AccountReport
    /// `nil` for an account without a login of its own.
    let login: LoginState?
    /// Fetched mail that waits for its places.
    var spool = SpoolStatus(waiting: 0, obstacles: [])
    /// When `--due` fetches next, in seconds since 1970; `nil` where no line of the rc says.
    var next: Int? = nil
    /// Whether that waits for mail to be sent through the account.
    var waitsForSending = false

    /// 77 for a login that is refused, 75 for all else that is not well.
    var exitStatus: ExitStatus {
        if login?.isRefused == true { return .noPermission }
        return report.isWell && spool.waiting == 0 ? .ok : .temporaryFailure
    }

    /// A line for the account, then one for a login that is refused, and one for each message that could not be fetched.
    /// - Parameter now: seconds since 1970.
    func text(at now: Int) -> String {
        report.text(at: now, hasRest: spool.waiting > 0) + dueText(at: now) + (login?.text(at: now) ?? "")
            + spool.text(at: now)
            + report.failureText(at: now)
    }

    private func dueText(at now: Int) -> String {
        guard report.runs > 0 else { return "" }
        let watched = report.isWatched ? "  watched by mhfetch --idle\n" : ""
        if waitsForSending { return watched + "  due when mail was sent through it\n" }
        // Its turns under --idle are not those of cron.
        guard !report.isWatched else { return watched }
        guard let next else { return "" }
        return "  due \(next > now ? RelativeTime.ahead(next, now: now) : "with the next look")\n"
    }

    var json: JSON {
        guard case .object(let members) = report.json else { return report.json }
        let all = members.map { $0.name == "well" ? ("well", .bool(exitStatus == .ok)) : $0 }
        return .object(all + spool.json + [("next", JSON(next)), ("login", login?.json ?? .null)])
    }
}

extension LoginState {
    fileprivate func text(at now: Int) -> String {
        guard isRefused else { return "" }
        return "  login refused, the first time \(RelativeTime.past(since, now: now)), the last time "
            + "\(RelativeTime.past(last, now: now)): \(printable(words)); tried again "
            + (next > now ? RelativeTime.ahead(next, now: now) : "with the next run")
            + ", as soon as the rc or the password's file has changed, or at once with --retry\n"
    }
}

extension AccountReport {
    /// A line for the account.
    /// - Parameter hasRest: whether fetched mail waits.
    fileprivate func text(at now: Int, hasRest: Bool) -> String {
        guard runs > 0 || isUnderWay || !failures.isEmpty else { return "\(account): never fetched\n" }
        var text = "\(account): "
        if let end = lastEnding {
            text += end.status == 0 ? hasRest ? "all fetched" : "well" : "status \(end.status)"
            if !end.words.isEmpty { text += ": \(printable(end.words))" }
            text += ", \(RelativeTime.past(end.time, now: now))"
            if end.status != 0, let success = lastSuccess {
                text += "; last well \(RelativeTime.past(success, now: now))"
            }
        } else {
            text += "no run has come to its end yet"
        }
        if died > 0 { text += died == 1 ? "; the last run died" : "; the last \(died) runs died" }
        if isUnderWay { text += "; a run is under way, begun \(RelativeTime.past(lastRun, now: now))" }
        text += "; \(counted(runs, "run")), \(counted(known, "message")) known"
        if staying > 0 { text += ", \(staying) that the server does not delete" }
        if skipped > 0 { text += "; \(skipped) too large to be fetched" }
        if headersOnly > 0 { text += "; of \(headersOnly) only the header" }
        if total.messages > 0, let since {
            text +=
                "; \(counted(total.messages, "message")) (\(counted(total.octets, "octet"))) fetched since "
                + "\(CalendarDay(of: since))"
        }
        text += "; \(octets) octets of state\n"
        return text
    }

    /// A line for each message that could not be fetched.
    fileprivate func failureText(at now: Int) -> String {
        var text = ""
        for failure in failures {
            let tries = "\(counted(failure.tries, "time")), \(RelativeTime.past(failure.time, now: now))"
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
