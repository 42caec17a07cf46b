// Where a server's certificate and its key are.

/// A certificate chain and its private key, both PEM files by path: the rc's `tls_certificate FILE key FILE`.
public struct CertificatePair: Sendable, Hashable {
    /// The server's certificate first, then the intermediate authorities up to the root.
    public var certificate: String
    /// The unencrypted private key; may be the same file.
    public var key: String

    public init(certificate: String, key: String) {
        self.certificate = certificate
        self.key = key
    }
}
