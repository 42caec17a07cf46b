// A message on its way in by SMTP: collected, judged by its header, then made durable, and only then ours.

import AccessControl
import MailFormat
import Octets
import Reporting
import SMTPProtocol
import SpoolQueue
import Synchronization
import TLSEngine

/// What became of an accepted message.
struct TakenMessage: Sendable {
    let id: String
    let isQueued: Bool
    let logFields: [(String, String?)]
}

/// Collects one message. Written to by the event loop and by one thread of the disk pool, never both at once: the line is
/// held while a thread works. The lock says so to the compiler, and would keep us honest.
final class IncomingMessage: Sendable {
    /// Octets collected before they are written out (64 KiB).
    static let writeSize = 65_536

    private struct State {
        var unwritten: [UInt8] = []
        var staged: StagedMessage
        var header = HeaderScanner()
        var failure: (any Error)?
    }

    let envelope: SMTPEnvelope
    private let service: Service
    private let peer: IPAddress
    private let clientName: String
    private let isExtended: Bool
    private let tls: TLSFacts?
    private let login: Login?
    private let state: Mutex<State>

    init(
        envelope: SMTPEnvelope, service: Service, peer: IPAddress, clientName: String, isExtended: Bool, tls: TLSFacts?,
        login: Login?
    ) {
        self.envelope = envelope
        self.service = service
        self.peer = peer
        self.clientName = clientName
        self.isExtended = isExtended
        self.tls = tls
        self.login = login
        state = Mutex(State(staged: service.house.queue.stage()))
    }

    /// Octets received so far, in file form.
    var count: Int { state.withLock { $0.staged.count + $0.unwritten.count } }
    /// Octets received and not yet staged.
    var unwritten: Int { state.withLock { $0.unwritten.count } }

    func append(_ octets: [UInt8]) {
        state.withLock { state in
            guard state.failure == nil else { return }
            if state.header.header == nil { state.header.append(octets) }
            state.unwritten.append(contentsOf: octets)
        }
    }

    /// Notes why the message cannot be taken; the rest of it is read and dropped.
    func refuse(_ error: any Error) {
        state.withLock { state in
            if state.failure == nil { state.failure = error }
            state.unwritten = []
        }
    }

    /// Stages what has been collected. May block on the disk.
    func writeOut() {
        state.withLock { state in
            guard state.failure == nil else { return }
            do {
                try service.house.checkFreeSpace(for: state.unwritten.count)
                try state.staged.append(state.unwritten)
            } catch {
                state.failure = error
            }
            state.unwritten = []
        }
    }

    /// Makes the whole message durable, in its mailbox or in the queue. May block on the disk.
    /// - Throws: what ``Refusal`` tells the client; nothing of the message is left then.
    func accept() throws -> TakenMessage {
        writeOut()
        let (staged, header, failure) = state.withLock { state in
            (state.staged, state.header.finish(), state.failure)
        }
        if let failure { throw failure }
        let house = service.house
        try house.checkFreeSpace()
        try judge(header)
        let recipients = envelope.recipients.compactMap { house.address(of: $0.path) }
        let arrival = MailDate.now()
        let id = house.queue.makeID(seconds: arrival.seconds)
        let top =
            ReceivedField(
                client: login == nil
                    ? .init(heloName: Array(clientName.utf8), address: "\(peer)") : nil,
                by: house.settings.hostname,
                transmission: .smtp(
                    extended: isExtended, tls: tls != nil, authenticated: login != nil,
                    utf8: envelope.parameters.smtpUTF8),
                id: id.text, recipient: recipients.count == 1 ? recipients[0] : nil, date: arrival
            ).octets + additions(to: header, arrival)
        // One recipient with a mailbox here: straight into it. With more, one could fail after another was served, and the
        // client would send again to both (DECISIONS 9); and who is owed a notice of success gets it from the queue.
        if recipients.count == 1, !owesSuccess, case .mailbox(let name) = house.locals.resolve(recipients[0]) {
            let file = try house.deliver(
                staged, top: top, to: name, recipient: recipients[0], reversePath: envelope.reversePath,
                arrival: arrival)
            return taken(id, file: file)
        }
        try house.queue.add(queueEnvelope(header, arrival: arrival.seconds), top: top, staged, id: id)
        return taken(id, file: nil)
    }

    /// Whether the sender has asked to hear of a delivery, too (RFC 3461 §4.1), and can.
    private var owesSuccess: Bool {
        envelope.reversePath != .null
            && envelope.recipients.contains { $0.parameters.notify?.contains(.success) == true }
    }

    /// What goes on top besides Received: the fields that a program of our own people has left out (RFC 6409 §8), and the
    /// empty line before a message that has no header at all.
    private func additions(to header: HeaderSection, _ arrival: MailDate) -> [UInt8] {
        var octets: [UInt8] = []
        if login != nil, header.end != .tooLong, let author = envelope.reversePath.address {
            octets = MessageCompleter(hostname: service.house.settings.hostname, author: author, date: arrival)
                .missingFields(of: header)
        }
        if header.end == .garbage, header.isEmpty { octets.append(Octet.lf) }
        return octets
    }

    private func judge(_ header: HeaderSection) throws {
        for recipient in envelope.recipients {
            guard !LoopStop.hasLooped(header, recipient: login == nil ? recipient.path.address : nil) else {
                throw ContentRefusal.loops
            }
        }
        guard let login else { return }
        // A header whose end was not found may name somebody further down, where readers look and we did not.
        guard header.end != .tooLong, header.end != .garbage || header.isEmpty || header.first("From") != nil
        else {
            throw ContentRefusal.unclearAuthor
        }
        guard Self.isClear(header) else { throw ContentRefusal.unclearAuthor }
        let authors = Self.authors(in: header)
        guard authors.allSatisfy(login.owns) else { throw ContentRefusal.foreignAuthor(login: login.mailbox) }
    }

    /// Whether all readers of `header` must see the same authors.
    private static func isClear(_ header: HeaderSection) -> Bool {
        let fields = header.fields(named: "From")
        guard let field = fields.first else { return true }
        guard fields.count == 1, let list = try? AddressList(parsing: header.octets, in: field.body) else {
            return false
        }
        return list.faults.isEmpty
    }

    /// The addresses of the From field; none when there is no such field or no address in it.
    private static func authors(in header: HeaderSection) -> [Address] {
        guard let field = header.first("From"),
            let list = try? AddressList(parsing: header.octets, in: field.body)
        else { return [] }
        return list.mailboxes.map(\.address)
    }

    private func queueEnvelope(_ header: HeaderSection, arrival: Int) throws(QueueError) -> Envelope {
        let house = service.house
        var recipients: [Envelope.Recipient] = []
        for recipient in envelope.recipients {
            guard let address = house.address(of: recipient.path) else { continue }
            recipients.append(try .init(address, parameters: recipient.parameters))
        }
        var queued = Envelope(
            reversePath: envelope.reversePath, recipients: recipients, arrival: arrival,
            identity: login.map { EnvelopeText(cleaning: $0.mailbox) },
            source: .peer(EnvelopeText(cleaning: "[\(peer)] \(clientName)")))
        queued.body = envelope.parameters.body == .eightBitMIME ? .eightBitMIME : .sevenBit
        queued.smtpUTF8 = envelope.parameters.smtpUTF8
        queued.returned = envelope.parameters.ret.map { $0 == .full ? .full : .headers }
        queued.envelopeID = envelope.parameters.envelopeID.map { EnvelopeText(cleaning: $0) }
        queued.headerFrom = Self.authors(in: header).first ?? (login == nil ? nil : envelope.reversePath.address)
        return queued
    }

    /// - Parameter file: the file in the mailbox; `nil` for a message in the queue.
    private func taken(_ id: QueueID, file: String?) -> TakenMessage {
        TakenMessage(
            id: id.text, isQueued: file == nil,
            logFields: [
                ("id", id.text), ("file", file), ("service", service.name), ("from", "\(envelope.reversePath)"),
                ("to", envelope.recipients.map { "\($0.path)" }.joined(separator: ",")), ("size", "\(count)"),
                ("login", login?.mailbox), ("tls", tls?.version), ("status", file == nil ? "queued" : "delivered"),
            ])
    }
}

extension HeaderSection {
    /// Whether the message begins with its body.
    fileprivate var isEmpty: Bool { fields.isEmpty && mboxLine == nil }
}

extension Envelope.Recipient {
    /// The recipient with its DSN parameters as RCPT gave them (RFC 3461 §4).
    init(_ address: Address, parameters: RecipientParameters) throws(QueueError) {
        var notify: Envelope.Notify = []
        if let wanted = parameters.notify {
            if wanted.isEmpty { notify.insert(.never) }
            if wanted.contains(.success) { notify.insert(.success) }
            if wanted.contains(.failure) { notify.insert(.failure) }
            if wanted.contains(.delay) { notify.insert(.delay) }
        }
        self.init(
            address, notify: notify,
            originalRecipient: parameters.originalRecipient.map { EnvelopeText(cleaning: "\($0.type);\($0.address)") })
    }
}
