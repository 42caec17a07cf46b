// The policy of a POP3 listener: who may open which mailbox, and what is deleted when.

import AccessControl
import MaildirStore
import NIOCore
import Octets
import POP3Protocol
import Reporting
import RunControl
import SASLMechanisms
import TLSEngine

/// One POP3 session. It numbers a snapshot of the mailbox and never renames a file of it (DECISIONS 32).
final class POP3Session: Session {
    typealias Conversation = POP3Server

    /// An answer that is longer than what may be unsent at once.
    private enum Output {
        case sizes(next: Int)
        case uniqueIDs(next: Int)
        case message(MessageReader)
    }

    var conversation: POP3Server
    private let line: any SessionLine
    private let service: Service
    private let house: House
    private var sasl: SASLServer?
    private var login: Login?
    private var mailbox: MaildirSnapshot?
    private var deleted: Set<Int> = []
    private var output: Output?
    private var retrieved = 0

    init(service: Service, on line: any SessionLine) {
        self.service = service
        self.line = line
        house = service.house
        conversation = POP3Server(tlsStands: service.implicitTLS != nil)
    }

    // MARK: Session

    func begin() {
        expectCommand()
        answer(.greeting("\(house.settings.hostname) mailhub ready"))
    }

    func take(_ event: POP3Server.Event) {
        if conversation.errorCount >= house.settings.limits.errors {
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
            guard var server = sasl else { return answer(.err(nil, "no authentication is going on")) }
            let step = server.receive(response)
            sasl = server
            take(step)
        case .saslCancelled:
            sasl = nil
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
        // In the middle of a message a line would be taken for a part of it.
        guard !conversation.awaitingReply else { return line.abort() }
        answer(.err(nil, "you took too long; nothing was deleted"))
    }

    func stopSoon() {
        guard !conversation.awaitingReply else { return }  // an answer under way is ended first
        line.put(conversation.send(.err(.sysTemp, "the service goes down; nothing was deleted")))
        line.close()
    }

    func ended() {
        output = nil
        guard let login else { return }
        house.log.write(
            .info, "session ended",
            [
                ("service", service.name), ("client", "\(line.peer)"), ("login", login.mailbox),
                ("retrieved", "\(retrieved)"),
            ])
    }

    private func answer(_ reply: POP3Server.Reply) {
        line.put(conversation.send(reply))
        guard !conversation.awaitingReply else { return }
        expectCommand()
        if house.isStopping, !conversation.isClosed { stopSoon() }
    }

    private func expectCommand() { line.expect(within: house.pop3Idle) }

    // MARK: Login

    private var mayLogIn: Bool { line.tls != nil }

    private var capabilities: [String] {
        var names = [
            "TOP", "UIDL", "PIPELINING", "RESP-CODES", "AUTH-RESP-CODE", "UTF8", "EXPIRE NEVER", "LOGIN-DELAY 0",
        ]
        if mayLogIn { names += ["USER", "SASL PLAIN LOGIN"] }
        if service.startTLS != nil, line.tls == nil { names.append("STLS") }
        return names + ["IMPLEMENTATION mailhub"]
    }

    private func startTLS() {
        guard let context = service.startTLS else { return answer(.err(nil, "TLS is not to be had here")) }
        answer(.ok("begin TLS"))
        guard !house.isStopping else { return }
        line.startTLS(context)
        conversation.tlsEstablished()
        sasl = nil
    }

    private func authenticate(_ mechanism: String, _ initial: [UInt8]?) {
        guard mayLogIn else { return answer(.err(.auth, "STLS first: no password in clear")) }
        guard let known = SASLMechanism(name: mechanism.utf8) else { return answer(.err(nil, "no such mechanism")) }
        var server = SASLServer()
        let step = server.start(known, initialResponse: initial)
        sasl = server
        take(step)
    }

    private func take(_ step: SASLServer.Step) {
        switch step {
        case .challenge(let octets): answer(.challenge(octets))
        case .failed: answer(.err(.auth, "the login was not understood"))
        case .verify(let credentials): check(credentials)
        }
    }

    /// USER and PASS go the way of PLAIN, with the same rules for what a login may be.
    private func logIn(_ user: [UInt8], _ password: [UInt8]) {
        guard mayLogIn else { return answer(.err(.auth, "STLS first: no password in clear")) }
        var server = SASLServer()
        take(server.start(.plain, initialResponse: [Octet.nul] + user + [Octet.nul] + password))
    }

    private func check(_ credentials: SASLCredentials) {
        sasl = nil
        house.logins.check(credentials, from: line.peer, on: line) { [self] outcome in
            house.logLogin(credentials.login, outcome, service: service, line: line)
            switch outcome {
            case .accepted(let login): open(login)
            case .refused: answer(.err(.auth, "the login or the password is wrong"))
            case .paused:
                answer(.err(.auth, "too many failures; come again later"))
                line.close()
            case .busy: answer(.err(.sysTemp, "too busy to check a password; try again"))
            }
        }
    }

    private func open(_ login: Login) {
        let house = house
        let started = line.offload(to: house.disk) {
            try house.snapshot(of: login.mailbox)
        } then: { [self] result in
            switch result {
            case .success(let snapshot):
                self.login = login
                mailbox = snapshot
                answer(.ok("\(snapshot.count) messages"))
            case .failure(let error):
                house.log.write(.error, "mailbox", [("login", login.mailbox), ("error", "\(error)")])
                answer(.err(.sysTemp, "the mailbox cannot be opened now"))
            }
        }
        if !started { answer(.err(.sysTemp, "the disk is behind; try again")) }
    }

    // MARK: The maildrop

    private func takeMaildrop(_ event: POP3Server.Event) {
        guard let mailbox else { return answer(.err(nil, "log in first")) }
        switch event {
        case .stat:
            let gone = deleted.reduce(0) { $0 + mailbox.wireSize(of: $1) }
            answer(.stat(messages: mailbox.count - deleted.count, octets: mailbox.totalWireSize - gone))
        case .list(nil):
            answer(.listBegin("\(mailbox.count - deleted.count) messages"))
            listSizes(from: 0)
        case .list(let number?):
            withMessage(number) { answer(.size(.init(message: number, octets: mailbox.wireSize(of: $0)))) }
        case .uidl(nil):
            answer(.listBegin("unique ids follow"))
            listUniqueIDs(from: 0)
        case .uidl(let number?):
            withMessage(number) { answer(.uniqueID(.init(message: number, id: uniqueID(of: $0, in: mailbox)))) }
        case .retr(let number):
            withMessage(number) { retrieve($0, top: nil, from: mailbox) }
        case .top(let number, let lines):
            withMessage(number) { retrieve($0, top: lines, from: mailbox) }
        case .dele(let number):
            withMessage(number) {
                deleted.insert($0)
                answer(.ok("message \(number) goes at QUIT"))
            }
        case .rset:
            deleted = []
            answer(.ok("\(mailbox.count) messages"))
        default:
            answer(.err(nil, "not here"))
        }
    }

    private func withMessage(_ number: Int, _ body: (Int) -> Void) {
        guard let mailbox, number <= mailbox.count, !deleted.contains(number - 1) else {
            return answer(.err(nil, "no such message"))
        }
        body(number - 1)
    }

    private func uniqueID(of index: Int, in mailbox: MaildirSnapshot) -> [UInt8] {
        do { return try mailbox.uniqueID(of: index) } catch { return Array("unknown-\(index)".utf8) }
    }

    private func listSizes(from start: Int) {
        guard let mailbox else { return }
        var next = start
        while next < mailbox.count, line.unsent < SessionBounds.unsent {
            let end = min(next + 1000, mailbox.count)
            answer(
                .sizes(
                    (next..<end).filter { !deleted.contains($0) }
                        .map { .init(message: $0 + 1, octets: mailbox.wireSize(of: $0)) }))
            next = end
        }
        finishList(next < mailbox.count ? .sizes(next: next) : nil)
    }

    private func listUniqueIDs(from start: Int) {
        guard let mailbox else { return }
        var next = start
        while next < mailbox.count, line.unsent < SessionBounds.unsent {
            let end = min(next + 1000, mailbox.count)
            answer(
                .uniqueIDs(
                    (next..<end).filter { !deleted.contains($0) }
                        .map { .init(message: $0 + 1, id: uniqueID(of: $0, in: mailbox)) }))
            next = end
        }
        finishList(next < mailbox.count ? .uniqueIDs(next: next) : nil)
    }

    private func finishList(_ rest: Output?) {
        output = rest
        if rest == nil { answer(.listEnd) }
    }

    // MARK: Messages

    private func retrieve(_ index: Int, top: Int?, from mailbox: MaildirSnapshot) {
        let reader = MessageReader(of: index, in: mailbox, top: top)
        let started = line.offload(to: house.disk) {
            try reader.next()
        } then: { [self] result in
            switch result {
            case .success(let piece):
                answer(.contentBegin(octets: top == nil ? mailbox.wireSize(of: index) : nil))
                put(piece, of: reader)
            case .failure(let error):
                if case MaildirError.messageGone = error {
                    return answer(.err(nil, "another session has deleted this message"))
                }
                house.log.write(.error, "message", [("login", login?.mailbox), ("error", "\(error)")])
                answer(.err(.sysTemp, "the message cannot be read now"))
            }
        }
        if !started { answer(.err(.sysTemp, "the disk is behind; try again")) }
    }

    /// Goes on with a message that did not fit into one piece.
    private func send(_ reader: MessageReader) {
        output = nil
        let started = line.offload(to: house.disk) {
            try reader.next()
        } then: { [self] result in
            switch result {
            case .success(let piece): put(piece, of: reader)
            case .failure(let error):
                // Half a message is out: only a cut line tells the client that it is not whole.
                house.log.write(.error, "message", [("login", login?.mailbox), ("error", "\(error)")])
                line.abort()
            }
        }
        if !started { line.abort() }
    }

    private func put(_ piece: MessageReader.Piece, of reader: MessageReader) {
        answer(.content(piece.octets))
        if piece.isLast {
            retrieved += 1
            return answer(.contentEnd)
        }
        line.expect(within: house.pop3ContentTime)
        if line.unsent < SessionBounds.unsent { send(reader) } else { output = .message(reader) }
    }

    // MARK: The end

    private func farewell() {
        answer(.ok("goodbye"))
        line.close()
    }

    /// The update state (RFC 1939 §6): +OK only when all deletions are on stable storage.
    private func commitDeletions() {
        guard let mailbox, !deleted.isEmpty else { return farewell() }
        guard !house.isStopping else {
            answer(.err(.sysTemp, "the service goes down; nothing was deleted"))
            return line.close()
        }
        let chosen = deleted
        let started = line.offload(to: house.disk) {
            try mailbox.delete(chosen)
        } then: { [self] result in
            switch result {
            case .success:
                house.log.write(.info, "deleted", [("login", login?.mailbox), ("messages", "\(chosen.count)")])
                farewell()
            case .failure(let error):
                house.log.write(.error, "delete", [("login", login?.mailbox), ("error", "\(error)")])
                answer(.err(.sysTemp, "some messages were not deleted"))
                line.close()
            }
        }
        if !started {
            answer(.err(.sysTemp, "the disk is behind; nothing was deleted"))
            line.close()
        }
    }
}


