// mhsend --now: one message, one next hop, one transaction, and the exit status says what became of it.

import AccountSessions
import AddressExpansion
import Blocking
import Glibc
import MailEnvelope
import MailFormat
import MailRouting
import MessageContent
import Reporting
import RunControl
import SMTPProtocol
import SpoolQueue

/// Sends a message that is not queued. It goes to all its recipients or to none: nothing would try the others later.
struct ImmediateSending {
    private let message: QueuedMessage
    private let hub: CarrierHub

    init(of message: QueuedMessage, hub: CarrierHub) { (self.message, self.hub) = (message, hub) }

    /// Sends it.
    /// - Throws: ``SendingError``: it was not sent, except where that says that it may have been.
    func run() throws {
        hub.uplink.look()
        let (account, route) = try way()
        guard let server = account.sendServer else {
            throw SendingError.noAccount("account \(account.name) does not send")
        }
        let hides = message.acceptance.isOfOurs && hub.hidesRecipients(by: route)
        guard !hides || message.envelope.recipients.count == 1 else { throw SendingError.severalCopies }
        guard let slot = try hub.hops.connection(.account(account.name), atMost: account.connections) else {
            throw SendingError.busy(account.name)
        }
        defer { slot.release() }
        let session: ServerSession
        do throws(AccountError) { session = try hub.session(of: account, at: server.all) } catch {
            throw SendingError.noSession(error)
        }
        defer { session.quit() }
        let departing = Message(message.envelope, message.content)
        let prepared = hub.prepare(
            departing, of: message.entry.id, to: .account(account.name), by: route, hiding: hides,
            fitting: ServerFit(offers: session.client.capabilities, isOurs: message.acceptance.isOfOurs))
        if let verdict = prepared.verdict { throw SendingError.refused(verdict) }
        if let obstacle = session.client.obstacle(to: prepared.envelope, of: prepared.facts) {
            throw SendingError.refused(obstacle.verdict(at: session.host))
        }
        if let none = hub.limits.spend(message.envelope.recipients.count, by: route, isWhole: true).none {
            throw SendingError.limited(none)
        }
        let verdict = try send(prepared, over: session)
        hub.log.write(
            .info, "delivery",
            [
                ("id", message.entry.id.text), ("from", "\(message.envelope.reversePath)"), ("route", account.name),
                ("host", session.host), ("nrcpt", "\(message.envelope.recipients.count)"),
                ("size", "\(message.content.size)"), ("status", "sent"), ("dsn", "\(verdict.status)"),
                ("msg", verdict.text),
            ])
        hub.noteSent(through: account.name)
        hub.askForFetching()
    }

    // MARK: The way

    /// The account that carries the message to all its recipients, and the route, if its mail leaves in a way of its own.
    private func way() throws(SendingError) -> (AccountSettings, route: String?) {
        let recipients = message.envelope.recipients.map(\.forwardPath.address)
        guard recipients.count <= SMTPLimits.recipients else { throw .tooManyRecipients(recipients.count) }
        var ways: [(account: String, route: String?)] = []
        for recipient in recipients {
            guard hub.expander.standing(of: recipient) == .address(.elsewhere) else { throw .local(recipient) }
            let decision = hub.routing.decide(
                for: message.acceptance.submitter(of: message.envelope, hubUser: geteuid()),
                reversePath: message.envelope.reversePath, recipient: recipient,
                headerFrom: message.acceptance.headerFrom, chosen: message.acceptance.account?.description,
                connectivity: hub.uplink.connectivity)
            guard let way = decision.way else {
                throw decision.awaitsConnection
                    ? .offline(recipient) : .noAccount(decision.reasons.last ?? "no account sends for this sender")
            }
            guard let account = way.account else { throw .notToAServer(route: way.name) }
            let route = decision.steps.first?.route
            ways.append((account, route.flatMap { hub.markedRoutes.contains($0) ? $0 : nil }))
        }
        guard let first = ways.first else { throw .noAccount("nobody to send it to") }
        guard ways.allSatisfy({ $0 == first }) else {
            throw .severalWays(Set(ways.map { $0.route ?? $0.account }).sorted())
        }
        guard let account = hub.settings.account(first.account) else { throw .noAccount("no account \(first.account)") }
        return (account, first.route)
    }

    // MARK: The transaction

    /// - Returns: what the server said to the whole message.
    private func send(_ prepared: Prepared, over session: ServerSession) throws(SendingError) -> Verdict {
        var outcome = TransactionOutcome(count: prepared.envelope.recipients.count, at: session.host)
        var isEnded = false
        do {
            try session.begin(prepared)
            loop: while true {
                let event = try session.next()
                switch outcome.take(event, from: session.client) {
                case .proceed:
                    if let refusal = refusal(in: outcome) {
                        // Not a word more: content that is not begun is not delivered to those who were accepted.
                        session.close()
                        throw refusal
                    }
                    try session.proceed()
                case .content:
                    guard !StopSignal.hasCome else {
                        session.close()
                        throw SendingError.stopped
                    }
                    if let refusal = refusal(in: outcome) {
                        session.close()
                        throw refusal
                    }
                    if let reply = try session.stream(prepared, isHeld: { false }) {
                        session.close()
                        throw SendingError.goodbye(reply.description)
                    }
                    isEnded = true
                    try session.endContent(isHeld: false)
                case .end: break loop
                case .goodbye(let reply):
                    outcome.settle(goodbye: reply, from: session.client)
                    session.close()
                    break loop
                }
            }
        } catch let error as SendingError {
            throw error
        } catch {
            session.close()
            outcome.settle(begun: session.begunVerdict, from: session.client)
            guard outcome.isSettled else {
                throw isEnded ? .inDoubt(sentence(error)) : .broken(error as? any Complaint, sentence(error))
            }
        }
        let verdicts = outcome.verdicts.compactMap { $0 }
        if let refusal = refusal(in: outcome) { throw refusal }
        guard let verdict = verdicts.first, verdicts.count == outcome.verdicts.count else {
            throw .inDoubt("the server said nothing of it")
        }
        return verdict
    }

    /// What the server said to the first recipient that it does not take.
    private func refusal(in outcome: TransactionOutcome) -> SendingError? {
        for (index, verdict) in outcome.verdicts.enumerated() {
            guard let verdict else { continue }
            if case .delivered = verdict.kind { continue }
            let isAlone = outcome.verdicts.allSatisfy { $0 == verdict }
            return .refused(verdict, isAlone ? nil : message.envelope.recipients[index].forwardPath.address)
        }
        return nil
    }
}

/// Why a message was not sent at once. Nothing of it is kept.
enum SendingError: Complaint {
    case local(Address)
    case tooManyRecipients(Int)
    case severalWays([String])
    /// Each recipient is to have a copy of his own.
    case severalCopies
    case offline(Address)
    case notToAServer(route: String)
    case noAccount(String)
    case busy(String)
    case limited(Postponement)
    case stopped
    case noSession(AccountError)
    /// For whom, where it takes it for others.
    case refused(Verdict, Address? = nil)
    case goodbye(String)
    case broken((any Complaint)?, String)
    /// Its end was sent, and no answer came.
    case inDoubt(String)

    var exitStatus: ExitStatus {
        switch self {
        case .local, .tooManyRecipients, .severalWays, .severalCopies, .notToAServer: .usage
        case .noAccount: .noPermission
        case .offline: .unavailable
        case .busy, .limited, .stopped, .goodbye, .inDoubt: .temporaryFailure
        case .noSession(.noTLS), .noSession(.noExtensions), .noSession(.transport): .unavailable
        case .noSession(let error):
            switch error.exitStatus {
            case .noPermission: .noPermission
            case .configuration: .configuration
            case .unavailable: .unavailable
            default: .temporaryFailure
            }
        case .broken(let error, _):
            error.map { $0.exitStatus == .unavailable ? .unavailable : .temporaryFailure } ?? .temporaryFailure
        case .refused(let verdict, _):
            switch verdict.kind {
            case .permanent: .dataError
            case .heldByRule: .noPermission
            case .temporary, .faultOfHop, .delivered: .temporaryFailure
            }
        }
    }

    var description: String {
        let words =
            switch self {
            case .local(let address): "\(address) is at this hub, and --now sends to a provider only; leave it out"
            case .tooManyRecipients(let count):
                "--now sends to at most \(SMTPLimits.recipients) recipients at once, and these are \(count)"
            case .severalWays(let names):
                "--now sends by one way only, and these recipients go by several: \(names.joined(separator: ", "))"
            case .severalCopies:
                "--now sends one copy only, and by show-recipients each recipient has his own; send to them one by one"
            case .notToAServer(let route): "--now sends to the server of an account only, and route \(route) names none"
            case .offline(let address): "the hub is offline, and mail to \(address) waits for a connection"
            case .noAccount(let why): "\(why)".replacing("; held until then", with: "")
            case .busy(let account): "account \(account): all its connections are in use; try again"
            case .limited(let why): "\(why.words); try again later"
            case .stopped: "told to stop"
            case .noSession(let error): "\(error)"
            case .refused(let verdict, let recipient):
                "\(verdict.remote.map { "\($0) said" } ?? "refused")\(recipient.map { " of \($0)" } ?? ""): \(verdict.text)"
            case .goodbye(let words): "the server ended the session: \(words)"
            case .broken(_, let words): words
            case .inDoubt(let words): "\(words); the message may have been delivered"
            }
        if case .inDoubt = self { return printable(words) }
        return printable(words) + "; nothing was sent"
    }
}
