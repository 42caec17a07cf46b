// The one way to hand a message over, whatever takes it.

import MailEnvelope

/// Hands a message over to one place: a mailbox, a program, a server.
public protocol DeliveryAgent {
    /// Hands `message` over to all recipients of its envelope. What goes wrong is a verdict, never an error: only a
    /// verdict tells whether a failure is permanent.
    /// - Returns: a verdict for each recipient, in order. What is delivered has been accepted by the other side, and is
    ///   on stable storage where that side is ours.
    func deliver(_ message: Prepared) -> [Verdict]
}
