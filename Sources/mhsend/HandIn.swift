// What all ways of handing a message in have in common: its header is completed, and it goes into the queue, durably.

import Glibc
import MailEnvelope
import MailFormat
import MessageContent
import Octets
import Reporting
import RunControl
import SpoolQueue

/// A message on its way in, taken in pieces. Only its header is held in memory.
struct MessageCollector {
    private var scanner = HeaderScanner(bounds: .handedIn)
    private let scratch: Scratch
    private let limit: Int
    private let complete: (HeaderSection) throws -> [UInt8]
    private var completed: [UInt8]?

    /// - Parameters:
    ///   - limit: octets.
    ///   - complete: makes the header as it is stored, once it is there; its error ends the message.
    init(into scratch: Scratch, atMost limit: Int, completing complete: @escaping (HeaderSection) throws -> [UInt8]) {
        (self.scratch, self.limit, self.complete) = (scratch, limit, complete)
    }

    /// Takes the next octets, in file form.
    /// - Throws: ``IntakeError/tooBig(limit:)``, what the completion throws, `DurableError`.
    mutating func append(_ octets: [UInt8]) throws {
        guard completed == nil else { return try put(octets) }
        scanner.append(octets)
        if let header = scanner.header { try start(header) }
    }

    /// The whole message.
    /// - Throws: as ``append(_:)``.
    mutating func finish() throws -> CollectedMessage {
        let header = scanner.finish()
        if completed == nil { try start(header) }
        scratch.note(isSigned: header.mayBeSigned)
        return CollectedMessage(header: header, completed: completed ?? [], content: scratch)
    }

    private mutating func start(_ header: HeaderSection) throws {
        let made = try complete(header)
        completed = made
        try put(made)
        try put(scanner.bodyStart)
    }

    private func put(_ octets: [UInt8]) throws {
        try scratch.append(octets)
        guard scratch.size <= limit else { throw IntakeError.tooBig(limit: limit) }
    }
}

/// A message that is there as a whole.
struct CollectedMessage {
    /// As it came.
    let header: HeaderSection
    /// As it is stored.
    let completed: [UInt8]
    let content: Scratch

    /// The address in the From field, for routes that ask for it; `nil` for a field that cannot be read: a person's own
    /// message goes out as it is, and routes then go by its sender.
    func author(qualifyingWith domain: String) -> Address? { header.author(qualifyingWith: domain) }
}

extension HeaderSection {
    /// The first address of the From field; `nil` where it cannot be read.
    func author(qualifyingWith domain: String) -> Address? {
        do { return try HeaderAuthors.from(in: self).first?.qualified(with: domain) } catch { return nil }
    }
}

/// Who hands messages in, and where to.
struct HandIn {
    let caller: Caller
    let settings: HubSettings
    let queue: Queue

    /// The header with the fields that it lacks, within bounds.
    func completed(
        _ header: HeaderSection, by author: Address, named fullName: String?, at date: MailDate
    ) throws(IntakeError) -> [UInt8] {
        let completer = MessageCompleter(
            author: author, fullName: fullName ?? caller.fullName, date: date, qualifyingWith: settings.qualify)
        do throws(CompletionError) {
            let completed = try completer.complete(header)
            guard completed.count <= HeaderScanner.Bounds.handedIn.octets else { throw .headerTooLong }
            return completed
        } catch {
            throw .header(error)
        }
    }

    /// Whose mail it is, as far as is known without the envelope.
    func acceptance(of message: CollectedMessage, by author: Address, at date: MailDate) -> Acceptance {
        Acceptance(
            arrival: date.seconds, source: .unixUser(caller.userID),
            identity: settings.mailbox(ofUnixUser: caller.name).map { EnvelopeText(cleaning: $0.name) },
            headerFrom: message.author(qualifyingWith: settings.qualify) ?? author)
    }

    /// Puts the message into the queue.
    /// - Returns: its id; it is on stable storage then.
    /// - Throws: ``IntakeError/refused(_:)``, `QueueError`; nothing of the message is kept then.
    func add(
        _ message: CollectedMessage, _ envelope: Envelope, _ acceptance: Acceptance, at date: MailDate
    ) throws -> QueueID {
        let id = queue.makeID(seconds: date.seconds)
        return try queue.add(try prepared(message, envelope, id, date), acceptance, id: id)
    }

    /// Leaves the message to be sent at once by another command; nothing is queued.
    /// - Returns: the name that it has for that command.
    /// - Throws: as ``add(_:_:_:at:)``.
    func stage(
        _ message: CollectedMessage, _ envelope: Envelope, _ acceptance: Acceptance, at date: MailDate
    ) throws -> String {
        let id = queue.makeID(seconds: date.seconds)
        return try queue.stage(try prepared(message, envelope, id, date), acceptance, id: id)
    }

    /// The message as it is stored.
    private func prepared(
        _ message: CollectedMessage, _ envelope: Envelope, _ id: QueueID, _ date: MailDate
    ) throws -> Prepared {
        var stored = HeaderScanner(bounds: .handedIn)
        stored.append(message.completed)
        let top = ReceivedField(
            client: nil, by: settings.hostname, transmission: .local(userID: caller.userID), id: id.text,
            recipient: envelope.recipients.count == 1 ? envelope.recipients[0].forwardPath.address : nil, date: date
        ).octets
        let prepared = Plan.at(.submitted).run(
            on: Message(envelope, message.content, header: stored.finish()), top: top
        ) { queue.scratch() }
        for fault in prepared.faults { writeToStandardError("mhsend: \(fault)") }
        if let verdict = prepared.verdict { throw IntakeError.refused(verdict) }
        return prepared
    }
}
