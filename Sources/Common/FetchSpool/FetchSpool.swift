// Fetched messages that wait for their places: a Maildir in the account's state folder, and a journal beside them.

import DurableFiles
import FetchLedger
import MaildirStore
import Synchronization

/// The spool of one account. A message is in it until each of its targets has it: the file is what says so, and the
/// journal which of them have it already. Safe to share among threads. One process at a time hands on what is there, under
/// the spool's lock, and puts something in, under the account's.
///
/// A change is in ``progress(of:at:)`` when it is in the journal. ``finish(_:at:)`` and ``begin(_:at:length:)`` with a
/// length are durable on return; what else is lost in a power cut is tried again.
public final class FetchSpool: Sendable {
    /// Octets of messages from which on nothing more is fetched: what follows waits at the source.
    public static let octetLimit = 256 << 20
    /// The same for their number.
    public static let countLimit = 20_000
    /// The most octets of a journal that is read.
    static let journalLimit = 64 << 20
    static let folderName = "spool"
    static let journalName = "journal"
    private static let lockName = "lock"
    static let heading = "mailhub-spool 1"
    /// Lines of history from which on the journal is written anew.
    static let historyLimit = 1000

    private struct Held {
        var state: SpoolState
        var journal: LineJournal
        /// Lines of the journal from which on it is looked whether most is history.
        var nextLook = 10 * historyLimit
    }

    public let maildir: Maildir
    private let folder: Directory
    private let held: Mutex<Held>
    /// For the life of this object.
    private let lock: FileLock

    /// The Maildir of the spool in an account's state folder.
    /// - Parameters:
    ///   - making: whether it is made if it is missing.
    ///   - faults: forced disk faults of a test.
    /// - Returns: `nil` where there is none and none is to be made.
    public static func maildir(
        in folder: Directory, making: Bool, faults: Faults? = nil
    ) throws(SpoolError) -> Maildir? {
        try SpoolError.telling {
            guard try making || folder.status(of: folderName) != nil else { return nil }
            return try Maildir(path: "\(folder.path)/\(folderName)", making: true, faults: faults)
        }
    }

    /// Opens the spool whose Maildir that is, under its lock.
    /// - Parameter faults: forced disk faults of a test.
    /// - Returns: `nil` when another process has the lock.
    /// - Throws: ``SpoolError``, with nothing changed.
    public static func open(_ maildir: Maildir, faults: Faults? = nil) throws(SpoolError) -> FetchSpool? {
        let folder = try SpoolError.telling { try Directory(path: maildir.path, faults: faults) }
        guard let lock = try SpoolError.telling({ try FileLock.tryAcquire(lockName, in: folder) }) else { return nil }
        return try FetchSpool(maildir, in: folder, under: lock)
    }

    private init(_ maildir: Maildir, in folder: Directory, under lock: FileLock) throws(SpoolError) {
        (self.maildir, self.folder, self.lock) = (maildir, folder, lock)
        var state = SpoolState()
        let journal = try SpoolError.telling {
            try Self.journal(in: folder) { state.apply($0) ? .taken : .impossible }
        }
        held = Mutex(Held(state: state, journal: journal))
    }

    private static func journal(
        in folder: Directory, _ take: (ArraySlice<UInt8>) -> LineJournal.Reading
    ) throws(JournalError) -> LineJournal {
        try LineJournal(journalName, in: folder, heading: heading, limit: journalLimit, take)
    }

    /// The state of the spool of `account`, without its lock and so possibly a moment old, and its messages; changes
    /// nothing.
    /// - Returns: `nil` where there is none.
    public static func look(
        at account: String, in stateDirectory: String
    ) throws(SpoolError) -> (state: SpoolState, messages: [StoredMessage])? {
        try SpoolError.telling {
            guard let folder = try AccountLedger.folder(of: account, in: stateDirectory),
                try folder.status(of: folderName) != nil
            else { return nil }
            var state = SpoolState()
            _ = try LineJournal.read(
                journalName, in: folder.directory(folderName), heading: heading, limit: journalLimit
            ) { state.apply($0) ? .taken : .impossible }
            return (state, try Maildir(path: "\(folder.path)/\(folderName)", making: false).storedMessages())
        }
    }

    // MARK: Asking

    public func progress(of message: String, at target: String) -> SpoolState.Progress {
        held.withLock { $0.state.messages[message]?[target] ?? SpoolState.Progress() }
    }

    public func fault(of place: String) -> SpoolState.Fault? { held.withLock { $0.state.faults[place] } }

    /// The messages that wait, the oldest first.
    public func messages() throws(SpoolError) -> [StoredMessage] {
        try SpoolError.telling { try maildir.storedMessages() }
    }

    // MARK: Writing

    /// Notes that an attempt is begun. With the length that an mbox has, durable on return.
    /// - Parameter now: in seconds since 1970.
    public func begin(
        _ message: String, at target: String, now: Int, length: Int? = nil
    ) throws(DurableError) {
        let text = "try \(Self.words(message, target)) \(length.map { "\($0)" } ?? "-") \(max(0, now))"
        try record([text], isDurable: length != nil)
    }

    /// Notes that these targets have the message; durable on return.
    public func finish(_ message: String, at targets: [String]) throws(DurableError) {
        try record(targets.map { "done \(Self.words(message, $0))" }, isDurable: true)
    }

    /// Notes that an attempt came to nothing through no fault of the message.
    public func giveBack(_ message: String, at targets: [String]) throws(DurableError) {
        try record(targets.map { "back \(Self.words(message, $0))" })
    }

    /// Notes that a target does not take the message now.
    /// - Parameters:
    ///   - now: in seconds since 1970.
    ///   - next: before then there is no other attempt.
    public func postpone(
        _ message: String, at target: String, now: Int, until next: Int, _ words: String
    ) throws(DurableError) {
        let progress = progress(of: message, at: target)
        let since = progress.tries == 0 ? now : progress.since
        let text = JournalWord.encode(String(words.prefix(200)))
        try record([
            "wait \(Self.words(message, target)) \(progress.tries + 1) \(max(0, since)) \(max(0, next)) \(text)"
        ])
    }

    /// Notes that a place takes nothing now.
    public func fail(_ place: String, now: Int, until next: Int, _ words: String) throws(DurableError) {
        let fault = fault(of: place)
        let text = JournalWord.encode(String(words.prefix(200)))
        try record([
            "down \(JournalWord.encode(place)) \((fault?.tries ?? 0) + 1) \(max(0, fault?.since ?? now)) \(max(0, next)) \(text)"
        ])
    }

    /// Notes that a place works again.
    public func mend(_ place: String) throws(DurableError) {
        if fault(of: place) != nil { try record(["up \(JournalWord.encode(place))"]) }
    }

    /// Removes a message that all its targets have; durable on return.
    public func remove(_ message: StoredMessage) throws(DurableError) {
        try message.remove()
        // Not before: a file that a power cut brings back must find its journal.
        try record(["gone \(JournalWord.encode(message.unique))"])
    }

    /// Forgets what is known of messages and places that are not there, and writes the journal anew when most of it is history.
    /// - Parameters:
    ///   - present: the messages that there are.
    ///   - places: those that there are.
    public func tidy(keeping present: [StoredMessage], at places: [String]) throws(SpoolError) {
        let names = Set(present.map(\.unique))
        try SpoolError.telling {
            // A file that a power cut brought back would find no journal.
            try maildir.synchronizeFolders()
            try held.withLock { held in
                held.state.messages = held.state.messages.filter { names.contains($0.key) }
                let gone = held.state.faults.keys.filter { !places.contains($0) }
                if !gone.isEmpty { try held.journal.append(gone.map { Array("up \(JournalWord.encode($0))".utf8) }) }
                for place in gone { held.state.faults[place] = nil }
                try Self.shorten(&held)
            }
        }
    }

    /// Writes the journal anew where a disk that failed has left it useless; durable on return.
    public func renew() throws(SpoolError) {
        try SpoolError.telling {
            try held.withLock { held in
                guard held.journal.fault != nil else { return }
                // What the file holds is not known; what was recorded in it is.
                let fresh = try Self.journal(in: folder) { _ in .taken }
                try fresh.replace(with: held.state.lines.map { Array($0.utf8) })
                held.journal = fresh
            }
        }
    }

    private func record(_ texts: [String], isDurable: Bool = false) throws(DurableError) {
        guard !texts.isEmpty else { return }
        try held.withLock { held throws(DurableError) in
            let lines = texts.map { Array($0.utf8) }
            try held.journal.append(lines)
            for line in lines {
                let isTaken = held.state.apply(line[...])
                precondition(isTaken, "a line of the spool's journal that cannot be read again")
            }
            if isDurable { try held.journal.synchronize() }
            guard held.journal.extent.lines >= held.nextLook else { return }
            try Self.shorten(&held)
        }
    }

    /// Writes the journal anew when most of it is history. To find that out costs as much as to write it, so that it is looked
    /// at now and then.
    private static func shorten(_ held: inout Held) throws(DurableError) {
        let lines = held.state.lines
        if held.journal.extent.lines > 2 * lines.count + historyLimit {
            try held.journal.replace(with: lines.map { Array($0.utf8) })
        }
        held.nextLook = 2 * held.journal.extent.lines + 10 * historyLimit
    }

    private static func words(_ message: String, _ target: String) -> String {
        "\(JournalWord.encode(message)) \(JournalWord.encode(target))"
    }
}
