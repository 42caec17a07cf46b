// A mechanism of the shape of SCRAM: several steps, tied to the channel, and the last word is the server's proof.

import Credentials
import Octets
import SASLMechanisms

/// The client names the user, proves that it knows the password, and demands the same of the server.
struct ProofClient: SASLClient {
    private enum State {
        case start
        case proved(nonce: [UInt8])
        case verified
    }

    let mechanism: String
    let user: String
    let password: Secret
    let channel: ChannelBinding?
    private var state = State.start

    static func proof(
        of side: String, _ password: String, nonce: [UInt8], _ channel: ChannelBinding?
    ) -> [UInt8] {
        let words = Array("\(side) \(password) \(channel?.kind.rawValue ?? "none")".utf8)
        return Array(CRC32C.hex(words + nonce + (channel?.data ?? [])).utf8)
    }

    private func proof(of side: String, _ nonce: [UInt8]) -> [UInt8] {
        Self.proof(of: side, String(decoding: password.revealed, as: UTF8.self), nonce: nonce, channel)
    }

    mutating func initialResponse() -> [UInt8]? { Array(user.utf8) }

    mutating func respond(to challenge: [UInt8]) throws(SASLError) -> [UInt8] {
        switch state {
        case .start:
            state = .proved(nonce: challenge)
            return proof(of: "client", challenge)
        case .proved(let nonce):
            guard challenge == proof(of: "server", nonce) else { throw .serverUnproven(mechanism) }
            state = .verified
            return []
        case .verified: throw .unexpectedChallenge(mechanism)
        }
    }

    func acceptSuccess() throws(SASLError) {
        guard case .verified = state else { throw .serverUnproven(mechanism) }
    }

    init(mechanism: String, user: String, password: Secret, channel: ChannelBinding?) {
        (self.mechanism, self.user, self.password, self.channel) = (mechanism, user, password, channel)
    }
}

extension SASLClientMechanism {
    static let proof = SASLClientMechanism(name: "X-PROOF") { (user, password, channel) throws(SASLError) in
        ProofClient(mechanism: "X-PROOF", user: user, password: password, channel: nil)
    }
    static let proofPlus = SASLClientMechanism(name: "X-PROOF-PLUS", bindsChannel: true) {
        (user, password, channel) throws(SASLError) in
        ProofClient(mechanism: "X-PROOF-PLUS", user: user, password: password, channel: channel.binding)
    }
}
