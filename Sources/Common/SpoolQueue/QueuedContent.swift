// The message of a queue file, from the exact octet where its envelope ends.

import DurableFiles
import MailEnvelope
import MessageContent
import Octets

/// The octets of a queued message as they were accepted. Reads do not disturb each other.
public struct QueuedContent: Content {
    let file: File
    let start: Int
    /// Octets of the message, envelope not counted.
    public let size: Int
    /// What was counted when the message was accepted.
    public let facts: ContentFacts

    public func read(atMost limit: Int, at offset: Int) throws(DurableError) -> [UInt8] {
        guard offset >= 0, offset < size, limit > 0 else { return [] }
        let wanted = min(limit, size - offset)
        let octets = try file.read(atMost: wanted, at: start + offset)
        guard octets.count == wanted else {
            throw DurableError(operation: "read to its end", path: file.path, code: DurableError.inputOutput)
        }
        return octets
    }

    /// The header as a notice returns it: up to the empty line, at most `limit` octets, cut at a line end.
    func headerOctets(atMost limit: Int = ContentLimits.chunk) throws(DurableError) -> [UInt8] {
        let octets = try read(atMost: limit, at: 0)
        if octets.first == Octet.lf { return [] }
        var at = 0
        while let end = octets.firstIndex(of: Octet.lf, in: at..<octets.count) {
            if end + 1 < octets.count, octets[end + 1] == Octet.lf { return Array(octets[...end]) }
            at = end + 1
        }
        return octets.count < size ? Array(octets[..<at]) : octets
    }
}
