// A message on its way in by SMTP: collected, judged by its header, then made durable, and only then ours.

import InternetAddress
import MailEnvelope
import MailFormat
import MailboxLogins
import MessageContent
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
        var scratch: Scratch
        /// Holds back the header until its end is known, for it is not stored as it came.
        var header = HeaderScanner()
        var count = 0
        var failure: (any Error)?
    }

    /// As the policy accepted it.
    let envelope: Envelope
    private let service: Service
    private let peer: IPAddress
    private let clientName: String
    private let isExtended: Bool
    private let tls: TLSFacts?
    private let login: Login?
    private let state: Mutex<State>

    init(
        envelope: Envelope, service: Service, peer: IPAddress, clientName: String, isExtended: Bool, tls: TLSFacts?,
        login: Login?
    ) {
        self.envelope = envelope
        self.service = service
        self.peer = peer
        self.clientName = clientName
        self.isExtended = isExtended
        self.tls = tls
        self.login = login
        state = Mutex(State(scratch: service.server.queue.scratch()))
    }

    /// Octets received so far, in file form.
    var count: Int { state.withLock { $0.count } }
    /// Octets received that can be put aside and are not yet.
    var unwritten: Int { state.withLock { $0.unwritten.count } }

    func append(_ octets: [UInt8]) {
        state.withLock { state in
            guard state.failure == nil else { return }
            state.count += octets.count
            if state.header.header != nil {
                state.unwritten.append(contentsOf: octets)
            } else if state.header.append(octets), let header = state.header.header {
                state.unwritten = start(header) + state.header.bodyStart
            }
        }
    }

    /// The header as it is stored, up to where the body begins. The line that an mbox puts before a message goes; in what
    /// we complete, and where there is no field at all, an empty line goes before the first line that is none, so that
    /// every reader finds the end of the header where we do.
    private func start(_ header: HeaderSection) -> [UInt8] {
        let isParted =
            switch header.end {
            case .blankLine: true
            case .garbage: login != nil || header.fields.isEmpty
            case .endOfMessage, .tooLong: false
            }
        return Array(header.octetsOfFields) + (isParted ? [Octet.lf] : [])
    }

    /// Notes why the message cannot be taken; the rest of it is read and dropped.
    func refuse(_ error: any Error) {
        state.withLock { state in
            if state.failure == nil { state.failure = error }
            state.unwritten = []
        }
    }

    /// Puts aside what has been collected. May block on the disk.
    func writeOut() {
        state.withLock { state in
            guard state.failure == nil else { return }
            do {
                try service.server.checkFreeSpace(for: state.unwritten.count)
                try state.scratch.append(state.unwritten)
            } catch {
                state.failure = error
            }
            state.unwritten = []
        }
    }

    /// Makes the whole message durable, in its mailbox or in the queue. May block on the disk.
    /// - Throws: what `Verdict(refusedMessage:)` tells the client; nothing of the message is left then.
    func accept() throws -> TakenMessage {
        let header = state.withLock { state in
            if let header = state.header.header { return header }
            let header = state.header.finish()
            state.unwritten = start(header) + state.header.bodyStart
            return header
        }
        writeOut()
        let (scratch, failure) = state.withLock { ($0.scratch, $0.failure) }
        if let failure { throw failure }
        let server = service.server
        try server.checkFreeSpace()
        if let login { try judgeAuthors(in: header, of: login) }
        scratch.note(isSigned: header.mayBeSigned)
        let envelope = Self.once(try server.completed(envelope))
        let named = Set(envelope.recipients.map(\.forwardPath.address))
        let arrival = MailDate.now()
        let id = server.queue.makeID(seconds: arrival.seconds)
        let top =
            ReceivedField(
                client: login == nil
                    ? .init(heloName: Array(clientName.utf8), address: peer) : nil,
                by: server.settings.hostname,
                transmission: .smtp(
                    extended: isExtended, tls: tls != nil, authenticated: login != nil,
                    utf8: envelope.smtpUTF8),
                id: id.text, recipient: named.count == 1 ? named.first : nil, date: arrival
            ).octets + additions(to: header, arrival)
        let prepared = try prepare(
            Message(envelope, scratch, header: header), at: login == nil ? .received : .submitted, top)
        // One recipient with a mailbox here: straight into it. With more, one could fail after another was served, and
        // the client would send again to both. Several names of one mailbox become one copy behind the queue, and who
        // is owed a notice of success gets it from there, too.
        let recipients = Set(prepared.envelope.recipients.map(\.forwardPath.address))
        if recipients.count == 1, !Self.owesSuccess(prepared.envelope), let recipient = recipients.first,
            case .mailbox(let name) = server.locals.resolve(recipient)
        {
            let copy = try prepare(prepared.message, at: .departing(to: .mailbox(name)), prepared.top)
            return taken(id, file: try server.deliver(copy, to: name, arrival: arrival))
        }
        let acceptance = Acceptance(
            arrival: arrival.seconds, source: .peer(EnvelopeText(cleaning: "[\(peer)] \(clientName)")),
            identity: login.map { EnvelopeText(cleaning: $0.mailbox) },
            headerFrom: Self.author(in: header) ?? (login == nil ? nil : envelope.reversePath.address))
        try server.queue.add(prepared, acceptance, id: id)
        return taken(id, file: nil)
    }

    /// Whether the sender has asked to hear of a delivery, too (RFC 3461 §4.1), and can.
    private static func owesSuccess(_ envelope: Envelope) -> Bool {
        envelope.reversePath != .null
            && envelope.recipients.contains { $0.notify.wants(.success) }
    }

    /// What goes on top besides Received: the fields that a program of our own people has left out (RFC 6409 §8).
    private func additions(to header: HeaderSection, _ arrival: MailDate) -> [UInt8] {
        guard login != nil, let author = envelope.reversePath.address else { return [] }
        return MessageCompleter(author: author, date: arrival).missingFields(of: header)
    }

    /// Runs the steps of `moment`.
    /// - Throws: the verdict of a step that ends the message.
    private func prepare(_ message: Message, at moment: Moment, _ top: [UInt8]) throws(ContentRefusal) -> Prepared {
        let server = service.server
        let prepared = Plan.at(moment).run(on: message, top: top) { server.queue.scratch() }
        for fault in prepared.faults { server.log.write(.error, "step", [("error", "\(fault)")]) }
        if let verdict = prepared.verdict { throw .byStep(verdict) }
        return prepared
    }

    /// Who has logged in writes, sends and resends in its own names (docs/security.md).
    private func judgeAuthors(in header: HeaderSection, of login: Login) throws(ContentRefusal) {
        // A header whose end was not found may name somebody further down, where readers look and we did not.
        guard header.end != .tooLong else { throw .headerTooLong }
        guard !header.hasBrokenSignature else { throw .brokenSignature }
        let authors: HeaderAuthors
        do throws(AuthorError) {
            authors = try HeaderAuthors(of: header)
        } catch {
            throw .unclearAuthor(error)
        }
        for (field, addresses) in [("From", authors.from), ("Sender or Resent-", authors.senders)] {
            guard addresses.allSatisfy(login.owns) else { throw .foreignAuthor(field: field, login: login.mailbox) }
        }
        // A From that is missing is made of the reverse-path, but not in a resent message: its author was somebody.
        let adds = envelope.reversePath != .null && !header.isResent
        guard !authors.from.isEmpty || adds else { throw .unclearAuthor(.empty(field: "From")) }
    }

    /// `envelope` with each recipient once. Said again word for word, it is the same one; with another ORCPT or NOTIFY it
    /// has notices of its own.
    private static func once(_ envelope: Envelope) -> Envelope {
        var seen: Set<Envelope.Recipient> = []
        var once = envelope
        once.recipients.removeAll { !seen.insert($0).inserted }
        return once
    }

    /// The first address of From, for routes that ask for it; `nil` for a field that is missing or not clear.
    private static func author(in header: HeaderSection) -> Address? {
        do { return try HeaderAuthors.from(in: header).first } catch { return nil }
    }

    /// - Parameter file: the file in the mailbox; `nil` for a message in the queue.
    private func taken(_ id: QueueID, file: String?) -> TakenMessage {
        TakenMessage(
            id: id.text, isQueued: file == nil,
            logFields: [
                ("id", id.text), ("file", file), ("service", service.name), ("from", "\(envelope.reversePath)"),
                ("to", envelope.recipients.map { "\($0.forwardPath)" }.joined(separator: ",")), ("size", "\(count)"),
                ("login", login?.mailbox), ("tls", tls?.version), ("status", file == nil ? "queued" : "delivered"),
            ])
    }
}
