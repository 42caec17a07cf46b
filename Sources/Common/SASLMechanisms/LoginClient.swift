// LOGIN: the user, then the password, each asked for.

import Credentials

/// draft-murchison-sasl-login.
struct LoginClient: SASLClient {
    private enum State { case start, passwordNext, done }

    let mechanism = "LOGIN"
    private let login: PasswordCredentials
    private var state = State.start

    init(user: String, password: Secret) throws(SASLError) {
        login = try PasswordCredentials(user: user, password: password)
    }

    /// None: too few servers accept the user there.
    mutating func initialResponse() -> [UInt8]? { nil }

    /// - Parameter challenge: understood by its turn; the words differ from server to server.
    mutating func respond(to challenge: [UInt8]) throws(SASLError) -> [UInt8] {
        switch state {
        case .start:
            state = .passwordNext
            return login.user
        case .passwordNext:
            state = .done
            return login.password.revealed
        case .done:
            throw .unexpectedChallenge(mechanism)
        }
    }

    func acceptSuccess() {}
}
