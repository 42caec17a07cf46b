// Logins that were right a moment ago: a mail program that looks every minute costs one hash in ten minutes.

import SASLMechanisms
import TLSEngine

/// Remembers successes as digests under a key of this process; neither a password nor its hash is kept.
struct RecentLogins {
    private static let lifetime = Duration.seconds(600)
    private static let capacity = 1000

    private struct Entry {
        let digest: [UInt8]
        let until: Duration
    }

    private let key = Randomness.octets(32)
    private var entries: [String: Entry] = [:]

    func knows(_ login: String, _ password: Secret, at now: Duration) -> Bool {
        guard let entry = entries[login], now < entry.until else { return false }
        return KeyedDigest.areEqual(entry.digest, KeyedDigest.of(password, under: key))
    }

    mutating func remember(_ login: String, _ password: Secret, at now: Duration) {
        if entries.count >= Self.capacity { entries = entries.filter { $0.value.until > now } }
        guard entries.count < Self.capacity else { return }
        entries[login] = Entry(digest: KeyedDigest.of(password, under: key), until: now + Self.lifetime)
    }

}
