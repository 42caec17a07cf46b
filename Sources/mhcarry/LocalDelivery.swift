// The delivery of messages to a mailbox of this hub: one copy each, by however many names the recipients address it.

import AccountSessions
import Delivery
import MailEnvelope
import MaildirStore
import MessageContent
import Reporting
import RunControl
import SpoolQueue

/// Delivers messages to one mailbox, one after the other. Used by one thread.
final class LocalDelivery {
    let mailbox: String
    let hub: CarrierHub
    /// The server of the house that has the mailbox, with its connection, once it was needed.
    private var server: ServerAgent?

    init(to mailbox: String, hub: CarrierHub) { (self.mailbox, self.hub) = (mailbox, hub) }

    /// Makes the copy, unless there is one. Too little room is a fault of the hop, and so counts as no try.
    func carryOut(_ assignment: Assignment) -> Verdict {
        guard let settings = hub.settings.mailbox(mailbox) else {
            return .temporary(3, 5, text: "the rc has no mailbox \(mailbox)")
        }
        do {
            let place = try CopyPlace(mailbox: mailbox)
            guard !assignment.state.hasCopy(in: place) else {
                let words = "the mailbox \(mailbox) has the message already, for another of its addresses"
                return .delivered(.copied(place), .success(1, 5), text: words)
            }
            let isServed = if case .server = settings.delivery { true } else { false }
            let prepared = hub.prepare(
                assignment, for: assignment.recipients, to: .mailbox(mailbox), isServed: isServed)
            if let verdict = prepared.verdict { return verdict }
            let verdict =
                switch settings.delivery {
                case .maildir: try copy(prepared, of: assignment, into: settings, place)
                case .mbox(let path): try PlaceDelivery(assignment, hub).append(prepared, to: path)
                case .program(let argv):
                    // Once for the mailbox, by the first of the names that the message has for it.
                    PlaceDelivery(assignment, hub).program(argv, mailbox: mailbox).deliver(prepared.toFirst)[0]
                case .server(let address): serve(prepared, to: address, settings)
                case .append: preconditionFailure("a mailbox at an account")
                }
            // Wherever it is, the mailbox has it: its other names need no copy, and a notice of success is ours to send.
            guard case .delivered = verdict.kind else { return verdict }
            return .delivered(.copied(place), verdict.status, from: verdict.remote, text: verdict.text)
        } catch {
            return DeliveryError(error).verdict
        }
    }

    // MARK: A Maildir

    private func copy(
        _ prepared: Prepared, of assignment: Assignment, into settings: MailboxSettings, _ place: CopyPlace
    ) throws -> Verdict {
        let destination = Destination(maildir: settings.maildir)
        guard try hub.hasRoom(for: assignment, on: destination) else {
            let words = "the disk of the mailbox \(mailbox) has less free space than the rc's free-space asks for"
            return .faultOfHop(3, 1, text: words)
        }
        guard let first = assignment.recipients.min() else { preconditionFailure("a copy for nobody") }
        let agent = MaildirAgent(
            to: destination, as: try .queued(id: assignment.id.text, recipient: first), place: place,
            earlier: earlierCopy(of: assignment, in: place), in: hub.maildirs)
        return agent.deliver(prepared)[0]
    }

    /// The copy that an attempt that died may have left. It is named after any recipient whose copy is not known to be
    /// elsewhere, since the rc may have led others to this mailbox then.
    private func earlierCopy(of assignment: Assignment, in place: CopyPlace) -> EarlierCopy? {
        guard assignment.hasDied || assignment.state.tries > 0 else { return nil }
        let all = assignment.state.recipients
        let named = all.indices.filter { all[$0].progress != .delivered || all[$0].place == place }
        return EarlierCopy.queued(id: assignment.id.text, recipients: Set(named))
    }

    // MARK: A server

    /// One copy, for whom the rc says, else for the first name that is the mailbox's: a notice may be for another.
    private func serve(_ prepared: Prepared, to address: MailServer, _ settings: MailboxSettings) -> Verdict {
        var envelope = prepared.envelope
        let names = envelope.recipients.map(\.forwardPath.address)
        let own = names.first { hub.locals.resolve($0) == .mailbox(mailbox) }
        guard let recipient = address.recipient ?? own ?? hub.settings.address(of: settings) ?? names.first else {
            preconditionFailure("a copy for nobody")
        }
        envelope.recipients = [Envelope.Recipient(recipient)]
        let agent = server ?? hub.agent(for: address, of: mailbox)
        server = agent
        return agent.deliver(prepared.with(envelope))[0]
    }
}

extension CarrierHub {
    /// Whether a disk keeps the rc's `free-space` with the message.
    func hasRoom(for assignment: Assignment, on destination: Destination) throws -> Bool {
        let (needed, isTooMuch) = settings.limits.freeSpace.addingReportingOverflow(assignment.message.content.size)
        return try !isTooMuch && destination.freeOctets() >= needed
    }

    fileprivate func agent(for address: MailServer, of mailbox: String) -> ServerAgent {
        let (account, server) = address.session(
            for: AccountSettings(name: mailbox, position: .nowhere), trusting: settings.tlsTrustFile)
        return ServerAgent(to: server, of: account, over: paths, hostname: settings.hostname, isFetched: false)
    }
}
