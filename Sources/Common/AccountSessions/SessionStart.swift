// From a connection to a session in which mail may move: greeted, secured, logged in. The one place for that order.

import Octets
import Reporting
import RunControl
import Transport

/// Begins a session with an account's server, whatever the protocol.
struct SessionStart<E: SessionEngine> {
    let account: AccountSettings
    let server: AccountServer
    let exchange: Exchange<E>
    /// Asks what the server offers.
    let asking: E.Command
    /// Said instead where the server does not know the question, and nothing is wanted of it that it would have offered.
    var askingNothing: E.Command?

    private var host: String { server.host }
    private var isSecured: Bool { exchange.wire.facts.tls != nil }

    /// - Parameter beforeLogin: is called once the server has told what it offers.
    /// - Returns: what the login went by; `nil` without one.
    /// - Throws: the connection is of no more use then, and no secret was said in clear that the account does not say in
    ///   clear.
    @discardableResult
    func carryOut(
        _ login: AccountLogin?, beforeLogin: (Exchange<E>) -> Void = { _ in }
    ) throws(AccountError) -> String? {
        let isAuthenticated = try greet() == .preauthenticated
        // STARTTLS is past then: whoever put that greeting there would have us go on in clear (RFC 3501 §11.1).
        guard !isAuthenticated || isSecured || account.tls == .off else {
            throw AccountError.noTLS(host: host, words: "")
        }
        try learnOffers(login)
        let isOffered = account.tlsLine.isOpportunistic && exchange.engine.offers?.hasStartTLS == true
        if account.tls == .required || isOffered, !isSecured {
            try secure()
            try learnOffers(login)
        }
        beforeLogin(exchange)
        guard let login, !isAuthenticated else { return nil }
        let driver = LoginDriver(account: account, host: host, port: server.port, exchange: exchange)
        let mechanism = try driver.logIn(login)
        try learnOffers(login)
        return mechanism
    }

    private func greet() throws(AccountError) -> SessionEvent {
        exchange.hurry(Greeting.patience(for: server, timeout: account.timeout))
        do throws(AccountError) {
            while true {
                switch E.meaning(of: try exchange.event()) {
                case .greeted: return .greeted
                case .preauthenticated: return .preauthenticated
                case .farewell(let words): throw farewell(words)
                case nil: break  // told within the greeting, which follows
                default: throw broken("no greeting")
                }
            }
        } catch .transport(let error) {
            throw Greeting.explained(error, from: server)
        }
    }

    /// Asks what is offered where that is not known.
    private func learnOffers(_ login: AccountLogin?) throws(AccountError) {
        guard exchange.engine.offers == nil else { return }
        try exchange.command(asking)
        while true {
            switch E.meaning(of: try exchange.event()) {
            case .offered: return
            case .offersUnknown:
                guard let askingNothing else { return }
                guard account.tls == .off, login == nil else { throw AccountError.noExtensions(host: host) }
                try exchange.command(askingNothing)
            case .farewell(let words): throw farewell(words)
            case nil: break
            default: throw broken("another answer than what it offers")
            }
        }
    }

    /// No falling back: who demands TLS gets it, or nothing is said.
    private func secure() throws(AccountError) {
        guard exchange.engine.offers?.hasStartTLS ?? true else { throw AccountError.noTLS(host: host, words: "") }
        try exchange.command(E.command(.startTLS))
        while true {
            switch E.meaning(of: try exchange.event()) {
            case .tlsReady:
                // Clear text that stands behind the consent ends the session, here or in the engine.
                do {
                    try exchange.wire.startTLS(until: Deadline(after: account.timeout))
                } catch {
                    throw .transport(error)
                }
                return exchange.engine.tlsEstablished()
            case .tlsRefused(let words):
                throw AccountError.noTLS(host: host, words: exchange.quoted(words))
            case .farewell(let words): throw farewell(words)
            case nil: break
            default: throw broken("an answer to STARTTLS that is none")
            }
        }
    }

    private func farewell(_ words: [UInt8]) -> AccountError {
        .farewell(host: host, words: exchange.quoted(words))
    }

    private func broken(_ what: String) -> AccountError { .protocolBroken(host: host, what: what) }
}
