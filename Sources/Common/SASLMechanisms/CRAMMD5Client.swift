// CRAM-MD5: a digest of the server's challenge under the password.

import Credentials
import Digests
import Octets

/// RFC 2195.
struct CRAMMD5Client: SASLClient {
    let mechanism = "CRAM-MD5"
    private let login: PasswordCredentials
    private var isSaid = false

    init(user: String, password: Secret) throws(SASLError) {
        login = try PasswordCredentials(user: user, password: password)
    }

    mutating func initialResponse() -> [UInt8]? { nil }

    /// - Parameter challenge: different for each exchange; without any, the digest could be used again.
    mutating func respond(to challenge: [UInt8]) throws(SASLError) -> [UInt8] {
        guard !isSaid else { throw .unexpectedChallenge(mechanism) }
        guard !challenge.isEmpty else { throw .badChallenge(mechanism, reason: "nothing in it") }
        isSaid = true
        do throws(DigestError) {
            let digest = try DigestAlgorithm.md5.hmac(of: challenge, under: login.password.revealed)
            return login.user + [Octet.space] + Hexadecimal.text(of: digest).utf8
        } catch {
            throw .noDigest(error)
        }
    }

    func acceptSuccess() {}
}
