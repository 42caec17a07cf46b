// The login of a session, the same in POP3 and SMTP: the exchange decides on the next step, the session words it.

import MailboxLogins
import SASLMechanisms

/// A session whose client may log in.
protocol LoginSession: AnyObject {
    var service: Service { get }
    var server: ServerContext { get }
    var line: any SessionLine { get }
    /// The login under way, when it is the client's turn.
    var exchange: LoginExchange? { get set }

    func answer(challenge: [UInt8])
    func answer(loginFault: SASLError)
    func answer(login: LoginOutcome)
}

extension LoginSession {
    /// Takes the next step of `exchange`.
    func take(_ step: LoginExchange.Step, of exchange: LoginExchange) {
        self.exchange = nil
        switch step {
        case .challenge(let octets):
            self.exchange = exchange
            answer(challenge: octets)
        case .ask(let question):
            server.find(question, on: line) { [self] found in
                var exchange = exchange
                take(exchange.resume(found), of: exchange)
            }
        case .failed(let error):
            server.logLogin(exchange.name, .refused, service: service, line: line)
            answer(loginFault: error)
        case .end(let outcome):
            server.logLogin(exchange.name, outcome, service: service, line: line)
            answer(login: outcome)
        }
    }
}
