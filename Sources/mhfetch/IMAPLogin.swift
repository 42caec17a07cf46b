// From the greeting of an IMAP server to an open account.

import AccountSessions
import IMAPProtocol
import Octets
import Reporting
import RunControl
import SASLMechanisms
import Transport

extension IMAPSession {
    /// From the greeting to an open account.
    func open(_ login: AccountLogin?) throws {
        try greet()
        try secure()
        try logIn(login)
    }

    private func greet() throws {
        switch try exchange.greeting(from: account.fetchServer) {
        case .greeting: break
        case .preauthenticated:
            // STARTTLS is past then: whoever put that greeting there would have us go on in clear (RFC 3501 §11.1).
            guard exchange.wire.facts.tls != nil || account.tls == .off else { throw FetchError.noTLS(host: host) }
        case .bye(let status): throw farewell(status)
        case .capabilities: try greet()  // told within the greeting, which follows
        default: throw broken("no greeting")
        }
    }

    private func secure() throws {
        guard account.tls == .required, exchange.wire.facts.tls == nil else { return }
        try askCapabilities()
        guard exchange.engine.capabilities?.has("STARTTLS") == true else { throw FetchError.noTLS(host: host) }
        try exchange.say(.startTLS)
        while true {
            switch try exchange.next() {
            case .startTLSReady:
                try exchange.wire.startTLS(until: Deadline(after: account.timeout))
                exchange.engine.tlsEstablished()
                return
            case .done(.startTLS, _): throw FetchError.noTLS(host: host)
            case .bye(let status): throw farewell(status)
            default: break
            }
        }
    }

    private func askCapabilities() throws {
        guard exchange.engine.capabilities == nil else { return }
        try exchange.say(.capability)
        try finish(.capability)
    }

    private func logIn(_ login: AccountLogin?) throws {
        guard let login, !exchange.engine.isLoggedIn else { return try askCapabilities() }
        guard exchange.wire.facts.tls != nil || account.tls == .off else { throw FetchError.loginInClear(host: host) }
        try askCapabilities()
        let offered = exchange.engine.capabilities?.mechanisms ?? []
        if login.speaks(anyOf: offered) || (account.auth != .auto && !offered.isEmpty) {
            try authenticate(login, offered)
        } else {
            try logInByCommand(login)
        }
        try askCapabilities()
    }

    private func authenticate(_ login: AccountLogin, _ offered: [String]) throws {
        var sasl = try login.exchange(offered: offered, for: account)
        try exchange.say(.authenticate(mechanism: sasl.mechanism.rawValue, initialResponse: sasl.initialResponse()))
        try awaitLogin(login, .authenticate) { challenge in
            do {
                return try sasl.respond(to: challenge)
            } catch is SASLError {
                throw broken("more questions at the login than \(sasl.mechanism) has answers")
            }
        }
    }

    /// RFC 3501 §6.2.3: for servers that offer no mechanism we speak.
    private func logInByCommand(_ login: AccountLogin) throws {
        guard let password = String(validating: login.password.revealed, as: UTF8.self) else {
            throw FetchError.passwordNotText(account: account.name)
        }
        try exchange.say(.login(user: login.user, password: password))
        try awaitLogin(login, .login) { _ in throw broken("a challenge to LOGIN") }
    }

    private func awaitLogin(
        _ login: AccountLogin, _ request: IMAPRequest, respond: ([UInt8]) throws -> [UInt8]
    ) throws {
        while true {
            switch try exchange.next() {
            case .proceed: try exchange.say(.proceed)
            case .challenge(let octets): try exchange.say(.saslResponse(try respond(octets)))
            case .done(request, let status):
                guard status.condition == .ok else { throw refusal(login, status) }
                return
            case .bye(let status): throw refusal(login, status)
            default: break
            }
        }
    }

    private func refusal(_ login: AccountLogin, _ status: IMAPStatus) -> FetchError {
        let isTemporary: Bool
        switch status.code {
        case .unavailable, .inUse, .limit, .serverBug: isTemporary = true
        default: isTemporary = status.condition == .bye
        }
        return .loginRefused(
            user: login.user, host: host, words: printable(octets: status.text, limit: 200), isTemporary: isTemporary)
    }
}
