// PLAIN: the user and the password in one message.

import Credentials

/// RFC 4616.
struct PlainClient: SASLClient {
    let mechanism = "PLAIN"
    private let login: PasswordCredentials
    private var isSaid = false

    init(user: String, password: Secret) throws(SASLError) {
        login = try PasswordCredentials(user: user, password: password)
    }

    mutating func initialResponse() -> [UInt8]? {
        guard !isSaid else { return nil }
        isSaid = true
        return message
    }

    /// - Parameter challenge: understood by its turn, not by its words.
    mutating func respond(to challenge: [UInt8]) throws(SASLError) -> [UInt8] {
        guard !isSaid else { throw .unexpectedChallenge(mechanism) }
        isSaid = true
        return message
    }

    func acceptSuccess() {}

    // message = [authzid] UTF8NUL authcid UTF8NUL passwd (RFC 4616 §2); we act as the user we log in as.
    private var message: [UInt8] { [0] + login.user + [0] + login.password.revealed }
}
