// How a ledger's journal is made short again.

import DurableFiles
import IMAPProtocol
import MaildirStore

extension AccountLedger {
    /// Writes the journal anew when most of it is history. Readers without the lock see the old one or the new.
    public func compactIfWorthwhile() throws(DurableError) {
        guard let journal, state.openBatches.isEmpty, journal.extent.lines > 200 else { return }
        // A line holds 300 ranges and more.
        let ofFolders = state.folders.reduce(0) { $0 + 5 + $1.fetched.count + $1.past.ranges.count / 300 }
        let needed =
            9 + state.known.lineCount + state.owed.count + state.failed.count + state.large.count + state.unlisted.count
            + ofFolders
        guard journal.extent.lines > 2 * needed else { return }
        try compact()
    }

    /// Writes the journal anew, as short as can be.
    func compact() throws(DurableError) {
        precondition(state.openBatches.isEmpty, "an open batch would be forgotten")
        var texts: [String] = []
        if let since = state.since { texts.append("since \(since)") }
        if state.total.messages > 0 { texts.append("sum \(state.total.messages) \(state.total.octets)") }
        if let lastSuccess = state.lastSuccess { texts.append("good \(lastSuccess)") }
        if let failing = state.failingSince { texts.append("failing \(failing)") }
        if let end = state.lastEnding {
            texts.append("run \(state.lastEnded) \(state.lastRun)")
            texts.append("end \(end.time) \(end.status) \(Self.words(end.words, limit: 600))")
            if state.isAway { texts.append("away") }
        }
        if state.lastEnding == nil || state.run != state.lastEnded {
            texts.append("run \(state.run) \(state.lastRun)")
        }
        if let served = state.served { texts.append("time \(served.moment) \(served.minute)") }
        for (index, folder) in state.folders.enumerated() {
            texts.append("folder \(index) \(folder.validity) \(JournalWord.encode(folder.name))")
            if folder.floor > 1 { texts.append("floor \(index) \(folder.floor)") }
            texts.append("next \(index) \(folder.next)")
            if let look = folder.look { texts.append("look \(index) \(look.time) \(look.messages)") }
            if let piece = folder.lacking.uids.pieces().first {
                texts.append("lack \(index) \(String(decoding: piece.octets, as: UTF8.self))")
            }
            for piece in folder.past.pieces() {
                texts.append("past \(index) \(String(decoding: piece.octets, as: UTF8.self))")
            }
            for day in folder.fetched {
                for piece in day.uids.pieces() {
                    texts.append(
                        "seen \(index) \(day.time) \(day.run) \(String(decoding: piece.octets, as: UTF8.self))")
                }
            }
        }
        // After the known messages: one that is to be looked at again may have a line of each kind, and reading `have`
        // clears a failure.
        let failures = state.failed.map { key, failure in
            "fail \(key.text) \(failure.tries) \(failure.time) \(Self.words(failure.reason))"
        }
        let large = state.large.map { key, large in "large \(key.text) \(large.rawValue)" }
        let unlisted = state.unlisted.keys.map { "miss \($0.text)" }
        let owed = state.owed.map { key, name in "owe \(JournalWord.encode(name)) \(key.text)" }
        try journal?.replace(
            with: texts.map { Array($0.utf8) } + state.known.journalLines
                + (failures + large + unlisted + owed).map { Array($0.utf8) })
    }
}
