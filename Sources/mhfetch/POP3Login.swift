// From the greeting of a POP3 server to an open maildrop.

import AccountSessions
import Octets
import POP3Protocol
import Reporting
import RunControl
import SASLMechanisms
import Transport

extension POP3Collector {
    func greet() throws {
        switch try exchange.greeting(from: account.fetchServer) {
        case .greeting: break
        case .err(_, _, let text): throw FetchError.farewell(host: host, words: printable(octets: text, limit: 200))
        default: throw broken("no greeting")
        }
    }

    func secure() throws {
        try askCapabilities()
        guard account.tls == .required, exchange.wire.facts.tls == nil else { return }
        // RFC 2595 §4 wants STLS listed; some servers have it and no CAPA, so it is asked for all the same.
        try exchange.say(.stls)
        switch try exchange.next() {
        case .stlsReady: break
        case .err: throw FetchError.noTLS(host: host)
        default: throw broken("an answer to STLS that is none")
        }
        try exchange.wire.startTLS(until: Deadline(after: account.timeout))
        exchange.engine.tlsEstablished()
        try askCapabilities()
    }

    private func askCapabilities() throws {
        try exchange.say(.capa)
        switch try exchange.next() {
        case .capabilities(let known): isPipelining = known.has("PIPELINING")
        case .err: isPipelining = false
        default: throw broken("an answer to CAPA that is none")
        }
    }

    func logIn(_ login: AccountLogin?) throws {
        guard let login else { return }
        guard exchange.wire.facts.tls != nil || account.tls == .off else { throw FetchError.loginInClear(host: host) }
        let offered = exchange.engine.capabilities?.mechanisms ?? []
        if offered.isEmpty || account.auth == .auto && !offered.contains(SASLMechanism.plain.rawValue) {
            return try logInByUser(login)
        }
        var sasl = try login.exchange(offered: offered, for: account)
        try exchange.say(.auth(mechanism: sasl.mechanism.rawValue, initialResponse: sasl.initialResponse()))
        while true {
            switch try exchange.next() {
            case .ok: return try askCapabilities()
            case .proceed: try exchange.say(.proceed)
            case .challenge(let octets):
                do {
                    try exchange.say(.saslResponse(try sasl.respond(to: octets)))
                } catch is SASLError {
                    throw broken("more questions at the login than \(sasl.mechanism) has answers")
                }
            case .err(_, let code, let text): throw refusal(login, code, text)
            default: throw broken("an answer to AUTH that is none")
            }
        }
    }

    /// RFC 1939 §7: for servers without SASL.
    private func logInByUser(_ login: AccountLogin) throws {
        guard let password = String(validating: login.password.revealed, as: UTF8.self) else {
            throw FetchError.passwordNotText(account: account.name)
        }
        for command in [POP3Command.user(login.user), .pass(password)] {
            try exchange.say(command)
            switch try exchange.next() {
            case .ok: break
            case .err(_, let code, let text): throw refusal(login, code, text)
            default: throw broken("an answer to the login that is none")
            }
        }
        try askCapabilities()
    }

    private func refusal(_ login: AccountLogin, _ code: POP3ResponseCode?, _ text: [UInt8]) -> FetchError {
        let isTemporary: Bool
        switch code {
        case .inUse, .loginDelay, .sysTemp: isTemporary = true
        case .auth, .sysPerm, .utf8, .other, nil: isTemporary = false
        }
        return .loginRefused(
            user: login.user, host: host, words: printable(octets: text, limit: 200), isTemporary: isTemporary)
    }
}
