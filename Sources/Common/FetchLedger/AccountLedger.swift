// The ledger of one account, under its lock: what is fetched, one journal line for each change.

import DurableFiles
import FetchCalendar
import IMAPProtocol
import MaildirStore
import POP3Protocol

/// What an account has fetched, and the journal that keeps it. Used from one thread at a time.
///
/// A change is in ``state`` when it is in the journal. From then on it outlasts a crash of the process, and after
/// ``synchronize()``, or where a method says so, a power cut. Methods that make a change throw `DurableError` when it
/// cannot be written; it is taken back then. After a failed synchronization every change throws that failure: see
/// `LineJournal`.
public final class AccountLedger {
    /// The most octets of a journal that is read.
    static let limit = 1 << 30
    /// Octets of disk room reserved behind the journal's end for the lines that end two batches: 64 numbers with a
    /// digest each, and a failure or two.
    static let room = 16_384
    static let heading = "mailhub-fetch 1"

    public private(set) var state: FetchState
    /// `nil` for a rehearsal, which keeps nothing.
    let journal: LineJournal?
    /// The account's lock, for the life of this object.
    private let lock: FileLock?
    /// Where the account's state lies; `nil` for a rehearsal.
    public let folder: Directory?

    /// Locks the account and reads its ledger, made if missing. A torn tail is cut off: nobody was told what it says.
    /// - Parameter directory: the hub's state directory.
    /// - Returns: `nil` when another run has the lock.
    /// - Throws: ``LedgerError`` when the ledger cannot be read or relied on, with nothing changed in the journal.
    public static func open(_ account: String, in directory: String) throws(LedgerError) -> AccountLedger? {
        let folder = try LedgerFolder.open(account, in: directory)
        guard let lock = try LedgerFolder.lock(folder) else { return nil }
        return try AccountLedger(in: folder, under: lock)
    }

    /// Takes the part of the one process that waits for news of the account; it ends with the lock.
    /// - Returns: `nil` when another process has it.
    public static func watch(_ account: String, in directory: String) throws(LedgerError) -> FileLock? {
        try LedgerFolder.watchLock(try LedgerFolder.open(account, in: directory))
    }

    /// Whether a process waits for news of the account.
    public func isWatched() throws(LedgerError) -> Bool {
        guard let folder else { return false }
        return try LedgerFolder.isWatched(folder)
    }

    /// Reads the state of the account without its lock, and so possibly a moment old; changes nothing on the disk.
    /// - Returns: `nil` when nothing was ever fetched.
    /// - Throws: ``LedgerError`` when the ledger cannot be read or relied on.
    public static func look(at account: String, in directory: String) throws(LedgerError) -> FetchState? {
        guard let folder = try LedgerFolder.look(account, in: directory) else { return nil }
        return try read(folder).state
    }

    /// Where the state of `account` lies, for looking only; `nil` when nothing was ever fetched.
    public static func folder(of account: String, in directory: String) throws(LedgerError) -> Directory? {
        try LedgerFolder.look(account, in: directory)
    }

    /// - Parameter lock: `nil` where a test is alone.
    init(in folder: Directory, under lock: FileLock? = nil) throws(LedgerError) {
        var state = FetchState()
        do throws(JournalError) {
            journal = try LineJournal(
                LedgerFolder.journalName, in: folder, heading: Self.heading, limit: Self.limit,
                expecting: { state.known.reserve(journal: $0) }, { state.apply($0) ? .taken : .impossible })
        } catch {
            throw .journal(error)
        }
        self.state = state
        self.lock = lock
        self.folder = folder
    }

    /// A ledger that begins with what is known of the account, and keeps nothing: for a run that only tells what it would
    /// do.
    public static func rehearsal(of account: String, in directory: String) throws(LedgerError) -> AccountLedger {
        AccountLedger(rehearsing: try look(at: account, in: directory) ?? FetchState())
    }

    private init(rehearsing state: FetchState) {
        self.state = state
        (journal, lock, folder) = (nil, nil, nil)
    }

    static func read(_ folder: Directory) throws(LedgerError) -> (state: FetchState, octets: Int) {
        var state = FetchState()
        do throws(JournalError) {
            let extent = try LineJournal.read(
                LedgerFolder.journalName, in: folder, heading: heading, limit: limit
            ) { state.apply($0) ? .taken : .impossible }
            return (state, extent?.octets ?? 0)
        } catch {
            throw .journal(error)
        }
    }

    /// Makes durable what was recorded.
    public func synchronize() throws(DurableError) { try journal?.synchronize() }

    /// Appends `texts` and applies them to the state, as the next reader will.
    private func record(_ texts: [String]) throws(DurableError) {
        let lines = texts.map { Array($0.utf8) }
        try journal?.append(lines)
        for line in lines {
            let isTaken = state.apply(line[...])
            // The next reader would call it damage.
            precondition(isTaken, "a line of the fetch state that cannot be read again")
        }
    }

    // MARK: Writing

    /// Notes that a run begins at `time`, in seconds since 1970. Not worth waiting for the disk.
    public func beginRun(at time: Int) throws(DurableError) {
        try record(["run \(min(state.run + 1, FetchState.runLimit)) \(time)"])
    }

    /// Notes how the run ended, at `time` in seconds since 1970. Not worth waiting for the disk.
    /// - Parameter status: the exit status for this account.
    public func endRun(at time: Int, status: Int32, _ words: String) throws(DurableError) {
        try record(["end \(time) \(status) \(Self.words(words, limit: 600))"])
    }

    /// Adds what the run has delivered to what all have. Not worth waiting for the disk.
    public func add(_ total: FetchState.Total) throws(DurableError) {
        if total.messages > 0 { try record(["sum \(total.messages) \(total.octets)"]) }
    }

    /// Notes that the run that has ended did not come to the server. Not worth waiting for the disk.
    public func noteAway() throws(DurableError) { try record(["away"]) }

    /// Notes the time of day that the run serves. Not worth waiting for the disk.
    public func serve(_ served: FetchPlan.Served) throws(DurableError) {
        try record(["time \(served.moment) \(served.minute)"])
    }

    /// The number of the folder `name`, added with the UIDVALIDITY `validity` if it is new.
    public func folder(named name: String, validity: UInt32) throws(DurableError) -> Int {
        if let index = state.folders.firstIndex(where: { $0.name == name }) { return index }
        try record(["folder \(state.folders.count) \(validity) \(JournalWord.encode(name))"])
        return state.folders.count - 1
    }

    /// Forgets everything known of a folder, which has a new UIDVALIDITY.
    /// - Parameter next: UIDs below it are taken as known.
    public func renumber(_ index: Int, validity: UInt32, next: UInt32 = 1) throws(DurableError) {
        let folder = "folder \(index) \(validity) \(JournalWord.encode(state.folders[index].name))"
        try record(next == 1 ? [folder] : [folder, "floor \(index) \(next)", "next \(index) \(next)"])
    }

    /// Forgets everything known of a folder, which has a new UIDVALIDITY, and takes `keys` as known. All of it or nothing
    /// outlasts a power cut: with half of it, all would be fetched again.
    /// - Parameter time: seconds since 1970.
    public func renumber(
        _ index: Int, validity: UInt32, passing keys: [MessageKey], at time: Int
    ) throws(DurableError) {
        var uids: [UInt32] = []
        for key in keys { if case .uid(let uid, index) = key { uids.append(uid) } }
        var folder = FetchState.Folder(name: state.folders[index].name, validity: validity)
        folder.note(UIDSet(uids), at: time, 0)
        state.folders[index] = folder
        state.forgetUnfetched(of: index)
        try compact()
    }

    /// Notes that UIDs of the folder below `uid` need no more asking.
    public func setNext(_ uid: UInt32, of index: Int) throws(DurableError) {
        if state.folders[index].next != uid { try record(["next \(index) \(uid)"]) }
    }

    /// Notes that somebody has looked for new mail in the folder, with how many messages are left there.
    /// - Parameter time: in seconds since 1970; `nil` where nobody has looked for what earlier listings may have left out.
    public func noteLook(messages: Int, of index: Int, at time: Int? = nil) throws(DurableError) {
        let last = state.folders[index].look
        guard let time = time ?? last?.time, time != last?.time || messages != last?.messages else { return }
        try record(["look \(index) \(time) \(messages)"])
    }

    /// Records in one write that the first of the open batches have ended as `ends` says, and that `batch` is begun;
    /// durable on return.
    /// - Throws: `DurableError`; also for an earlier fault of the journal, even with nothing to record.
    public func turn(
        ending ends: [FetchState.BatchEnd] = [], beginning batch: FetchState.OpenBatch? = nil
    ) throws(DurableError) {
        // What was written before may not be on the disk, and whoever ends a batch must hear of that.
        if let fault = journal?.fault { throw fault }
        precondition(
            state.openBatches.map(\.nonce).starts(with: ends.map(\.nonce)),
            "a batch ends that was not begun, or not first")
        precondition(
            batch == nil || state.openBatches.count - ends.count < FetchState.openLimit, "more batches than may be open"
        )
        guard !ends.isEmpty || batch != nil else { return }
        var texts = ends.map { end in
            let words = end.delivered.sorted { $0.key < $1.key }
            return words.reduce(into: "\(end.isSpooled ? "spool" : "done") \(end.nonce)") { text, word in
                text += " \(word.key)" + (word.value.map { ":\($0)" } ?? "")
            }
        }
        if let batch {
            texts.append("open \(batch.nonce) \(batch.time) \(batch.keys.map(\.text).joined(separator: " "))")
        }
        // First the step that leaves everything as it is when it fails.
        if batch != nil { try journal?.reserve(texts.reduce(Self.room) { $0 + $1.utf8.count }) }
        try record(texts)
        try synchronize()
    }

    /// Notes that these messages are at all their places. Not worth waiting for the disk: where it is lost, the spool says
    /// so again.
    public func free(_ keys: [MessageKey]) throws(DurableError) {
        let texts = stride(from: 0, to: keys.count, by: 64).map { start in
            keys[start..<min(keys.count, start + 64)].reduce(into: "free") { $0 += " \($1.text)" }
        }
        try record(texts)
    }

    /// Records a complete listing of a maildrop, compared with what is known. A message that two listings lack is
    /// forgotten: its id may come again with another message.
    public func noteListing(_ ids: UniqueIDListing) throws(DurableError) -> ListedMaildrop {
        let listed = state.known.match(ids)
        let (missing, gone, back) = state.known.changes(by: listed)
        var unfetched = state.unfetched.filter { $0.uniqueID != nil && !state.isKnown($0) }
        let all = unfetched
        if !unfetched.isEmpty {
            for index in ids.indices where !listed.isKnown(at: index) { unfetched.remove(listed.key(at: index)) }
        }
        // Of several with one id it is not known which has gone: what is listed may be the one that was not fetched.
        for key in unfetched { try doubtSiblings(of: key) }
        // Where one of several with an id may have been deleted and another is listed, it is not known which is missing.
        var unclear = state.known.idsInDoubt.intersection(gone.compactMap(\.uniqueID))
        if !unclear.isEmpty {
            unclear.formIntersection(ids.indices.map { String(decoding: ids.id(at: $0), as: UTF8.self) })
        }
        try markMissing(missing)
        try markGone(gone.filter { !unclear.contains($0.uniqueID ?? "") })
        try noteUnlisted(unfetched)
        try markBack(all.subtracting(unfetched).filter { state.unlisted[$0] != nil })
        try markBack(back)
        return listed
    }

    /// Notes messages that are not fetched and not listed. What an earlier run did not see either is forgotten: one listing
    /// may leave out what is there.
    public func noteUnlisted(_ keys: some Collection<MessageKey>) throws(DurableError) {
        let gone = keys.filter { key in state.unlisted[key].map { $0 < state.run } ?? false }
        try markGone(Array(gone))
        try markMissing(keys.filter { state.isUnfetched($0) && state.unlisted[$0] == nil })
    }

    /// Puts in doubt what is known by the id of `key`, of which another message was not fetched: which of them is listed by
    /// which key nobody can tell any more. What can be compared is, before it is deleted; the rest is never deleted.
    public func doubtSiblings(of key: MessageKey) throws(DurableError) {
        guard let id = key.uniqueID else { return }
        var texts: [String] = []
        for (other, known) in state.known.all where other.uniqueID == id && other != key && known.deletion == nil {
            if known.digest != nil {
                texts.append("quit \(other.text)")
            } else if known.run > 0 {
                texts.append("have \(known.fetched) 0 \(other.text)")
            }
        }
        try record(texts)
    }

    /// Notes messages that the last complete listing lacked.
    public func markMissing(_ keys: [MessageKey]) throws(DurableError) { try record(keys.map { "miss \($0.text)" }) }
    /// Notes that such messages are listed again.
    public func markBack(_ keys: [MessageKey]) throws(DurableError) { try record(keys.map { "back \($0.text)" }) }
    /// Notes messages whose deletion takes effect with the next QUIT (RFC 1939 §6).
    public func markAsked(_ keys: [MessageKey]) throws(DurableError) { try record(keys.map { "quit \($0.text)" }) }
    /// Notes that such a message is still there, unchanged: it was not deleted.
    /// - Parameter digest: of the message as it is: of several with one id it may be another than was known by this
    ///   key.
    public func markHere(_ key: MessageKey, _ digest: MessageDigest) throws(DurableError) {
        try record(["here \(key.text) \(digest)"])
    }
    /// Notes messages whose deletion the server has acknowledged.
    public func markDeleted(_ keys: [MessageKey]) throws(DurableError) { try record(keys.map { "dele \($0.text)" }) }
    /// Notes that a message is still there, unchanged, though its deletion was acknowledged.
    /// - Parameter digest: as for ``markHere(_:_:)``.
    public func markStaying(_ key: MessageKey, _ digest: MessageDigest) throws(DurableError) {
        try record(["stay \(key.text) \(digest)"])
    }
    /// Forgets messages that are no longer at the source.
    public func markGone(_ keys: [MessageKey]) throws(DurableError) { try record(keys.map { "gone \($0.text)" }) }

    /// Forgets fetched messages of a folder that are no longer at the source.
    public func markGone(_ uids: UIDSet, of index: Int) throws(DurableError) {
        try record(uids.pieces().map { "left \(index) \(String(decoding: $0.octets, as: UTF8.self))" })
    }

    /// Notes fetched messages of a folder that a look for them did not find. What an earlier run did not find either is
    /// forgotten: one look may leave out what is there, and what is forgotten is fetched again if it is.
    public func noteLacking(_ uids: UIDSet, of index: Int) throws(DurableError) {
        let before = state.folders[index].lacking
        guard before.uids != uids else {
            if before.run < state.run { try markGone(uids, of: index) }
            return
        }
        let stays = before.run < state.run ? uids.subtracting(before.uids) : uids
        try markGone(uids.subtracting(stays), of: index)
        // As many as a line holds: the others are looked for again.
        let first = stays.pieces().first.map { String(decoding: $0.octets, as: UTF8.self) } ?? "-"
        try record(["lack \(index) \(first)"])
    }

    /// Notes messages as known that are neither asked for nor deleted from now on, whether they were fetched or not.
    /// - Parameter time: seconds since 1970.
    public func pass(_ keys: [MessageKey], at time: Int) throws(DurableError) {
        var uids: [Int: [UInt32]] = [:]
        var texts: [String] = []
        for key in keys {
            switch key {
            case .unique: texts.append("have \(time) 0 \(key.text)")
            case .uid(let uid, let folder): uids[folder, default: []].append(uid)
            }
        }
        for (folder, uids) in uids.sorted(by: { $0.key < $1.key }) {
            for piece in UIDSet(uids).pieces() {
                let words = String(decoding: piece.octets, as: UTF8.self)
                // Known from now on for one reason alone.
                texts += ["left \(folder) \(words)", "seen \(folder) \(time) 0 \(words)"]
            }
            let unfetched = uids.map { MessageKey.uid($0, folder: folder) }.filter(state.isUnfetched)
            texts += unfetched.map { "gone \($0.text)" }
        }
        try record(texts)
    }

    /// Notes what becomes of a message that is larger than the rc lets in. Of one whose header is asked for, the end of its
    /// batch says that the header is here.
    public func note(_ key: MessageKey, _ large: FetchState.Large) throws(DurableError) {
        if state.large[key] != large { try record(["large \(key.text) \(large.rawValue)"]) }
    }

    /// Takes all UIDs of the folder below `uid` as known.
    public func accept(below uid: UInt32, of index: Int) throws(DurableError) {
        let passed = state.unfetched.filter { if case .uid(let passed, index) = $0 { passed < uid } else { false } }
        try record(["floor \(index) \(uid)", "next \(index) \(uid)"] + passed.map { "gone \($0.text)" })
    }

    /// Counts a failed try to fetch the message; after three it is tried only once a day, `--status` lists it, and the
    /// exit status shows it.
    /// - Parameter time: seconds since 1970.
    public func fail(_ key: MessageKey, at time: Int, _ reason: String) throws(DurableError) {
        let tries = (state.failed[key]?.tries ?? 0) + 1
        try record(["fail \(key.text) \(tries) \(time) \(Self.words(reason))"])
    }

    /// Notes a problem with the message that may be chance: a connection that broke in the midst of it, or a refusal as
    /// of a message that another client has just deleted. The first time counts for nothing; the second makes the
    /// message a suspect, the third is a failure like any other.
    /// - Returns: the tries counted by now; 0 the first time.
    @discardableResult
    public func note(_ key: MessageKey, at time: Int, _ reason: String) throws(DurableError) -> Int {
        let tries = state.failed[key].map { max(2, $0.tries + 1) } ?? 0
        try record(["fail \(key.text) \(tries) \(time) \(Self.words(reason))"])
        return tries
    }

    /// Notes that a run died with these messages under way. One of them may be at fault: from now on each is fetched by
    /// itself, after the others, so that a second death tells which.
    public func suspect(_ keys: [MessageKey], at time: Int, _ reason: String) throws(DurableError) {
        let fresh = keys.filter { !state.isSuspect($0) }
        try record(fresh.map { "fail \($0.text) 1 \(time) \(Self.words(reason))" })
    }

    static func words(_ text: String, limit: Int = 200) -> String {
        JournalWord.encode(String(text.prefix(limit)))
    }
}
