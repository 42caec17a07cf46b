// The policy of a POP3 listener: who may open which mailbox, and what is deleted when.

import MailboxLogins
import MaildirStore
import NIOCore
import Octets
import POP3Protocol
import Reporting
import RunControl
import SASLMechanisms
import TLSEngine

/// One POP3 session. It numbers a snapshot of the mailbox and never renames a file of it.
final class POP3Session: Session, LoginSession {
    typealias Conversation = POP3Server

    /// An answer that is longer than what may be unsent at once.
    enum Output {
        case sizes(next: Int)
        case uniqueIDs(next: Int)
        case message(MessageReader)
    }

    var conversation: POP3Server
    // Not private: what POP3Session+Maildrop.swift needs.
    let line: any SessionLine
    let service: Service
    let server: ServerContext
    /// A login that waits for the client's response to its challenge.
    var exchange: LoginExchange?
    var login: Login?
    var mailbox: MaildirSnapshot?
    var deleted: Set<Int> = []
    var output: Output?
    var retrieved = 0

    init(service: Service, on line: any SessionLine) {
        self.service = service
        self.line = line
        server = service.server
        conversation = POP3Server(isTLS: service.implicitTLS != nil)
    }

    // MARK: Session

    func begin() {
        expectCommand()
        answer(.greeting("\(server.settings.hostname) mailhub ready"))
    }

    func take(_ event: POP3Server.Event) {
        if conversation.errorCount >= server.settings.limits.errors {
            answer(.err(nil, "too many errors"))
            return line.close()
        }
        switch event {
        case .capa: answer(.capabilities(capabilities))
        case .stls: startTLS()
        case .user:
            mayLogIn ? answer(.ok("and your password?")) : answer(.err(.auth, "STLS first: no password in clear"))
        case .pass(let user, let password): logIn(user, password)
        case .auth(let mechanism, let initial): authenticate(mechanism, initial)
        case .saslResponse(let response):
            guard var exchange else { return answer(.err(nil, "no authentication is in progress")) }
            take(exchange.respond(response), of: exchange)
        case .saslCancelled:
            exchange = nil
            answer(.err(nil, "cancelled"))
        case .utf8: answer(.ok("UTF-8 it is"))
        case .stat, .list, .uidl, .retr, .top, .dele, .rset: takeMaildrop(event)
        case .noop: answer(.ok(""))
        case .quit(let update): update ? commitDeletions() : farewell()
        case .fault(let fault): answer(.fault(fault))
        case .injectionAfterSTLS: line.close()
        }
    }

    func fail(_ failure: Never) {}

    var wantsRoom: Bool { output != nil }

    func roomForOutput() {
        switch output {
        case .sizes(let next): listSizes(from: next)
        case .uniqueIDs(let next): listUniqueIDs(from: next)
        case .message(let reader): send(reader)
        case nil: break
        }
    }

    func timeIsOver() {
        line.abort()  // without a word, and nothing is deleted (RFC 1939 §3)
    }

    func stopSoon() {
        guard !conversation.awaitingReply else { return }  // an answer under way comes to its end first
        line.put(conversation.send(.err(.sysTemp, "the service is shutting down; nothing was deleted")))
        line.close()
    }

    func ended() {
        output = nil
        guard let login else { return }
        server.log.write(
            .info, "session ended",
            [
                ("service", service.name), ("client", "\(line.peer)"), ("login", login.mailbox),
                ("retrieved", "\(retrieved)"),
            ])
    }

    func answer(_ reply: POP3Server.Reply) {
        line.put(conversation.send(reply))
        guard !conversation.awaitingReply else { return }
        expectCommand()
        if server.isStopping, !conversation.isClosed { stopSoon() }
    }

    private func expectCommand() { line.expect(within: server.pop3Idle) }

    // MARK: Login

    private var mayLogIn: Bool { line.tls != nil }

    private var capabilities: [String] {
        var names = [
            "TOP", "UIDL", "PIPELINING", "RESP-CODES", "AUTH-RESP-CODE", "UTF8", "EXPIRE NEVER", "LOGIN-DELAY 0",
        ]
        if mayLogIn { names += ["USER", "SASL \(server.logins.mechanisms.map(\.rawValue).joined(separator: " "))"] }
        if service.startTLS != nil, line.tls == nil { names.append("STLS") }
        return names + ["IMPLEMENTATION mailhub"]
    }

    private func startTLS() {
        guard let context = service.startTLS else { return answer(.err(nil, "TLS is not available here")) }
        answer(.ok("begin TLS"))
        guard !server.isStopping else { return }
        line.startTLS(context)
        conversation.tlsEstablished()
        exchange = nil
    }

    private func authenticate(_ mechanism: String, _ initial: [UInt8]?) {
        guard mayLogIn else { return answer(.err(.auth, "STLS first: no password in clear")) }
        var exchange = LoginExchange(server.logins, from: line.peer)
        guard let step = exchange.start(mechanism, initialResponse: initial) else {
            return answer(.err(nil, "no such mechanism"))
        }
        take(step, of: exchange)
    }

    private func logIn(_ user: [UInt8], _ password: [UInt8]) {
        guard mayLogIn else { return answer(.err(.auth, "STLS first: no password in clear")) }
        var exchange = LoginExchange(server.logins, from: line.peer)
        take(exchange.start(user: user, password: password), of: exchange)
    }

    func answer(challenge: [UInt8]) { answer(.challenge(challenge)) }

    func answer(loginFault: SASLError) { answer(.err(.auth, "the login was not understood")) }

    func answer(login outcome: LoginOutcome) {
        switch outcome {
        case .accepted(let login): open(login)
        case .refused: answer(.err(.auth, "the login or the password is wrong"))
        case .paused:
            answer(.err(.sysTemp, "too many failures; try again later"))
            line.close()
        case .busy: answer(.err(.sysTemp, "too busy to check a password; try again"))
        }
    }

    private func open(_ login: Login) {
        let server = server
        let started = line.offload(to: server.disk) {
            try server.snapshot(of: login.mailbox)
        } then: { [self] result in
            switch result {
            case .success(let snapshot):
                self.login = login
                mailbox = snapshot
                answer(.ok("\(snapshot.count) messages"))
            case .failure(let error):
                server.log.write(.error, "mailbox", [("login", login.mailbox), ("error", sentence(error))])
                answer(.err(.sysTemp, "the mailbox cannot be opened now"))
            }
        }
        if !started { answer(.err(.sysTemp, "the disk is too busy; try again")) }
    }
}
