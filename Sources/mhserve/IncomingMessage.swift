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

/// Collects one message. The event loop and one thread of the disk pool write to it, never both at once: the session's
/// line is held while the thread works. The lock proves that to the compiler.
final class IncomingMessage: Sendable {
    /// Octets collected before they are written out (64 KiB).
    static let writeSize = 65_536

    private struct State {
        var unwritten: [UInt8] = []
        var scratch: Scratch
        /// Holds the header back until its end is found, since it is not stored as it came.
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
    /// Octets received that could be written to the scratch, and are not yet.
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

    /// The header as it is stored, up to where the body begins. The `From ` line that an mbox puts before a message is
    /// left out. In mail that we complete, and where there is no field at all, an empty line goes before the first line
    /// that is no field, so that every reader finds the end of the header where we do.
    private func start(_ header: HeaderSection) -> [UInt8] {
        let isParted =
            switch header.end {
            case .blankLine: true
            case .garbage: login != nil || header.fields.isEmpty
            case .endOfMessage, .tooLong: false
            }
        return Array(header.octetsOfFields) + (isParted ? [Octet.lf] : [])
    }

    /// Notes why the message cannot be accepted; the rest of it is read and dropped.
    func refuse(_ error: any Error) {
        state.withLock { state in
            if state.failure == nil { state.failure = error }
            state.unwritten = []
        }
    }

    /// Writes what has been collected to the scratch. May block on the disk.
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
    /// - Throws: an error that `Verdict(refusedMessage:)` makes a reply of; nothing of the message is kept then.
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
        // One recipient with a mailbox here: delivered at once. With more, one could fail after another was served, and
        // the client would send to both again. Several names of one mailbox become one copy by way of the queue, which
        // also sends the notices of success that are owed.
        let recipients = Set(prepared.envelope.recipients.map(\.forwardPath.address))
        if recipients.count == 1, !Self.owesSuccess(prepared.envelope), let recipient = recipients.first,
            case .address(.mailbox(let name)) = server.expander.standing(of: recipient),
            server.settings.mailbox(name)?.delivery == .maildir,
            !server.settings.makesCopies(ofMailBy: login?.mailbox),
            login == nil || server.settings.shownRecipients == .all
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

    /// Whether a notice of success is owed: one was asked for (RFC 3461 §4.1), and there is an address to send it to.
    private static func owesSuccess(_ envelope: Envelope) -> Bool {
        envelope.reversePath != .null
            && envelope.recipients.contains { $0.notify.wants(.success) }
    }

    /// What goes on top besides Received: the fields that a submitting mail program has left out (RFC 6409 §8).
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

    /// A login writes, sends and resends under its own addresses only (docs/security.md).
    private func judgeAuthors(in header: HeaderSection, of login: Login) throws(ContentRefusal) {
        // A header whose end was not found may name other authors further down, where readers look and we did not.
        guard header.end != .tooLong else { throw .headerTooLong }
        guard !header.hasBrokenSignature else { throw .brokenSignature }
        let authors: HeaderAuthors
        do throws(AuthorError) {
            authors = try HeaderAuthors(of: header)
        } catch {
            throw .unclearAuthor(error)
        }
        for (field, addresses) in [("From", authors.from), ("Sender or Resent-", authors.senders)] {
            if let foreign = addresses.first(where: { !login.owns($0) }) {
                throw .foreignAuthor(field: field, foreign, login: login.mailbox)
            }
        }
        // A missing From is made of the reverse-path, but not in a resent message: somebody else is its author.
        let adds = envelope.reversePath != .null && !header.isResent
        guard !authors.from.isEmpty || adds else { throw .unclearAuthor(.empty(field: "From")) }
    }

    /// `envelope` with each recipient once. Repeated word for word it is the same recipient; with another ORCPT or
    /// NOTIFY it has notices of its own.
    private static func once(_ envelope: Envelope) -> Envelope {
        var seen: Set<Envelope.Recipient> = []
        var once = envelope
        once.recipients.removeAll { !seen.insert($0).inserted }
        return once
    }

    /// The first address of From, for routes that ask for it; `nil` for a field that is missing or cannot be read.
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
