// Takes a message from standard input: completes its header, finds its recipients, puts it into the queue, durably.

import Glibc
import MailEnvelope
import MailFormat
import MailRouting
import Octets
import Reporting
import RunControl
import SpoolQueue

/// One message on its way from standard input into the queue.
struct Intake {
    let options: SendmailOptions
    let hand: HandIn
    private var caller: Caller { hand.caller }
    private var settings: HubSettings { hand.settings }

    init(options: SendmailOptions, hand: HandIn) { (self.options, self.hand) = (options, hand) }

    /// What becomes of a message.
    enum Outcome {
        /// It is queued, on stable storage.
        case queued(QueueID)
        /// It is left, by this name, for the command that sends it at once.
        case staged(String)
    }

    /// Reads the message, and queues it or leaves it to be sent.
    /// - Throws: ``IntakeError``, `QueueError` and others; nothing of the message is kept then.
    func run() throws -> Outcome {
        let now = MailDate.now()
        var recipients: [Envelope.Recipient] = []
        var collector = MessageCollector(into: hand.queue.scratch(), atMost: settings.limits.messageSize) { header in
            let completed = try hand.completed(
                header, by: try self.author(header), named: options.fullName, at: now)
            recipients = try self.recipients(in: header)
            return completed
        }
        var input = MessageInput(descriptor: 0, ignoresDots: options.ignoresDots)
        while let chunk = try input.next() { try collector.append(chunk) }
        let message = try collector.finish()

        let author = try self.author(message.header)
        var envelope = Envelope(reversePath: try reversePath(author, message.header), recipients: recipients)
        envelope.bodyType = try bodyType()
        envelope.smtpUTF8 = envelope.hasInternationalAddress
        envelope.returnContent = try returned()
        envelope.envelopeID = try envelopeID()
        var acceptance = hand.acceptance(of: message, by: author, at: now)
        acceptance.account = try options.account.map { try account($0, for: acceptance, of: envelope) }
        if options.isNow { return .staged(try hand.stage(message, envelope, acceptance, at: now)) }
        return .queued(try hand.add(message, envelope, acceptance, at: now))
    }

    // MARK: Envelope

    private var hasNullPath: Bool { options.reversePath == "" || options.reversePath == "<>" }

    /// Whom the message is from: `-f`, unless it is the null path; else the address of the mailbox whose `unix-user` is
    /// the caller; else the caller's name at the `qualify` domain.
    private func author(_ header: HeaderSection) throws -> Address {
        if let text = options.reversePath, !hasNullPath, settings.allowsFromOverride {
            return try address(text, what: "the sender (-f)")
        }
        if options.hasSenderLine, let sender = try senderLine(of: header) { return sender }
        if let mine = settings.author(ofUnixUser: caller.name) { return mine }
        return try address(caller.name, what: "the name of the calling user")
    }

    private func reversePath(_ author: Address, _ header: HeaderSection) throws -> ReversePath {
        if options.readsReversePath {
            guard let named = header.author(qualifyingWith: settings.qualify) else { throw IntakeError.noAuthor }
            return .address(named)
        }
        return hasNullPath ? .null : .address(author)
    }

    /// Who sends by the line that UUCP puts before a message: `From bob Sat Nov 21 09:00:00 2026 remote from station`.
    private func senderLine(of header: HeaderSection) throws -> Address? {
        guard let line = header.mboxLine else { return nil }
        let words = header.octets[line].split { $0 == Octet.space || $0 == Octet.lf }
        guard words.count > 1 else { return nil }
        let name = String(decoding: words[1], as: UTF8.self)
        let remote =
            words.count > 4
            && words.suffix(3).prefix(2).elementsEqual(["remote", "from"]) { $0.elementsEqual($1.utf8) }
        let station = remote && !name.contains("@") ? words.last.map { String(decoding: $0, as: UTF8.self) } : nil
        return try address(station.map { "\(name)@\($0)" } ?? name, what: "the sender (the line before the header)")
    }

    /// The account that the caller has chosen, which must be open to him.
    private func account(
        _ name: String, for acceptance: Acceptance, of envelope: Envelope
    ) throws(IntakeError) -> EnvelopeText {
        let accounts = settings.routingTable.accounts
        guard let account = accounts.first(where: { $0.name == name }) else {
            throw .noAccount(shown(name), hint: Nearest.hint(to: name, among: accounts.map(\.name)))
        }
        let submitter = acceptance.submitter(of: envelope, hubUser: geteuid())
        guard account.isOpen(to: submitter) else { throw .closedAccount(shown(name), to: "\(submitter)") }
        return EnvelopeText(cleaning: name)
    }

    private func recipients(in header: HeaderSection) throws -> [Envelope.Recipient] {
        let notify = try notify()
        var addresses = try options.recipients.flatMap(recipients(named:))
        if options.recipientsFromHeader { addresses += try recipients(namedIn: header) }
        guard !addresses.isEmpty else {
            throw options.recipientsFromHeader ? IntakeError.noRecipientsInHeader : IntakeError.noRecipients
        }
        var seen: Set<Address> = []
        return addresses.filter { seen.insert($0).inserted }.map { .init($0, notify: notify) }
    }

    /// The addresses of one argument: callers of sendmail put several in one, with commas between.
    private func recipients(named word: String) throws(IntakeError) -> [Address] {
        let list: AddressList
        do throws(AddressListError) {
            list = try AddressList(parsing: Array(word.utf8))
        } catch {
            throw .badList(what: "the recipient", error)
        }
        do throws(AddressError) {
            if let fault = list.faults.first { throw fault.error }
            guard !list.mailboxes.isEmpty else { throw .notAnAddress }
            var addresses: [Address] = []
            for mailbox in list.mailboxes { addresses.append(try mailbox.address.qualified(with: settings.qualify)) }
            return addresses
        } catch {
            throw .badAddress(shown(word), what: "the recipient", error)
        }
    }

    private func recipients(namedIn header: HeaderSection) throws(IntakeError) -> [Address] {
        let named: HeaderRecipients
        do throws(AddressListError) {
            named = try HeaderRecipients(of: header, qualifyingWith: settings.qualify)
        } catch {
            throw .badList(what: "the recipients in the header", error)
        }
        if let fault = named.faults.first {
            throw .badAddress(printable(octets: fault.text), what: "a recipient in the header", fault.error)
        }
        return named.addresses
    }

    private func address(_ text: String, what: String) throws -> Address {
        let bare = text.hasPrefix("<") && text.hasSuffix(">") ? String(text.dropFirst().dropLast()) : text
        do {
            return try Address(bare).qualified(with: settings.qualify)
        } catch {
            throw IntakeError.badAddress(shown(text), what: what, error)
        }
    }

    /// `-N`: `never`, or a list of `success`, `failure`, `delay` (RFC 3461 §4.1).
    private func notify() throws -> Notify {
        guard let words = options.notify else { return settings.dsnNotify }
        guard let notify = Notify(parsing: words.utf8) else {
            throw IntakeError.badWord("-N", shown(words), "never, or a list of success, failure, delay")
        }
        return notify
    }

    /// `-B`: noted in the envelope; the octets themselves decide what a server is told.
    private func bodyType() throws(IntakeError) -> BodyType {
        guard let word = options.bodyType else { return .sevenBit }
        guard let type = BodyType(rawValue: word.uppercased()) else {
            throw .badWord("-B", shown(word), "7BIT or 8BITMIME")
        }
        return type
    }

    private func returned() throws -> ReturnContent? {
        switch options.returnWhat?.lowercased() {
        case nil: return settings.dsnReturn
        case "full": return .full
        case "hdrs", "headers": return .headers
        case let word?: throw IntakeError.badWord("-R", shown(word), "full or hdrs")
        }
    }

    /// `-V`: servers refuse the whole message for an id that RFC 3461 §4.4 does not allow.
    private func envelopeID() throws(IntakeError) -> EnvelopeText? {
        guard let text = options.envelopeID, !text.isEmpty else { return nil }
        guard text.utf8.count <= Envelope.envelopeIDLimit, text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
            let limit = Envelope.envelopeIDLimit
            throw .badWord("-V", shown(text), "an id of at most \(limit) octets, printable ASCII all of them")
        }
        return EnvelopeText(cleaning: text)
    }
}

/// An argument of the caller, fit for one line of an error message.
func shown(_ word: String) -> String { printable(octets: Array(word.utf8), limit: 320) }

/// The Unix user who calls.
struct Caller: Equatable {
    let userID: UInt32
    let name: String
    /// The name in the GECOS field, up to its first comma; `&` stands for the user's name.
    let fullName: String?

    static func now() -> Caller {
        let userID = getuid()
        guard let entry = unsafe getpwuid(userID) else {
            return Caller(userID: userID, name: "uid\(userID)", fullName: nil)
        }
        let name = unsafe String(cString: entry.pointee.pw_name)
        let gecos = unsafe entry.pointee.pw_gecos.map { unsafe String(cString: $0) } ?? ""
        let first = gecos.prefix { $0 != "," }
        let full = first.split(separator: "&", omittingEmptySubsequences: false).joined(separator: name)
        return Caller(userID: userID, name: name, fullName: full.isEmpty ? nil : full)
    }
}

/// Why a message is not accepted. Nothing of it is kept.
enum IntakeError: Complaint {
    case noRecipients
    case noRecipientsInHeader
    /// `--read-envelope-from`, and there is no From field that can be read.
    case noAuthor
    case noAccount(String, hint: String)
    case closedAccount(String, to: String)
    case badAddress(String, what: String, AddressError)
    case badList(what: String, AddressListError)
    case header(CompletionError)
    /// By the verdict of a step.
    case refused(Verdict)
    case badWord(String, String, String)
    case tooBig(limit: Int)
    case unreadable(code: Int32)

    var exitStatus: ExitStatus {
        switch self {
        case .noRecipients, .noRecipientsInHeader, .badWord: .usage
        case .noAccount: .configuration
        case .closedAccount: .noPermission
        case .refused(let verdict) where !verdict.isFinal: .temporaryFailure
        case .badAddress, .badList, .header, .refused, .tooBig, .noAuthor: .dataError
        case .unreadable: .ioError
        }
    }

    var description: String {
        switch self {
        case .noRecipients: "no recipients; name them on the command line, or let -t read them from the header"
        case .noRecipientsInHeader: "no recipients in the header (To, Cc, Bcc) and none on the command line"
        case .noAuthor: "--read-envelope-from: the message has no From field that can be read; nothing was sent"
        case .noAccount(let name, let hint):
            "-a \(name): the rc has no such account that sends\(hint); nothing was sent"
        case .closedAccount(let name, let submitter):
            "-a \(name): the account is not open to \(submitter); see the lines owner and for in mailhubrc(5); nothing was sent"
        case .badAddress(let text, let what, let error): "\(what): \(text): \(error); nothing was sent"
        case .badList(let what, let error): "\(what): \(error); nothing was sent"
        case .header(.headerTooLong):
            "the message's header has more than \(HeaderScanner.Bounds.handedIn.octets) octets or "
                + "\(HeaderScanner.Bounds.handedIn.fields) fields; nothing was sent"
        case .header(let error): "\(error); nothing was sent"
        case .refused(let verdict): "\(printable(verdict.text)); nothing was sent"
        case .badWord(let option, let word, let wanted): "\(option) \(word): expected \(wanted)"
        case .tooBig(let limit):
            "the message is larger than \(HubSettings.text(octets: limit)), which the rc's `size-limit` allows; nothing was sent"
        case .unreadable(let code): "cannot read standard input: \(reason(code)); nothing was sent"
        }
    }
}
