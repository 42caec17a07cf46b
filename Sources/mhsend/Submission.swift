// What a caller says of a message, besides the message: from the command line, by SMTP, or in a drop file.

import MailEnvelope
import MailFormat
import Reporting

/// What the caller wants for a message, as far as it can be understood without an rc. Addresses may be bare names still.
struct Submission: Equatable {
    /// `nil` where the caller does not say who sends it.
    var reversePath: ReversePath?
    var recipients: [Envelope.Recipient] = []
    /// Recipients are also in the header (`-t`).
    var readsRecipients = false
    /// The author in the header is the sender (`--read-envelope-from`).
    var readsAuthor = false
    /// It comes as UUCP has it: its first line says who the sender is.
    var hasSenderLine = false
    /// The display name of a From that is added.
    var fullName: EnvelopeText?
    /// The account that it is to leave through.
    var account: EnvelopeText?
    /// For recipients who have no NOTIFY of their own.
    var notify: Notify?
    var returnContent: ReturnContent?
    var envelopeID: EnvelopeText?
    var bodyType = BodyType.sevenBit
    var smtpUTF8 = false

    init() {}

    /// The envelope of an SMTP transaction.
    init(_ envelope: Envelope) {
        reversePath = envelope.reversePath
        recipients = envelope.recipients
        returnContent = envelope.returnContent
        envelopeID = envelope.envelopeID
        bodyType = envelope.bodyType
        smtpUTF8 = envelope.smtpUTF8
    }

    /// The words of a command line.
    init(_ options: SendmailOptions) throws(IntakeError) {
        reversePath = try Self.reversePath(options.reversePath)
        for word in options.recipients { recipients += try Self.recipients(named: word) }
        (readsRecipients, readsAuthor) = (options.recipientsFromHeader, options.readsReversePath)
        hasSenderLine = options.hasSenderLine
        fullName = options.fullName.map { EnvelopeText(cleaning: $0) }
        account = options.account.map { EnvelopeText(cleaning: $0) }
        notify = try Self.notify(options.notify)
        returnContent = try Self.returned(options.returnWhat)
        envelopeID = try Self.envelopeID(options.envelopeID)
        bodyType = try Self.bodyType(options.bodyType)
        guard readsRecipients || !recipients.isEmpty else { throw .noRecipients }
    }

    /// The recipients in `header`, where they are asked for.
    /// - Parameter domain: that of bare names.
    func recipients(in header: HeaderSection, qualifyingWith domain: String) throws(IntakeError) -> [Envelope.Recipient]
    {
        guard readsRecipients else { return [] }
        let named: HeaderRecipients
        do throws(AddressListError) {
            named = try HeaderRecipients(of: header, qualifyingWith: domain)
        } catch {
            throw .badList(what: "the recipients in the header", error)
        }
        if let fault = named.faults.first {
            throw .badAddress(printable(octets: fault.text), what: "a recipient in the header", fault.error)
        }
        guard !named.addresses.isEmpty || !recipients.isEmpty else { throw .noRecipientsInHeader }
        return named.addresses.map { .init($0) }
    }

    // MARK: Words of the command line

    /// `-f`: empty or `<>` is the null path.
    private static func reversePath(_ text: String?) throws(IntakeError) -> ReversePath? {
        guard let text else { return nil }
        guard text != "", text != "<>" else { return .null }
        let bare = text.hasPrefix("<") && text.hasSuffix(">") ? String(text.dropFirst().dropLast()) : text
        do throws(AddressError) { return .address(try Address(bare)) } catch {
            throw .badAddress(shown(text), what: "the sender (-f)", error)
        }
    }

    /// The addresses of one argument: callers of sendmail put several in one, with commas between.
    private static func recipients(named word: String) throws(IntakeError) -> [Envelope.Recipient] {
        let list: AddressList
        do throws(AddressListError) {
            list = try AddressList(parsing: Array(word.utf8))
        } catch {
            throw .badList(what: "the recipient", error)
        }
        do throws(AddressError) {
            if let fault = list.faults.first { throw fault.error }
            guard !list.mailboxes.isEmpty else { throw .notAnAddress }
            return list.mailboxes.map { .init($0.address) }
        } catch {
            throw .badAddress(shown(word), what: "the recipient", error)
        }
    }

    /// `-N`: `never`, or a list of `success`, `failure`, `delay` (RFC 3461 §4.1).
    private static func notify(_ words: String?) throws(IntakeError) -> Notify? {
        guard let words else { return nil }
        guard let notify = Notify(parsing: words.utf8) else {
            throw .badWord("-N", shown(words), "never, or a list of success, failure, delay")
        }
        return notify
    }

    /// `-B`: noted in the envelope; the octets themselves decide what a server is told.
    private static func bodyType(_ word: String?) throws(IntakeError) -> BodyType {
        guard let word else { return .sevenBit }
        guard let type = BodyType(rawValue: word.uppercased()) else {
            throw .badWord("-B", shown(word), "7BIT or 8BITMIME")
        }
        return type
    }

    private static func returned(_ word: String?) throws(IntakeError) -> ReturnContent? {
        switch word?.lowercased() {
        case nil: return nil
        case "full": return .full
        case "hdrs", "headers": return .headers
        case let word?: throw .badWord("-R", shown(word), "full or hdrs")
        }
    }

    /// `-V`: servers refuse the whole message for an id that RFC 3461 §4.4 does not allow.
    private static func envelopeID(_ text: String?) throws(IntakeError) -> EnvelopeText? {
        guard let text, !text.isEmpty else { return nil }
        guard text.utf8.count <= Envelope.envelopeIDLimit, text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
            let limit = Envelope.envelopeIDLimit
            throw .badWord("-V", shown(text), "an id of at most \(limit) octets, printable ASCII all of them")
        }
        return EnvelopeText(cleaning: text)
    }
}
