// Takes a message in, in pieces: completes its header, finds its recipients, makes it ready for the queue.

import Glibc
import MailEnvelope
import MailFormat
import MailRouting
import MessageContent
import Octets
import Reporting
import RunControl
import SpoolQueue

/// A message that can be stored.
struct AcceptedMessage {
    let id: QueueID
    let prepared: Prepared
    let acceptance: Acceptance
}

/// One message on its way in. Only its header is held in memory.
final class Intake {
    private let submission: Submission
    private let hand: HandIn
    private let id: QueueID
    private let now = MailDate.now()
    private var scanner = HeaderScanner(bounds: .handedIn)
    private let scratch: Scratch
    /// The header, once it is there: as it is stored, and whom the message is for.
    private var taken: (completed: [UInt8], recipients: [Envelope.Recipient])?
    private var settings: HubSettings { hand.settings }
    private var caller: Caller { hand.caller }

    /// - Parameter id: that of the message in the queue; `nil` for a new one.
    init(_ submission: Submission, hand: HandIn, id: QueueID? = nil) {
        (self.submission, self.hand) = (submission, hand)
        self.id = id ?? hand.queue.makeID(seconds: now.seconds)
        scratch = hand.queue.scratch()
    }

    /// Takes the next octets, in file form.
    /// - Throws: ``IntakeError``, `DurableError`; nothing can be made of the message then.
    func append(_ octets: [UInt8]) throws {
        guard taken == nil else { return try put(octets) }
        scanner.append(octets)
        if let header = scanner.header { try take(header) }
    }

    /// The whole message.
    /// - Throws: as ``append(_:)``; ``IntakeError/refused(_:)``.
    func finish() throws -> AcceptedMessage {
        let header = scanner.finish()
        if taken == nil { try take(header) }
        guard let (completed, recipients) = taken else { preconditionFailure("a header that was taken") }
        scratch.note(isSigned: header.mayBeSigned)
        let author = try author(header)
        var envelope = Envelope(reversePath: try reversePath(author, header), recipients: recipients)
        envelope.bodyType = submission.bodyType
        envelope.smtpUTF8 = submission.smtpUTF8 || envelope.hasInternationalAddress
        envelope.returnContent = submission.returnContent ?? settings.dsnReturn
        envelope.envelopeID = submission.envelopeID
        var acceptance = Acceptance(
            arrival: now.seconds, source: .unixUser(caller.userID),
            identity: settings.mailbox(ofUnixUser: caller.name).map { EnvelopeText(cleaning: $0.name) },
            // A person's own message goes out as it is, and routes then go by its sender.
            headerFrom: header.author(qualifyingWith: settings.qualify) ?? author)
        if let account = submission.account {
            if hand.isAnswered { try check(account, for: acceptance, of: envelope) }
            acceptance.account = account
        }
        return AcceptedMessage(id: id, prepared: try prepared(completed, envelope), acceptance: acceptance)
    }

    private func take(_ header: HeaderSection) throws {
        let completer = MessageCompleter(
            author: try author(header), fullName: submission.fullName?.description ?? caller.fullName, date: now,
            qualifyingWith: settings.qualify)
        let completed: [UInt8]
        do throws(CompletionError) {
            completed = try completer.complete(header)
            guard completed.count <= HeaderScanner.Bounds.handedIn.octets else { throw .headerTooLong }
        } catch {
            throw IntakeError.header(error)
        }
        taken = (completed, try recipients(in: header))
        try put(completed)
        try put(scanner.bodyStart)
    }

    private func put(_ octets: [UInt8]) throws {
        try scratch.append(octets)
        let limit = settings.limits.messageSize
        guard scratch.size <= limit else { throw IntakeError.tooBig(limit: limit) }
    }

    /// The message as it is stored.
    private func prepared(_ completed: [UInt8], _ envelope: Envelope) throws(IntakeError) -> Prepared {
        var stored = HeaderScanner(bounds: .handedIn)
        stored.append(completed)
        let top = ReceivedField(
            client: nil, by: settings.hostname, transmission: .local(userID: caller.userID), id: id.text,
            recipient: envelope.recipients.count == 1 ? envelope.recipients[0].forwardPath.address : nil, date: now
        ).octets
        let queue = hand.queue
        let prepared = Plan.at(.submitted).run(
            on: Message(envelope, scratch, header: stored.finish()), top: top
        ) { queue.scratch() }
        for fault in prepared.faults { writeToStandardError("mhsend: \(fault)") }
        if let verdict = prepared.verdict { throw .refused(verdict) }
        return prepared
    }

    // MARK: Envelope

    /// Whom the message is from: the caller's word, unless it is the null path; else the address of the mailbox whose
    /// `unix-user` is the caller; else the caller's name at the `qualify` domain.
    private func author(_ header: HeaderSection) throws(IntakeError) -> Address {
        if let said = submission.reversePath?.address, settings.allowsFromOverride {
            return said.whole(at: settings.qualify)
        }
        if submission.hasSenderLine, settings.allowsFromOverride, let sender = try senderLine(of: header) {
            return sender
        }
        if let mine = settings.author(ofUnixUser: caller.name) { return mine }
        return try address(caller.name, what: "the name of the calling user")
    }

    private func reversePath(_ author: Address, _ header: HeaderSection) throws(IntakeError) -> ReversePath {
        if submission.readsAuthor, settings.allowsFromOverride {
            guard let named = header.author(qualifyingWith: settings.qualify) else { throw .noAuthor }
            return .address(named)
        }
        return submission.reversePath == .null ? .null : .address(author)
    }

    /// Who sends by the line that UUCP puts before a message: `From bob Sat Nov 21 09:00:00 2026 remote from station`.
    private func senderLine(of header: HeaderSection) throws(IntakeError) -> Address? {
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

    /// Refuses an account that is not open to the caller.
    private func check(
        _ account: EnvelopeText, for acceptance: Acceptance, of envelope: Envelope
    ) throws(IntakeError) {
        let name = account.description
        let accounts = settings.routingTable.accounts
        guard let account = accounts.first(where: { $0.name == name }) else {
            throw .noAccount(shown(name), hint: Nearest.hint(to: name, among: accounts.map(\.name)))
        }
        let submitter = acceptance.submitter(of: envelope, hubUser: geteuid())
        guard account.isOpen(to: submitter) else { throw .closedAccount(shown(name), to: "\(submitter)") }
    }

    private func recipients(in header: HeaderSection) throws(IntakeError) -> [Envelope.Recipient] {
        var seen: Set<Address> = []
        var recipients: [Envelope.Recipient] = []
        for var recipient in submission.recipients
            + (try submission.recipients(in: header, qualifyingWith: settings.qualify))
        {
            let address = recipient.forwardPath.address.whole(at: settings.qualify)
            guard seen.insert(address).inserted else { continue }
            recipient.forwardPath = .address(address)
            if recipient.notify == .unspecified { recipient.notify = submission.notify ?? settings.dsnNotify }
            recipients.append(recipient)
        }
        guard !recipients.isEmpty else { throw .noRecipients }
        return recipients
    }

    private func address(_ text: String, what: String) throws(IntakeError) -> Address {
        do throws(AddressError) { return try Address(text).whole(at: settings.qualify) } catch {
            throw .badAddress(shown(text), what: what, error)
        }
    }
}

extension HeaderSection {
    /// The first address of the From field; `nil` where it cannot be read.
    fileprivate func author(qualifyingWith domain: String) -> Address? {
        do { return try HeaderAuthors.from(in: self).first?.qualified(with: domain) } catch { return nil }
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

    /// The one who runs this process.
    static func now() -> Caller { Caller(userID: getuid()) }

    init(userID: UInt32) {
        self.userID = userID
        guard let entry = unsafe getpwuid(userID) else {
            (name, fullName) = ("uid\(userID)", nil)
            return
        }
        name = unsafe String(cString: entry.pointee.pw_name)
        let gecos = unsafe entry.pointee.pw_gecos.map { unsafe String(cString: $0) } ?? ""
        let first = gecos.prefix { $0 != "," }
        let full = first.split(separator: "&", omittingEmptySubsequences: false).joined(separator: name)
        fullName = full.isEmpty ? nil : full
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
