// A message on its way from one place to the next: whom it is for, and what it is.

import DurableFiles
import MailEnvelope
import MailFormat
import Synchronization

/// What a step looks at. Copies share the header once it is read.
public struct Message: Sendable {
    public var envelope: Envelope
    public let content: any Content
    private let known: KnownHeader

    private final class KnownHeader: Sendable {
        let header: Mutex<HeaderSection?>
        init(_ header: HeaderSection?) { self.header = Mutex(header) }
    }

    /// - Parameter header: that of `content`, where it has been read already.
    public init(_ envelope: Envelope, _ content: any Content, header: HeaderSection? = nil) {
        self.envelope = envelope
        self.content = content
        known = KnownHeader(header)
    }

    /// The same message for other recipients.
    public func with(_ envelope: Envelope) -> Message {
        var message = self
        message.envelope = envelope
        return message
    }

    /// The header section, read once for all copies.
    public func header() throws(DurableError) -> HeaderSection {
        try known.header.withLock { (known) throws(DurableError) in
            if let known { return known }
            let header = try content.header()
            known = header
            return header
        }
    }
}
