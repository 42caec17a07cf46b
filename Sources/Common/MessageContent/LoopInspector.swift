// The detection of mail loops (RFC 5321 §6.3).

import MailEnvelope
import MailFormat

/// Ends a message that has passed too many servers, or that was delivered to one of its recipients before.
struct LoopInspector: Inspector {
    enum Side { case arriving, departing }

    let name = "loop detection"
    private let side: Side
    private let knowsRecipients: Bool

    /// - Parameter knowsRecipients: whether a Delivered-To with one of the recipients means a loop: it does, except for
    ///   users of the hub, who may send again what was delivered to them.
    init(_ side: Side, knowsRecipients: Bool) {
        self.side = side
        self.knowsRecipients = knowsRecipients
    }

    func inspect(_ message: Message) throws -> InspectionResult {
        let header = try message.header()
        let stations = LoopStop.receivedCount(in: header)
        // What departs has our own Received field, too.
        guard stations < LoopStop.receivedLimit + (side == .departing ? 1 : 0) else {
            return InspectionResult(
                verdict: .permanent(4, 6, text: "the message goes in circles: it has \(stations) Received fields"))
        }
        guard knowsRecipients else { return InspectionResult() }
        for recipient in message.envelope.recipients {
            let address = recipient.forwardPath.address
            guard LoopStop.wasDelivered(header, to: address) else { continue }
            return InspectionResult(
                verdict: .permanent(4, 6, text: "the message goes in circles: it was delivered to \(address) before"))
        }
        return InspectionResult()
    }
}
