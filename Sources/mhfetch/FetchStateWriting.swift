// The changes of a fetch state, one journal line each, and the journal made short again.

import IMAPProtocol
import MaildirStore

extension FetchState {
    /// Notes a run that begins at `time`. Not worth waiting for the disk.
    func beginRun(at time: Int) throws { try record(["run \(run + 1) \(time)"]) }

    /// Notes how the run ended. Not worth waiting for the disk.
    /// - Parameter status: the exit status for this account.
    func endRun(at time: Int, status: Int32, _ words: String) throws {
        try record(["end \(time) \(status) \(Self.words(words, limit: 600))"])
    }

    /// The number of the folder `name`, added with `validity` if it is new.
    func folder(named name: String, validity: UInt32) throws -> Int {
        if let index = folders.firstIndex(where: { $0.name == name }) { return index }
        try record(["folder \(folders.count) \(validity) \(Percent.encode(name))"])
        return folders.count - 1
    }

    /// Forgets all of a folder and counts its UIDs anew.
    /// - Parameter next: UIDs below are taken as known.
    func renumber(_ index: Int, validity: UInt32, next: UInt32 = 1) throws {
        let folder = "folder \(index) \(validity) \(Percent.encode(folders[index].name))"
        try record(next == 1 ? [folder] : [folder, "floor \(index) \(next)", "next \(index) \(next)"])
    }

    func setNext(_ uid: UInt32, of index: Int) throws {
        if folders[index].next != uid { try record(["next \(index) \(uid)"]) }
    }

    /// Ends the batch under way, if any, and begins `batch`, in one write; durable on return.
    /// - Parameter digests: of what was stored, by the place in the batch; for what may be deleted at the source.
    func turn(
        from done: (nonce: String, delivered: [Int])?, digests: [Int: MessageDigest] = [:], to batch: OpenBatch?
    ) throws {
        var texts: [String] = []
        if let done {
            let words = done.delivered.map { index in " \(index)" + (digests[index].map { ":\($0)" } ?? "") }
            texts.append("done \(done.nonce)" + words.joined())
        }
        if let batch {
            texts.append("open \(batch.nonce) \(batch.time) \(batch.keys.map(\.text).joined(separator: " "))")
        }
        // First what may fail and leave all as it is.
        if batch != nil { try journal?.reserveRoom(behind: texts) }
        try record(texts)
        try synchronize()
    }

    /// Takes a complete listing of a maildrop. A message that two of them lack has gone; its id may come again with
    /// another one (DECISIONS 34).
    func noteListing(_ present: Set<MessageKey>) throws {
        var missing: [MessageKey] = []
        var gone = failed.keys.filter { !present.contains($0) && !isKnown($0) }
        var back: [MessageKey] = []
        for (key, known) in known {
            switch (present.contains(key), known.isMissing) {
            case (true, true): back.append(key)
            case (false, false): missing.append(key)
            case (false, true): gone.append(key)
            case (true, false): break
            }
        }
        try markMissing(missing)
        try markGone(gone)
        try markBack(back)
    }

    func markMissing(_ keys: [MessageKey]) throws { try record(keys.map { "miss \($0.text)" }) }
    func markBack(_ keys: [MessageKey]) throws { try record(keys.map { "back \($0.text)" }) }
    /// Notes messages whose deletion the next QUIT makes count.
    func markAsked(_ keys: [MessageKey]) throws { try record(keys.map { "quit \($0.text)" }) }
    /// Notes that such a message is there unchanged: its deletion did not come to pass.
    func markHere(_ key: MessageKey) throws { try record(["here \(key.text)"]) }
    /// Notes messages whose deletion the server has acknowledged.
    func markDeleted(_ keys: [MessageKey]) throws { try record(keys.map { "dele \($0.text)" }) }
    /// Notes that a message is there unchanged though its deletion was acknowledged.
    func markStaying(_ key: MessageKey) throws { try record(["stay \(key.text)"]) }
    /// Forgets messages that are no longer at the source.
    func markGone(_ keys: [MessageKey]) throws { try record(keys.map { "gone \($0.text)" }) }

    /// Forgets fetched messages of a folder that are no longer at the source.
    func markGone(_ uids: UIDSet, of index: Int) throws {
        try record(uids.pieces().map { "left \(index) \(String(decoding: $0.octets, as: UTF8.self))" })
    }

    /// Counts a failed try to fetch the message; after three it is tried once a day only, listed, and the exit
    /// status says so.
    func fail(_ key: MessageKey, at time: Int, _ reason: String) throws {
        let tries = (failed[key]?.tries ?? 0) + 1
        try record(["fail \(key.text) \(tries) \(time) \(Self.words(reason))"])
    }

    /// Notes a trouble in the midst of the message that may be chance: a line that broke, a refusal as of a message that
    /// somebody else has just deleted. Once is nothing; the second makes it a suspect, the third a failure like any other.
    /// - Returns: how often it counts by now; 0 for the first.
    @discardableResult
    func note(_ key: MessageKey, at time: Int, _ reason: String) throws -> Int {
        let tries = failed[key].map { max(2, $0.tries + 1) } ?? 0
        try record(["fail \(key.text) \(tries) \(time) \(Self.words(reason))"])
        return tries
    }

    /// Notes that a run died with these messages under way. One of them may be at fault: from now on each is fetched by
    /// itself, behind the others, so that a second death tells which.
    func suspect(_ keys: [MessageKey], at time: Int, _ reason: String) throws {
        let fresh = keys.filter { !isSuspect($0) }
        try record(fresh.map { "fail \($0.text) 1 \(time) \(Self.words(reason))" })
    }

    private static func words(_ text: String, limit: Int = 200) -> String {
        Percent.encode(String(text.prefix(limit)))
    }

    // MARK: Compacting

    /// Writes the journal anew when most of it is history. Under the account's lock; readers see the old or the new.
    func compactIfWorthwhile() throws {
        guard let journal, openBatch == nil else { return }
        let marks = known.values.reduce(0) { $0 + ($1.isMissing ? 1 : 0) + ($1.deletion == nil ? 0 : 1) }
        let needed = 4 + known.count + marks + failed.count + folders.reduce(0) { $0 + 2 + $1.fetched.count }
        guard journal.lines > 200, journal.lines > 2 * needed else { return }
        try compact()
    }

    /// Writes the journal anew, as short as can be.
    func compact() throws {
        var texts = [Self.heading]
        if let lastSuccess { texts.append("good \(lastSuccess)") }
        if let end = lastEnding {
            texts.append("run \(lastEnded) \(lastRun)")
            texts.append("end \(end.time) \(end.status) \(Self.words(end.words, limit: 600))")
        }
        if lastEnding == nil || run != lastEnded { texts.append("run \(run) \(lastRun)") }
        for (index, folder) in folders.enumerated() {
            texts.append("folder \(index) \(folder.validity) \(Percent.encode(folder.name))")
            if folder.floor > 1 { texts.append("floor \(index) \(folder.floor)") }
            texts.append("next \(index) \(folder.next)")
            for day in folder.fetched {
                for piece in day.uids.pieces() {
                    texts.append(
                        "seen \(index) \(day.time) \(day.run) \(String(decoding: piece.octets, as: UTF8.self))")
                }
            }
        }
        for (key, entry) in known {
            texts.append("have \(entry.fetched) \(entry.run) \(key.text)" + (entry.digest.map { " \($0)" } ?? ""))
            switch entry.deletion {
            case nil: break
            case .asked: texts.append("quit \(key.text)")
            case .acknowledged: texts.append("dele \(key.text)")
            case .ignored: texts.append("stay \(key.text)")
            }
            if entry.isMissing { texts.append("miss \(key.text)") }
        }
        for (key, failure) in failed {
            texts.append("fail \(key.text) \(failure.tries) \(failure.time) \(Self.words(failure.reason))")
        }
        try journal?.replace(with: texts)
    }
}
