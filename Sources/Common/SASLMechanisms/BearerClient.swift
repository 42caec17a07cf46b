// OAUTHBEARER and XOAUTH2: an access token of OAuth 2.0 in place of a password.

import Credentials
import Octets

/// RFC 7628, and the form that Google and Microsoft had before it.
struct BearerClient: SASLClient {
    /// How the token is wrapped.
    enum Form: Sendable {
        /// RFC 7628 §3.1.
        case oauthbearer
        /// Never standardised; `user=` and `auth=` alone.
        case xoauth2
    }

    /// Octets of a token: in base64, with what stands around it, it fits into ``SASL/responseLimit``.
    static let tokenLimit = 8_192
    private static let separator: UInt8 = 0x01

    let mechanism: String
    private let form: Form
    private let user: [UInt8]
    private let token: Secret
    private let server: SASLChannel.Server?
    private var isSaid = false
    private(set) var serverError: [UInt8]?

    init(
        mechanism: String, form: Form, user: String, token: Secret, server: SASLChannel.Server?
    ) throws(SASLError) {
        guard SASL.isLogin(Array(user.utf8)) else { throw .badLogin }
        guard Self.isToken(token.revealed) else { throw .badToken }
        self.mechanism = mechanism
        self.form = form
        self.user = Array(user.utf8)
        self.token = token
        self.server = server
    }

    mutating func initialResponse() -> [UInt8]? {
        guard !isSaid else { return nil }
        isSaid = true
        return message
    }

    /// - Parameter challenge: empty to ask for the token; with words it is a refusal, whose answer lets the protocol
    ///   end the exchange (RFC 7628 §3.2.3; XOAUTH2 has an empty one there).
    mutating func respond(to challenge: [UInt8]) throws(SASLError) -> [UInt8] {
        guard isSaid else {
            isSaid = true
            return message
        }
        guard serverError == nil else { throw .unexpectedChallenge(mechanism) }
        serverError = challenge
        return form == .oauthbearer ? [Self.separator] : []
    }

    /// A success behind a refusal is none.
    func acceptSuccess() throws(SASLError) {
        guard serverError == nil else { throw .unexpectedChallenge(mechanism) }
    }

    private var message: [UInt8] {
        let end = [Self.separator]
        let auth = Array("auth=Bearer ".utf8) + token.revealed + end + end
        switch form {
        case .xoauth2: return Array("user=".utf8) + user + end + auth
        case .oauthbearer:
            // gs2-header kvsep *kvpair kvsep (RFC 7628 §3.1)
            var place: [UInt8] = []
            if let server { place = Array("host=\(server.host)".utf8) + end + "port=\(server.port)".utf8 + end }
            return Array("n,a=".utf8) + SASL.saslName(user) + [Octet.comma] + end + place + auth
        }
    }

    /// b64token (RFC 6750 §2.1), not longer than ``tokenLimit``.
    private static func isToken(_ octets: [UInt8]) -> Bool {
        let body = octets.prefix { $0 != UInt8(ascii: "=") }
        return octets.count <= tokenLimit && !body.isEmpty
            && body.allSatisfy { Octet.isAlphanumeric($0) || "-._~+/".utf8.contains($0) }
            && octets.dropFirst(body.count).allSatisfy { $0 == UInt8(ascii: "=") }
    }
}
