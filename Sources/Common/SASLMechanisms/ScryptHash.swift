// A stored password hash: scrypt (RFC 7914) as one line of text.

internal import COpenSSL
import Credentials
import Digests
import Octets

/// How much work a hash costs.
public struct ScryptCost: Sendable, Hashable {
    /// log2 of N.
    public let logN: Int
    public let blockSize: Int
    public let parallelism: Int

    /// 2^14, 8, 1: about 35 ms and 16 MiB.
    public static let standard = ScryptCost(checkedLogN: 14, blockSize: 8, parallelism: 1)

    /// - Returns: `nil` outside of what one login may cost: logN 10...17, blockSize 1...16, parallelism 1...4; at
    ///   most 256 MiB.
    public init?(logN: Int, blockSize: Int, parallelism: Int) {
        guard (10...17).contains(logN), (1...16).contains(blockSize), (1...4).contains(parallelism) else { return nil }
        self.init(checkedLogN: logN, blockSize: blockSize, parallelism: parallelism)
    }

    private init(checkedLogN: Int, blockSize: Int, parallelism: Int) {
        logN = checkedLogN
        self.blockSize = blockSize
        self.parallelism = parallelism
    }
}

/// Why a password or its hash is of no use.
public enum PasswordError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Not a line as `mhserve passwd` makes it, or with parameters out of bounds.
    case badHash
    /// Empty, too long, or with a NUL.
    case badPassword
    /// OpenSSL could not do the work, most likely for want of memory. Temporary: it says nothing about the password.
    case cannotHash(octetsNeeded: Int)

    public var description: String {
        switch self {
        case .badHash: "not a password hash of ours; make one with: mhserve passwd"
        case .badPassword:
            "a password must have 1 to \(SASL.passwordLimit) octets and no NUL; choose another one"
        case .cannotHash(let octets): "cannot hash a password (needs \(octets / 1_048_576) MiB of memory); try again"
        }
    }
}

/// `$mh-scrypt$ln=14,r=8,p=1$<salt>$<hash>`, salt and hash in base64.
public struct ScryptHash: Sendable, CustomStringConvertible {
    static let saltCount = 16
    static let keyCount = 32

    public let cost: ScryptCost
    let salt: [UInt8]
    let key: [UInt8]

    /// Hashes `password` with a new salt.
    /// - Throws: ``PasswordError/badPassword``, ``PasswordError/cannotHash(octetsNeeded:)``.
    public init(password: Secret, cost: ScryptCost = .standard) throws(PasswordError) {
        guard SASL.isPassword(password.revealed) else { throw .badPassword }
        self.cost = cost
        salt = Randomness.octets(Self.saltCount)
        key = try Self.derive(password.revealed, salt: salt, cost: cost)
    }

    /// Reads the text form, strictly: exactly what ``description`` writes.
    /// - Throws: ``PasswordError/badHash``.
    public init(parsing text: String) throws(PasswordError) {
        let fields = text.split(separator: "$", omittingEmptySubsequences: false)
        guard text.utf8.count <= 200, fields.count == 5, fields[0].isEmpty, fields[1] == "mh-scrypt" else {
            throw .badHash
        }
        let parameters = fields[2].split(separator: ",", omittingEmptySubsequences: false)
        guard parameters.count == 3, let logN = Self.number(parameters[0], after: "ln="),
            let blockSize = Self.number(parameters[1], after: "r="),
            let parallelism = Self.number(parameters[2], after: "p="),
            let cost = ScryptCost(logN: logN, blockSize: blockSize, parallelism: parallelism),
            let salt = Base64.decode(fields[3].utf8), let key = Base64.decode(fields[4].utf8),
            salt.count == Self.saltCount, key.count == Self.keyCount
        else { throw .badHash }
        self.cost = cost
        self.salt = salt
        self.key = key
    }

    /// The text form. Not the password, yet nothing for a log.
    public var description: String {
        "$mh-scrypt$ln=\(cost.logN),r=\(cost.blockSize),p=\(cost.parallelism)$"
            + String(decoding: Base64.encode(salt), as: UTF8.self) + "$"
            + String(decoding: Base64.encode(key), as: UTF8.self)
    }

    /// Whether `password` is the one hashed, in a time that does not tell how close it is.
    func matches(_ password: [UInt8]) throws(PasswordError) -> Bool {
        ConstantTime.areEqual(try Self.derive(password, salt: salt, cost: cost), key)
    }

    static func derive(_ password: [UInt8], salt: [UInt8], cost: ScryptCost) throws(PasswordError) -> [UInt8] {
        try derive(
            password, salt: salt, n: 1 << cost.logN, blockSize: cost.blockSize, parallelism: cost.parallelism,
            count: keyCount)
    }

    /// scrypt (P, S, N, r, p, dkLen) of RFC 7914 §6.
    static func derive(
        _ password: [UInt8], salt: [UInt8], n: Int, blockSize: Int, parallelism: Int, count: Int
    ) throws(PasswordError) -> [UInt8] {
        // B, V and the scratch blocks (RFC 7914 §5), and some room for OpenSSL's own counting.
        let memory = 128 * blockSize * (n + parallelism + 2) + 1_048_576
        var key = [UInt8](repeating: 0, count: count)
        let given = password.map { CChar(bitPattern: $0) }
        ERR_clear_error()
        let done = unsafe EVP_PBE_scrypt(
            given, given.count, salt, salt.count, UInt64(n), UInt64(blockSize), UInt64(parallelism), UInt64(memory),
            &key, count)
        ERR_clear_error()
        guard done == 1 else { throw .cannotHash(octetsNeeded: memory) }
        return key
    }

    /// A number of one or two digits without leading zero.
    private static func number(_ text: Substring, after word: String) -> Int? {
        guard text.hasPrefix(word) else { return nil }
        let digits = text.dropFirst(word.count).utf8
        guard (1...2).contains(digits.count), digits.allSatisfy(Octet.isDigit), digits.first != 0x30 else { return nil }
        return Int(String(text.dropFirst(word.count)))
    }
}
