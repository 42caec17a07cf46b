// One login of one session, from AUTH or PASS to what came of it. Knows no thread, no socket and no protocol.

import InternetAddress
import Octets
import SASLMechanisms

/// A login under way.
///
/// It goes by steps, as many of each kind and in whatever order its mechanism needs: a challenge goes to the client, whose
/// response goes to ``respond(_:)``; a question goes to a thread that may block, and what is found out to
/// ``resume(_:)``. The session never looks into either.
public struct LoginExchange {
    public enum Step {
        /// Say this to the client; it may be empty.
        case challenge([UInt8])
        /// Find out, on a thread that may block.
        case ask(LoginQuestion)
        /// The login is over.
        case end(LoginOutcome)
        /// The login is over: what the client said is none. ``SASLError/malformed(_:)`` is 501 in SMTP, the rest is 535.
        case failed(SASLError)
    }

    private let logins: Logins
    private let peer: IPAddress
    private var sasl = SASLServer()
    /// Who says to be there; `nil` until it was said. Foreign text.
    public private(set) var name: String?

    /// - Parameter peer: where the client is.
    public init(_ logins: Logins, from peer: IPAddress) {
        self.logins = logins
        self.peer = peer
    }

    /// Begins with AUTH.
    /// - Parameters:
    ///   - mechanism: one of ``Logins/mechanisms``, in any case.
    ///   - initialResponse: what came with the command; `nil` when nothing came, which is not an empty one (RFC 4954 §4).
    /// - Returns: `nil` when the mechanism is none of ours.
    public mutating func start(_ mechanism: String, initialResponse: [UInt8]?) -> Step? {
        guard let known = SASLMechanism(name: mechanism.utf8), logins.mechanisms.contains(known) else { return nil }
        return step(sasl.start(known, initialResponse: initialResponse))
    }

    /// Begins with USER and PASS (RFC 1939 §7), which go the way of PLAIN, with the same rules for what a login may be.
    public mutating func start(user: [UInt8], password: [UInt8]) -> Step {
        step(sasl.start(.plain, initialResponse: [Octet.nul] + user + [Octet.nul] + password))
    }

    /// Takes what the client says to a challenge.
    public mutating func respond(_ response: [UInt8]) -> Step { step(sasl.receive(response)) }

    /// Takes the answer to a question; ``LoginAnswer/unknown`` when there was nobody to ask.
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

/// What a login turns on and takes its time: a password against its hash.
public struct LoginQuestion: Sendable {
    let logins: Logins
    let credentials: SASLCredentials
    let peer: IPAddress

    /// Finds out. Blocks for as long as a hash takes (some 35 ms and 16 MiB).
    public func answer() -> LoginAnswer { LoginAnswer(outcome: logins.judge(credentials, from: peer)) }
}

/// What was found out, for the exchange that asked.
public struct LoginAnswer: Sendable {
    let outcome: LoginOutcome

    /// Nobody had time to find out.
    public static let unknown = LoginAnswer(outcome: .busy)
}
