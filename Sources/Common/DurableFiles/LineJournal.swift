// A file of lines, each with its checksum: appended to, read whole, replaced when it is mostly history.

import Octets

/// What must be known after a crash, one line after the other. Whatever cuts a write short, the next reader finds whole
/// lines only.
///
/// The first line is the heading: `<kind> <version>`, and more where a journal has an owner. One writer at a time,
/// under a lock of the caller's; a reader without the lock uses ``read(_:in:heading:limit:_:)``, which changes nothing.
///
/// A failed synchronization is final: what the file holds is unknown from then on, also where a second try seems to
/// succeed. So is a failed write that cannot be taken back. Every later change throws that first failure.
public final class LineJournal {
    /// What a reader makes of a line whose checksum holds.
    public enum Reading: Sendable, Hashable {
        case taken
        /// It cannot stand there: damage, though its octets are whole.
        case impossible
        /// A later release wrote it.
        case newer
    }

    /// How much there is of a journal: whole lines, the heading with them.
    public struct Extent: Sendable, Hashable {
        public internal(set) var octets = 0
        public internal(set) var lines = 0
    }

    public let path: String
    public private(set) var extent = Extent()
    /// Why nothing more can be changed; `nil` as long as all went well.
    public private(set) var fault: DurableError?
    private let directory: Directory
    private let name: String
    private let heading: [UInt8]
    /// `nil` until the file is there: it is made when the first line is written, or room is reserved for it.
    private var file: File?
    /// Whether the file's name is known to be on stable storage.
    private var isNameDurable = false

    /// Reads the journal `name`, if there is one, and cuts off a torn tail: nobody was told what it says.
    ///
    /// What is read may not be on stable storage yet, should a process have been killed before it synchronized: a
    /// caller that acts on it calls ``synchronize()`` first.
    /// - Parameters:
    ///   - heading: the first line, written with the first of the others.
    ///   - limit: the most octets of a journal that is read.
    ///   - expecting: told how many octets there are, before the first line is taken.
    ///   - take: takes the text of each line behind the heading.
    /// - Throws: ``JournalError``, with nothing changed.
    public init(
        _ name: String, in directory: Directory, heading: String, limit: Int,
        expecting: (Int) -> Void = { _ in },
        _ take: (ArraySlice<UInt8>) -> Reading
    ) throws(JournalError) {
        self.directory = directory
        self.name = name
        self.heading = Array(heading.utf8)
        path = directory.pathOf(name)
        let found = try Self.open(name, in: directory, for: .appending)
        guard let found else { return }
        let octets = try Self.content(of: found, limit)
        expecting(octets.count)
        extent = try Self.replay(octets, path, self.heading, take)
        if extent.octets < octets.count {
            let end = extent.octets
            try readably { () throws(DurableError) in try found.truncate(to: end) }
        }
        file = found
    }

    /// Reads the journal `name` without a lock and changes nothing. An incomplete end does not count: its writer may be
    /// at work on it.
    /// - Returns: `nil` when there is no such journal.
    /// - Throws: ``JournalError``.
    public static func read(
        _ name: String, in directory: Directory, heading: String, limit: Int,
        _ take: (ArraySlice<UInt8>) -> Reading
    ) throws(JournalError) -> Extent? {
        guard let found = try open(name, in: directory, for: .reading) else { return nil }
        return try replay(try content(of: found, limit), found.path, Array(heading.utf8), take)
    }

    // MARK: Writing

    /// Reserves room for `octets` more, so that a full disk cannot keep later lines from being written. The file is
    /// made if it is missing.
    public func reserve(_ octets: Int) throws(DurableError) {
        let first = extent.octets == 0 ? heading.count + JournalLine.overhead : 0
        try writable().reserve(octets + first)
    }

    /// Appends a line for each of `texts`, in one write: all of them or, after an error, none. Durable after
    /// ``synchronize()``.
    public func append(_ texts: [[UInt8]]) throws(DurableError) {
        guard !texts.isEmpty else { return }
        let file = try writable()
        let fresh = extent.octets == 0 ? [heading] + texts : texts
        let octets = Self.lines(fresh)
        do throws(DurableError) {
            try file.write(octets)
        } catch {
            // Half a line in the middle would make everything behind it unreadable.
            do throws(DurableError) { try file.truncate(to: extent.octets) } catch _ { fault = error }
            throw error
        }
        extent.octets += octets.count
        extent.lines += fresh.count
    }

    /// Makes what was read and appended durable, and the file's name with it.
    public func synchronize() throws(DurableError) {
        guard extent.octets > 0 else { return }
        let file = try writable()
        do throws(DurableError) {
            try file.synchronizeContent()
            // The process that made the file may have died before doing so.
            if !isNameDurable { try directory.synchronize() }
        } catch {
            fault = error
            throw error
        }
        isNameDurable = true
    }

    /// Replaces the whole file by `texts` behind a heading; readers see the old one or the new. Durable on return.
    public func replace(with texts: [[UInt8]]) throws(DurableError) {
        let old = try writable()
        let octets = Self.lines([heading] + texts)
        do throws(DurableError) {
            try directory.replace(name, with: octets)
            guard let new = try directory.open(name, for: .appending) else {
                throw DurableError(operation: "open", path: path, code: DurableError.inputOutput)
            }
            file = new
        } catch {
            // Lines written to a file without a name would be lost.
            do throws(DurableError) {
                if try !directory.leads(name, to: old) { fault = error }
            } catch _ {
                fault = error
            }
            throw error
        }
        extent = Extent(octets: octets.count, lines: texts.count + 1)
        isNameDurable = true
    }

    /// Removes the file; a later line begins it anew.
    public func remove() throws(DurableError) {
        if file != nil { try directory.unlink(name) }
        file = nil
        extent = Extent()
        isNameDurable = false
    }

    private func writable() throws(DurableError) -> File {
        if let fault { throw fault }
        if let file { return file }
        let made = try directory.openOrMake(name, for: .appending)
        file = made
        return made
    }

    private static func lines(_ texts: [[UInt8]]) -> [UInt8] {
        var octets: [UInt8] = []
        octets.reserveCapacity(texts.reduce(0) { $0 + $1.count + JournalLine.overhead })
        for text in texts { JournalLine.append(text, to: &octets) }
        return octets
    }
}
