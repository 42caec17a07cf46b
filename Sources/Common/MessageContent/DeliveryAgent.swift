// The one way to hand a message over, whatever takes it.

import MailEnvelope

/// Hands a message over to one place: a mailbox, a program, a server.
public protocol DeliveryAgent {
    /// Hands `message` over to all recipients of its envelope. What goes wrong is a verdict, never an error: only the verdict
    /// says whether a failure is for ever.
    /// - Returns: a verdict for each recipient, in order. What is delivered is in the other's hands, on stable storage where
    ///   that is ours.
    func deliver(_ message: Prepared) -> [Verdict]
}
