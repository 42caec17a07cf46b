// The fields of message/delivery-status (RFC 3464 §2) and message/global-delivery-status (RFC 6533 §3).

import InternetAddress
import MailEnvelope
import MailFormat
import Reporting

/// Writes the per-message and per-recipient groups of fields, for programs to read.
struct StatusFields {
    let host: String
    /// Whether UTF-8 may stand in values.
    let isGlobal: Bool
    let policy: RetryPolicy

    /// The fields about the message as a whole.
    func message(of subject: NoticeWriter.Subject, zone: Int) -> String {
        var text = ""
        if let envid = subject.envelope.envelopeID { text += field("Original-Envelope-Id", envid.description) }
        text += field("Reporting-MTA", "dns; \(host)")
        let arrival = subject.acceptance.arrival
        if ClockSanity.trusts(arrival) {
            text += field("Arrival-Date", MailDate(seconds: arrival, offset: zone).description)
        }
        return text
    }

    /// The fields about one recipient.
    func recipient(_ index: Int, _ kind: NoticeKind, of subject: NoticeWriter.Subject, at date: MailDate) -> String {
        let recipient = subject.recipients[index]
        var text = ""
        if let original = recipient.originalRecipient {
            text += field("Original-Recipient", "\(original.type); \(escaped(original.address))")
        } else if let root = subject.recipients.ancestors(of: index).last {
            // What the sender has written; the other address may be new to him.
            let written = address(of: root, in: subject.recipients)
            text += field("Original-Recipient", "\(Self.type(of: written)); \(escaped(written))")
        }
        let final = address(of: index, in: subject.recipients)
        text += field("Final-Recipient", "\(Self.type(of: final)); \(escaped(final))")
        text += field("Action", action(kind, recipient))
        text += field("Status", status(kind, recipient.verdict))
        if let verdict = recipient.verdict {
            if let remote = verdict.remote { text += field("Remote-MTA", "dns; \(escaped(Self.mtaName(remote)))") }
            if !verdict.text.isEmpty {
                text += field("Diagnostic-Code", "\(verdict.isSMTP ? "smtp" : "x-mailhub"); \(escaped(verdict.text))")
            }
        }
        text += field("Final-Log-ID", subject.id.text)
        if kind == .delay || kind == .held, let since = subject.since {
            let until = MailDate(seconds: since + policy.lifetime, offset: date.offset)
            text += field("Will-Retry-Until", until.description)
        }
        return text
    }

    /// A host name as it is, an IP address as an address literal (RFC 3464 §2.1.2, RFC 5321 §4.1.3).
    static func mtaName(_ host: String) -> String {
        IPAddress(host).map { "[\($0.literal)]" } ?? host
    }

    private static func type(of address: String) -> String {
        address.utf8.allSatisfy { $0 < 0x80 } ? "rfc822" : "utf-8"
    }

    private func action(_ kind: NoticeKind, _ recipient: RecipientState) -> String {
        switch kind {
        case .failure: "failed"
        case .delay, .held: "delayed"
        case .success where recipient.progress == .expanded: "expanded"
        case .success: recipient.verdict?.kind == .delivered(.relayed) ? "relayed" : "delivered"
        }
    }

    /// The class of the status must fit the action, whatever a server said.
    private func status(_ kind: NoticeKind, _ verdict: Verdict?) -> String {
        let wanted: EnhancedStatus.Class =
            switch kind {
            case .failure: .permanent
            case .delay, .held: .transient
            case .success: .success
            }
        guard let status = verdict?.status else { return "\(EnhancedStatus(wanted, 0, 0))" }
        // Given up after temporary failures: the last status stays, as RFC 3464 §2.3.4 permits.
        let fits = status.class == wanted || kind == .failure && status.class == .transient
        return "\(fits ? status : EnhancedStatus(wanted, 0, 0))"
    }

    /// `name: value`, the value on one line and bounded.
    private func field(_ name: String, _ value: String) -> String {
        "\(name): \(EnvelopeText(cleaning: value, limit: NoticeWriter.valueLimit))\n"
    }

    /// Where only ASCII may stand, other characters as `\x{…}` (RFC 6533 §3, utf-8-addr-xtext).
    private func escaped(_ text: some StringProtocol) -> String {
        if isGlobal { return String(text) }
        var plain = ""
        for scalar in text.unicodeScalars {
            if scalar.value >= 0x80 {
                plain += "\\x{\(String(scalar.value, radix: 16, uppercase: true))}"
            } else {
                plain.unicodeScalars.append(scalar)
            }
        }
        return plain
    }
}
