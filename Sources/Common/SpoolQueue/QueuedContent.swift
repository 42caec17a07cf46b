// The message of a queue file, from the exact octet where its envelope ends.

import DurableFiles
import MailEnvelope
import Octets

/// The octets of a queued message, LF line ends, as they were accepted. Reads do not disturb each other.
public struct QueuedContent: Sendable {
    /// The most octets that one chunk holds.
    public static let chunkSize = 64 * 1024

    let file: File
    let start: Int
    /// Octets of the message, envelope not counted.
    public let count: Int
    /// What was counted of it when it was taken.
    public let facts: ContentFacts

    /// At most `limit` octets from `offset` on; empty at the end.
    public func read(atMost limit: Int = QueuedContent.chunkSize, at offset: Int) throws(QueueError) -> [UInt8] {
        guard offset >= 0, offset < count else { return [] }
        let wanted = min(limit, count - offset)
        return try durably { () throws(DurableError) in
            let octets = try file.read(atMost: wanted, at: start + offset)
            guard octets.count == wanted else {
                throw DurableError(operation: "read all of", path: file.path, code: DurableError.inputOutput)
            }
            return octets
        }
    }

    /// Calls `body` with each chunk in turn.
    public func forEachChunk<Failure: Error>(_ body: ([UInt8]) throws(Failure) -> Void) throws {
        var at = 0
        while at < count {
            let chunk = try read(at: at)
            try body(chunk)
            at += chunk.count
        }
    }

    /// The header: up to the empty line, at most `limit` octets, cut at a line end.
    public func header(atMost limit: Int = QueuedContent.chunkSize) throws(QueueError) -> [UInt8] {
        let octets = try read(atMost: limit, at: 0)
        if octets.first == 0x0A { return [] }
        var at = 0
        while let end = octets.firstIndex(of: 0x0A, in: at..<octets.count) {
            if end + 1 < octets.count, octets[end + 1] == 0x0A { return Array(octets[...end]) }
            at = end + 1
        }
        return octets.count < count ? Array(octets[..<at]) : octets
    }
}
