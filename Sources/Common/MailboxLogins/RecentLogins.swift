// Logins that succeeded lately: a mail program that polls every minute costs one hash in ten minutes.

import Credentials
import Digests
import InternetAddress
import SASLMechanisms

/// Remembers successes as digests under a key of this process; neither a password nor its hash is kept. A login is
/// named by its mailbox here, whichever of its names the client gave.
struct RecentLogins {
    private static let lifetime = Duration.seconds(600)
    private static let capacity = 1000
    /// An address counts as its owner's this long after a login from it: a week.
    private static let originLifetime = Duration.seconds(7 * 86_400)

    private struct Entry {
        let digest: [UInt8]
        let until: Duration
    }

    private struct Origin: Hashable {
        let login: String
        let network: Network
    }

    private let key = Randomness.octets(32)
    private var entries: [String: Entry] = [:]
    private var origins: [Origin: Duration] = [:]

    func knows(_ login: String, _ password: Secret, at now: Duration) -> Bool {
        guard let entry = entries[login], now < entry.until else { return false }
        return digest(password).map { ConstantTime.areEqual(entry.digest, $0) } ?? false
    }

    /// Whether `login` succeeded lately from the network of `peer`.
    func hasSeen(_ login: String, from peer: IPAddress, at now: Duration) -> Bool {
        origins[Origin(login: login, network: Network(home: peer))].map { now < $0 } ?? false
    }

    mutating func remember(_ login: String, _ password: Secret, from peer: IPAddress, at now: Duration) {
        if origins.count >= Self.capacity { origins = origins.filter { $0.value > now } }
        if origins.count < Self.capacity {
            origins[Origin(login: login, network: Network(home: peer))] = now + Self.originLifetime
        }
        if entries.count >= Self.capacity { entries = entries.filter { $0.value.until > now } }
        guard entries.count < Self.capacity || entries[login] != nil else { return }
        entries[login] = digest(password).map { Entry(digest: $0, until: now + Self.lifetime) }
    }

    /// `nil` where none can be made: the verifier is asked then, as for a login never seen.
    private func digest(_ password: Secret) -> [UInt8]? {
        do throws(DigestError) {
            return try DigestAlgorithm.sha256.hmac(of: password.revealed, under: key)
        } catch {
            return nil
        }
    }
}
