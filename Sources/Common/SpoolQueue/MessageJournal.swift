// The journal of one message, `queue/log/<id>`: a line per record, read and written under the message's lock.

import DurableFiles
import Octets

/// The records of one message. After a failed write or synchronization it refuses all further use:
/// nobody knows then what the disk has.
final class MessageJournal {
    /// The most octets of a journal that is read; a message that has more is left to a person.
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
        // A process may have been killed between its write and its synchronization: what is acted on must last.
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

    /// Version 1 of the journal of this message.
    static func heading(of id: QueueID) -> String { "journal 1 \(id.text)" }

    private static func fold(_ line: ArraySlice<UInt8>, into state: inout MessageState) -> LineJournal.Reading {
        do {
            return state.apply(try Record(line)) ? .taken : .impossible
        } catch {
            return .newer
        }
    }

    /// Makes the journal if it is missing, and sets aside room for `octets` more.
    func reserve(_ octets: Int) throws(QueueError) {
        try trust()
        try durably { () throws(DurableError) in try lines.reserve(octets) }
    }

    /// Writes `records` at once. They are on stable storage after ``synchronize()``, or with the next reader under the lock.
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

    /// Removes the file; its message is gone for good.
    func remove() throws(DurableError) { try lines.remove() }

    private func trust() throws(QueueError) {
        guard !isBroken else { throw .distrusted(path: lines.path) }
    }

    /// Whether the journal of `id` began the notice `number` and does not say that it was queued. Lines that cannot be read
    /// are passed over: who locks the message is told of them.
    static func isOpen(notice number: Int, in directory: Directory, id: QueueID) throws(QueueError) -> Bool {
        let octets = try durably { () throws(DurableError) -> [UInt8] in
            guard let file = try directory.open(id.text) else { return [] }
            return try file.read(atMost: min(limit, try file.status().size), at: 0)
        }
        var isOpen = false
        for line in octets.split(separator: Octet.lf) {
            guard let text = JournalLine.text(of: line), let record = try? Record(text) else { continue }
            if case .intent(number, _, _) = record { isOpen = true }
            if case .told(number) = record { isOpen = false }
        }
        return isOpen
    }
}
