// What a certificate file says, for `--check`, the log and people.

internal import COpenSSL
import Credentials
import Reporting

/// Questions about the first certificate of a PEM file.
public enum CertificateFile {
    /// Its SHA-256 digest, the value for `tls_fingerprint`.
    /// - Throws: ``TLSError/certificateFile(path:reason:)``.
    public static func fingerprint(of path: String) throws(TLSError) -> CertificateFingerprint {
        try summary(of: path).fingerprint
    }

    /// The last moment it is valid, in seconds since 1970.
    /// - Throws: ``TLSError/certificateFile(path:reason:)``.
    public static func expiry(of path: String) throws(TLSError) -> Int { try summary(of: path).validUntil }

    /// The names and addresses it is for.
    /// - Throws: ``TLSError/certificateFile(path:reason:)``.
    public static func names(of path: String) throws(TLSError) -> [String] { try summary(of: path).names }

    /// The day of a moment of a certificate, in UTC: `2026-11-21`.
    /// - Parameter seconds: since 1970.
    public static func day(_ seconds: Int) -> String {
        let date = CertificateDate(seconds: seconds)
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return "\(date.year)-\(two(date.month))-\(two(date.day))"
    }

    private static func summary(of path: String) throws(TLSError) -> CertificateSummary {
        ERR_clear_error()
        guard let file = unsafe BIO_new_file(path, "r") else {
            throw .certificateFile(path: path, reason: OpenSSLFault.drainText())
        }
        defer { unsafe BIO_free(file) }
        guard let certificate = unsafe mh_PEM_read_certificate(file) else {
            throw .certificateFile(path: path, reason: OpenSSLFault.drainText())
        }
        defer { unsafe X509_free(certificate) }
        guard let summary = unsafe CertificateSummary(certificate) else {
            throw .certificateFile(path: path, reason: "no digest can be made")
        }
        return summary
    }
}
