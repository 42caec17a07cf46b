// A queued message on its way out of the queue, for some of its recipients.

import MailEnvelope
import MessageContent
import SpoolQueue

extension LockedMessage {
    /// The envelope that hands the message to the recipients with these indexes, which must have addresses.
    func envelope(for indexes: [Int]) -> Envelope {
        var envelope = envelope
        envelope.recipients = indexes.map { index in
            let recipient = state.recipients[index]
            guard case .address(let address) = recipient.destination else {
                // Left out, it would get the verdict of the one behind it.
                preconditionFailure("a recipient without an address on its way out: \(recipient.destination)")
            }
            return Envelope.Recipient(
                address, notify: recipient.notify, originalRecipient: recipient.originalRecipient)
        }
        return envelope
    }
}

extension CarrierHub {
    /// `message` as it departs for `hop` and the recipients with these indexes, which must have addresses.
    func prepare(_ message: LockedMessage, for indexes: [Int], to hop: NextHop) -> Prepared {
        let departing = message.message.with(message.envelope(for: indexes))
        let prepared = Plan.at(.departing(to: hop)).run(on: departing) { queue.scratch() }
        for fault in prepared.faults {
            log.write(.error, "step", [("id", message.id.text), ("error", "\(fault)")])
        }
        // Its verdicts are told apart by the place of their recipient.
        precondition(prepared.envelope.recipients.count == indexes.count, "a step has changed who it departs for")
        return prepared
    }
}
