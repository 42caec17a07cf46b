// An SMTP session with an account's server: connected, secured, logged in; ready for transactions.

import Octets
import Reporting
import RunControl
import SMTPProtocol
import Transport

/// A session that takes mail. What is sent over it is the caller's.
public struct SMTPSession {
    public let host: String
    public let exchange: Exchange<SMTPClient>

    /// Begins a session on a connection that stands.
    /// - Parameter name: ours, for EHLO.
    public init(
        on wire: Wire, of account: AccountSettings, at server: AccountServer, as name: String, _ login: AccountLogin?
    ) throws(AccountError) {
        host = server.host
        let dialect: SMTPClient.Dialect = server.speaksLMTP ? .lmtp : .smtp
        exchange = Exchange(SMTPClient(dialect, isTLS: wire.facts.tls != nil), on: wire, timeout: account.timeout)
        let start = SessionStart(
            account: account, server: server, exchange: exchange, asking: .hello(name),
            askingNothing: dialect == .smtp ? .helo(name) : nil)
        try start.carryOut(login)
    }

    /// What the server has said or done unasked since its last answer; `nil` for nothing. One that has spoken, be it a goodbye
    /// or a reply too many, is left before its words are taken for the answer to a message. Does not wait.
    public func unasked() -> String? {
        guard exchange.engine.backlog == 0 else { return "it said more than it was asked for" }
        do throws(TransportError) {
            let octets = try exchange.wire.read(until: .now)
            return octets.isEmpty ? "it closed the connection" : exchange.quoted(octets)
        } catch {
            if case .timedOut = error { return nil }
            return sentence(error)
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
