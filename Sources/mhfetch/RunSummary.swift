// What a run did for an account, as a program reads it: `--json` without `--status`.

import Reporting

/// One run of one account.
struct RunSummary {
    let account: String
    let status: ExitStatus
    /// What kept it from fetching everything; empty for nothing.
    let words: String
    /// Messages that are safe now.
    var delivered = 0
    var tally = Tally()
    /// Seconds that it took.
    var seconds = 0

    var json: JSON {
        [
            "account": .text(account), "status": .number(Int(status.rawValue)), "words": .text(words),
            "messages": .number(delivered), "octets": .number(tally.octets), "deleted": .number(tally.deleted),
            "failed": .number(tally.failed), "gone": .number(tally.gone), "passed": .number(tally.passed),
            "stopped": .number(tally.stopped), "waiting": .number(tally.waiting), "seconds": .number(seconds),
        ]
    }
}
