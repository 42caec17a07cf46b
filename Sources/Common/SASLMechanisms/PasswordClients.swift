// The mechanisms that show the server the password: PLAIN and LOGIN.

import Credentials

/// What both carry.
private struct Login: Sendable {
    let user: [UInt8]
    let password: Secret

    init(user: String, password: Secret) throws(SASLError) {
        guard SASL.isLogin(Array(user.utf8)) else { throw .badLogin }
        guard SASL.isPassword(password.revealed) else { throw .badPassword }
        self.user = Array(user.utf8)
        self.password = password
    }
}

/// RFC 4616.
struct PlainClient: SASLClient {
    let mechanism = "PLAIN"
    private let login: Login
    private var isSaid = false

    init(user: String, password: Secret) throws(SASLError) { login = try Login(user: user, password: password) }

    mutating func initialResponse() -> [UInt8]? {
        guard !isSaid else { return nil }
        isSaid = true
        return message
    }

    /// - Parameter challenge: goes by its turn, not by its words.
    mutating func respond(to challenge: [UInt8]) throws(SASLError) -> [UInt8] {
        guard !isSaid else { throw .unexpectedChallenge(mechanism) }
        isSaid = true
        return message
    }

    func acceptSuccess() {}

    // message = [authzid] UTF8NUL authcid UTF8NUL passwd (RFC 4616 §2); we act as whom we log in.
    private var message: [UInt8] { [0] + login.user + [0] + login.password.revealed }
}

/// draft-murchison-sasl-login.
struct LoginClient: SASLClient {
    private enum State { case start, passwordNext, done }

    let mechanism = "LOGIN"
    private let login: Login
    private var state = State.start

    init(user: String, password: Secret) throws(SASLError) { login = try Login(user: user, password: password) }

    /// None: too few servers take the user there.
    mutating func initialResponse() -> [UInt8]? { nil }

    /// - Parameter challenge: goes by its turn; the words differ from server to server.
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
