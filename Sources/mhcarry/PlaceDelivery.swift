// The delivery of a message to a program or an mbox, for a mailbox or for an alias.

import Delivery
import MailEnvelope
import MailFormat
import MessageContent
import RunControl
import SpoolQueue

extension Prepared {
    /// The same for the first of its recipients alone.
    var toFirst: Prepared {
        var envelope = envelope
        envelope.recipients = Array(envelope.recipients.prefix(1))
        return with(envelope)
    }
}

/// What programs and mboxes are told of a message, and what is noted of an mbox.
struct PlaceDelivery {
    /// How long a program may take.
    static let programLimit = Duration.seconds(300)

    private let assignment: Assignment
    private let hub: CarrierHub

    init(_ assignment: Assignment, _ hub: CarrierHub) { (self.assignment, self.hub) = (assignment, hub) }

    /// - Parameters:
    ///   - mailbox: whose mail it is; nothing for a program of an alias or of a route.
    ///   - form: whether it is to see the message as it would stand in an mbox.
    ///   - sender: the reverse-path that the message departs with, where that is another one.
    func program(
        _ argv: [ArgumentTemplate], mailbox: String = "", as form: MboxForm = MboxForm(),
        from sender: ReversePath? = nil
    ) -> ProgramAgent {
        let sender = (sender ?? assignment.message.envelope.reversePath).address
        return ProgramAgent(
            argv, environment: environment(from: sender), as: form, at: assignment.acceptance.arrival,
            within: Self.programLimit,
            to: .relayed,
            in: hub.queue.state
        ) { _ in mailbox }
    }

    /// What masqmail and Postfix tell a program about the message.
    private func environment(from sender: Address?) -> [String: String] {
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
        let notes = try MboxNotes(of: hub.queue)
        let earlier = try notes.length(of: path, before: assignment.id)
        let agent = MboxAgent(to: path, at: assignment.acceptance.arrival, to: .relayed, earlier: earlier) { length in
            try notes.set(length, of: path, before: assignment.id)
        }
        return agent.deliver(prepared)[0]
    }
}
