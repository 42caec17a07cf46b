// An open session with a provider: greeted, secured, logged in; then one transaction after another.

import AccountSessions
import Blocking
import MailEnvelope
import Octets
import Reporting
import RunControl
import SASLMechanisms
import SMTPProtocol
import SpoolQueue
import Transport

/// Why a provider is of no use now. The message waits; the route backs off; nothing bounces (SE10).
struct RouteFault: Error, CustomStringConvertible {
    let words: String
    var description: String { words }
    /// Whether no connection was to be had at all.
    let isUnreachable: Bool

    init(_ words: String, isUnreachable: Bool = false) {
        self.words = words
        self.isUnreachable = isUnreachable
    }

    init(_ stage: String, _ reply: SMTPReply) { self.init("\(stage) was refused: \(printable(reply.description))") }
}

/// One connection to the `send` server of an account. For one thread at a time.
final class Provider {
    /// What came of one transaction.
    struct Transaction {
        /// For each recipient, in order; `nil` where we were told to stop before a verdict.
        var verdicts: [Verdict?]
        /// Whether the connection ended, or came to nothing, before a verdict.
        var isBroken = false
    }

    let account: AccountSettings
    let host: String
    private let wire: Wire
    private let timeout: Duration
    private var client: SMTPClient
    private var transactions = 0
    private(set) var isUsable = true
    /// What the server said when it closed the session in the middle of a transaction (421).
    private(set) var goodbye: SMTPReply?
    /// How long the start of a session, and each transaction, may take at most: a run must give back its place.
    private static let sessionLimit = Duration.seconds(3600)
    /// How long a transaction under way may take to its end when we are told to stop.
    private static let stopGrace = Duration.seconds(30)

    /// Connects, secures the line, says hello and logs in.
    /// - Throws: ``RouteFault``.
    init(
        account: AccountSettings, server: AccountServer, over paths: Paths, hostname: String
    ) throws(RouteFault) {
        self.account = account
        host = server.host
        timeout = account.timeout
        let login: AccountLogin?
        do {
            // First: a `passwordeval` may take its time, and a server does not like to wait.
            login = try AccountLogin(of: account)
        } catch {
            throw RouteFault(sentence(error))
        }
        do {
            wire = try paths.path(for: .account(account.name, server)).open()
        } catch {
            throw RouteFault(sentence(error), isUnreachable: error is TransportError)
        }
        wire.sessionLimit = Deadline(after: Self.sessionLimit)
        client = SMTPClient(.smtp, isTLS: wire.facts.tls != nil)
        do {
            try greet(as: account.heloName ?? hostname, login)
        } catch {
            wire.close()
            throw error as? RouteFault ?? RouteFault(sentence(error))
        }
    }

    deinit { wire.close() }

    /// The most recipients of one transaction: what the server says, else the least that it must take.
    var recipientLimit: Int { max(1, min(SMTPLimits.recipients, client.capabilities.recipientLimit ?? .max)) }

    private func greet(as name: String, _ login: AccountLogin?) throws {
        var sasl: SASLClient?
        var hasGreeted = false
        func answer(_ event: SMTPClient.Event) throws -> SMTPClient.Command? {
            switch event {
            case .greeting(let reply):
                hasGreeted = true
                guard reply.isPositive else { throw RouteFault("the connection", reply) }
                return .hello(name)
            case .helloUnknown:
                guard account.tls == .off, login == nil else {
                    throw RouteFault("\(host) knows no EHLO, so neither TLS nor a login is to be had")
                }
                return .helo(name)
            case .helloRefused(let reply): throw RouteFault("EHLO", reply)
            case .hello(let offered):
                if account.tls == .required, wire.facts.tls == nil {
                    guard offered.startTLS else {
                        throw RouteFault("\(host) offers no STARTTLS, and the account demands TLS")
                    }
                    return .startTLS
                }
                guard let login else { return nil }
                var exchange = try login.exchange(offered: offered.mechanisms, for: account)
                let initial = exchange.initialResponse()
                sasl = exchange
                return .auth(mechanism: exchange.mechanism.rawValue, initial: initial)
            case .startTLS:
                try wire.startTLS(until: Deadline(after: timeout))
                client.tlsEstablished()
                return .hello(name)
            case .startTLSRefused(let reply): throw RouteFault("STARTTLS", reply)
            case .challenge(let octets):
                guard let octets, let response = try? sasl?.respond(to: octets) else { return .cancelAuthentication }
                return .response(response)
            case .authenticated: return nil
            case .authenticationRefused(let reply): throw RouteFault("the login \(login?.user ?? "") at \(host)", reply)
            case .closing(let reply): throw RouteFault("the session", reply)
            case .impossible, .sender, .recipient, .dataRefused, .readyForContent, .emptied, .verdict, .transactionEnd,
                .reset, .noop, .quit:
                return .proceed
            }
        }
        let patience = account.sendServer.map { Greeting.patience(for: $0, timeout: timeout) }
        do {
            try talk(first: patience, answer)
        } catch let fault as TransportError {
            guard !hasGreeted, let server = account.sendServer else { throw fault }
            throw Greeting.explained(fault, from: server)
        }
    }

    /// Whether another transaction may begin. A server that has spoken unasked since the last one, be it a goodbye or a
    /// reply too many, is left before its words are taken for the answer to a message.
    func isReady() -> Bool {
        guard isUsable else { return false }
        wire.sessionLimit = Deadline(after: Self.sessionLimit)
        if client.backlog == 0 {
            do throws(TransportError) {
                _ = try wire.read(until: .now)
            } catch {
                if case .timedOut = error { return true }
            }
        }
        isUsable = false
        wire.close()
        return false
    }

    /// Hands `message` over to the recipients with these indexes.
    func send(_ message: LockedMessage, to indexes: [Int]) -> Transaction {
        wire.sessionLimit = Deadline(after: Self.sessionLimit)
        wire.stopGrace = Self.stopGrace
        var hasContent = false
        var settled = [Verdict?](repeating: nil, count: indexes.count)
        func settle(_ verdict: Verdict?) { for at in settled.indices { settled[at] = settled[at] ?? verdict } }
        func verdict(_ reply: SMTPReply, at stage: SMTPStage) -> Verdict? {
            reply.verdict(at: stage, from: host, offersDSN: client.capabilities.dsn)
        }
        var isStopped = false
        var end = "\(host) gave no verdict"
        do {
            try write(client.send(.transaction(message.envelope(for: indexes), of: message.content.facts)))
            try talk { event in
                switch event {
                case .impossible(let obstacle):
                    settle(obstacle.verdict(at: host))
                    return nil
                case .sender(let reply):
                    settle(verdict(reply, at: .mail))
                case .recipient(let at, let reply):
                    if settled.indices.contains(at) { settled[at] = settled[at] ?? verdict(reply, at: .recipient) }
                case .dataRefused(let reply): settle(verdict(reply, at: .data))
                case .readyForContent:
                    hasContent = true
                    try stream(message)
                    return .contentEnd
                case .verdict(_, let reply): settle(verdict(reply, at: .content))
                case .transactionEnd: return nil
                case .closing(let reply):
                    isUsable = false
                    goodbye = reply
                    settle(verdict(reply, at: hasContent ? .content : .mail))
                    return nil
                case .emptied, .greeting, .hello, .helloUnknown, .helloRefused, .startTLS, .startTLSRefused, .challenge,
                    .authenticated, .authenticationRefused, .reset, .noop, .quit:
                    break
                }
                return .proceed
            }
        } catch {
            isUsable = false
            // A yes that was cut off is a yes: else the message would be there twice.
            settle(client.begunVerdict.flatMap { verdict($0, at: .content) })
            if case TransportError.stopped = error { isStopped = true }
            end = sentence(error)
        }
        wire.pace = nil
        transactions += 1
        if let limit = client.capabilities.transactionLimit, transactions >= limit { quit() }
        if isStopped { return Transaction(verdicts: settled) }
        let isBroken = settled.contains(nil)
        settle(.temporary(4, 2, from: host, text: end))
        return Transaction(verdicts: settled, isBroken: isBroken)
    }

    /// Says goodbye; a server that does not answer is left at once.
    func quit() {
        guard isUsable else { return }
        isUsable = false
        do {
            let patience = min(timeout, .seconds(10))
            try wire.write(client.send(.quit), until: Deadline(after: patience))
            _ = try wire.read(until: Deadline(after: patience))
        } catch {
            // All mail has its verdict: how the server takes leave changes nothing.
        }
        wire.close()
    }

    // MARK: The wire

    /// Lends the engine to the network until `answer` has no more to say. Each event has its time as a whole, however
    /// it drips in (DECISIONS 21).
    /// - Parameter patience: for what comes first, instead of the account's timeout.
    private func talk(
        first patience: Duration? = nil, _ answer: (SMTPClient.Event) throws -> SMTPClient.Command?
    ) throws {
        var deadline = Deadline(after: patience ?? timeout)
        while true {
            while let event = try client.nextEvent() {
                guard let command = try answer(event) else { return }
                try write(client.send(command))
                // RFC 5321 §4.5.3.2.6 grants the final dot twice the time of other steps: who leaves early sends twice.
                deadline = Deadline(after: command == .contentEnd ? timeout * 2 : timeout)
            }
            let octets = try wire.read(until: deadline)
            guard !octets.isEmpty else { throw TransportError.closed(peer: wire.facts.peer) }
            client.receive(octets)
        }
    }

    private func write(_ octets: [UInt8]) throws {
        if !octets.isEmpty { try wire.write(octets, until: Deadline(after: timeout)) }
    }

    /// The message in chunks. A stray CR or NUL, which RFC 5321 §2.3.8 forbids on the wire, becomes a space; mail whose
    /// signature that would break has not come so far.
    private func stream(_ message: LockedMessage) throws {
        wire.pace = .standard
        try message.content.forEachChunk { chunk in
            try write(client.send(.content(message.content.facts.hasStrays ? Strays.blanked(chunk) : chunk)))
            while wire.bufferedCount > 0 {
                let octets = try wire.read(until: Deadline(after: timeout))
                guard !octets.isEmpty else { throw TransportError.closed(peer: wire.facts.peer) }
                client.receive(octets)
                // Nothing was asked: it is a goodbye, or an error that the engine throws.
                if case .closing(let reply)? = try client.nextEvent() {
                    goodbye = reply
                    throw RouteFault("the session", reply)
                }
            }
        }
        // While the server looks at the message, nothing needs to move.
        wire.pace = nil
    }
}
