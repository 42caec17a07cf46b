// Whether a password is the right one, at the same cost whatever the answer.

import Credentials
import Digests

/// What a mailbox's password is checked against: the rc's `passwordhash`, or `passwordfile` and `password`.
///
/// Every check costs one scrypt, about 35 ms and 16 MiB, and blocks: make it on a thread of its own, after the limits
/// per address. Passwords count octet by octet; a NUL is never part of one.
public enum PasswordVerifier: Sendable {
    case scrypt(ScryptHash)
    case plain(Secret)

    /// - Parameter hash: the rc's `passwordhash`.
    /// - Throws: ``PasswordError/badHash``.
    public init(hash: String) throws(PasswordError) { self = .scrypt(try ScryptHash(parsing: hash)) }

    /// A password known in full.
    /// - Throws: ``PasswordError/badPassword``.
    public init(plain: Secret) throws(PasswordError) {
        guard SASL.isPassword(plain.revealed) else { throw .badPassword }
        self = .plain(plain)
    }

    /// The line for `passwordhash`.
    /// - Throws: ``PasswordError/badPassword``, ``PasswordError/cannotHash(octetsNeeded:)``.
    public static func make(password: Secret, cost: ScryptCost = .standard) throws(PasswordError) -> String {
        try ScryptHash(password: password, cost: cost).description
    }

    /// Whether `password` is the right one.
    /// - Throws: ``PasswordError/cannotHash(octetsNeeded:)``: answer with a temporary failure.
    public func verify(_ password: Secret) throws(PasswordError) -> Bool {
        let given = password.revealed
        let good: Bool
        switch self {
        case .scrypt(let hash):
            good = try hash.matches(given)
        case .plain(let known):
            // The same work as for a hash, so that the time does not tell how a password is kept, or whether it exists.
            try Self.spend(given, .standard)
            good = Self.areEqual(given, known.revealed)
        }
        return good && SASL.isPassword(given)
    }

    /// Does the work of ``verify(_:)`` for a login that does not exist.
    /// - Parameter cost: what the site's hashes cost.
    /// - Returns: always `false`.
    /// - Throws: ``PasswordError/cannotHash(octetsNeeded:)``, as for a login that exists.
    public static func verifyAgainstNobody(
        _ password: Secret, cost: ScryptCost = .standard
    ) throws(PasswordError) -> Bool {
        try spend(password.revealed, cost)
        return false
    }

    private static func spend(_ password: [UInt8], _ cost: ScryptCost) throws(PasswordError) {
        _ = try ScryptHash.derive(password, salt: key, cost: cost)
    }

    /// Compares digests under a key that nobody knows: neither lengths nor a common beginning show in the time taken.
    static func areEqual(_ one: [UInt8], _ other: [UInt8]) -> Bool {
        do throws(DigestError) {
            return ConstantTime.areEqual(
                try DigestAlgorithm.sha256.hmac(of: one, under: key),
                try DigestAlgorithm.sha256.hmac(of: other, under: key))
        } catch {
            return false
        }
    }

    /// Random, of this process alone.
    private static let key = Randomness.octets(32)
}
