// SCRAM: each side proves to the other that it knows the password, and neither says it.

import Credentials
import Digests
import Octets

/// RFC 5802 and RFC 7677, with and without channel binding.
///
/// User and password go in as they are: ASCII needs no preparation, and other text is taken to be in the form that the
/// server keeps (SASLprep, RFC 4013, would fold some of it).
struct ScramClient: SASLClient {
    /// The GS2 flag (RFC 5802 §6).
    enum Binding: Sendable, Hashable {
        /// `n`: there is nothing to bind to.
        case none
        /// `y`: we could, and the server does not offer it. If it did, somebody has changed its words: it notices.
        case unused
        /// `p=`.
        case channel(ChannelBinding)

        init(of channel: SASLChannel, isUsed: Bool) {
            if isUsed, let binding = channel.binding {
                self = .channel(binding)
            } else {
                self = channel.binding == nil || channel.isOffered ? .none : .unused
            }
        }

        /// gs2-header: no authorization identity but the login.
        var header: [UInt8] {
            switch self {
            case .none: Array("n,,".utf8)
            case .unused: Array("y,,".utf8)
            case .channel(let binding): Array("p=\(binding.kind.rawValue),,".utf8)
            }
        }

        var data: [UInt8] { if case .channel(let binding) = self { binding.data } else { [] } }
    }

    /// Rounds of PBKDF2 that a server may ask for: fewer protect nobody (RFC 7677 §4), more hold a core for seconds.
    static let iterations = 4_096...1_000_000
    /// Octets of a server's nonce, and of a salt, at most.
    static let nonceLimit = 1024
    static let saltLimit = 1024

    private enum State {
        case start
        case firstSaid
        /// The server is to prove itself by this signature.
        case finalSaid(signature: [UInt8])
        case proven
        /// The server says that the login fails; its protocol will say so, too.
        case failed
    }

    let mechanism: String
    private let algorithm: DigestAlgorithm
    private let login: PasswordCredentials
    private let binding: Binding
    private let nonce: [UInt8]
    private var state = State.start
    private(set) var serverError: [UInt8]?

    /// - Parameter nonce: printable ASCII without a comma, never used before.
    init(
        mechanism: String, algorithm: DigestAlgorithm, user: String, password: Secret, binding: Binding, nonce: [UInt8]
    ) throws(SASLError) {
        self.mechanism = mechanism
        self.algorithm = algorithm
        login = try PasswordCredentials(user: user, password: password)
        self.binding = binding
        self.nonce = nonce
    }

    static func freshNonce() -> [UInt8] { Base64.encode(Randomness.octets(18)) }

    mutating func initialResponse() -> [UInt8]? {
        guard case .start = state else { return nil }
        state = .firstSaid
        return binding.header + firstBare
    }

    mutating func respond(to challenge: [UInt8]) throws(SASLError) -> [UInt8] {
        switch state {
        case .start: return initialResponse() ?? []
        case .firstSaid:
            let first = try ServerFirst(challenge, to: nonce, mechanism)
            do throws(DigestError) {
                return try finalMessage(answering: challenge, first)
            } catch {
                throw .noDigest(error)
            }
        case .finalSaid(let signature):
            // verifier = "v=" base64 / server-error = "e=" value (RFC 5802 §7)
            let attributes = Self.attributes(of: challenge)
            switch attributes.first?.name {
            case UInt8(ascii: "e"):
                state = .failed
                serverError = challenge
            case UInt8(ascii: "v"):
                guard let given = attributes.first.flatMap({ Base64.decode($0.value) }),
                    ConstantTime.areEqual(given, signature)
                else { throw .serverUnproven(mechanism) }
                state = .proven
            default: throw .serverUnproven(mechanism)
            }
            return []
        case .proven, .failed: throw .unexpectedChallenge(mechanism)
        }
    }

    func acceptSuccess() throws(SASLError) {
        guard case .proven = state else { throw .serverUnproven(mechanism) }
    }

    /// client-first-message-bare = "n=" saslname ",r=" c-nonce (RFC 5802 §7)
    private var firstBare: [UInt8] {
        Array("n=".utf8) + SASL.saslName(login.user) + ",r=".utf8 + nonce
    }

    /// client-final-message (RFC 5802 §3 and §7).
    private mutating func finalMessage(
        answering challenge: [UInt8], _ server: ServerFirst
    ) throws(DigestError) -> [UInt8] {
        let withoutProof =
            Array("c=".utf8) + Base64.encode(binding.header + binding.data) + ",r=".utf8 + server.nonce
        let message = firstBare + [UInt8(ascii: ",")] + challenge + [UInt8(ascii: ",")] + withoutProof
        let salted = try algorithm.derivedKey(
            of: login.password.revealed, salt: server.salt, iterations: server.iterations)
        let clientKey = try algorithm.hmac(of: Array("Client Key".utf8), under: salted)
        let signature = try algorithm.hmac(of: message, under: try algorithm.digest(of: clientKey))
        let proof = zip(clientKey, signature).map { $0 ^ $1 }
        let serverKey = try algorithm.hmac(of: Array("Server Key".utf8), under: salted)
        state = .finalSaid(signature: try algorithm.hmac(of: message, under: serverKey))
        return withoutProof + ",p=".utf8 + Base64.encode(proof)
    }

    /// attr-val *("," attr-val); what is none has the name 0.
    fileprivate static func attributes(of message: [UInt8]) -> [(name: UInt8, value: ArraySlice<UInt8>)] {
        message.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).map { word in
            let isOne = word.count >= 2 && word[word.startIndex + 1] == UInt8(ascii: "=")
            return isOne ? (word[word.startIndex], word.dropFirst(2)) : (0, word)
        }
    }
}

/// server-first-message = [reserved-mext ","] nonce "," salt "," iteration-count ["," extensions] (RFC 5802 §7)
private struct ServerFirst {
    /// Ours, and the server's behind it.
    let nonce: [UInt8]
    let salt: [UInt8]
    let iterations: Int

    init(_ message: [UInt8], to ours: [UInt8], _ mechanism: String) throws(SASLError) {
        func bad(_ reason: String) -> SASLError { .badChallenge(mechanism, reason: reason) }
        let attributes = ScramClient.attributes(of: message)
        if attributes.first?.name == UInt8(ascii: "m") { throw bad("an extension that we do not know") }
        guard attributes.count >= 3, attributes[0].name == UInt8(ascii: "r"), attributes[1].name == UInt8(ascii: "s"),
            attributes[2].name == UInt8(ascii: "i")
        else { throw bad("other words than nonce, salt and count") }
        nonce = Array(attributes[0].value)
        guard nonce.count > ours.count, nonce.starts(with: ours), nonce.count <= ScramClient.nonceLimit,
            nonce.allSatisfy({ (0x21...0x7E).contains($0) })
        else { throw bad("another nonce than ours with the server's behind it") }
        guard let salt = Base64.decode(attributes[1].value), !salt.isEmpty, salt.count <= ScramClient.saltLimit else {
            throw bad("a salt that is none")
        }
        self.salt = salt
        guard let count = Decimal.value(of: attributes[2].value) else { throw bad("a count that is none") }
        guard ScramClient.iterations.contains(count) else {
            throw bad("a count of \(count) rounds, where 4,096 to 1,000,000 are sensible")
        }
        iterations = count
    }
}
