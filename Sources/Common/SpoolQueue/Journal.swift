// The journal of one message, `queue/log/<id>`: a line per record, read and written under the message's lock.

import DurableFiles
import Octets

/// An append-only file of records. After a failed write or synchronization it refuses all further use (DECISIONS 5).
final class Journal {
    /// The most octets of a journal that is read; a message that has more is left to a person.
    static let limit = 64 << 20

    private let directory: Directory
    private let id: QueueID
    private var file: File?
    /// Octets that are whole records: where the next one begins.
    private var end = 0
    private(set) var isBroken = false
    /// Whether the file's name is known to be on stable storage.
    private var isNameDurable = false

    /// Opens the journal of `id` if there is one, folds its records into `state`, and cuts off a torn tail.
    init(in directory: Directory, id: QueueID, into state: inout MessageState) throws(QueueError) {
        self.directory = directory
        self.id = id
        let found = try durably { () throws(DurableError) in try directory.open(id.text, for: .readingAndWriting) }
        guard let found else { return }
        end = try Self.read(found, id: id, into: &state)
        try durably { () throws(DurableError) in
            if try found.status().size > end { try found.truncate(to: end) }
            try found.seekToEnd()
            // A process may have been killed between its write and its synchronization: what is acted on must last.
            if end > 0 { try found.synchronizeContent() }
        }
        file = found
        // A record may have been written just before a crash, its file's name not yet synchronized.
        isNameDurable = false
    }

    /// Folds the records of `file` into `state`.
    /// - Returns: the octets of whole records; what follows is a torn tail.
    /// - Throws: ``QueueError/journalDamaged(path:line:)`` when a good record follows a bad line.
    static func read(_ file: File, id: QueueID, into state: inout MessageState) throws(QueueError) -> Int {
        let octets = try durably { () throws(DurableError) in
            let size = try file.status().size
            guard size <= limit else {
                throw DurableError(operation: "read", path: file.path, code: DurableError.tooLarge)
            }
            return try file.read(atMost: size, at: 0)
        }
        var at = 0
        var whole = 0
        var number = 0
        var badLine: Int?
        while at < octets.count, let lf = octets.firstIndex(of: Octet.lf, in: at..<octets.count) {
            number += 1
            let record: Record
            do throws(Record.Failure) {
                record = try Record(line: octets[at..<lf])
            } catch {
                guard case .damaged = error else { throw .newerVersion(path: file.path) }
                badLine = badLine ?? number
                at = lf + 1
                continue
            }
            if let badLine { throw .journalDamaged(path: file.path, line: badLine) }
            if number == 1, record != .header(id) { throw .journalDamaged(path: file.path, line: 1) }
            guard state.apply(record) else { throw .journalDamaged(path: file.path, line: number) }
            at = lf + 1
            whole = at
        }
        return whole
    }

    /// Makes the journal if it is missing, and sets aside room for `octets` more.
    func reserve(_ octets: Int) throws(QueueError) {
        try change { (file) throws(DurableError) in try file.reserve(octets + Self.headerLimit) }
    }

    /// Writes `records` at once and synchronizes. On return they are on stable storage.
    func append(_ records: [Record]) throws(QueueError) {
        var octets: [UInt8] = end == 0 ? Record.header(id).line : []
        for record in records { octets += record.line }
        let directory = directory
        let isNameDurable = isNameDurable
        do throws(QueueError) {
            try change { (file) throws(DurableError) in
                try file.write(octets)
                try file.synchronizeContent()
                if !isNameDurable { try directory.synchronize() }
            }
        } catch {
            // What the file holds now is unknown, also when a second try seems to succeed.
            isBroken = true
            throw error
        }
        end += octets.count
        self.isNameDurable = true
    }

    /// Removes the file; its message is gone for good.
    func remove() throws(DurableError) {
        if file != nil { try directory.unlink(id.text) }
        file = nil
    }

    private func change(_ body: (File) throws(DurableError) -> Void) throws(QueueError) {
        guard !isBroken else { throw .distrusted(path: "\(directory.path)/\(id)") }
        do throws(DurableError) {
            var open = file
            if open == nil { open = try directory.open(id.text, for: .makingIfMissing) }
            guard let open else {
                throw DurableError(operation: "open", path: directory.path, code: DurableError.inputOutput)
            }
            file = open
            try body(open)
        } catch {
            throw QueueError(error)
        }
    }

    /// Whether the journal in `file` began the notice `number` and does not say that it was queued.
    static func isOpen(notice number: Int, in file: File, id: QueueID) throws(QueueError) -> Bool {
        let octets = try durably { () throws(DurableError) in
            try file.read(atMost: min(limit, try file.status().size), at: 0)
        }
        var isOpen = false
        for line in octets.split(separator: Octet.lf) {
            guard let record = try? Record(line: line) else { continue }
            if case .intent(number, _, _) = record { isOpen = true }
            if case .told(number) = record { isOpen = false }
        }
        return isOpen
    }

    /// Octets of a first line.
    private static let headerLimit = 200
}
