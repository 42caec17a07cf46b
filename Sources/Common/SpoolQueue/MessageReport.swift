// How a queued message goes: for whoever shows it.

import MailEnvelope
import MailFormat
import Reporting

/// What is told about a queued message, for a listing, a page or a meter. A value, a moment old when it is read.
public struct MessageReport: Sendable, Hashable {
    /// How far a recipient is; `held` for what the rules hold: it waits, and not for its time alone.
    public enum Progress: String, Sendable, Hashable {
        case waiting, held, delivered, failed, expanded
    }

    public struct Recipient: Sendable, Hashable {
        public let destination: RecipientState.Destination
        public let progress: Progress
        /// Attempts that counted.
        public let tries: Int
        /// Not before this time, in seconds since 1970; while the next hop is at fault, when that may be asked again.
        public let next: Int
        /// What was said about it last.
        public let verdict: Verdict?
    }

    public let id: QueueID
    public let reversePath: ReversePath
    /// Octets of the message.
    public let size: Int
    /// When it was taken, in seconds since 1970.
    public let arrival: Int
    /// The mailbox that submitted it.
    public let identity: EnvelopeText?
    /// Why a person keeps it from being tried.
    public let hold: String?
    /// The account that was chosen with the message.
    public let account: String?
    /// The account that a person chose for it since.
    public let route: String?
    public let recipients: [Recipient]
    /// Whether it waits for its next hop, which is at fault, and has not been tried.
    public let waitsForHop: Bool

    public init(_ glimpse: QueuedMessage) {
        id = glimpse.entry.id
        reversePath = glimpse.envelope.reversePath
        size = glimpse.content.size
        arrival = glimpse.acceptance.arrival
        identity = glimpse.acceptance.identity
        hold = glimpse.state.hold
        account = glimpse.acceptance.account?.description
        route = glimpse.state.route
        let hopNotBefore = glimpse.entry.hopNotBefore
        waitsForHop = hopNotBefore > 0
        recipients = glimpse.state.recipients.map { Recipient($0, notBefore: hopNotBefore) }
    }

    /// The message and its recipients.
    public var json: JSON {
        [
            "id": .text(id.text), "from": .text(reversePath.address?.description ?? ""), "size": .number(size),
            "arrival": .number(arrival), "held": JSON(hold), "route": JSON(route),
            "login": JSON(identity?.description), "recipients": .list(recipients.map(\.json)),
        ]
    }
}

extension MessageReport.Recipient {
    fileprivate init(_ state: RecipientState, notBefore: Int) {
        destination = state.destination
        progress =
            switch state.progress {
            case .waiting: state.isHeld ? .held : .waiting
            case .delivered: .delivered
            case .failed: .failed
            case .expanded: .expanded
            }
        tries = state.tries
        next = max(state.next, state.progress == .waiting ? notBefore : 0)
        verdict = state.verdict
    }

    /// Whether anything is still to be done for it.
    public var isWaiting: Bool { progress == .waiting || progress == .held }

    fileprivate var json: JSON {
        [
            "address": .text(destination.description), "state": .text(progress.rawValue), "tries": .number(tries),
            "next": .number(next), "host": JSON(verdict?.remote), "status": JSON(verdict.map { "\($0.status)" }),
            "reply": JSON(verdict?.text),
        ]
    }
}
