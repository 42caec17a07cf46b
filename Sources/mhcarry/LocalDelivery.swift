// The delivery of a message into a mailbox of this hub: one copy, by however many names the recipients address it.

import Delivery
import MailEnvelope
import MaildirStore
import MessageContent
import Reporting
import RunControl
import SpoolQueue

/// The delivery of a message into one mailbox, for all recipients whose addresses lead to it.
struct LocalDelivery {
    let assignment: Assignment
    let mailbox: String
    let hub: CarrierHub

    /// Makes the copy, unless there is one. Too little room is a fault of the hop, and so counts as no try.
    func carryOut() -> Verdict {
        guard let settings = hub.settings.mailbox(mailbox) else {
            return .temporary(3, 5, text: "the rc has no mailbox \(mailbox)")
        }
        do {
            let place = try CopyPlace(mailbox: mailbox)
            guard !assignment.state.hasCopy(in: place) else {
                let words = "the mailbox \(mailbox) has the message already, for another of its addresses"
                return .delivered(.copied(place), .success(1, 5), text: words)
            }
            let destination = Destination(maildir: settings.maildir)
            guard try hasRoom(on: destination) else {
                let words = "the disk of the mailbox \(mailbox) has less free space than the rc's free-space asks for"
                return .faultOfHop(3, 1, text: words)
            }
            let prepared = hub.prepare(assignment, for: assignment.recipients, to: .mailbox(mailbox))
            guard let first = assignment.recipients.min() else { preconditionFailure("a copy for nobody") }
            let agent = MaildirAgent(
                to: destination, as: try .queued(id: assignment.id.text, recipient: first), place: place,
                earlier: earlierCopy(in: place), in: hub.maildirs)
            return prepared.verdict ?? agent.deliver(prepared)[0]
        } catch {
            return DeliveryError(error).verdict
        }
    }

    private func hasRoom(on destination: Destination) throws -> Bool {
        let (needed, isTooMuch) = hub.settings.limits.freeSpace.addingReportingOverflow(assignment.message.content.size)
        return try !isTooMuch && destination.freeOctets() >= needed
    }

    /// The copy that an attempt that died may have left. It is named after any recipient whose copy is not known to be
    /// elsewhere, since the rc may have led others to this mailbox then.
    private func earlierCopy(in place: CopyPlace) -> EarlierCopy? {
        guard assignment.hasDied || assignment.state.tries > 0 else { return nil }
        let all = assignment.state.recipients
        let named = all.indices.filter { all[$0].progress != .delivered || all[$0].place == place }
        return EarlierCopy.queued(id: assignment.id.text, recipients: Set(named))
    }
}
