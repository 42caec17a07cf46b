// What a client hears of a message that could not be taken.

import Delivery
import DurableFiles
import Glibc
import MailEnvelope
import SpoolQueue
import Testing

@testable import mhserve

@Suite("Why a message is not taken")
struct QueuePressureTests {
    @Test("is told to a stranger as for now or for good, and nothing of our files with it")
    func verdicts() {
        let path = "/var/lib/mailhub/queue/new"
        func disk(_ code: Int32) -> DurableError { DurableError(operation: "write", path: path, code: code) }
        let cases: [(error: any Error, told: String)] = [
            (QueuePressure.diskIsBehind, "4.3.1 the disk is too busy; try again"),
            (QueuePressure.freeSpaceLow, "4.3.1 too little free disk space; try again later"),
            (QueueError.noSpace(disk(ENOSPC)), "4.3.1 the disk is full; try again later"),
            (QueueError.disk(disk(EIO)), "4.3.0 the message could not be stored; try again later"),
            (DeliveryError(disk(EDQUOT)), "4.2.2 the mailbox is full; try again later"),
            (disk(EACCES), "4.3.5 the message could not be stored; try again later"),
            (ServerContextError.noSuchMailbox(path), "4.3.0 the message could not be stored; try again later"),
            (ContentRefusal.byStep(.permanent(4, 6, text: "it goes in circles")), "5.4.6 it goes in circles"),
            (ContentRefusal.headerTooLong, "5.6.0 the header is too long or has too many fields"),
            (ContentRefusal.brokenSignature, "5.6.0 the message is signed, and a line of its header is no field"),
        ]
        for (error, told) in cases {
            let verdict = Verdict(refusedMessage: error)
            #expect("\(verdict.status) \(verdict.text)" == told)
            #expect(verdict.remote == nil && !verdict.isSMTP)
        }
    }
}
