// The policy of an SMTP listener: who may send what to whom, and when a message is ours.

import MailEnvelope
import MailFormat
import MailRouting
import MailboxLogins
import NIOCore
import Octets
import Reporting
import RunControl
import SASLMechanisms
import SMTPProtocol
import SpoolQueue
import TLSEngine

/// One SMTP or submission session.
final class SMTPSession: Session, LoginSession {
    typealias Conversation = SMTPServer

    var conversation: SMTPServer
    let line: any SessionLine
    let service: Service
    let server: ServerContext
    /// Whether the rules of the listener keep the client out: it is told so, and may say QUIT (RFC 5321 §3.1).
    private let isDenied: Bool
    /// How long one that is kept out may take for that.
    private static let deniedTime = TimeAmount.seconds(30)
    private var deniedEnd = NIODeadline.distantFuture
    /// A login that waits for the client's response to its challenge.
    var exchange: LoginExchange?
    /// Who has logged in.
    private var login: Login?
    private var intake: IncomingMessage?
    /// Octets of content that must still come within the time for a block.
    private var paceLeft = 0
    /// The slowest content: this many octets within the time for a block, so that no client drips for ever.
    private static let paceBlock = 4096
    /// How long content that will be refused is read on, since its sender expects the reply at its end.
    private static let refusedContentTime = TimeAmount.minutes(10)
    /// How long it may take to find out about a recipient: a fifth of what clients wait for (RFC 5321 §4.5.3.2.3).
    private static let recipientTime = TimeAmount.minutes(1)
    private var refusedContentEnd: NIODeadline?
    /// Refusals of this session so far. The first ones are logged one by one, the others in one line at its end.
    private var refusals = 0
    private static let refusalsTold = 10

    init(service: Service, on line: any SessionLine, isDenied: Bool = false) {
        self.service = service
        self.isDenied = isDenied
        self.line = line
        server = service.server
        var options = SMTPServerOptions(
            mode: service.isSubmission ? .submission : .mail, hostname: server.settings.hostname,
            sizeLimit: server.settings.limits.messageSize)
        options.offersTLS = service.startTLS != nil
        options.mechanisms = service.isSubmission ? server.logins.mechanisms.map(\.rawValue) : []
        options.recipientLimit = server.settings.limits.recipients
        options.errorLimit = server.settings.limits.errors
        if service.isSubmission { options.qualify = server.settings.qualify }
        conversation = SMTPServer(options, isTLS: service.implicitTLS != nil)
    }

    // MARK: Session

    func begin() {
        if isDenied { deniedEnd = line.now + Self.deniedTime }
        expectCommand()
    }

    func take(_ event: SMTPServer.Event) {
        switch event {
        case .greeting:
            answer(
                isDenied
                    ? .refuse(554, .permanent(7, 1), "\(server.settings.hostname) access denied") : .accept("mailhub"))
        case .ehlo, .rset, .vrfy, .help, .noop, .quit, .chunkEnd:
            dropIntake(unlessIn: event)
            answer(.proceed)
        case .startTLS:
            guard let context = service.startTLS else {
                return answer(.refuse(454, .transient(7, 0), "TLS is not available now"))
            }
            answer(.proceed)
            guard !conversation.isClosed else { return }  // the service stops
            line.startTLS(context)
            tlsBegins()
        case .auth(let mechanism, let initial):
            var exchange = LoginExchange(server.logins, from: line.peer)
            guard let step = exchange.start(mechanism, initialResponse: initial) else {
                return answer(.refuse(504, .permanent(5, 4), "mechanism not offered"))
            }
            take(step, of: exchange)
        case .saslResponse(let response):
            guard var exchange else {
                return answer(.refuse(503, .permanent(5, 1), "no authentication is in progress"))
            }
            take(exchange.respond(response), of: exchange)
        case .mail(let envelope, _):
            tell(answer(to: envelope.reversePath), on: "\(envelope.reversePath)")
        case .rcpt(let recipient):
            ask(about: recipient.forwardPath)
        case .contentBegin:
            beginContent()
        case .content(let octets):
            take(octets)
        case .refusedContent(let octets):
            passOver(octets)
        case .contentEnd:
            endContent()
        case .fault(let fault):
            if conversation.envelope == nil { intake = nil }
            noteRefusal([("why", fault.text)])
            answer(.proceed)
        case .close:
            line.close()
        }
    }

    func fail(_ failure: Never) {}

    var wantsRoom: Bool { false }

    func roomForOutput() {}

    func timeIsOver() {
        if refusedContentEnd != nil { noteRefusal([("why", "the rest of the refused content takes too long")]) }
        answer(.shutDown("\(server.settings.hostname) you took too long"))
    }

    func stopSoon() {
        // A message under way may come to its end, and a command under way gets its reply first.
        guard intake == nil, !conversation.awaitingReply else { return }
        answer(.shutDown("\(server.settings.hostname) is shutting down; try again later"))
    }

    func ended() {
        intake = nil
        guard refusals > Self.refusalsTold else { return }
        server.refusals.write(
            .info, "refused",
            [
                ("service", service.name), ("client", "\(line.peer)"), ("login", login?.mailbox),
                ("more", "\(refusals - Self.refusalsTold)"),
                ("why", "as the first \(Self.refusalsTold) of this session"),
            ])
    }

    // MARK: Replies

    private func answer(_ command: SMTPServer.Command) {
        refusedContentEnd = nil
        line.put(conversation.send(command))
        if intake == nil { expectCommand() }
        if server.isStopping, intake == nil, !conversation.isClosed {
            line.put(conversation.send(.shutDown("\(server.settings.hostname) is shutting down; try again later")))
        }
    }

    private func expectCommand() {
        line.expect(within: isDenied ? max(deniedEnd - line.now, .zero) : server.smtpIdle)
    }

    private func tlsBegins() {
        login = nil
        exchange = nil
        intake = nil
        conversation.tlsEstablished()
    }

    private func dropIntake(unlessIn event: SMTPServer.Event) {
        if case .chunkEnd = event { return }
        if conversation.envelope == nil { intake = nil }
    }

    // MARK: Login

    func answer(challenge: [UInt8]) { answer(.challenge(challenge)) }

    func answer(loginFault: SASLError) {
        if case .malformed = loginFault { return answer(.refuse(501, .permanent(5, 2), sentence(loginFault))) }
        answer(.refuse(535, .permanent(7, 8), sentence(loginFault)))
    }

    func answer(login outcome: LoginOutcome) {
        switch outcome {
        case .accepted(let login):
            self.login = login
            answer(.accept("welcome"))
        case .refused: answer(.refuse(535, .permanent(7, 8), "the login or the password is wrong"))
        case .paused: answer(.refuse(421, .transient(7, 0), "too many failures; try again later"))
        case .busy: answer(.refuse(454, .transient(7, 0), "too busy to check a password; try again"))
        }
    }

    // MARK: Envelope

    /// Answers MAIL or RCPT; a refusal is logged in the words that the client gets.
    private func tell(_ answer: SMTPServer.Command, on address: String) {
        if case .refuse(let code, _, let words) = answer {
            noteRefusal([("address", address), ("code", "\(code)"), ("why", words)])
        }
        self.answer(answer)
    }

    private func noteRefusal(_ what: [(String, String?)]) {
        refusals += 1
        guard refusals <= Self.refusalsTold else { return }
        server.refusals.write(
            .info, "refused",
            [("service", service.name), ("client", "\(line.peer)"), ("login", login?.mailbox)] + what)
    }

    private func answer(to reversePath: ReversePath) -> SMTPServer.Command {
        if service.isSubmission {
            guard let login else { return .refuse(530, .permanent(7, 0), "authentication required") }
            guard let address = reversePath.address else { return .accept("") }
            guard login.owns(address) else {
                return .refuse(550, .permanent(7, 1), "\(address) is not an address of \(login.mailbox)")
            }
        }
        return .accept("")
    }

    /// Answers RCPT, at once or when the answer is there; what the client sends meanwhile waits.
    private func ask(about path: ForwardPath) {
        let question = RecipientQuestion(
            path: path, isSubmission: service.isSubmission, login: login, peer: line.peer, eventLoop: line.eventLoop)
        switch service.recipients.judge(question) {
        case .now(let answer): tell(answer, on: "\(path)")
        case .later(let finding):
            line.wait(for: finding, within: Self.recipientTime) { [self] result in
                switch result {
                case .success(let answer): tell(answer, on: "\(path)")
                case .failure:
                    tell(.refuse(451, .transient(4, 3), "the recipient could not be checked now"), on: "\(path)")
                }
            }
        }
    }

    // MARK: Content

    private func beginContent() {
        guard let envelope = conversation.envelope else {
            return answer(.refuse(503, .permanent(5, 1), "no transaction"))
        }
        intake = IncomingMessage(
            envelope: envelope, service: service, peer: line.peer,
            clientName: conversation.clientName ?? "", isExtended: conversation.isExtended, tls: line.tls, login: login)
        // Before anything is stored: content that is refused at its end must not make a full disk fuller.
        do {
            try server.checkFreeSpace(for: conversation.announcedSize ?? 0)
        } catch {
            intake?.refuse(error)
        }
        answer(.accept(""))
        expectBlock()
    }

    private func expectBlock() {
        paceLeft = Self.paceBlock
        let left = refusedContentEnd.map { max($0 - line.now, .zero) } ?? server.smtpContentTime
        line.expect(within: min(left, server.smtpContentTime))
    }

    /// Drops content that will be refused at its end. It must keep the pace like any other, and end in time.
    private func passOver(_ octets: Int) {
        intake = nil  // drops what has been stored of it
        if refusedContentEnd == nil {
            refusedContentEnd = line.now + Self.refusedContentTime
            return expectBlock()
        }
        paceLeft -= octets
        if paceLeft <= 0 { expectBlock() }
    }

    private func take(_ octets: [UInt8]) {
        guard let intake else { return }
        intake.append(octets)
        paceLeft -= octets.count
        if paceLeft <= 0 { expectBlock() }
        guard intake.unwritten >= IncomingMessage.writeSize else { return }
        // The line is held meanwhile: the peer waits until the disk has caught up.
        let started = line.offload(to: server.disk) {
            intake.writeOut()
        } then: { _ in
        }
        if !started { intake.refuse(QueuePressure.diskIsBehind) }
    }

    private func endContent() {
        guard let intake else { return answer(.refuse(451, .transient(3, 0), "nothing was received")) }
        self.intake = nil
        let started = line.offload(to: server.disk) {
            try intake.accept()
        } then: { [self] result in
            switch result {
            case .success(let taken):
                server.log.write(.info, "accepted", taken.logFields + [("client", "\(line.peer)")])
                if taken.isQueued { server.wake() }
                answer(.accept("\(taken.isQueued ? "queued as" : "delivered as") \(taken.id)"))
            case .failure(let error):
                noteFailure(error, of: intake)
                answer(.settle(Verdict(refusedMessage: error)))
            }
        }
        if !started { answer(.settle(QueuePressure.diskIsBehind.verdict)) }
    }

    private func noteFailure(_ error: any Error, of intake: IncomingMessage) {
        let fields: [(String, String?)] = [
            ("service", service.name), ("client", "\(line.peer)"), ("from", "\(intake.envelope.reversePath)"),
            ("size", "\(intake.count)"), ("error", sentence(error)),
        ]
        switch error {
        case is QueuePressure, is ContentRefusal: server.refusals.write(.warning, "not accepted", fields)
        default: server.log.write(.warning, "not accepted", fields)  // a fault of ours
        }
    }
}
