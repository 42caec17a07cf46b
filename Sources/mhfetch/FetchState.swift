// What an account has fetched, folder by folder, as its journal tells it.

import DurableFiles
import IMAPProtocol
import MaildirStore
import Octets

/// The fetch state of one account. Changes are appended to the journal; ``synchronize()`` makes them durable.
final class FetchState {
    /// What is known of a message that was fetched from a POP3 maildrop.
    struct Known: Hashable {
        /// When, in seconds since 1970.
        var fetched: Int
        /// The run that fetched it, for counting sightings.
        var run: Int
        /// Of what was stored; `nil` where nothing was to be deleted then.
        var digest: MessageDigest?
        /// Whether the last complete listing lacked it.
        var isMissing = false
        /// What the server did when it was to delete the message; `nil` as long as it has not said that it will.
        var deletion: Deletion?
    }

    /// What became of a deletion that the server acknowledged (DECISIONS 34).
    enum Deletion: Hashable {
        /// DELE was answered, and QUIT was said or about to be: listed again, it is either this message or another one.
        case asked
        /// Listed again, it is another message with this id, or the server has not deleted it.
        case acknowledged
        /// It was listed again with the same octets: the server does not delete it.
        case ignored
    }

    /// UIDs fetched on one day.
    struct Day: Hashable {
        /// When the last of them was fetched, in seconds since 1970.
        var time: Int
        /// The run that fetched the last of them.
        var run: Int
        var uids: UIDSet
    }

    /// What is known of a folder.
    struct Folder: Hashable {
        var name: String
        var validity: UInt32
        /// UIDs below were never fetched, since a person took them as known.
        var floor: UInt32 = 1
        /// UIDs below are fetched, gone or in ``FetchState/failed``.
        var next: UInt32 = 1
        /// UIDs fetched and, for all we know, still at the source.
        var fetched: [Day] = []
    }

    /// A batch that was begun and whose end is not known.
    struct OpenBatch: Hashable {
        let nonce: String
        let time: Int
        let keys: [MessageKey]
    }

    /// A message that could not be fetched, or whose fetching brought trouble that may have been chance.
    struct Failure: Hashable {
        /// 0 while it is only noted: see ``FetchState/note(_:at:_:)``.
        var tries: Int
        /// Of the last try, in seconds since 1970.
        var time: Int
        var reason: String
        /// Whether it is fetched behind the others and by itself.
        var isSuspect: Bool { tries > 0 }
        /// Whether it is tried once a day only.
        var isFinal: Bool { tries >= FetchState.triesLimit }
    }

    /// How a run ended.
    struct Ending: Hashable {
        let time: Int
        let status: Int
        let words: String
    }

    /// Failures of one message until it is left alone for a day (DECISIONS 34).
    static let triesLimit = 3

    private(set) var known: [MessageKey: Known] = [:]
    private(set) var folders: [Folder] = []
    private(set) var failed: [MessageKey: Failure] = [:]
    private(set) var openBatch: OpenBatch?
    /// Runs so far, and when the last one began.
    private(set) var run = 0
    private(set) var lastRun = 0
    private(set) var lastEnding: Ending?
    /// The run that ``lastEnding`` is of; those behind it have died, or are under way.
    private(set) var lastEnded = 0
    private(set) var lastSuccess: Int?

    private(set) var journal: Journal?

    private static let word = "mailhub-fetch"
    static let heading = "\(word) 1"

    /// Reads the journal in `directory`. Call it under the account's lock, unless `canWrite` is false.
    init(in directory: Directory, canWrite: Bool = true) throws {
        let path = "\(directory.path)/\(Journal.name)"
        let journal = try Journal(in: directory, canWrite: canWrite) { line, number in
            guard number == 1 else { return self.apply(line) }
            guard line.starts(with: Self.word.utf8) else { return false }
            guard line.elementsEqual(Self.heading.utf8) else { throw FetchError.stateNewer(path: path) }
            return true
        }
        self.journal = journal
        guard canWrite, journal.lines == 0 else { return }
        // The name alone: a journal found empty is begun anew, and the first batch makes the heading durable with its own.
        try journal.append([Self.heading])
        try journal.synchronizeName()
    }

    // MARK: Reading

    /// Takes a line of the journal.
    /// - Returns: `false` for a line that makes no sense.
    private func apply(_ line: ArraySlice<UInt8>) -> Bool {
        let words = line.split(separator: Octet.space, omittingEmptySubsequences: false)
        guard let verb = words.first else { return false }
        func number(_ index: Int) -> Int? { Decimal.value(of: words[index]) }
        func key(_ index: Int) -> MessageKey? { MessageKey(words[index]) }
        switch (String(decoding: verb, as: UTF8.self), words.count) {
        case ("have", 4), ("have", 5):
            guard let time = number(1), let run = number(2), let key = key(3) else { return false }
            let digest = words.count == 5 ? MessageDigest(parsing: words[4]) : nil
            guard words.count == 4 || digest != nil else { return false }
            note([(key, digest)], at: time, run)
        case ("quit", 2):
            guard let key = key(1) else { return false }
            known[key]?.deletion = .asked
        case ("here", 2):
            guard let key = key(1) else { return false }
            known[key]?.deletion = nil
            failed[key] = nil
        case ("dele", 2):
            guard let key = key(1) else { return false }
            known[key]?.deletion = .acknowledged
        case ("stay", 2):
            guard let key = key(1) else { return false }
            known[key]?.deletion = .ignored
            failed[key] = nil
        case ("run", 3):
            guard let count = number(1), let time = number(2) else { return false }
            (run, lastRun) = (count, time)
        case ("end", 4):
            guard let time = number(1), let status = number(2), let text = Percent.decode(words[3]) else {
                return false
            }
            lastEnding = Ending(time: time, status: status, words: text)
            lastEnded = run
            if status == 0 { lastSuccess = time }
        case ("good", 2):
            guard let time = number(1) else { return false }
            lastSuccess = time
        case ("open", 4...): return open(words)
        case ("done", 2...): return close(words)
        case ("miss", 2):
            guard let key = key(1) else { return false }
            known[key]?.isMissing = true
        case ("back", 2):
            guard let key = key(1) else { return false }
            known[key]?.isMissing = false
        case ("gone", 2):
            guard let key = key(1) else { return false }
            known[key] = nil
            failed[key] = nil
        case ("fail", 5):
            guard let key = key(1), let tries = number(2), let time = number(3), let text = Percent.decode(words[4])
            else {
                return false
            }
            failed[key] = Failure(tries: tries, time: time, reason: text)
        case ("folder", 4), ("floor", 3), ("next", 3), ("seen", 5), ("left", 3): return applyFolder(words)
        default: return false
        }
        return true
    }

    private func open(_ words: [ArraySlice<UInt8>]) -> Bool {
        let keys = words[3...].compactMap { MessageKey($0) }
        guard let time = Decimal.value(of: words[2]), keys.count == words.count - 3 else { return false }
        openBatch = OpenBatch(nonce: String(decoding: words[1], as: UTF8.self), time: time, keys: keys)
        return true
    }

    private func close(_ words: [ArraySlice<UInt8>]) -> Bool {
        guard let batch = openBatch, words[1].elementsEqual(batch.nonce.utf8) else { return false }
        var delivered: [(MessageKey, MessageDigest?)] = []
        for word in words[2...] {
            let colon = word.firstIndex(of: Octet.colon)
            guard let index = Decimal.value(of: word[..<(colon ?? word.endIndex)]), batch.keys.indices.contains(index)
            else { return false }
            let digest = colon.flatMap { MessageDigest(parsing: word[($0 + 1)...]) }
            guard colon == nil || digest != nil else { return false }
            delivered.append((batch.keys[index], digest))
        }
        note(delivered, at: batch.time, run)
        openBatch = nil
        return true
    }

    private func applyFolder(_ words: [ArraySlice<UInt8>]) -> Bool {
        guard let index = Decimal.value(of: words[1]) else { return false }
        if words[0].elementsEqual("folder".utf8) {
            guard let validity = Decimal.value(of: words[2]).flatMap({ UInt32(exactly: $0) }),
                let name = Percent.decode(words[3]), index <= folders.count
            else { return false }
            let folder = Folder(name: name, validity: validity)
            if index < folders.count { folders[index] = folder } else { folders.append(folder) }
            failed = failed.filter { if case .uid(_, index) = $0.key { false } else { true } }
            return true
        }
        guard folders.indices.contains(index) else { return false }
        switch words[0].first {
        case 0x66:  // floor
            guard let uid = Decimal.value(of: words[2]).flatMap({ UInt32(exactly: $0) }) else { return false }
            folders[index].floor = uid
        case 0x6E:  // next
            guard let uid = Decimal.value(of: words[2]).flatMap({ UInt32(exactly: $0) }) else { return false }
            folders[index].next = uid
        case 0x6C:  // left
            guard let uids = UIDSet(parsing: words[2]) else { return false }
            folders[index].forget(uids)
        default:  // seen
            guard let time = Decimal.value(of: words[2]), let run = Decimal.value(of: words[3]),
                let uids = UIDSet(parsing: words[4])
            else { return false }
            folders[index].note(uids, at: time, run)
        }
        return true
    }

    private func note(_ keys: [(MessageKey, MessageDigest?)], at time: Int, _ run: Int) {
        var uids: [Int: [UInt32]] = [:]
        for (key, digest) in keys {
            failed[key] = nil
            switch key {
            case .unique: known[key] = Known(fetched: time, run: run, digest: digest)
            case .uid(let uid, let index): uids[index, default: []].append(uid)
            }
        }
        for (index, uids) in uids where folders.indices.contains(index) {
            folders[index].note(UIDSet(uids), at: time, run)
        }
    }

    // MARK: Asking

    /// Whether a run that begins at `start` is to fetch from an account whose turn comes at `now`.
    ///
    /// Cron starts us a little late and a little early: what would be due half a minute later is due, lest each run wait
    /// for the one behind it. Runs are counted from their start, so that an account behind a slow one does not slip.
    func isDue(every: Duration, at start: Int, now: Int) -> Bool {
        guard lastRun <= now else { return true }  // the clock was ahead
        return start - lastRun >= Int(clamping: every.components.seconds) - 30
    }

    func isSuspect(_ key: MessageKey) -> Bool { failed[key]?.isSuspect ?? false }

    /// Messages that could not be fetched, by key.
    var failures: [(key: MessageKey, failure: Failure)] {
        failed.filter(\.value.isSuspect).map { ($0.key, $0.value) }.sorted { $0.key.text < $1.key.text }
    }

    func isKnown(_ key: MessageKey) -> Bool { known[key] != nil }

    /// Whether the message has failed so often that it is tried once a day only.
    func isLeftAlone(_ key: MessageKey, now: Int) -> Bool {
        guard let failure = failed[key], failure.isFinal else { return false }
        return now >= failure.time && now - failure.time < 86_400
    }

    // MARK: Writing

    /// Appends `texts` and takes them as they will be read.
    func record(_ texts: [String]) throws {
        try journal?.append(texts)
        for text in texts { _ = apply(Array(text.utf8)[...]) }
    }

    func synchronize() throws(DurableError) { try journal?.synchronize() }
}
