// A certificate of our own making, so that a new hub speaks TLS from the first day.

internal import COpenSSL
import Credentials
import Digests
import DurableFiles
import Glibc
import InternetAddress
import Reporting

/// Makes self-signed certificates.
public enum CertificateMaker {
    /// Whether a certificate can be made for `names`.
    /// - Throws: ``TLSError/badName(_:)``.
    public static func check(_ names: [String]) throws(TLSError) { _ = try alternativeNames(names) }

    /// Makes an EC P-256 key and a certificate for `names`, signed by that key, and writes both as PEM, durably.
    /// - Parameters:
    ///   - names: host names (`*.` allowed as first label) and addresses; the first becomes the common name.
    ///   - days: how long it is valid from now on; clamped to 1 to 36500.
    ///   - files: the key is written with mode 0600, then the certificate with mode 0644.
    ///   - replacing: whether existing files are replaced, each atomically; otherwise they are an error.
    /// - Returns: the certificate's SHA-256 digest; its description is `AA:BB:…`.
    /// - Throws: ``TLSError/badName(_:)``, ``TLSError/alreadyThere(path:)``, ``TLSError/cannotWrite(path:reason:)``,
    ///   and ``TLSError/library(doing:reason:)`` when OpenSSL fails.
    @discardableResult
    public static func makeSelfSigned(
        names: [String], days: Int, to files: CertificatePair, replacing: Bool = false
    ) throws(TLSError) -> CertificateFingerprint {
        let days = min(max(days, 1), 36_500)
        // An hour back, for peers whose clock is behind.
        return try makeSelfSigned(
            names: names, validFrom: -3600, validUntil: days * 86_400, to: files, replacing: replacing)
    }

    /// The same with its validity in seconds from now, so that tests can make expired ones.
    static func makeSelfSigned(
        names: [String], validFrom: Int, validUntil: Int, to files: CertificatePair, replacing: Bool = false
    ) throws(TLSError) -> CertificateFingerprint {
        let alternatives = try alternativeNames(names)
        ERR_clear_error()
        guard let key = unsafe mh_EVP_P256_key() else { throw failure("make a key") }
        defer { unsafe EVP_PKEY_free(key) }
        guard let certificate = unsafe X509_new() else { throw failure("make a certificate") }
        defer { unsafe X509_free(certificate) }
        try unsafe fill(certificate, key, commonName: names[0], validFrom, validUntil)
        try unsafe extend(certificate, alternatives)
        guard unsafe X509_sign(certificate, key, EVP_sha256()) > 0, let summary = unsafe CertificateSummary(certificate)
        else { throw failure("sign a certificate") }

        guard let keyText = MemoryBIO(), let certificateText = MemoryBIO(),
            unsafe mh_PEM_write_key(keyText.raw, key) == 1,
            unsafe PEM_write_bio_X509(certificateText.raw, certificate) == 1
        else { throw failure("write PEM") }
        try write(keyText.read(atMost: 65_536), to: files.key, mode: 0o600, replacing: replacing)
        do {
            try write(certificateText.read(atMost: 65_536), to: files.certificate, mode: 0o644, replacing: replacing)
        } catch {
            if !replacing { _ = unsafe unlink(files.key) }  // ours, of a moment ago, and of no use alone
            throw error
        }
        return summary.fingerprint
    }

    private static func write(
        _ octets: [UInt8], to path: String, mode: UInt32, replacing: Bool
    ) throws(TLSError) {
        do throws(DurableError) {
            let (directory, name) = try Directory.holding(path)
            if replacing {
                try directory.replace(name, with: octets, mode: mode)
            } else {
                try directory.add(name, with: octets, mode: mode)
            }
        } catch {
            throw error.code == DurableError.exists
                ? .alreadyThere(path: path) : .cannotWrite(path: path, reason: reason(error.code))
        }
    }

    private static func fill(
        _ certificate: OpaquePointer, _ key: OpaquePointer, commonName: String, _ validFrom: Int, _ validUntil: Int
    ) throws(TLSError) {
        // RFC 5280 §4.1.2.2: positive, at most 20 octets; random, so that a new one is never taken for the old one.
        var serial = Randomness.octets(16)
        serial[0] = serial[0] & 0x7F | 0x40
        let number = unsafe BN_bin2bn(serial, CInt(serial.count), nil)
        defer { unsafe BN_free(number) }
        // RFC 5280 appendix A.1: 64 characters at most. The names that count are the alternative ones.
        let name = Array((commonName.utf8.count <= 64 ? commonName : "mail hub").utf8)
        guard unsafe X509_set_version(certificate, 2) == 1,
            unsafe number != nil, unsafe BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nil,
            unsafe X509_gmtime_adj(X509_getm_notBefore(certificate), validFrom) != nil,
            unsafe X509_gmtime_adj(X509_getm_notAfter(certificate), validUntil) != nil,
            unsafe X509_set_pubkey(certificate, key) == 1,
            let subject = unsafe X509_get_subject_name(certificate),
            unsafe X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, name, CInt(name.count), -1, 0) == 1,
            unsafe X509_set_issuer_name(certificate, subject) == 1
        else { throw failure("make a certificate") }
    }

    private static func extend(_ certificate: OpaquePointer, _ alternatives: String) throws(TLSError) {
        let extensions = [
            (NID_basic_constraints, "critical,CA:FALSE"),
            (NID_key_usage, "critical,digitalSignature"),
            (NID_ext_key_usage, "serverAuth"),
            (NID_subject_alt_name, alternatives),
            (NID_subject_key_identifier, "hash"),
        ]
        for (nid, value) in extensions {
            guard unsafe mh_X509_add_extension(certificate, nid, value) == 1 else {
                throw failure("add an extension to a certificate")
            }
        }
    }

    /// `DNS:a,IP:b`. Names are checked letter by letter, since OpenSSL's syntax would read commas and colons in them.
    private static func alternativeNames(_ names: [String]) throws(TLSError) -> String {
        guard !names.isEmpty, names.count <= CertificateSummary.nameLimit else { throw .badName("") }
        var parts: [String] = []
        for name in names {
            if let address = IPAddress(name) {
                parts.append("IP:\(address)")
            } else if HostName.isName(name.hasPrefix("*.") ? String(name.dropFirst(2)) : name) {
                parts.append("DNS:\(name)")
            } else {
                throw .badName(name)
            }
        }
        return parts.joined(separator: ",")
    }

    private static func failure(_ doing: String) -> TLSError {
        .library(doing: doing, reason: OpenSSLFault.drainText())
    }
}
