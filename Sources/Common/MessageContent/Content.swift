// The octets of a message, wherever they are: in memory, in a scratch, in the queue, in a Maildir.

import DurableFiles
import MailEnvelope
import MailFormat
import Octets

/// A whole message in file form (LF line ends) that can be read again and again, from anywhere in it.
public protocol Content: Sendable {
    /// Octets in file form.
    var size: Int { get }
    /// What the next hop is told of it: its size on the wire, whether it is 8-bit.
    var facts: ContentFacts { get }
    /// At most `limit` octets from `offset` on; fewer only at the end of the content, and none beyond it.
    func read(atMost limit: Int, at offset: Int) throws(DurableError) -> [UInt8]
    /// Appends `start` and then all octets to `file`, in as few calls as possible.
    func write(to file: File, behind start: [UInt8]) throws(DurableError)
}

/// Bounds that hold for every content.
public enum ContentLimits {
    /// The most octets that are read, or handed on, at once.
    public static let chunk = 65_536
    /// What is read of a message for the sake of its header: most end in the first such piece.
    static let headerPiece = 16_384
}

extension Content {
    /// Calls `body` with each chunk in turn, none of them empty.
    /// - Throws: ``DurableError`` when the content cannot be read, and what `body` throws.
    public func forEachChunk(_ body: ([UInt8]) throws -> Void) throws {
        var at = 0
        while at < size {
            let chunk = try wholeChunk(at: at)
            try body(chunk)
            at += chunk.count
        }
    }

    /// A chunk from within the content. An empty one is an error, not the end, or half a message would pass for a whole
    /// one.
    private func wholeChunk(at offset: Int) throws(DurableError) -> [UInt8] {
        let chunk = try read(atMost: ContentLimits.chunk, at: offset)
        guard !chunk.isEmpty else {
            throw DurableError(operation: "read to its end", path: "the message", code: DurableError.inputOutput)
        }
        return chunk
    }

    /// The header section; no more is read than it takes.
    public func header() throws(DurableError) -> HeaderSection {
        var scanner = HeaderScanner()
        var at = 0
        while scanner.header == nil {
            let piece = try read(atMost: ContentLimits.headerPiece, at: at)
            guard !piece.isEmpty else { break }
            at += piece.count
            scanner.append(piece)
        }
        return scanner.finish()
    }

    public func write(to file: File, behind start: [UInt8]) throws(DurableError) {
        try file.write(start)
        var at = 0
        while at < size {
            let chunk = try wholeChunk(at: at)
            try file.write(chunk)
            at += chunk.count
        }
    }
}

/// A small message in memory.
public struct ContentInMemory: Content {
    private let octets: [UInt8]
    public let facts: ContentFacts

    public init(_ octets: [UInt8]) {
        self.octets = octets
        var counter = ContentCounter()
        counter.count(octets)
        facts = counter.facts(isSigned: HeaderSection(of: octets).mayBeSigned)
    }

    public var size: Int { octets.count }

    public func read(atMost limit: Int, at offset: Int) -> [UInt8] {
        guard offset >= 0, offset < octets.count, limit > 0 else { return [] }
        return Array(octets[offset..<min(octets.count, offset + limit)])
    }

    public func write(to file: File, behind start: [UInt8]) throws(DurableError) { try file.write(start + octets) }
}
