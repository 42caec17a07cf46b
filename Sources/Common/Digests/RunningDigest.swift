// A digest of what comes in pieces.

internal import COpenSSL

/// A digest that is fed piece by piece (`EVP_MD_CTX`).
@safe public struct RunningDigest: ~Copyable {
    private let algorithm: DigestAlgorithm
    private let context: OpaquePointer?
    private var isGood: Bool

    public init(_ algorithm: DigestAlgorithm = .sha256) {
        self.algorithm = algorithm
        ERR_clear_error()
        unsafe context = EVP_MD_CTX_new()
        isGood = unsafe context != nil && EVP_DigestInit_ex(context, algorithm.system, nil) == 1
    }

    deinit { unsafe EVP_MD_CTX_free(context) }

    public mutating func update(_ octets: [UInt8]) {
        guard isGood else { return }
        isGood = unsafe EVP_DigestUpdate(context, octets, octets.count) == 1
    }

    /// The digest of all that was fed; nothing may be fed after it.
    /// - Throws: ``DigestError/refused(_:)`` when OpenSSL failed at any step.
    public mutating func finish() throws(DigestError) -> [UInt8] {
        var octets = [UInt8](repeating: 0, count: algorithm.octetCount)
        var count: CUnsignedInt = 0
        isGood = unsafe isGood && EVP_DigestFinal_ex(context, &octets, &count) == 1
        guard isGood, Int(count) == octets.count else { throw .refused(algorithm) }
        isGood = false
        return octets
    }
}
