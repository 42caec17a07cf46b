// A letter that the hub writes to one of its people: plain text, and marked as nobody's own (RFC 3834 §5).

/// A letter from the hub itself.
public struct HubLetter: Sendable {
    /// The name of the hub, which is in its own address.
    public let host: String
    public let addressee: String
    /// Fit for a header: see ``EncodedWords``.
    public let subject: String
    public let date: MailDate
    /// With its angle brackets.
    public let messageID: String
    /// The language's tag (BCP 47).
    public let language: String
    /// With LF line ends, but for the last one.
    public let body: String

    public init(
        host: String, to addressee: String, subject: String, date: MailDate, messageID: String, language: String,
        body: String
    ) {
        (self.host, self.addressee, self.subject) = (host, addressee, subject)
        (self.date, self.messageID, self.language, self.body) = (date, messageID, language, body)
    }

    public var is8Bit: Bool { body.utf8.contains { $0 >= 0x80 } }

    /// The letter in file form.
    public var octets: [UInt8] {
        var text = "From: MAILER-DAEMON@\(host)\nTo: \(addressee)\nSubject: \(subject)\nDate: \(date)\n"
        text += "Message-ID: \(messageID)\nAuto-Submitted: auto-generated\nMIME-Version: 1.0\n"
        text += "Content-Type: text/plain; charset=\(is8Bit ? "utf-8" : "us-ascii")\n"
        text += "Content-Language: \(language)\n"
        text += "Content-Transfer-Encoding: \(is8Bit ? "8bit" : "7bit")\n\n\(body)\n"
        return Array(text.utf8)
    }
}
