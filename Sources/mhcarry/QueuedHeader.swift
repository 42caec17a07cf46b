// The header of a queued message, and the stop for mail that goes in circles.

import MailFormat
import Octets
import SpoolQueue

extension QueuedContent {
    /// The header section, read no further than it goes.
    func headerSection() throws(QueueError) -> HeaderSection {
        var scanner = HeaderScanner()
        var at = 0
        while scanner.header == nil {
            // Most headers end in the first piece.
            let piece = try read(atMost: 16_384, at: at)
            guard !piece.isEmpty else { break }
            at += piece.count
            scanner.append(piece)
        }
        return scanner.finish()
    }

    /// Whether the message has passed more stations than RFC 5321 §6.3 lets it, this one included.
    func hasLooped() throws(QueueError) -> Bool {
        LoopStop.receivedCount(in: try headerSection()) > LoopStop.receivedLimit
    }
}
