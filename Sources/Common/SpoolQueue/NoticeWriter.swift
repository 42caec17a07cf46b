// Delivery status notices: multipart/report with text, delivery-status and the original (RFC 3464, RFC 6522, RFC 6533).

import DurableFiles
import MailEnvelope
import MailFormat
import MessageContent
import Octets
import Reporting

/// Writes notices about queued messages.
public struct NoticeWriter: Sendable {
    /// The most octets of an original that a notice of failure returns whole, unless RET=HDRS asks for the header
    /// alone; all other notices return the header.
    public static let returnLimit = 256 * 1024
    /// The most octets of one field's value: with its name it stays under the 998 of RFC 5322 §2.1.1.
    static let valueLimit = 900

    /// This hub's name, for Reporting-MTA and From.
    public var host: String
    public var texts: NoticeTexts
    public var policy: RetryPolicy

    public init(host: String, texts: NoticeTexts = .english, policy: RetryPolicy = RetryPolicy()) {
        self.host = host
        self.texts = texts
        self.policy = policy
    }

    /// What a notice is about.
    public struct Subject: Sendable {
        public let id: QueueID
        public let envelope: Envelope
        public let acceptance: Acceptance
        public let recipients: [RecipientState]
        public let content: QueuedContent
        private let firstResult: Int?

        public init(_ message: LockedMessage) {
            id = message.id
            envelope = message.envelope
            acceptance = message.acceptance
            recipients = message.state.recipients
            content = message.content
            firstResult = message.state.firstResult
        }

        /// The moment that the message's age is counted from; `nil` while no clock could be trusted.
        var since: Int? {
            if ClockSanity.trusts(acceptance.arrival) { return acceptance.arrival }
            return firstResult.flatMap { ClockSanity.trusts($0) ? $0 : nil }
        }
    }

    /// Writes the notice `noticeID` of `kind` about the recipients with these indexes, into a scratch of `queue`.
    /// - Throws: ``QueueError/noRecipients`` when the message has a null reverse-path, unless the notice is that it is
    ///   held; ``QueueError/textRefused(what:why:)`` when no address can be made of the host name;
    ///   ``QueueError/disk(_:)`` or ``QueueError/noSpace(_:)`` when the original cannot be read or the notice not be
    ///   written.
    public func write(
        _ kind: NoticeKind, about indexes: [Int], of subject: Subject, id noticeID: QueueID, at date: MailDate,
        in queue: Queue
    ) throws(QueueError) -> LockedMessage.Notice {
        let addressee = try addressee(kind, subject)
        let isGlobal = subject.envelope.smtpUTF8 || addressee.isInternational
        let fields = StatusFields(host: host, isGlobal: isGlobal, policy: policy)
        let original = try ReturnedOriginal(of: subject, kind: kind)
        let values = values(about: indexes, of: subject, original, zone: date.offset)
        let wording = self.wording(kind)
        let text = NoticeTexts.fill(wording.body, values)
        let isText8Bit = text.utf8.contains { $0 >= 0x80 }
        let is8Bit = isText8Bit || isGlobal || original.is8Bit
        let boundary = "=_\(noticeID.text.suffix(40))_\(String(UInt64.random(in: 0 ... .max), radix: 36))"

        var head = "From: MAILER-DAEMON@\(host)\nTo: \(addressee)\n"
        head += "Subject: \(Self.headerText(NoticeTexts.fill(wording.subject, values)))\n"
        // A date of 1970 would sort the notice behind all other mail; without one, mail programs go by its arrival.
        if ClockSanity.trusts(date.seconds) { head += "Date: \(date)\n" }
        head += "Message-ID: <\(noticeID)@\(host)>\n"
        if let messageID = original.messageID { head += "In-Reply-To: \(messageID)\nReferences: \(messageID)\n" }
        head += "Auto-Submitted: auto-replied\nMIME-Version: 1.0\n"
        head += "Content-Type: multipart/report; report-type=\(isGlobal ? "global-" : "")delivery-status;\n"
        head += " boundary=\"\(boundary)\"\n"
        if is8Bit { head += "Content-Transfer-Encoding: 8bit\n" }
        head += "\nThis is a delivery notice in MIME format (RFC 3464).\n"

        head += "\n--\(boundary)\nContent-Type: text/plain; charset=\(isText8Bit ? "utf-8" : "us-ascii")\n"
        head += "Content-Language: \(texts.language)\n"
        head += "Content-Transfer-Encoding: \(isText8Bit ? "8bit" : "7bit")\n\n\(text)\n"

        head += "\n--\(boundary)\nContent-Type: message/\(isGlobal ? "global-" : "")delivery-status\n"
        if isGlobal { head += "Content-Transfer-Encoding: 8bit\n" }
        head += "\n" + fields.message(of: subject, zone: date.offset)
        for index in indexes where subject.recipients.indices.contains(index) {
            head += "\n" + fields.recipient(index, kind, of: subject, at: date)
        }

        head += "\n--\(boundary)\nContent-Type: \(original.type(isGlobal: isGlobal))\n"
        head += "Content-Transfer-Encoding: \(original.is8Bit ? "8bit" : "7bit")\n\n"

        let content = queue.scratch()
        try durably { () throws(DurableError) in
            try content.append(Array(head.utf8))
            let endsInLF = try original.append(to: content)
            try content.append(Array("\(endsInLF ? "" : "\n")\n--\(boundary)--\n".utf8))
        }

        var envelope = Envelope(reversePath: .null, recipients: [.init(addressee, notify: .never)])
        envelope.bodyType = is8Bit ? .eightBitMIME : .sevenBit
        envelope.smtpUTF8 = isGlobal
        return .init(
            message: Message(envelope, content),
            acceptance: Acceptance(arrival: date.seconds, source: .hub, identity: subject.acceptance.identity))
    }

    /// The sender's address. A notice that mail is held stays at this hub: where no submitter with a mailbox here is
    /// known, it goes to the postmaster.
    private func addressee(_ kind: NoticeKind, _ subject: Subject) throws(QueueError) -> Address {
        if case .address(let sender) = subject.envelope.reversePath, kind != .held || subject.acceptance.identity != nil
        {
            return sender
        }
        guard kind == .held else { throw .noRecipients }
        return try postmaster()
    }

    func postmaster() throws(QueueError) -> Address {
        do throws(AddressError) {
            return try Address("postmaster@\(host)")
        } catch {
            throw .textRefused(what: "the host name \(host)", why: "\(error)")
        }
    }

    private func wording(_ kind: NoticeKind) -> NoticeTexts.Wording {
        switch kind {
        case .failure: texts.failure
        case .delay: texts.delay
        case .success: texts.success
        case .held: texts.held
        }
    }

    /// What the words in braces stand for.
    private func values(
        about indexes: [Int], of subject: Subject, _ original: ReturnedOriginal, zone: Int
    ) -> [String: String] {
        var list = ""
        for index in indexes where subject.recipients.indices.contains(index) {
            let recipient = subject.recipients[index]
            list += "  <\(address(of: index, in: subject.recipients))>\n"
            if let verdict = recipient.verdict, !verdict.text.isEmpty {
                // What is our own judgement of a server is not its word.
                let who = verdict.isSMTP ? verdict.remote ?? host : host
                list += "    \(NoticeTexts.fill(texts.saying, ["host": who]))\n    \(printable(verdict.text))\n\n"
            } else {
                list += "    \(texts.silence)\n\n"
            }
        }
        let arrival = subject.acceptance.arrival
        func told(_ time: Int?) -> String {
            time.map { MailDate(seconds: $0, offset: zone).description } ?? texts.unknownDate
        }
        return [
            "hub": host, "recipients": list, "arrival": told(ClockSanity.trusts(arrival) ? arrival : nil),
            "until": told(subject.since.map { $0 + policy.lifetime }), "id": subject.id.text,
            "subject": original.subject ?? texts.noSubject,
        ]
    }

    /// `text` for a header field, as encoded words where it needs them.
    static func headerText(_ text: String) -> String {
        EncodedWords.areNeeded(for: text) ? EncodedWords.encode(EnvelopeText(cleaning: text).description) : text
    }
}

/// The address that may be shown to the sender: for a program or file, the one that it was expanded from.
func address(of index: Int, in recipients: [RecipientState]) -> String {
    recipients.address(of: index)?.description ?? "unknown"
}
