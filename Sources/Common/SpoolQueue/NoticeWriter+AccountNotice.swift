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
        let letter = HubLetter(
            host: host, to: "\(addressee)", subject: Self.headerText(NoticeTexts.fill(texts.account.subject, values)),
            date: date, messageID: "<\(id)@\(host)>", language: texts.language, body: body)
        var envelope = Envelope(reversePath: .null, recipients: [.init(addressee, notify: .never)])
        envelope.bodyType = letter.is8Bit ? .eightBitMIME : .sevenBit
        let identity = owner.map { EnvelopeText(cleaning: $0) }
        return .init(
            message: Message(envelope, ContentInMemory(letter.octets)),
            acceptance: Acceptance(arrival: date.seconds, source: .hub, identity: identity))
    }
}
