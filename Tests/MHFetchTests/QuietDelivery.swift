// What tests of deliveries share.

import Blocking
import Delivery
import DurableFiles
import FetchLedger
import MaildirStore

@testable import mhfetch

extension BatchDelivery {
    /// One whose sweep of tmp is nobody's concern.
    convenience init(ledger: AccountLedger, inbox: Maildir, faults: Faults? = nil, threads: Int = 8) {
        self.init(ledger: ledger, inbox: inbox, faults: faults, pool: WorkerPool(threads: threads)) { _ in }
    }

    /// Delivers `text` as the message `index`, in two pieces.
    @discardableResult
    func deliver(
        _ text: String, as index: Int, to maildir: String, isDigested: Bool = false,
        unless stored: Set<MessageDigest> = []
    ) throws -> MessageDigest? {
        let message = try message(
            index, to: Destination(maildir: maildir), isDigested: isDigested || !stored.isEmpty)
        try message.write(Array(text.utf8.prefix(4)))
        try message.write(Array(text.utf8.dropFirst(4)))
        return try add(message, as: index, unless: stored)
    }
}
