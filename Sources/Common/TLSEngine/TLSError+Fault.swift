// From OpenSSL's words to what a person can act on.

internal import COpenSSL

extension TLSError {
    /// The error behind a failed call.
    /// - Parameters:
    ///   - faults: OpenSSL's error queue after that call.
    ///   - opening: the first octets that the peer sent, at most ``TLSConnection/openingLimit``.
    init(_ faults: [OpenSSLFault], with peer: String, opening: [UInt8], isHandshaking: Bool) {
        if isHandshaking, let first = opening.first {
            // A TLS record begins with its type (alert, handshake) and version 3.x (RFC 8446 §5.1).
            let isRecord = (first == 21 || first == 22) && (opening.count < 2 || opening[1] == 3)
            if !isRecord {
                let line = opening.prefix { $0 != 0x0D && $0 != 0x0A }
                self = .notTLS(peer: peer, said: String(decoding: line, as: UTF8.self))
                return
            }
        }
        let ssl = faults.filter { $0.library == ERR_LIB_SSL }
        if let alert = ssl.first(where: { $0.reason >= SSL_AD_REASON_OFFSET }) {
            let isVersion = alert.reason == SSL_AD_REASON_OFFSET + Self.protocolVersionAlert
            self = isVersion ? .tooOld(peer: peer) : .alert(peer: peer, reason: alert.text)
            return
        }
        let versions = [
            SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_VERSION_TOO_LOW, SSL_R_NO_PROTOCOLS_AVAILABLE, SSL_R_UNKNOWN_PROTOCOL,
        ]
        if isHandshaking, ssl.contains(where: { versions.contains($0.reason) }) {
            self = .tooOld(peer: peer)
            return
        }
        self = .protocolFailure(peer: peer, reason: OpenSSLFault.text(of: faults))
    }

    /// `protocol_version(70)` (RFC 8446 §6).
    private static var protocolVersionAlert: CInt { 70 }
}
