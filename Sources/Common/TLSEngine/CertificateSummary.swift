// One certificate, read: what it says about itself.

internal import COpenSSL
import Credentials
import Digests
import Glibc
import InternetAddress

/// What a certificate says, as plain values.
struct CertificateSummary: Sendable {
    /// The most names kept of one certificate: a peer may send any number.
    static let nameLimit = 100

    let fingerprint: CertificateFingerprint
    let keyDigest: PublicKeyDigest
    /// The subject as RFC 2253 writes it, such as `CN=mail.example.org`.
    let subject: String
    /// dNSNames and iPAddresses of the subject's alternative names; the rest is left out.
    let names: [String]
    /// Seconds since 1970.
    let validFrom: Int
    let validUntil: Int

    /// - Parameter certificate: an `X509 *`, borrowed.
    /// - Returns: `nil` when OpenSSL cannot make its DER form or a digest of that.
    init?(_ certificate: OpaquePointer) {
        guard
            let fingerprint = unsafe Self.digest(form: { unsafe i2d_X509(certificate, $0) })
                .flatMap(CertificateFingerprint.init(digest:)),
            let keyDigest = unsafe Self.digest(form: { unsafe i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), $0) })
                .flatMap(PublicKeyDigest.init(digest:))
        else { return nil }
        self.fingerprint = fingerprint
        self.keyDigest = keyDigest
        names = unsafe Self.names(of: certificate)
        subject = unsafe Self.subject(of: certificate)
        validFrom = unsafe Self.seconds(X509_get0_notBefore(certificate)) ?? .max
        validUntil = unsafe Self.seconds(X509_get0_notAfter(certificate)) ?? .min
    }

    /// The SHA-256 of a DER form, which is what a person pins.
    /// - Parameter form: OpenSSL's `i2d_…`: tells the length for `nil`, else writes and moves the pointer behind it.
    private static func digest(form: (UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>?) -> CInt) -> [UInt8]? {
        let count = form(nil)
        guard count > 0 else { return nil }
        let octets = unsafe [UInt8](unsafeUninitializedCapacity: Int(count)) { buffer, filled in
            var at = buffer.baseAddress
            filled = max(0, Int(unsafe form(&at)))
        }
        do throws(DigestError) {
            return try DigestAlgorithm.sha256.digest(of: octets)
        } catch {
            return nil
        }
    }

    private static func seconds(_ moment: UnsafePointer<ASN1_TIME>?) -> Int? {
        var seconds: Int64 = 0
        guard unsafe mh_ASN1_TIME_seconds(moment, &seconds) == 1 else { return nil }
        return Int(exactly: seconds)
    }

    private static func subject(of certificate: OpaquePointer) -> String {
        guard let bio = MemoryBIO() else { return "" }
        unsafe mh_X509_subject(bio.raw, certificate)
        return String(decoding: bio.read(atMost: 1000), as: UTF8.self)
    }

    private static func names(of certificate: OpaquePointer) -> [String] {
        guard let list = unsafe mh_X509_alternative_names(certificate) else { return [] }
        defer { unsafe mh_names_free(list) }
        var names: [String] = []
        for index in 0..<(unsafe mh_names_count(list)) where names.count < nameLimit {
            var octets: UnsafePointer<UInt8>?
            var count: CInt = 0
            let kind = unsafe mh_names_at(list, index, &octets, &count)
            guard kind != 0, let octets = unsafe octets, count > 0 else { continue }
            let value = unsafe [UInt8](UnsafeBufferPointer(start: octets, count: Int(count)))
            if kind == 2 {
                names.append(String(decoding: value, as: UTF8.self))
            } else if let address = IPAddress(octets: value) {
                names.append("\(address)")
            }
        }
        return names
    }
}

/// A day of the Gregorian calendar, UTC, for messages.
struct CertificateDate {
    let year: Int
    let month: Int
    let day: Int

    init(seconds: Int) {
        var moment = time_t(clamping: seconds)
        var parts = unsafe tm()
        unsafe gmtime_r(&moment, &parts)
        (year, month, day) = unsafe (Int(parts.tm_year) + 1900, Int(parts.tm_mon) + 1, Int(parts.tm_mday))
    }
}

/// One memory BIO (`BIO *`), freed in `deinit`.
@safe struct MemoryBIO: ~Copyable {
    let raw: OpaquePointer

    init?() {
        guard let made = unsafe BIO_new(BIO_s_mem()) else { return nil }
        unsafe raw = made
    }

    deinit { unsafe BIO_free(raw) }

    /// Takes up to `limit` octets out.
    func read(atMost limit: Int) -> [UInt8] {
        let wanted = min(limit, unsafe Int(BIO_ctrl_pending(raw)))
        guard wanted > 0, let count = CInt(exactly: wanted) else { return [] }
        return unsafe [UInt8](unsafeUninitializedCapacity: wanted) { buffer, filled in
            filled = max(0, Int(unsafe BIO_read(raw, buffer.baseAddress, count)))
        }
    }

    /// Puts `octets` in.
    func write(_ octets: [UInt8]) -> Bool {
        guard let count = CInt(exactly: octets.count) else { return false }
        return unsafe BIO_write(raw, octets, count) == count
    }
}
