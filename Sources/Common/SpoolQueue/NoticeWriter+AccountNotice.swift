// The letter that tells the owner of an account that nothing leaves through it.

import MailEnvelope
import MailFormat
import MessageContent
import Reporting

extension NoticeWriter {
    /// Makes the letter that tells the mailbox `owner`, else the postmaster, that `account` has been at fault since
    /// `since`, in seconds since 1970.
    /// - Throws: ``QueueError/textRefused(what:why:)`` when no address can be made of the host name.
    public func write(
        fault: String, of account: String, since: Int, to owner: String?, id: QueueID, at date: MailDate
    ) throws(QueueError) -> LockedMessage.Notice {
        let addressee = try postmaster()
        let values = [
            "hub": host, "account": account, "fault": printable(fault),
            "since": MailDate(seconds: since, offset: date.offset).description,
        ]
        let body = NoticeTexts.fill(texts.account.body, values)
        let is8Bit = body.utf8.contains { $0 >= 0x80 }
        var text = "From: MAILER-DAEMON@\(host)\nTo: \(addressee)\n"
        text += "Subject: \(Self.headerText(NoticeTexts.fill(texts.account.subject, values)))\n"
        text += "Date: \(date)\n"
        text += "Message-ID: <\(id)@\(host)>\nAuto-Submitted: auto-generated\nMIME-Version: 1.0\n"
        text += "Content-Type: text/plain; charset=\(is8Bit ? "utf-8" : "us-ascii")\n"
        text += "Content-Language: \(texts.language)\n"
        text += "Content-Transfer-Encoding: \(is8Bit ? "8bit" : "7bit")\n\n\(body)\n"
        var envelope = Envelope(reversePath: .null, recipients: [.init(addressee, notify: .never)])
        envelope.bodyType = is8Bit ? .eightBitMIME : .sevenBit
        let identity = owner.map { EnvelopeText(cleaning: $0) }
        return .init(
            message: Message(envelope, ContentInMemory(Array(text.utf8))),
            acceptance: Acceptance(arrival: date.seconds, source: .hub, identity: identity))
    }
}
