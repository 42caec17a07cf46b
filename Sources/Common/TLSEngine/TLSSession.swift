// The owner of one SSL with its two memory BIOs: OpenSSL's calls and their outcomes.

internal import COpenSSL
import Octets

/// One `SSL`, freed in `deinit` with its BIOs. Used by one thread at a time.
@safe final class TLSSession {
    /// What a call came to.
    enum Outcome {
        case done(octets: Int)
        case wantsInput
        /// The peer has sent close_notify.
        case closed
        case failed([OpenSSLFault])
    }

    private let raw: OpaquePointer
    private let input: OpaquePointer
    private let output: OpaquePointer
    // Kept, since `raw` points at it: freed after `raw` is.
    let examination: PeerVerification

    /// - Parameters:
    ///   - isClient: which end of the handshake to play.
    ///   - examination: what the verify callback asks; on a server it only names the peer.
    init(_ context: ContextHandle, isClient: Bool, examination: PeerVerification) throws(TLSError) {
        ERR_clear_error()
        let made = unsafe (SSL_new(context.raw), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()))
        guard let ssl = unsafe made.0, let input = unsafe made.1, let output = unsafe made.2 else {
            unsafe SSL_free(made.0)
            unsafe BIO_free(made.1)
            unsafe BIO_free(made.2)
            throw .library(doing: "make a connection", reason: OpenSSLFault.drainText())
        }
        unsafe SSL_set_bio(ssl, input, output)
        unsafe raw = ssl
        unsafe self.input = input
        unsafe self.output = output
        self.examination = examination
        unsafe SSL_set_ex_data(ssl, 0, Unmanaged.passUnretained(examination).toOpaque())
        if isClient { unsafe SSL_set_connect_state(ssl) } else { unsafe SSL_set_accept_state(ssl) }
    }

    deinit { unsafe SSL_free(raw) }

    /// Sends `name` as SNI if `sni`, and expects it in the certificate if `checked`.
    func expect(name: String, sni: Bool, checked: Bool) throws(TLSError) {
        ERR_clear_error()
        if sni, unsafe mh_SSL_set_sni(raw, name) != 1 {
            throw .library(doing: "set the server name", reason: OpenSSLFault.drainText())
        }
        guard checked else { return }
        unsafe SSL_set_hostflags(raw, CUnsignedInt(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
        guard unsafe SSL_set1_host(raw, name) == 1 else {
            throw .library(doing: "set the expected name", reason: OpenSSLFault.drainText())
        }
    }

    /// Expects an address of 4 or 16 octets in the certificate.
    func expect(address: [UInt8]) throws(TLSError) {
        ERR_clear_error()
        guard unsafe X509_VERIFY_PARAM_set1_ip(SSL_get0_param(raw), address, address.count) == 1 else {
            throw .library(doing: "set the expected address", reason: OpenSSLFault.drainText())
        }
    }

    func handshake() -> Outcome {
        ERR_clear_error()
        return outcome(unsafe SSL_do_handshake(raw), octets: 0)
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) -> Outcome {
        ERR_clear_error()
        var count = 0
        let result = unsafe SSL_read_ex(raw, buffer.baseAddress, buffer.count, &count)
        return outcome(result, octets: count)
    }

    func write(_ buffer: UnsafeRawBufferPointer) -> Outcome {
        ERR_clear_error()
        var count = 0
        let result = unsafe SSL_write_ex(raw, buffer.baseAddress, buffer.count, &count)
        return outcome(result, octets: count)
    }

    /// Puts our close_notify into the output.
    func sendCloseNotify() {
        ERR_clear_error()
        _ = unsafe SSL_shutdown(raw)
        ERR_clear_error()  // it can only fail after another failure, which has been reported
    }

    /// Plaintext that OpenSSL holds decrypted, and ciphertext it has not read.
    var heldInputCount: Int { unsafe Int(SSL_pending(raw)) + BIO_ctrl_pending(input) }

    /// Moves a piece of `queue` to where OpenSSL reads.
    /// - Returns: whether there was any.
    func feed(from queue: inout OctetQueue) -> Bool {
        var moved = 0
        unsafe queue.consume(atMost: 16_384) { bytes in
            guard bytes.count > 0 else { return 0 }
            moved = max(0, Int(unsafe BIO_write(input, bytes.baseAddress, CInt(bytes.count))))
            return moved
        }
        return moved > 0
    }

    /// Appends all that OpenSSL has written.
    func drainOutput(into ciphertext: inout [UInt8]) {
        while true {
            let count = unsafe min(BIO_ctrl_pending(output), 65_536)
            guard count > 0 else { return }
            let part = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
                filled = max(0, Int(unsafe BIO_read(output, buffer.baseAddress, CInt(count))))
            }
            guard !part.isEmpty else { return }
            if ciphertext.isEmpty { ciphertext = part } else { ciphertext += part }
        }
    }

    func facts(isClient: Bool) -> TLSFacts {
        let cipher = unsafe SSL_CIPHER_get_name(SSL_get_current_cipher(raw)).map { unsafe String(cString: $0) }
        let name = unsafe SSL_get_servername(raw, TLSEXT_NAMETYPE_host_name).map { unsafe String(cString: $0) }
        let presented = examination.presented
        return TLSFacts(
            version: unsafe String(cString: SSL_get_version(raw)), cipher: cipher ?? "unknown",
            isResumed: unsafe SSL_session_reused(raw) == 1, serverName: name,
            peerFingerprint: presented?.fingerprint, peerKey: presented?.keyDigest,
            peerValidUntil: presented?.validUntil, peerSubject: presented?.subject,
            peerNames: presented?.names ?? [], channelBinding: channelBinding(isClient: isClient))
    }

    /// RFC 9266 with TLS 1.3, RFC 5929 §4 with TLS 1.2.
    private func channelBinding(isClient: Bool) -> ChannelBinding? {
        ERR_clear_error()
        defer { ERR_clear_error() }
        guard unsafe SSL_version(raw) < TLS1_3_VERSION else {
            let label = "EXPORTER-Channel-Binding"
            var data = [UInt8](repeating: 0, count: 32)
            let made = unsafe SSL_export_keying_material(raw, &data, data.count, label, label.utf8.count, [], 0, 1)
            return made == 1 ? ChannelBinding(.tlsExporter, data: data) : nil
        }
        return serverEndPoint(isClient: isClient)
    }

    /// RFC 5929 §4, by the server's certificate.
    func serverEndPoint(isClient: Bool) -> ChannelBinding? {
        let certificate = unsafe isClient ? SSL_get0_peer_certificate(raw) : SSL_get_certificate(raw)
        guard let certificate = unsafe certificate else { return nil }
        return unsafe Self.endPointDigest(of: certificate).map { ChannelBinding(.tlsServerEndPoint, data: $0) }
    }

    /// The digest of `certificate` by the algorithm of its signature, SHA-256 in the place of MD5 and SHA-1.
    private static func endPointDigest(of certificate: OpaquePointer) -> [UInt8]? {
        var algorithm: CInt = 0
        guard unsafe X509_get_signature_info(certificate, &algorithm, nil, nil, nil) == 1 else { return nil }
        if algorithm == NID_md5 || algorithm == NID_sha1 { algorithm = NID_sha256 }
        guard let name = unsafe OBJ_nid2sn(algorithm), let method = unsafe EVP_get_digestbyname(name) else {
            return nil
        }
        var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var count: CUnsignedInt = 0
        guard unsafe X509_digest(certificate, method, &digest, &count) == 1 else { return nil }
        return Array(digest.prefix(Int(count)))
    }

    private func outcome(_ result: CInt, octets: Int) -> Outcome {
        if result == 1 { return .done(octets: octets) }
        switch unsafe SSL_get_error(raw, result) {
        case SSL_ERROR_WANT_READ: return .wantsInput
        case SSL_ERROR_ZERO_RETURN: return .closed
        default: return .failed(OpenSSLFault.drain())
        }
    }
}
