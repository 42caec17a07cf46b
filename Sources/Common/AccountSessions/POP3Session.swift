// A POP3 session with an account's server: connected, secured, its maildrop open.

import Octets
import POP3Protocol
import RunControl
import Transport

/// An open maildrop. What is done with it is the caller's.
public struct POP3Session {
    public let host: String
    /// What the login went by; `nil` without one.
    public let mechanism: String?
    public let exchange: Exchange<POP3Client>
    private let pipelining: PipeliningRule

    /// Connects, and begins a session.
    /// - Parameters:
    ///   - limit: the end of the whole session.
    ///   - beforeLogin: is called once the server has told what it offers.
    public static func open(
        _ account: AccountSettings, at server: AccountServer, over paths: Paths, within limit: Duration,
        beforeLogin: (Exchange<POP3Client>) -> Void = { _ in }
    ) throws(AccountError) -> POP3Session {
        let login = try AccountLogin(of: account, at: server, recordedBy: paths.logins)
        return try POP3Session(
            on: paths.wire(of: account, to: server, within: limit), of: account, at: server, login,
            beforeLogin: beforeLogin)
    }

    /// Begins a session on a connection that stands.
    init(
        on wire: Wire, of account: AccountSettings, at server: AccountServer, _ login: AccountLogin?,
        beforeLogin: (Exchange<POP3Client>) -> Void = { _ in }
    ) throws(AccountError) {
        host = server.host
        pipelining = account.pipelining
        exchange = Exchange(POP3Client(), on: wire, timeout: account.timeout)
        mechanism = try SessionStart(account: account, server: server, exchange: exchange, asking: .capa)
            .carryOut(login, beforeLogin: beforeLogin)
    }

    /// Whether commands may be sent ahead of their answers (RFC 2449 §6.8).
    public var isPipelining: Bool {
        switch pipelining {
        case .auto: exchange.engine.capabilities?.has("PIPELINING") == true
        case .on: true
        case .off: false
        }
    }

    /// The server does not keep to the protocol.
    public func broken(_ what: String) -> AccountError { .protocolBroken(host: host, what: what) }
}
