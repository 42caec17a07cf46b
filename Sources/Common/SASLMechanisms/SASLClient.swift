// The client's side of SASL: what to answer. The protocol around it puts the octets into its own form.

import Credentials
import Octets

/// One authentication exchange, client side (RFC 4422). Knows nothing of the protocol around it.
public struct SASLClient: Sendable {
    private enum State: Hashable { case start, passwordNext, done }

    public let mechanism: SASLMechanism
    private let user: [UInt8]
    private let password: Secret
    private var state = State.start

    /// - Throws: ``SASLError/badLogin`` or ``SASLError/badPassword`` for what the mechanism cannot carry.
    public init(_ mechanism: SASLMechanism, user: String, password: Secret) throws(SASLError) {
        guard SASL.isLogin(Array(user.utf8)) else { throw .badLogin }
        guard SASL.isPassword(password.revealed) else { throw .badPassword }
        self.mechanism = mechanism
        self.user = Array(user.utf8)
        self.password = password
    }

    /// The response that may stand in the command itself (SASL-IR); `nil` when the mechanism waits for the server.
    ///
    /// LOGIN has none: too few servers take the user there.
    public mutating func initialResponse() -> [UInt8]? {
        switch mechanism {
        case .plain where state == .start:
            state = .done
            return plainResponse
        case .plain, .login:
            return nil
        }
    }

    /// The answer to a challenge.
    /// - Parameter challenge: what the server said, decoded. PLAIN and LOGIN go by its turn, not by its words, which
    ///   differ from server to server.
    /// - Throws: ``SASLError/unexpectedChallenge(_:)`` when all is said: cancel with `*` then.
    public mutating func respond(to challenge: [UInt8]) throws(SASLError) -> [UInt8] {
        switch (mechanism, state) {
        case (.plain, .start):
            state = .done
            return plainResponse
        case (.login, .start):
            state = .passwordNext
            return user
        case (.login, .passwordNext):
            state = .done
            return password.revealed
        case (.plain, .passwordNext), (.plain, .done), (.login, .done):
            throw .unexpectedChallenge(mechanism)
        }
    }

    // message = [authzid] UTF8NUL authcid UTF8NUL passwd (RFC 4616 §2); we act as whom we log in.
    private var plainResponse: [UInt8] { [0] + user + [0] + password.revealed }
}
