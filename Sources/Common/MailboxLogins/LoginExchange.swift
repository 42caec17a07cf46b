// One login of one session, from AUTH or PASS to its outcome. Knows no thread, no socket and no protocol.

import InternetAddress
import Octets
import SASLMechanisms

/// A login under way.
///
/// It goes by steps, as many of each kind and in whatever order its mechanism needs: a challenge goes to the client,
/// whose response goes to ``respond(_:)``; a question goes to a thread that may block, and its answer to
/// ``resume(_:)``. The session never looks into either. Octets are raw: base64 belongs to the protocol.
public struct LoginExchange {
    public enum Step {
        /// Send this to the client; it may be empty.
        case challenge([UInt8])
        /// Get the answer, on a thread that may block.
        case ask(LoginQuestion)
        /// The login is over.
        case end(LoginOutcome)
        /// The login is over: what the client sent is none. ``SASLError/malformed(_:)`` is 501 in SMTP, the rest 535.
        case failed(SASLError)
    }

    private let logins: Logins
    private let peer: IPAddress
    private var sasl = SASLServer()
    /// The login name that the client gave; `nil` until then. Untrusted text.
    public private(set) var name: String?

    /// - Parameter peer: the client's address.
    public init(_ logins: Logins, from peer: IPAddress) {
        self.logins = logins
        self.peer = peer
    }

    /// Begins with AUTH.
    /// - Parameters:
    ///   - mechanism: one of ``Logins/mechanisms``, in any case.
    ///   - initialResponse: what came with the command; `nil` for nothing, which is not an empty one (RFC 4954 §4).
    /// - Returns: `nil` when the mechanism is none of ours.
    public mutating func start(_ mechanism: String, initialResponse: [UInt8]?) -> Step? {
        guard let known = SASLMechanism(name: mechanism.utf8), logins.mechanisms.contains(known) else { return nil }
        return step(sasl.start(known, initialResponse: initialResponse))
    }

    /// Begins with USER and PASS (RFC 1939 §7), checked as PLAIN is, with the same rules for what a login may be.
    public mutating func start(user: [UInt8], password: [UInt8]) -> Step {
        step(sasl.start(.plain, initialResponse: [Octet.nul] + user + [Octet.nul] + password))
    }

    /// Takes the client's response to a challenge.
    public mutating func respond(_ response: [UInt8]) -> Step { step(sasl.receive(response)) }

    /// Takes the answer to a question; ``LoginAnswer/unknown`` when no thread was free to find it.
    public mutating func resume(_ answer: LoginAnswer) -> Step { .end(answer.outcome) }

    private mutating func step(_ step: SASLServer.Step) -> Step {
        switch step {
        case .challenge(let octets): return .challenge(octets)
        case .failed(let error): return .failed(error)
        case .verify(let credentials):
            name = credentials.login
            if let outcome = logins.outcomeAtOnce(of: credentials, from: peer) { return .end(outcome) }
            return .ask(LoginQuestion(logins: logins, credentials: credentials, peer: peer))
        }
    }
}

/// What decides a login and takes time: whether a password fits its hash.
public struct LoginQuestion: Sendable {
    let logins: Logins
    let credentials: SASLCredentials
    let peer: IPAddress

    /// Checks the password. Blocks for as long as a hash takes (some 35 ms and 16 MiB).
    public func answer() -> LoginAnswer { LoginAnswer(outcome: logins.judge(credentials, from: peer)) }
}

/// The answer to a ``LoginQuestion``, for the exchange that asked.
public struct LoginAnswer: Sendable {
    let outcome: LoginOutcome

    /// No thread was free to check the password.
    public static let unknown = LoginAnswer(outcome: .busy)
}
