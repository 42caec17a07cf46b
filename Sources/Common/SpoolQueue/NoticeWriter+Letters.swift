// The letters that tell people of the hub that mail does not leave.

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
        try letter(
            texts.account, ["account": account, "fault": printable(fault)], since: since, to: owner, id, date)
    }

    /// Makes the letter that tells the postmaster that mail has been waiting for a connection since `since`, in seconds since
    /// 1970.
    /// - Parameter answer: what `online-query` says.
    /// - Throws: as ``write(fault:of:since:to:id:at:)``.
    public func write(
        waitingForConnection answer: String, since: Int, id: QueueID, at date: MailDate
    ) throws(QueueError) -> LockedMessage.Notice {
        try letter(texts.offline, ["fault": printable(answer)], since: since, to: nil, id, date)
    }

    /// Makes the letter that tells the postmaster of files that were not taken in from the drop directory.
    /// - Parameter files: a line for each.
    /// - Throws: as ``write(fault:of:since:to:id:at:)``.
    public func write(notTakenIn files: [String], id: QueueID, at date: MailDate) throws(QueueError)
        -> LockedMessage.Notice
    {
        try letter(texts.drop, ["files": files.map { "\(printable($0))\n" }.joined()], to: nil, id, date)
    }

    /// Makes the letter that tells the postmaster of aliases that cannot be followed, so that mail waits.
    /// - Parameter faults: a line for each.
    /// - Throws: as ``write(fault:of:since:to:id:at:)``.
    public func write(notFollowed faults: [String], id: QueueID, at date: MailDate) throws(QueueError)
        -> LockedMessage.Notice
    {
        try letter(texts.aliases, ["faults": faults.map { "\(printable($0))\n" }.joined()], to: nil, id, date)
    }

    /// Makes the letter that tells the postmaster of messages that are held since their users have no mailbox here.
    /// - Parameters:
    ///   - messages: a line for each of some of them.
    ///   - count: of all of them.
    /// - Throws: as ``write(fault:of:since:to:id:at:)``.
    public func write(
        unowned messages: [String], count: Int, id: QueueID, at date: MailDate
    ) throws(QueueError) -> LockedMessage.Notice {
        let lines = messages.map { "\(printable($0))\n" }.joined()
        return try letter(texts.unowned, ["messages": lines, "count": "\(count)"], to: nil, id, date)
    }

    private func letter(
        _ wording: NoticeTexts.Wording, _ words: [String: String], since: Int? = nil, to owner: String?,
        _ id: QueueID, _ date: MailDate
    ) throws(QueueError) -> LockedMessage.Notice {
        let addressee = try postmaster()
        var values = words
        values["hub"] = host
        values["since"] = since.map { MailDate(seconds: $0, offset: date.offset).description }
        let letter = HubLetter(
            host: host, to: "\(addressee)", subject: Self.headerText(NoticeTexts.fill(wording.subject, values)),
            date: date, messageID: "<\(id)@\(host)>", language: texts.language,
            body: NoticeTexts.fill(wording.body, values))
        var envelope = Envelope(reversePath: .null, recipients: [.init(addressee, notify: .never)])
        envelope.bodyType = letter.is8Bit ? .eightBitMIME : .sevenBit
        let identity = owner.map { EnvelopeText(cleaning: $0) }
        return .init(
            message: Message(envelope, ContentInMemory(letter.octets)),
            acceptance: Acceptance(arrival: date.seconds, source: .hub, identity: identity))
    }
}
