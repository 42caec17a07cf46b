// What tests of deliveries share.

import DurableFiles
import FetchLedger
import MaildirStore

@testable import mhfetch

extension BatchDelivery {
    /// One whose sweep of tmp is nobody's concern.
    convenience init(ledger: AccountLedger, inbox: Maildir, faults: Faults? = nil, threads: Int = 8) {
        self.init(ledger: ledger, inbox: inbox, faults: faults, threads: threads) { _ in }
    }
}
