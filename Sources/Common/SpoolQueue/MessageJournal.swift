// The journal of one message, `queue/log/<id>`: a line per record, read and written under the message's lock.

import DurableFiles
import Octets

/// The records of one message. After a failed write or synchronization it refuses all further use: what the disk has is
/// unknown then.
final class MessageJournal {
    /// The most octets of a journal that is read; a message with a longer one is left for a person to look at.
    static let limit = 64 << 20

    private let lines: LineJournal
    private(set) var isBroken = false

    /// Opens the journal of `id` if there is one, folds its records into `state`, and cuts off a torn tail.
    init(in directory: Directory, id: QueueID, into state: inout MessageState) throws(QueueError) {
        do throws(JournalError) {
            lines = try LineJournal(id.text, in: directory, heading: Self.heading(of: id), limit: Self.limit) {
                Self.fold($0, into: &state)
            }
        } catch {
            throw QueueError(error)
        }
        // The writer may have been killed between write and synchronization: what is acted on must be durable.
        try durably { () throws(DurableError) in try lines.synchronize() }
    }

    /// Folds the records of `id` into `state` without a lock, so without those that are just being written.
    static func read(in directory: Directory, id: QueueID, into state: inout MessageState) throws(QueueError) {
        do throws(JournalError) {
            _ = try LineJournal.read(id.text, in: directory, heading: heading(of: id), limit: limit) {
                fold($0, into: &state)
            }
        } catch {
            throw QueueError(error)
        }
    }

    /// The first line of the journal of `id`: version 1, and the message it belongs to.
    static func heading(of id: QueueID) -> String { "journal 1 \(id.text)" }

    private static func fold(_ line: ArraySlice<UInt8>, into state: inout MessageState) -> LineJournal.Reading {
        do {
            return state.apply(try Record(line)) ? .taken : .impossible
        } catch {
            return .newer
        }
    }

    /// Makes the journal if it is missing, and reserves room for `octets` more.
    func reserve(_ octets: Int) throws(QueueError) {
        try trust()
        try durably { () throws(DurableError) in try lines.reserve(octets) }
    }

    /// Writes `records` at once. They are durable after ``synchronize()``, or when the next reader under the lock has
    /// synchronized them.
    func append(_ records: [Record]) throws(QueueError) {
        try change { () throws(DurableError) in try lines.append(records.map(\.text)) }
    }

    /// Puts what was appended on stable storage.
    func synchronize() throws(QueueError) {
        try change { () throws(DurableError) in try lines.synchronize() }
    }

    private func change(_ body: () throws(DurableError) -> Void) throws(QueueError) {
        try trust()
        do throws(DurableError) {
            try body()
        } catch {
            isBroken = true
            throw QueueError(error)
        }
    }

    /// Removes the file, once the removal of its message is durable.
    func remove() throws(DurableError) { try lines.remove() }

    private func trust() throws(QueueError) {
        guard !isBroken else { throw .distrusted(path: lines.path) }
    }

    /// Whether the journal of `id` has the notice `number` begun but not queued. Unreadable lines are skipped: whoever
    /// locks the message is told of them.
    static func isOpen(notice number: Int, in directory: Directory, id: QueueID) throws(QueueError) -> Bool {
        let octets = try durably { () throws(DurableError) -> [UInt8] in
            guard let file = try directory.open(id.text) else { return [] }
            return try file.read(atMost: min(limit, try file.status().size), at: 0)
        }
        var isOpen = false
        for line in octets.split(separator: Octet.lf) {
            guard let text = JournalLine.text(of: line), let record = try? Record(text) else { continue }
            if case .intent(number, _, _, _) = record { isOpen = true }
            if case .told(number) = record { isOpen = false }
        }
        return isOpen
    }
}
