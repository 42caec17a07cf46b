// How long mboxes were before queued messages were appended to them.

import DurableFiles
import Octets
import SpoolQueue

/// The notes of the mboxes that queued messages are appended to, each in a file `mbox/<message>-<CRC-32C of the path>` of the
/// state directory. A note is kept beyond the end of its attempt: should we die before the result is recorded, the next one
/// sees by it that the message stands there whole.
struct MboxNotes {
    private let folder: Directory
    private let queue: Queue

    init(of queue: Queue) throws {
        self.queue = queue
        folder = try queue.state.directory("mbox", making: 0o700)
    }

    private static func name(_ id: QueueID, _ path: String) -> String {
        "\(id.text)-\(CRC32C.hex(Array(path.utf8)))"
    }

    /// How long the mbox at `path` was before an earlier attempt with the message, in octets; `nil` where there was none.
    func length(of path: String, before id: QueueID) throws -> Int? {
        guard let file = try folder.open(Self.name(id, path)) else { return nil }
        return Int(String(decoding: try file.read(atMost: 32, at: 0).prefix { $0 != Octet.lf }, as: UTF8.self))
    }

    /// Notes it, durably.
    func set(_ length: Int, of path: String, before id: QueueID) throws {
        try folder.replace(Self.name(id, path), with: Array("\(length)\n".utf8))
    }

    /// Removes the notes of messages that are gone.
    func sweep() throws {
        var names = try folder.names()
        // Two listings: a message renamed during one of them may be missing from it.
        for _ in 0..<2 where !names.isEmpty {
            let queued = Set(try queue.list().entries.map(\.id.text))
            names.removeAll { name in
                queued.contains(String(name[..<(name.lastIndex(of: "-") ?? name.endIndex)]))
            }
        }
        for name in names { _ = try folder.unlink(name) }
    }
}
