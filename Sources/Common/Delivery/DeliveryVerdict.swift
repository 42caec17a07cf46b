// What a local delivery that failed comes to.

import DurableFiles
import MailEnvelope
import Reporting

extension Verdict {
    /// The verdict on a delivery that ended in `error`, before anything was there: a disk may have room later, a folder
    /// may get its rights back.
    public init(failedDelivery error: any Error) {
        let isFull = (error as? DurableError)?.isNoSpace ?? false
        self = .temporary(isFull ? 3 : 2, isFull ? 1 : 0, text: sentence(error))
    }
}
