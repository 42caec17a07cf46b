// What a run has to say: of messages and folders at fault as it meets them, and at its end what it came to.

import FetchLedger
import Octets
import Reporting

/// What a run counts, for the log and the exit status.
struct Tally {
    var octets = 0
    var deleted = 0
    var failed = 0
    /// Messages that were listed and then no longer there, apparently deleted by another client.
    var gone = 0
    /// Messages that were left there for the first time, as they are too large.
    var skipped = 0
    /// Messages that the filter does not want, now or ever.
    var passed = 0
    /// Folders that could not be fetched at all.
    var stopped = 0
    /// Messages that are fetched and not yet at all their places.
    var waiting = 0
}

extension AccountRun {
    /// Messages that are told of one by one.
    static let toldLimit = 10

    func noteLeftAlone(_ count: Int) {
        guard count > 0 else { return }
        tally.failed += count
        complain(
            "\(counted(count, "message")) failed three times and "
                + "\(count == 1 ? "is" : "are") tried once a day; mhfetch --status tells which")
    }

    func noteFailure(of key: MessageKey, _ reason: String) throws {
        try ledger.fail(key, at: now, reason)
        tellFailure(of: key, reason)
    }

    /// Notes that the server refused a message that it has listed. The first time it may be one that another client has
    /// deleted since, which is not listed again then.
    func noteRefusal(of key: MessageKey, _ reason: String) throws {
        if try ledger.note(key, at: now, reason) > 0 { tellFailure(of: key, reason) } else { tally.gone += 1 }
    }

    /// Notes that the connection broke in the midst of the message, which ends the run. A message that always breaks it
    /// must not stop the account for ever.
    func noteBreak(in key: MessageKey, _ error: any Error) throws {
        let tries = try ledger.note(key, at: now, sentence(error))
        hub.log.write(
            tries == 0 ? .info : .warning, "break",
            [("account", account.name), ("key", key.text), ("error", sentence(error))])
    }

    /// Waits for what the server says of the message `key`, by `body`. An answer that is none counts as a break within the
    /// message, though nothing of it has come: it may be the message that the server, or its engine here, cannot do.
    func awaiting<Answer>(_ key: @autoclosure () -> MessageKey?, _ body: () throws -> Answer) throws -> Answer {
        do { return try body() } catch {
            if Self.isNonsense(error), let key = key() { try noteBreak(in: key, error) }
            throw error
        }
    }

    /// Which message it is at its source, safe for a terminal.
    func place(of key: MessageKey) -> String {
        switch key {
        case .unique(let id, _): "message \(printable(id))"
        case .uid(let uid, let folder): "message UID \(uid) of \(printable(state.folders[folder].name))"
        }
    }

    private func tellFailure(of key: MessageKey, _ reason: String) {
        tally.failed += 1
        complain("\(place(of: key)) could not be fetched: \(printable(reason))")
        hub.log.write(.warning, "message", [("account", account.name), ("key", key.text), ("error", reason)])
    }

    /// Reports messages that are still there though the server acknowledged their deletion. A person is told once.
    func noteStaying(_ count: Int, host: String, isNews: Bool) {
        warn("not deleted", [("host", host), ("messages", "\(count)")])
        guard isNews else { return }
        complain(
            "\(host) said that it deleted, and still has, \(count == 1 ? "1 message" : "\(count) messages"): left "
                + "there and not fetched again; ask its operator, or say `keep on`")
    }

    /// A bare LF became a line end: the one change that fetching makes, so it is logged.
    func noteContentFaults(_ contentFaults: ContentFaults, of key: MessageKey) {
        guard contentFaults.contains(.bareLF) else { return }
        hub.log.write(.notice, "bare LF", [("account", account.name), ("key", key.text)])
    }

    /// Reports an error of one folder, which keeps no other from being fetched.
    func noteStop(_ error: any Error, of folder: String) {
        tally.stopped += 1
        let place = "folder \(printable(folder)): "
        let words = sentence(error).hasPrefix(place) ? sentence(error) : place + sentence(error)
        stops.append(words)
        guard isNews(words) else { return }
        write(printable(words))
        hub.log.write(.error, "folder", [("account", account.name), ("error", words)])
    }

    /// Writes a warning to the log; where a command stays, the same only once in a while.
    func warn(_ event: String, _ fields: [(String, String?)]) {
        guard isNews(([event] + fields.map { $1 ?? "" }).joined(separator: " ")) else { return }
        hub.log.write(.warning, event, [("account", account.name)] + fields)
    }

    /// Tells a person, be it in a run of cron's; where a command stays, the same only once in a while.
    /// - Parameter words: safe for a terminal.
    func complain(_ words: String) { if isNews(words) { write(words) } }

    /// Tells of a line of `folders` that stands for nothing, which may be meant: cron would send a letter for each run.
    func noteUnmatched(_ line: String) {
        let words = "\(line) matches no folder; mhfetch --folders \(account.name) lists the server's names"
        guard isNews(words) else { return }
        hub.log.write(.warning, "no folder", [("account", account.name), ("pattern", line)])
        if isDue { tell(words) } else { write(printable(words)) }
    }

    func write(_ words: String) { writeToStandardError("mhfetch: \(account.name): \(words)") }

    func tell(_ line: @autoclosure () -> String) {
        if isVerbose { writeToStandardError("mhfetch: \(account.name): \(printable(line()))") }
    }

    func logDelivery(of key: MessageKey, _ octets: Int) {
        let uid: String? = if case .uid(let uid, _) = key { "\(uid)" } else { nil }
        hub.log.write(
            .info, "delivered",
            [
                ("account", account.name), ("uidl", key.uniqueID),
                ("folder", key.folder.map { state.folders[$0].name }),
                ("uid", uid), ("octets", "\(octets)"),
            ])
    }

    /// Tells what the run came to.
    func report() {
        guard let published = delivery?.published else { return }
        if tally.gone > 0 {
            let words = tally.gone == 1 ? "1 message was" : "\(tally.gone) messages were"
            complain("\(words) gone before being fetched, apparently deleted by another client")
        }
        guard hasCome else { return }
        if tally.skipped > Self.toldLimit {
            complain("\(tally.skipped - Self.toldLimit) more are not fetched, as \"skip\" says")
        }
        tell(
            "\(published) fetched (\(counted(tally.octets, "octet"))), \(tally.deleted) deleted, "
                + "\(tally.failed) failed" + (tally.passed > 0 ? ", \(tally.passed) passed over" : "")
        )
        guard published + tally.deleted + tally.failed + tally.gone + tally.passed + tally.skipped > 0 else { return }
        hub.log.write(
            .info, "fetched",
            [
                ("account", account.name), ("host", account.fetch?.host), ("messages", "\(published)"),
                ("octets", "\(tally.octets)"), ("deleted", "\(tally.deleted)"), ("failed", "\(tally.failed)"),
                ("skipped", tally.skipped > 0 ? "\(tally.skipped)" : nil),
                ("gone", tally.gone > 0 ? "\(tally.gone)" : nil),
                ("passed", tally.passed > 0 ? "\(tally.passed)" : nil),
            ])
    }
}
