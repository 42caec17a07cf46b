// The client's check of the server's certificate, within the handshake: a wrong one gets an alert and no plaintext.

internal import COpenSSL
import Credentials

/// Whom one client connection expects, and the certificate that was presented.
final class PeerVerification {
    /// The host name or address asked for, as the rc has it; on a server, who connected.
    let peer: String
    /// When there are any, these alone decide.
    let pins: [CertificatePin]
    /// Whether any certificate will do.
    let isUnproved: Bool
    /// The certificate presented.
    var presented: CertificateSummary?
    /// OpenSSL's `X509_V_…`, `X509_V_OK` as long as nothing is wrong.
    var verdict = X509_V_OK

    init(peer: String, pins: [CertificatePin], isUnproved: Bool = false) {
        self.peer = peer
        self.pins = pins
        self.isUnproved = isUnproved
    }

    /// Why the certificate was refused; `nil` when it was not.
    var failure: TLSError? {
        guard verdict != X509_V_OK else { return nil }
        guard let presented else { return .protocolFailure(peer: peer, reason: "no certificate was presented") }
        let fingerprint = presented.fingerprint
        guard pins.isEmpty else {
            return .fingerprintMismatch(peer: peer, presented: fingerprint, key: presented.keyDigest)
        }
        switch verdict {
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH:
            let names = presented.names.isEmpty ? [presented.subject] : presented.names
            return .wrongName(asked: peer, presented: names, fingerprint: fingerprint)
        case X509_V_ERR_CERT_HAS_EXPIRED:
            return .expired(peer: peer, until: presented.validUntil, fingerprint: fingerprint)
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return .notYetValid(peer: peer, from: presented.validFrom, fingerprint: fingerprint)
        default:
            let reason = unsafe X509_verify_cert_error_string(Int(verdict)).map { unsafe String(cString: $0) }
            return .untrusted(
                peer: peer, reason: reason ?? "error \(verdict)", subject: presented.subject, fingerprint: fingerprint)
        }
    }

    /// - Parameter store: the `X509_STORE_CTX` of this handshake.
    fileprivate func examine(_ store: OpaquePointer) -> Bool {
        guard let leaf = unsafe X509_STORE_CTX_get0_cert(store), let summary = unsafe CertificateSummary(leaf) else {
            verdict = X509_V_ERR_UNSPECIFIED
            return false
        }
        presented = summary
        if isUnproved {
            unsafe X509_STORE_CTX_set_error(store, X509_V_OK)
            return true
        }
        guard pins.isEmpty else {
            let isPinned =
                pins.contains(.certificate(summary.fingerprint)) || pins.contains(.publicKey(summary.keyDigest))
            verdict = isPinned ? X509_V_OK : X509_V_ERR_APPLICATION_VERIFICATION
            unsafe X509_STORE_CTX_set_error(store, verdict)
            return isPinned
        }
        let good = unsafe X509_verify_cert(store) == 1
        let code = unsafe X509_STORE_CTX_get_error(store)
        verdict = good ? X509_V_OK : (code == X509_V_OK ? X509_V_ERR_UNSPECIFIED : code)
        return good
    }
}

/// OpenSSL asks whether the peer's certificate will do. Whatever is missing on the way means no.
func examinePeer(_ store: OpaquePointer?, _ argument: UnsafeMutableRawPointer?) -> CInt {
    guard let store = unsafe store,
        let connection = unsafe X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()),
        let data = unsafe SSL_get_ex_data(OpaquePointer(connection), 0)
    else { return 0 }
    return unsafe Unmanaged<PeerVerification>.fromOpaque(data).takeUnretainedValue().examine(store) ? 1 : 0
}
