// A message of a Maildir as content: read again from anywhere, in our file form whatever the writer's was.

import DurableFiles
import MailEnvelope
import MaildirStore
import MessageContent
import Octets

/// A message held open, counted once. A file that becomes shorter while it is read is an error (EIO).
public struct MaildirContent: Content {
    /// Where reading may begin in a file with wire line ends: each of its chunks.
    private struct Mark {
        /// In file form.
        let offset: Int
        /// In the file.
        let raw: Int
        let decoder: LineEndDecoder
    }

    private let file: File
    /// `nil` for a file in our form.
    private let marks: [Mark]?
    public let size: Int
    public private(set) var facts: ContentFacts

    /// Reads the file once.
    public init(_ file: File, isWireForm: Bool) throws(DurableError) {
        self.file = file
        var counter = ContentCounter()
        var decoder = LineEndDecoder()
        var marks: [Mark] = []
        var (offset, raw) = (0, 0)
        while true {
            if isWireForm { marks.append(Mark(offset: offset, raw: raw, decoder: decoder)) }
            let octets = try file.read(atMost: ContentLimits.chunk, at: raw)
            let chunk = isWireForm ? decoder.next(octets) : octets
            raw += octets.count
            offset += chunk.count
            counter.count(chunk)
            if octets.isEmpty { break }
        }
        self.marks = isWireForm ? marks : nil
        size = offset
        facts = counter.facts(isSigned: false)
        facts.isSigned = try header().mayBeSigned
    }

    public func read(atMost limit: Int, at offset: Int) throws(DurableError) -> [UInt8] {
        guard offset >= 0, offset < size, limit > 0 else { return [] }
        let wanted = min(limit, size - offset)
        let octets: [UInt8]
        if let marks {
            octets = try decoded(wanted, at: offset, marks)
        } else {
            octets = try file.read(atMost: wanted, at: offset)
        }
        guard octets.count == wanted else {
            throw DurableError(operation: "read to its end", path: file.path, code: DurableError.inputOutput)
        }
        return octets
    }

    private func decoded(_ wanted: Int, at offset: Int, _ marks: [Mark]) throws(DurableError) -> [UInt8] {
        var (low, high) = (0, marks.count)
        while high - low > 1 {
            let middle = (low + high) / 2
            if marks[middle].offset <= offset { low = middle } else { high = middle }
        }
        var decoder = marks[low].decoder
        var raw = marks[low].raw
        var octets: [UInt8] = []
        let skipped = offset - marks[low].offset
        while octets.count < skipped + wanted {
            let more = try file.read(atMost: ContentLimits.chunk, at: raw)
            raw += more.count
            octets += decoder.next(more)
            if more.isEmpty { break }
        }
        return Array(octets.dropFirst(skipped).prefix(wanted))
    }
}

extension MaildirSnapshot {
    /// Message `index` as content for steps and agents.
    /// - Throws: as `open(_:)`.
    public func content(of index: Int) throws(MaildirError) -> MaildirContent {
        let (file, isWireForm) = try openFile(index)
        do { return try MaildirContent(file, isWireForm: isWireForm) } catch { throw .disk(error) }
    }
}

extension LineEndDecoder {
    /// What `wire` means on disk; with no octets the end.
    fileprivate mutating func next(_ wire: [UInt8]) -> [UInt8] {
        var octets: [UInt8] = []
        octets.reserveCapacity(wire.count)
        decode(wire, in: wire.indices, into: &octets)
        if wire.isEmpty { finish(into: &octets) }
        return octets
    }
}
