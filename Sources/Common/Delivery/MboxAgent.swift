// Delivery into an mbox.

import MailEnvelope
import MboxStore
import MessageContent
import Octets

/// Appends one copy of a message to an mbox (mboxrd), for all its recipients.
public struct MboxAgent: DeliveryAgent {
    private let path: String
    private let time: Int
    private let handover: Verdict.Handover
    private let earlier: Int?
    private let note: (_ length: Int) throws -> Void
    /// Only tests wait for less.
    package var patience = MboxFile.patience

    /// - Parameters:
    ///   - time: when the message came, in seconds since 1970; the same at each attempt, as the line that begins a message
    ///     in an mbox tells it.
    ///   - handover: in whose hands a message is that stands there.
    ///   - earlier: the length that an attempt that died has noted: what it wrote behind that is completed, not repeated.
    ///   - note: writes down, durably, how long the mbox is before anything is written.
    public init(
        to path: String, at time: Int, to handover: Verdict.Handover, earlier: Int? = nil,
        noting note: @escaping (_ length: Int) throws -> Void
    ) {
        (self.path, self.time, self.handover) = (path, time, handover)
        (self.earlier, self.note) = (earlier, note)
    }

    public func deliver(_ message: Prepared) -> [Verdict] {
        let verdict: Verdict
        do {
            try append(message)
            verdict = .delivered(handover, .success(1, 5), text: "delivered to the mbox \(path)")
        } catch {
            verdict = DeliveryError(error).verdict
        }
        return message.envelope.recipients.map { _ in verdict }
    }

    private func append(_ message: Prepared) throws {
        let mbox = try MboxFile.open(path, within: patience)
        if let earlier, try mbox.settle({ try entry(message, in: mbox, at: earlier, $0) }, at: earlier) == .whole {
            return try mbox.close()
        }
        let length = mbox.length
        try note(length)
        try mbox.append { try entry(message, in: mbox, at: length, $0) }
        try mbox.close()
    }

    /// The message as it is to stand at `offset`: with an empty line before it and behind it.
    private func entry(
        _ message: Prepared, in mbox: MboxFile, at offset: Int, _ body: ([UInt8]) throws -> Void
    ) throws {
        try body(try mbox.separator(at: offset))
        var last = Octet.lf
        try MboxForm.full.forEachChunk(of: message, at: time) { chunk in
            last = chunk.last ?? last
            try body(chunk)
        }
        try body(last == Octet.lf ? [Octet.lf] : [Octet.lf, Octet.lf])
    }
}
