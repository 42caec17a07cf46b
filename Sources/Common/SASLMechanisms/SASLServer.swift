// The server's side of SASL: what to ask, and in the end whom to verify. Decides nothing about passwords.

import Credentials
import Octets

/// What a client claims.
public struct SASLCredentials: Sendable {
    /// UTF-8 without control characters, at most ``SASL/loginLimit`` octets. Foreign text all the same.
    public let login: String
    /// Not empty, no NUL, at most ``SASL/passwordLimit`` octets.
    public let password: Secret

    /// For tests of verifiers; otherwise only a ``SASLServer`` makes these.
    public init(login: String, password: Secret) {
        self.login = login
        self.password = password
    }
}

/// One authentication exchange, server side (RFC 4422 §3). Octets are decoded: base64, `=` and `*` belong to the
/// protocol around it.
public struct SASLServer: Sendable {
    /// What the protocol around it has to do next.
    public enum Step: Sendable {
        /// Send this, and hand the client's response to ``SASLServer/receive(_:)``. May be empty.
        case challenge([UInt8])
        /// The exchange has ended: verify, and say the result.
        case verify(SASLCredentials)
        /// The exchange has ended. ``SASLError/malformed(_:)`` is 501 in SMTP, the rest is 535.
        case failed(SASLError)
    }

    private enum State {
        case idle, plain, loginUser
        case loginPassword(user: String)
    }
    private var state = State.idle

    public init() {}

    /// Whether a response is awaited.
    public var isWaiting: Bool {
        if case .idle = state { false } else { true }
    }

    /// Begins an exchange; one under way is forgotten.
    /// - Parameter initialResponse: what came with the command; `nil` when nothing did, which differs from an empty one
    ///   (RFC 4954 §4).
    public mutating func start(_ mechanism: SASLMechanism, initialResponse: [UInt8]? = nil) -> Step {
        state =
            switch mechanism {
            case .plain: .plain
            case .login: .loginUser
            }
        guard let initialResponse else { return .challenge(mechanism == .plain ? [] : Self.userPrompt) }
        return receive(initialResponse)
    }

    /// Takes the client's response.
    public mutating func receive(_ octets: [UInt8]) -> Step {
        let current = state
        state = .idle
        if case .idle = current { return .failed(.notStarted) }
        guard octets.count <= SASL.responseLimit else { return .failed(.tooLong(limit: SASL.responseLimit)) }
        switch current {
        case .idle:
            return .failed(.notStarted)
        case .plain:
            return Self.plain(octets)
        case .loginUser:
            guard SASL.isLogin(octets) else { return .failed(.badLogin) }
            state = .loginPassword(user: String(decoding: octets, as: UTF8.self))
            return .challenge(Self.passwordPrompt)
        case .loginPassword(let user):
            return Self.verify(login: user, password: octets)
        }
    }

    /// message = [authzid] UTF8NUL authcid UTF8NUL passwd (RFC 4616 §2), or `user NUL password` as some old programs
    /// send it.
    private static func plain(_ octets: [UInt8]) -> Step {
        let fields = octets.split(separator: Octet.nul, omittingEmptySubsequences: false)
        let (identity, login, password): (ArraySlice<UInt8>, ArraySlice<UInt8>, ArraySlice<UInt8>)
        switch fields.count {
        case 3: (identity, login, password) = (fields[0], fields[1], fields[2])
        case 2: (identity, login, password) = ([], fields[0], fields[1])
        default: return .failed(.malformed(.plain))
        }
        guard SASL.isLogin(login) else { return .failed(.badLogin) }
        guard identity.isEmpty || identity == login else { return .failed(.otherIdentity) }
        return verify(login: String(decoding: login, as: UTF8.self), password: Array(password))
    }

    private static func verify(login: String, password: [UInt8]) -> Step {
        guard SASL.isPassword(password) else { return .failed(.badPassword) }
        return .verify(SASLCredentials(login: login, password: Secret(password)))
    }

    // "Username:" and "Password:", the words that old programs compare.
    private static let userPrompt = [UInt8]("Username:")
    private static let passwordPrompt = [UInt8]("Password:")
}
