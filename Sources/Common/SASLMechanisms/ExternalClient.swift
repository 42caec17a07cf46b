// EXTERNAL: the server knows from elsewhere who we are, by the certificate that we showed in TLS.

/// RFC 4422 appendix A.
struct ExternalClient: SASLClient {
    let mechanism = "EXTERNAL"
    /// Whom to act as; empty leaves that to the server.
    private let user: [UInt8]
    private var isSaid = false

    init(user: String) throws(SASLError) {
        guard user.isEmpty || SASL.isLogin(Array(user.utf8)) else { throw .badLogin }
        self.user = Array(user.utf8)
    }

    mutating func initialResponse() -> [UInt8]? {
        guard !isSaid else { return nil }
        isSaid = true
        return user
    }

    mutating func respond(to challenge: [UInt8]) throws(SASLError) -> [UInt8] {
        guard let response = initialResponse() else { throw .unexpectedChallenge(mechanism) }
        return response
    }

    func acceptSuccess() {}
}
