// The client's side of SASL: what to answer. The protocol around it puts the octets into its own form.

import Credentials
import Digests
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

    /// What the server said of a refusal in the mechanism's own form; `nil` when it said nothing there. Foreign octets.
    var serverError: [UInt8]? { get }

    /// The server says that the login has succeeded.
    /// - Throws: ``SASLError/serverUnproven(_:)`` when the mechanism has the server prove that it knows the password,
    ///   and it has not: the success is not believed then.
    func acceptSuccess() throws(SASLError)
}

extension SASLClient {
    public var serverError: [UInt8]? { nil }
}

/// Where a login goes, and what it can be tied to (RFC 5056).
public struct SASLChannel: Sendable, Hashable {
    /// A server as the client knows it.
    public struct Server: Sendable, Hashable {
        public let host: String
        public let port: Int

        public init(host: String, port: Int) {
            self.host = host
            self.port = port
        }
    }

    /// No channel that can be bound to, and nothing known of the server.
    public static let none = SASLChannel(binding: nil, offered: [])

    public let binding: ChannelBinding?
    /// Whether the server offers a mechanism that binds to it.
    let isOffered: Bool
    let server: Server?

    /// - Parameter offered: the server's mechanisms, as they stand on the wire.
    public init(binding: ChannelBinding?, offered: [String], server: Server? = nil) {
        self.binding = binding
        self.server = server
        isOffered = offered.contains { $0.uppercased().hasSuffix("-PLUS") }
    }
}

/// A mechanism as a client chooses it: before any secret is read.
public struct SASLClientMechanism: Sendable, CustomStringConvertible {
    /// As it stands on the wire, in capitals.
    public let name: String
    /// Whether it ties the login to the channel (`-PLUS`), and so needs one that can be bound to.
    public let bindsChannel: Bool
    private let make: @Sendable (_ user: String, _ password: Secret, SASLChannel) throws(SASLError) -> any SASLClient

    /// - Parameter make: begins an exchange for one user; the binding is there whenever the channel has one.
    public init(
        name: String, bindsChannel: Bool = false,
        make:
            @escaping @Sendable (_ user: String, _ password: Secret, SASLChannel) throws(SASLError) ->
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

    /// RFC 2195: a digest under the password; what the server keeps is worth the password.
    public static let cramMD5 = SASLClientMechanism(name: "CRAM-MD5") { (user, password, _) throws(SASLError) in
        try CRAMMD5Client(user: user, password: password)
    }

    /// RFC 5802.
    public static let scramSHA1 = scram("SCRAM-SHA-1", .sha1)
    /// RFC 7677.
    public static let scramSHA256 = scram("SCRAM-SHA-256", .sha256)
    /// RFC 7677, tied to the TLS connection.
    public static let scramSHA256Plus = scram("SCRAM-SHA-256-PLUS", .sha256, bindsChannel: true)

    private static func scram(
        _ name: String, _ algorithm: DigestAlgorithm, bindsChannel: Bool = false
    ) -> SASLClientMechanism {
        SASLClientMechanism(name: name, bindsChannel: bindsChannel) { (user, password, channel) throws(SASLError) in
            try ScramClient(
                mechanism: name, algorithm: algorithm, user: user, password: password,
                binding: ScramClient.Binding(of: channel, isUsed: bindsChannel), nonce: ScramClient.freshNonce())
        }
    }

    /// RFC 7628: an access token instead of a password.
    public static let oauthbearer = bearer("OAUTHBEARER", .oauthbearer)
    /// The same in the form of Google and Microsoft.
    public static let xoauth2 = bearer("XOAUTH2", .xoauth2)

    private static func bearer(_ name: String, _ form: BearerClient.Form) -> SASLClientMechanism {
        SASLClientMechanism(name: name) { (user, token, channel) throws(SASLError) in
            try BearerClient(mechanism: name, form: form, user: user, token: token, server: channel.server)
        }
    }

    /// RFC 4422 appendix A: by the certificate that TLS has shown. The user, who may be empty, is whom to act as; there
    /// is no password.
    public static let external = SASLClientMechanism(name: "EXTERNAL") { (user, _, _) throws(SASLError) in
        try ExternalClient(user: user)
    }

    /// All that log in with a password, best first: SCRAM, by which each side proves itself to the other; CRAM-MD5, by
    /// which we do; then, of two that show the server the password, the one with fewer round trips.
    public static let withPassword = [scramSHA256Plus, scramSHA256, scramSHA1, cramMD5, plain, login]

    /// All that log in with a token, the standard one first.
    public static let withToken = [oauthbearer, xoauth2]

    /// Whether the mechanism `name` protects the password less than `other`, both for passwords. The two that show it to
    /// the server are alike.
    public static func isWeaker(_ name: String, _ other: String) -> Bool {
        func rank(_ name: String) -> Int {
            min(withPassword.firstIndex { $0.name == name } ?? .max, withPassword.count - 2)
        }
        return rank(name) > rank(other)
    }

    /// The first of `mechanisms` that the server offers and the channel allows.
    /// - Parameter offered: names as they stand on the wire, in any case; unknown ones do not count.
    public static func choose(
        among mechanisms: [SASLClientMechanism], offered: [String], channel: SASLChannel
    ) -> SASLClientMechanism? {
        mechanisms.first { mechanism in
            (!mechanism.bindsChannel || channel.binding != nil)
                && offered.contains { $0.uppercased() == mechanism.name }
        }
    }

    /// Begins an exchange.
    /// - Throws: ``SASLError/badLogin`` or ``SASLError/badPassword`` for what the mechanism cannot carry.
    public func begin(
        user: String, password: Secret, channel: SASLChannel
    ) throws(SASLError) -> any SASLClient {
        try make(user, password, channel)
    }
}
