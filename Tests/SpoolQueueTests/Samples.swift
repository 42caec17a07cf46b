// What the tests of the queue share: envelopes, scratch queues, a small hub that works one off.

import DurableFiles
import Glibc
import MailEnvelope
import MailFormat
import MailTestKit
import MessageContent
import Testing

@testable import SpoolQueue

/// A moment after the build date.
let noon = 1_800_000_000

func address(_ text: String) -> Address {
    do { return try Address(text) } catch { preconditionFailure("\(text): \(error)") }
}

func text(_ text: String) -> EnvelopeText { EnvelopeText(cleaning: text) }

func envelope(_ recipients: [String] = ["bob@example.net"], from: String? = "alice@example.org") -> Envelope {
    Envelope(
        reversePath: from.map { .address(address($0)) } ?? .null, recipients: recipients.map { .init(address($0)) })
}

/// Mail that the hub itself made at noon.
let ours = Acceptance(arrival: noon, source: .hub)

extension Queue {
    func add(
        _ envelope: Envelope, _ content: String, accepted acceptance: Acceptance = ours, top: String = "",
        id: QueueID? = nil
    ) throws -> QueueID {
        let message = scratch()
        try message.append(Array(content.utf8))
        return try add(Prepared(Message(envelope, message), top: Array(top.utf8)), acceptance, id: id)
    }

    func lockOnly() throws -> LockedMessage {
        let entries = try list().entries
        try #require(entries.count == 1)
        return try #require(try lockPatiently(entries[0].id))
    }
}

extension QueuedContent {
    func all() throws -> [UInt8] {
        var octets: [UInt8] = []
        try forEachChunk { octets += $0 }
        return octets
    }
}

/// What a server says.
func said(_ kind: Verdict.Kind, _ text: String) -> Verdict {
    let status = text.split(separator: " ").dropFirst().first.flatMap { EnhancedStatus(parsing: $0.utf8) }
    return Verdict(kind, status ?? .permanent(0, 0), from: "mx.example.net", text: text, isSMTP: true)
}

let gone = said(.permanent, "550 5.1.1 no such user")
let busy = said(.temporary, "450 4.2.0 try later")
let taken = said(.delivered(.passedOn), "250 2.0.0 ok")
let relayed = said(.delivered(.relayed), "250 2.0.0 ok")

/// `verdict` for these recipients.
func result(_ recipients: [Int], _ verdict: Verdict, next: Int = 0) -> AttemptResult {
    AttemptResult(recipients: recipients, verdict, next: next)
}

/// How long a test waits for a lock: a child that another test is just starting holds our descriptors, and with them
/// locks that we have given back, until its exec.
struct Patience {
    private let end = ContinuousClock.now + .seconds(10)

    var lasts: Bool {
        sched_yield()
        return ContinuousClock.now < end
    }
}

extension Queue {
    /// As `lock(id:)`, tried again while it finds the message locked.
    func lockPatiently(_ id: QueueID) throws -> LockedMessage? {
        let patience = Patience()
        while true {
            do throws(QueueError) {
                if let message = try lock(id: id) { return message }
                return nil
            } catch {
                guard case .busy = error, patience.lasts else { throw error }
            }
        }
    }
}
