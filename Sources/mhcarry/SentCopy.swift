// The copies that the hub itself wants of a message: for whom the rc names, and for its submitter.

import Delivery
import MailEnvelope
import MailFormat
import MaildirStore
import MessageContent
import RunControl
import SpoolQueue

extension CarrierHub {
    /// The recipients that the hub adds to a message that came so. Nobody hears what became of them.
    func copies(of acceptance: Acceptance) -> [ExpandedRecipient] {
        guard acceptance.source != .hub else { return [] }
        var copies: [ExpandedRecipient] = []
        if let address = settings.alwaysBCC {
            copies.append(ExpandedRecipient(.address(address.whole(at: settings.qualify)), notify: .never))
        }
        if let name = acceptance.identity?.description, settings.mailbox(name)?.sentFolder != nil {
            copies.append(.sentCopy(of: name))
        }
        return copies
    }
}

/// The copy in the folder of the mailbox that sent a message.
struct SentCopy {
    let mailbox: String

    /// Makes the copy, marked as read, as it was submitted.
    func make(of assignment: Assignment, _ hub: CarrierHub) -> Verdict {
        guard let settings = hub.settings.mailbox(mailbox), let folder = settings.sentFolder else {
            return .delivered(.passedOn, text: "the rc keeps no copy of what \(mailbox) sends any more")
        }
        do {
            let destination = Destination(maildir: settings.maildir, folder: try FolderName.named(folder))
            guard try hub.hasRoom(for: assignment, on: destination) else {
                let words = "the disk of the mailbox \(mailbox) has less free space than the rc's free-space asks for"
                return .faultOfHop(3, 1, text: words)
            }
            let index = assignment.recipients[0]
            var agent = MaildirAgent(
                to: destination, as: try .queued(id: assignment.id.text, recipient: index),
                place: try CopyPlace(mailbox: mailbox, folder: folder),
                earlier: assignment.hasDied || assignment.state.tries > 0
                    ? .queued(id: assignment.id.text, recipients: [index]) : nil, in: hub.maildirs)
            agent.flags = .seen
            var envelope = assignment.message.envelope
            envelope.recipients = Array(envelope.recipients.prefix(1))
            return agent.deliver(Prepared(assignment.message.with(envelope)))[0]
        } catch {
            return DeliveryError(error).verdict
        }
    }
}
