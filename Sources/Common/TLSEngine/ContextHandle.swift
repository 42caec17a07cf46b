// The owner of one SSL_CTX.

internal import COpenSSL
import Credentials
import Glibc
import Reporting

/// One `SSL_CTX`, freed in `deinit`.
///
/// Sendable, since it is set up before anyone else sees it and never changed after; OpenSSL itself guards the counters,
/// session cache and certificate store behind it (CRYPTO_THREAD locks).
@safe final class ContextHandle: @unchecked Sendable {
    let raw: OpaquePointer
    /// The names of the certificate that a server shows.
    let names: [String]
    let warnings: [TLSWarning]
    // Kept, since `raw` points at it.
    private let spoken: SpokenProtocols

    deinit { unsafe SSL_CTX_free(raw) }

    /// A client's settings.
    init(asking settings: TLSClientSettings) throws(TLSError) {
        let made = try unsafe Self.make(TLS_client_method(), atLeast: settings.leastVersion)
        do throws(TLSError) {
            if let certificate = settings.certificate {
                warnings = try unsafe Self.load(certificate, into: made).warnings
            } else {
                warnings = []
            }
            try unsafe Self.choose(settings.ciphers, in: made)
        } catch {
            unsafe SSL_CTX_free(made)
            throw error
        }
        unsafe raw = made
        names = []
        spoken = SpokenProtocols([])
        unsafe SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, nil)
        unsafe SSL_CTX_set_cert_verify_callback(raw, examinePeer, nil)
        switch settings.trust {
        case .system:
            ERR_clear_error()
            guard unsafe SSL_CTX_set_default_verify_paths(raw) == 1 else {
                throw .library(doing: "find the system's certificate authorities", reason: OpenSSLFault.drainText())
            }
        case .file(let path):
            if let code = Self.unreadable(path) { throw .trustFile(path: path, reason: reason(code)) }
            ERR_clear_error()
            guard unsafe SSL_CTX_load_verify_file(raw, path) == 1 else {
                throw .trustFile(path: path, reason: OpenSSLFault.drainText())
            }
            // Whatever stands in the file is trusted by itself, be it a root, an authority below one, or the server's.
            unsafe X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(raw), UInt(X509_V_FLAG_PARTIAL_CHAIN))
        case .pins, .unproved:
            break
        }
    }

    /// A server's settings for one certificate.
    init(showing files: CertificatePair, speaking spoken: SpokenProtocols) throws(TLSError) {
        let made = try unsafe Self.make(TLS_server_method())
        do {
            (names, warnings) = try unsafe Self.load(files, into: made)
        } catch {
            unsafe SSL_CTX_free(made)
            throw error
        }
        unsafe raw = made
        self.spoken = spoken
        if !spoken.isEmpty {
            unsafe SSL_CTX_set_alpn_select_cb(raw, chooseProtocol, Unmanaged.passUnretained(spoken).toOpaque())
        }
    }

    /// Lets `table` choose by the client's SNI. The table must live as long as any connection.
    func chooseCertificates(from table: SNITable) {
        unsafe mh_SSL_CTX_set_sni(raw, chooseCertificate, Unmanaged.passUnretained(table).toOpaque())
    }

    /// Takes the cipher suites that have these names; see ``TLSClientSettings/ciphers``.
    private static func choose(_ ciphers: [String], in context: OpaquePointer) throws(TLSError) {
        let suites = ciphers.filter { $0.hasPrefix("TLS_") }
        let others = ciphers.filter { !$0.hasPrefix("TLS_") }
        ERR_clear_error()
        // OpenSSL passes over a name that it does not know if it knows another: each is tried by itself first.
        for suite in suites where unsafe SSL_CTX_set_ciphersuites(context, suite) != 1 {
            throw .ciphers([suite], reason: OpenSSLFault.drainText())
        }
        // Those without a certificate would let anybody be the server.
        let forbidden = ":!aNULL:!eNULL"
        let orders: [Character] = ["!", "-", "+", "@"]
        for other in others where !orders.contains(other.first ?? "!") {
            guard unsafe SSL_CTX_set_cipher_list(context, other + forbidden) == 1 else {
                throw .ciphers([other], reason: OpenSSLFault.drainText())
            }
        }
        if !suites.isEmpty, unsafe SSL_CTX_set_ciphersuites(context, suites.joined(separator: ":")) != 1 {
            throw .ciphers(suites, reason: OpenSSLFault.drainText())
        }
        if !others.isEmpty, unsafe SSL_CTX_set_cipher_list(context, others.joined(separator: ":") + forbidden) != 1 {
            throw .ciphers(others, reason: OpenSSLFault.drainText())
        }
    }

    private static func make(
        _ method: OpaquePointer?, atLeast version: TLSVersion = .v12
    ) throws(TLSError) -> OpaquePointer {
        ERR_clear_error()
        guard let made = unsafe SSL_CTX_new(method) else {
            throw .library(doing: "start", reason: OpenSSLFault.drainText())
        }
        let least = version == .v12 ? TLS1_2_VERSION : TLS1_3_VERSION
        guard unsafe mh_SSL_CTX_set_min_proto(made, least) == 1 else {
            unsafe SSL_CTX_free(made)
            throw .library(doing: "ask for TLS \(version.rawValue)", reason: OpenSSLFault.drainText())
        }
        unsafe SSL_CTX_set_options(made, mh_SSL_OP_hardening())
        unsafe mh_SSL_CTX_release_buffers(made)
        // A server resumes by tickets, which its clients keep: no memory of ours grows with them.
        unsafe mh_SSL_CTX_keep_no_sessions(made)
        return unsafe made
    }

    private static func load(
        _ files: CertificatePair, into context: OpaquePointer
    ) throws(TLSError) -> (names: [String], warnings: [TLSWarning]) {
        if let code = unreadable(files.certificate) {
            throw .certificateFile(path: files.certificate, reason: reason(code))
        }
        ERR_clear_error()
        guard unsafe SSL_CTX_use_certificate_chain_file(context, files.certificate) == 1,
            let leaf = unsafe SSL_CTX_get0_certificate(context), let summary = unsafe CertificateSummary(leaf)
        else { throw .certificateFile(path: files.certificate, reason: OpenSSLFault.drainText()) }
        var warnings: [TLSWarning] = []
        try unsafe loadKey(files, for: leaf, into: context, &warnings)
        let now = time(nil)
        if summary.validUntil < now {
            warnings.append(.expired(path: files.certificate, until: summary.validUntil))
        } else if summary.validFrom > now {
            warnings.append(.notYetValid(path: files.certificate, from: summary.validFrom))
        }
        return (summary.names, warnings)
    }

    private static func loadKey(
        _ files: CertificatePair, for leaf: OpaquePointer, into context: OpaquePointer, _ warnings: inout [TLSWarning]
    ) throws(TLSError) {
        let path = files.key
        if let code = unreadable(path) { throw .keyFile(path: path, reason: reason(code)) }
        var status = stat()
        if unsafe stat(path, &status) == 0, status.st_mode & 0o004 != 0 {
            warnings.append(.keyReadableByOthers(path: path))
        }
        ERR_clear_error()
        guard let file = unsafe BIO_new_file(path, "r") else {
            throw .keyFile(path: path, reason: OpenSSLFault.drainText())
        }
        defer { unsafe BIO_free(file) }
        guard let key = unsafe mh_PEM_read_key(file) else {
            throw .keyFile(path: path, reason: OpenSSLFault.drainText())
        }
        defer { unsafe EVP_PKEY_free(key) }
        guard unsafe X509_check_private_key(leaf, key) == 1 else {
            ERR_clear_error()
            throw .keyMismatch(files)
        }
        guard unsafe SSL_CTX_use_PrivateKey(context, key) == 1 else {
            throw .keyFile(path: path, reason: OpenSSLFault.drainText())
        }
    }

    /// The errno that opening `path` for reading gives; `nil` when it can be read.
    private static func unreadable(_ path: String) -> Int32? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return errno }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { return errno }
        return status.st_mode & S_IFMT == S_IFDIR ? EISDIR : nil
    }
}

/// Which certificate answers to which name (RFC 6066 §3). Filled before the first connection, then only read.
@safe final class SNITable: @unchecked Sendable {
    private var exact: [String: ContextHandle] = [:]

    /// Adds the names of `handle`; a name that is there already stays with the earlier one.
    func add(_ handle: ContextHandle) {
        for name in handle.names {
            let key = name.lowercased()
            if exact[key] == nil { exact[key] = handle }
        }
    }

    /// The certificate for `name`: its own, else one for `*.` and all but its first label.
    func handle(for name: String) -> ContextHandle? {
        let name = name.lowercased()
        if let handle = exact[name] { return handle }
        guard let dot = name.firstIndex(of: ".") else { return nil }
        return exact["*" + name[dot...]]
    }
}

/// OpenSSL asks which certificate to show.
private func chooseCertificate(
    _ connection: OpaquePointer?, _ alert: UnsafeMutablePointer<CInt>?, _ argument: UnsafeMutableRawPointer?
) -> CInt {
    guard let argument = unsafe argument, let connection = unsafe connection,
        let name = unsafe SSL_get_servername(connection, TLSEXT_NAMETYPE_host_name)
    else { return SSL_TLSEXT_ERR_NOACK }
    let table = unsafe Unmanaged<SNITable>.fromOpaque(argument).takeUnretainedValue()
    guard let chosen = unsafe table.handle(for: String(cString: name)) else { return SSL_TLSEXT_ERR_OK }
    return unsafe SSL_set_SSL_CTX(connection, chosen.raw) == nil ? SSL_TLSEXT_ERR_ALERT_FATAL : SSL_TLSEXT_ERR_OK
}
