// The client's side of SASL: what to answer. The protocol around it puts the octets into its own form.

import Credentials
import Octets

/// One authentication exchange, client side (RFC 4422 §3), of however many steps. Knows nothing of the protocol around
/// it.
public protocol SASLClient: Sendable {
    /// The mechanism's name as it stands on the wire.
    var mechanism: String { get }

    /// The response that may stand in the command itself (SASL-IR); `nil` when the mechanism waits for the server.
    mutating func initialResponse() -> [UInt8]?

    /// The response to a challenge, both decoded. Additional data with success (RFC 4422 §3.6) comes as a challenge,
    /// too: the server's final message, whose response is empty.
    /// - Throws: ``SASLError/unexpectedChallenge(_:)`` when the mechanism has nothing more to say,
    ///   ``SASLError/serverUnproven(_:)`` and others when the challenge is not good: cancel with `*` then.
    mutating func respond(to challenge: [UInt8]) throws(SASLError) -> [UInt8]

    /// The server says that the login has succeeded.
    /// - Throws: ``SASLError/serverUnproven(_:)`` when the mechanism has the server prove that it knows the password,
    ///   and it has not: the success is not believed then.
    func acceptSuccess() throws(SASLError)
}

/// A mechanism as a client chooses it: before any secret is read.
public struct SASLClientMechanism: Sendable, CustomStringConvertible {
    /// As it stands on the wire, in capitals.
    public let name: String
    /// Whether it ties the login to the channel (`-PLUS`), and so needs one that can be bound to.
    public let bindsChannel: Bool
    private let make:
        @Sendable (_ user: String, _ password: Secret, ChannelBinding?) throws(SASLError) -> any SASLClient

    /// - Parameter make: begins an exchange for one user; the binding is there whenever the channel has one.
    public init(
        name: String, bindsChannel: Bool = false,
        make:
            @escaping @Sendable (_ user: String, _ password: Secret, ChannelBinding?) throws(SASLError) ->
            any SASLClient
    ) {
        self.name = name
        self.bindsChannel = bindsChannel
        self.make = make
    }

    public var description: String { name }

    /// RFC 4616: everything in one response.
    public static let plain = SASLClientMechanism(name: "PLAIN") { (user, password, _) throws(SASLError) in
        try PlainClient(user: user, password: password)
    }

    /// User and password, each on a prompt; all that some servers have.
    public static let login = SASLClientMechanism(name: "LOGIN") { (user, password, _) throws(SASLError) in
        try LoginClient(user: user, password: password)
    }

    /// All that we speak, best first: of two that show the server the password, the one with fewer round trips.
    public static let all = [plain, login]

    /// The first of `mechanisms` that the server offers and the channel allows.
    /// - Parameter offered: names as they stand on the wire, in any case; unknown ones do not count.
    public static func choose(
        among mechanisms: [SASLClientMechanism], offered: [String], channel: ChannelBinding?
    ) -> SASLClientMechanism? {
        mechanisms.first { mechanism in
            (!mechanism.bindsChannel || channel != nil)
                && offered.contains { $0.uppercased() == mechanism.name }
        }
    }

    /// Begins an exchange.
    /// - Throws: ``SASLError/badLogin`` or ``SASLError/badPassword`` for what the mechanism cannot carry.
    public func begin(
        user: String, password: Secret, channel: ChannelBinding?
    ) throws(SASLError) -> any SASLClient {
        try make(user, password, channel)
    }
}
