// The delivery of a message to a program or an mbox, for a mailbox or for an alias.

import Delivery
import DurableFiles
import MailEnvelope
import MessageContent
import RunControl
import SpoolQueue

/// What programs and mboxes are told of a message, and what is noted of an mbox.
struct PlaceDelivery {
    /// How long a program may take.
    static let programLimit = Duration.seconds(300)

    private let assignment: Assignment
    private let hub: CarrierHub

    init(_ assignment: Assignment, _ hub: CarrierHub) { (self.assignment, self.hub) = (assignment, hub) }

    /// - Parameter mailbox: whose mail it is; nothing for a program of an alias.
    func program(_ argv: [ArgumentTemplate], mailbox: String = "") -> ProgramAgent {
        ProgramAgent(
            argv, environment: environment, at: assignment.acceptance.arrival, within: Self.programLimit, to: .relayed,
            in: hub.queue.state
        ) { _ in mailbox }
    }

    /// What masqmail and Postfix tell a program about the message.
    private var environment: [String: String] {
        let sender = assignment.message.envelope.reversePath.address
        let recipient = assignment.recipients.first.flatMap { assignment.state.recipients.address(of: $0) }
        let peer: String = if case .peer(let text) = assignment.acceptance.source { text.description } else { "" }
        return [
            "SENDER": sender?.description ?? "", "RETURN_PATH": sender?.description ?? "",
            "SENDER_LOCAL": sender?.localPart ?? "", "SENDER_DOMAIN": sender?.domain ?? "",
            "RECIPIENT": recipient?.description ?? "", "LOCAL_PART": recipient?.localPart ?? "",
            "DOMAIN": recipient?.domain ?? "", "MESSAGE_ID": assignment.id.text,
            "QUALIFY_DOMAIN": hub.settings.qualify, "RECEIVED_HOST": peer,
        ]
    }

    /// Appends the message to the mbox at `path`. How long that was is noted before anything is written, so that an attempt
    /// after one that died completes what that has written.
    func append(_ prepared: Prepared, to path: String) throws -> Verdict {
        let notes = try hub.queue.state.directory("mbox", making: 0o700)
        let note = "\(assignment.id.text)-\(assignment.recipients.min() ?? 0)"
        let agent = MboxAgent(
            to: path, at: assignment.acceptance.arrival, to: .relayed, earlier: try Self.length(in: notes, note)
        ) { length in try notes.replace(note, with: Array("\(length)\n".utf8)) }
        let verdict = agent.deliver(prepared)[0]
        try sweep(notes)
        return verdict
    }

    /// How many notes may lie about.
    private static let notesLimit = 64

    /// Removes the notes of messages that are gone. A note is kept beyond the end of its attempt: should we die before the
    /// result is recorded, the next one sees by it that the message stands there whole.
    private func sweep(_ notes: Directory) throws {
        let names = try notes.names()
        guard names.count > Self.notesLimit else { return }
        let queued = Set(try hub.queue.list().entries.map(\.id.text))
        for name in names where !queued.contains(name.lastIndex(of: "-").map { String(name[..<$0]) } ?? name) {
            _ = try notes.unlink(name)
        }
    }

    private static func length(in notes: Directory, _ name: String) throws -> Int? {
        guard let file = try notes.open(name) else { return nil }
        return Int(String(decoding: try file.read(atMost: 32, at: 0).prefix { $0 != 0x0A }, as: UTF8.self))
    }
}
