// Who hands messages in, and to which hub.

import MailEnvelope
import RunControl
import SpoolQueue

/// A caller and the hub that takes his messages.
struct HandIn {
    let caller: Caller
    let settings: HubSettings
    let queue: Queue
    /// Whether the caller waits for an answer; else what he may not have is held.
    var isAnswered = true
}

/// Where a message goes that is handed in.
struct MessageSink {
    /// Takes the next octets, in file form.
    let append: ([UInt8]) throws -> Void
    /// Ends the message.
    /// - Returns: what the caller is told; the message is on stable storage then.
    let finish: () throws -> String
}
