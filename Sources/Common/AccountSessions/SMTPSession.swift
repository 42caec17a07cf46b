// An SMTP session with an account's server: connected, secured, logged in; ready for transactions.

import Octets
import RunControl
import SMTPProtocol
import Transport

/// A session that takes mail. What is sent over it is the caller's.
public struct SMTPSession {
    public let host: String
    public let exchange: Exchange<SMTPClient>

    /// Begins a session on a connection that stands.
    /// - Parameter name: ours, for EHLO.
    /// - Throws: ``AccountError``, `TransportError`, `SMTPError`, `ProgramError`.
    public init(
        on wire: Wire, of account: AccountSettings, at server: AccountServer, as name: String
    ) throws {
        try self.init(on: wire, of: account, at: server, as: name, try AccountLogin(of: account))
    }

    init(
        on wire: Wire, of account: AccountSettings, at server: AccountServer, as name: String, _ login: AccountLogin?
    ) throws {
        host = server.host
        exchange = Exchange(SMTPClient(.smtp, isTLS: wire.facts.tls != nil), on: wire, timeout: account.timeout)
        let start = SessionStart(
            account: account, server: server, exchange: exchange, asking: .hello(name), askingNothing: .helo(name))
        try start.carryOut(login)
    }

    /// Whether the server has said nothing since its last answer. One that has spoken unasked, be it a goodbye or a reply too
    /// many, is left before its words are taken for the answer to a message. Does not wait; what it said is lost.
    public func isQuiet() -> Bool {
        guard exchange.engine.backlog == 0 else { return false }
        do throws(TransportError) {
            _ = try exchange.wire.read(until: .now)
            return false
        } catch {
            if case .timedOut = error { return true }
            return false
        }
    }

    /// Says goodbye; a server that does not answer is left at once.
    public func quit(within patience: Duration) {
        do {
            exchange.wire.sessionLimit = exchange.wire.sessionLimit.earlier(of: Deadline(after: patience))
            try exchange.say(.quit)
            _ = try exchange.next()
        } catch {
            // All mail has its verdict: how the server takes leave changes nothing.
        }
        exchange.wire.close()
    }
}
