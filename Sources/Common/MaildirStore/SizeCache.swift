// Sizes on the wire that had to be counted, kept so that each file is read for it once only (DECISIONS 30).

import DurableFiles
import Octets
import Synchronization

/// The counted sizes of one mailbox: a small file of lines, each with its checksum; losing it costs time only.
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
        var unwritten: [UInt8] = []
    }

    /// The most lines of the file; the next one starts it anew. A line has about 100 octets.
    static let lineLimit = 250_000
    static let octetLimit = 64 << 20
    static let heading = Array("X-Mailhub-Sizes: 1\n".utf8)

    private let directory: Directory?
    private let name: String
    private let state = Mutex(State())

    /// Reads the file `name` in `directory`, if there is one. Lines torn or of another version are passed over.
    public init(_ name: String, in directory: Directory) throws(DurableError) {
        self.directory = directory
        self.name = name
        guard let file = try directory.open(name) else { return }
        let octets = try file.read(atMost: min(try file.status().size, Self.octetLimit), at: 0)
        guard octets.starts(with: Self.heading) else { return }
        state.withLock { state in
            for line in octets[Self.heading.count...].split(separator: Octet.lf) { Self.take(line, into: &state) }
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
        // Names with blanks or control characters would need a quoting of their own; they are counted each time.
        guard unique.utf8.allSatisfy({ $0 > 0x20 }) else { return }
        let line = "\(status.inode) \(status.modified) \(status.modifiedNanoseconds) \(wire) \(unique)"
        state.withLock { state in
            state.sizes[unique] = Size(
                inode: status.inode, modified: status.modified, nanoseconds: status.modifiedNanoseconds, wire: wire)
            guard directory != nil else { return }
            state.unwritten += Array("\(CRC32C.hex(line.utf8)) \(line)\n".utf8)
        }
    }

    /// Appends what is new to the file, in one write; not synchronized, as it can be counted again.
    public func save() throws(DurableError) {
        guard let directory else { return }
        let (fresh, startsAnew) = state.withLock { state -> ([UInt8], Bool) in
            let fresh = state.unwritten
            state.unwritten = []
            state.lines += fresh.count { $0 == Octet.lf }
            let isFull = state.lines > Self.lineLimit
            if isFull {
                state.sizes = [:]
                state.lines = 0
            }
            return (fresh, isFull)
        }
        if startsAnew {
            try directory.unlink(name)
            return
        }
        guard !fresh.isEmpty, let file = try directory.open(name, for: .appending) else { return }
        let isNew = try file.status().size == 0
        try file.write(isNew ? Self.heading + fresh : fresh)
        try file.close()
    }

    private static func take(_ line: ArraySlice<UInt8>, into state: inout State) {
        state.lines += 1
        guard line.count > 9, state.lines <= lineLimit,
            line.prefix(8).elementsEqual(CRC32C.hex(line.dropFirst(9)).utf8)
        else { return }
        let words = line.dropFirst(9).split(separator: Octet.space).map { String(decoding: $0, as: UTF8.self) }
        guard words.count == 5, let inode = UInt(words[0]), let modified = Int(words[1]),
            let nanoseconds = Int(words[2]), let wire = Int(words[3]), wire >= 0
        else { return }
        state.sizes[words[4]] = Size(inode: inode, modified: modified, nanoseconds: nanoseconds, wire: wire)
    }
}
