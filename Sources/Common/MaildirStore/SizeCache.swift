// Sizes on the wire that had to be counted, kept so that each file is read for it once only.

import DurableFiles
import Octets
import Synchronization

/// The counted sizes of one mailbox: a small file of lines as a journal has them; losing it costs time only, so nothing is
/// synchronized, no lock is taken, and what is torn is passed over.
///
/// A size counts for the unique part of a name together with inode and time of change of the file.
public final class SizeCache: Sendable {
    private struct Size {
        let inode: UInt
        let modified: Int
        let nanoseconds: Int
        let wire: Int
    }

    private struct State {
        var sizes: [String: Size] = [:]
        var lines = 0
        /// Whether the file holds nothing that we can read, and so is begun anew.
        var isForeign = false
        var unwritten: [UInt8] = []
    }

    /// The most lines of the file; the next one starts it anew. A line has about 100 octets.
    static let lineLimit = 250_000
    static let octetLimit = 64 << 20
    static let heading = Array("mailhub-sizes 1".utf8)

    private let directory: Directory?
    private let name: String
    private let state = Mutex(State())

    /// Reads the file `name` in `directory`, if there is one. Lines torn or of another version are passed over.
    public init(_ name: String, in directory: Directory) throws(DurableError) {
        self.directory = directory
        self.name = name
        guard let file = try directory.open(name) else { return }
        let octets = try file.read(atMost: min(try file.status().size, Self.octetLimit), at: 0)
        let lines = octets.split(separator: Octet.lf)
        state.withLock { state in
            guard let first = lines.first, JournalLine.text(of: first)?.elementsEqual(Self.heading) == true else {
                state.isForeign = true
                return
            }
            for line in lines.dropFirst() { Self.take(line, into: &state) }
        }
    }

    /// A cache that is forgotten with the process.
    public init() {
        directory = nil
        name = ""
    }

    var isEmpty: Bool { state.withLock { $0.sizes.isEmpty } }

    func knows(_ unique: String) -> Bool { state.withLock { $0.sizes[unique] != nil } }

    /// The counted size of the file that has this status now.
    func wireSize(of unique: String, _ status: FileStatus) -> Int? {
        state.withLock { state in
            guard let size = state.sizes[unique], size.inode == status.inode, size.modified == status.modified,
                size.nanoseconds == status.modifiedNanoseconds
            else { return nil }
            return size.wire
        }
    }

    func note(_ unique: String, _ status: FileStatus, wire: Int) {
        let name = JournalWord.encode(unique)
        let line = "\(status.inode) \(status.modified) \(status.modifiedNanoseconds) \(wire) \(name)"
        state.withLock { state in
            state.sizes[unique] = Size(
                inode: status.inode, modified: status.modified, nanoseconds: status.modifiedNanoseconds, wire: wire)
            guard directory != nil else { return }
            JournalLine.append(Array(line.utf8), to: &state.unwritten)
        }
    }

    /// Appends what is new to the file, in one write; not synchronized, as it can be counted again.
    public func save() throws(DurableError) {
        guard let directory else { return }
        let (fresh, isFull, isForeign) = state.withLock { state -> ([UInt8], Bool, Bool) in
            let fresh = state.unwritten
            state.unwritten = []
            state.lines += fresh.count { $0 == Octet.lf }
            let isFull = state.lines > Self.lineLimit
            if isFull {
                state.sizes = [:]
                state.lines = 0
            }
            defer { if !fresh.isEmpty { state.isForeign = false } }
            return (fresh, isFull, state.isForeign && !fresh.isEmpty)
        }
        if isFull || isForeign { try directory.unlink(name) }
        guard !isFull, !fresh.isEmpty else { return }
        let file = try directory.openOrMake(name, for: .appending)
        var octets: [UInt8] = []
        if try file.status().size == 0 { JournalLine.append(Self.heading, to: &octets) }
        try file.write(octets + fresh)
        try file.close()
    }

    private static func take(_ line: ArraySlice<UInt8>, into state: inout State) {
        state.lines += 1
        guard state.lines <= lineLimit, let text = JournalLine.text(of: line) else { return }
        let octets = text.split(separator: Octet.space)
        guard octets.count == 5, let name = JournalWord.decode(octets[4]) else { return }
        let words = octets.map { String(decoding: $0, as: UTF8.self) }
        guard let inode = UInt(words[0]), let modified = Int(words[1]), let nanoseconds = Int(words[2]),
            let wire = Int(words[3]), wire >= 0
        else { return }
        state.sizes[name] = Size(inode: inode, modified: modified, nanoseconds: nanoseconds, wire: wire)
    }
}
