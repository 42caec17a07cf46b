// The state of a queued message, for display.

import MailEnvelope
import MailFormat
import Reporting

/// What a listing, a page or a meter shows of a queued message. A value, possibly a moment old.
public struct MessageReport: Sendable, Hashable {
    /// How far a recipient has come. One that is `held`, by a rule, waits for more than its time.
    public enum Progress: String, Sendable, Hashable {
        case waiting, held, delivered, failed, expanded
    }

    public struct Recipient: Sendable, Hashable {
        public let destination: RecipientDestination
        public let progress: Progress
        /// Attempts that counted as tries.
        public let tries: Int
        /// Not to be tried before this time, in seconds since 1970; while the next hop is at fault, when it may be
        /// asked again.
        public let next: Int
        /// The last verdict on it.
        public let verdict: Verdict?
    }

    public let id: QueueID
    public let reversePath: ReversePath
    /// Octets of the message, envelope not counted.
    public let size: Int
    /// When it was accepted, in seconds since 1970.
    public let arrival: Int
    /// The mailbox that submitted it.
    public let identity: EnvelopeText?
    /// Why a person holds it; `nil` when nobody does.
    public let hold: String?
    /// The account that was chosen with the message.
    public let account: String?
    /// The account that a person chose for it since.
    public let route: String?
    public let recipients: [Recipient]
    /// Whether it waits because its next hop is at fault.
    public let waitsForHop: Bool

    public init(_ message: QueuedMessage) {
        id = message.entry.id
        reversePath = message.envelope.reversePath
        size = message.content.size
        arrival = message.acceptance.arrival
        identity = message.acceptance.identity
        hold = message.state.hold
        account = message.acceptance.account?.description
        route = message.state.route
        let hopNotBefore = message.entry.hopNotBefore
        waitsForHop = hopNotBefore > 0
        recipients = message.state.recipients.map { Recipient($0, notBefore: hopNotBefore) }
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
            "next": isWaiting ? .number(next) : .null, "host": JSON(verdict?.remote),
            "status": JSON(verdict.map { "\($0.status)" }),
            "reply": JSON(verdict?.text),
        ]
    }
}
