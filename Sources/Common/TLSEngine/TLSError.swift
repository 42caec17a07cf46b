// What can go wrong with TLS, told to the person who must act.

import Credentials
import Reporting

/// A failure of TLS: of the peer, of the octets between, or of our own certificate files.
public enum TLSError: Complaint, Hashable {
    /// No chain of trust leads to the certificate that `peer` presented; `reason` is OpenSSL's.
    case untrusted(peer: String, reason: String, subject: String, fingerprint: CertificateFingerprint)
    /// The certificate is trusted, but for other names.
    case wrongName(asked: String, presented: [String], fingerprint: CertificateFingerprint)
    /// The certificate, or one above it, has expired. `until` is the presented certificate's end, seconds since 1970.
    case expired(peer: String, until: Int, fingerprint: CertificateFingerprint)
    /// The certificate is not valid yet; `from` is in seconds since 1970. More often than not, our own clock is wrong.
    case notYetValid(peer: String, from: Int, fingerprint: CertificateFingerprint)
    /// Fingerprints are pinned, and the presented certificate has none of them.
    case fingerprintMismatch(peer: String, presented: CertificateFingerprint, key: PublicKeyDigest)
    /// The peer refused with an alert (RFC 8446 §6.2).
    case alert(peer: String, reason: String)
    /// The peer offers nothing as new as we demand.
    case tooOld(peer: String)
    /// The first octets of the peer are no TLS record; `said` is their beginning.
    case notTLS(peer: String, said: String)
    /// A record or a handshake message is wrong; `reason` is OpenSSL's whole error queue.
    case protocolFailure(peer: String, reason: String)
    /// The connection ended without close_notify: what came so far may be cut off (RFC 8446 §6.1).
    case truncated(peer: String, duringHandshake: Bool)
    /// More ciphertext was handed in than ``TLSConnection/inputLimit`` while plaintext was not taken: a fault of ours.
    case inputOverrun(limit: Int)
    /// `send` after `shutDown`: a fault of ours.
    case sentAfterShutDown
    /// A name that no certificate can have.
    case badName(String)
    /// Fingerprints are to decide, and none is given.
    case noFingerprint
    /// Names of cipher suites, of which OpenSSL has none.
    case ciphers([String], reason: String)
    /// The rc's `tls_trust_file` cannot be used.
    case trustFile(path: String, reason: String)
    /// A certificate file cannot be read, or holds no certificate.
    case certificateFile(path: String, reason: String)
    /// A key file cannot be read, or holds no key without a passphrase.
    case keyFile(path: String, reason: String)
    /// The key does not belong to the (first) certificate.
    case keyMismatch(CertificatePair)
    /// A server has no certificate at all.
    case noCertificate
    /// A file that must be new is there already.
    case alreadyThere(path: String)
    /// A file cannot be written.
    case cannotWrite(path: String, reason: String)
    /// OpenSSL failed at what always works: out of memory, or used wrongly by us.
    case library(doing: String, reason: String)
}

extension TLSError {
    public var description: String {
        switch self {
        case .untrusted(let peer, let reason, let subject, let fingerprint):
            "\(printable(peer)): its certificate (\(printable(subject))) is not trusted: \(reason); if you know it "
                + "to be right, name its authority in tls_trust_file or pin it: tls_fingerprint \(fingerprint)"
        case .wrongName(let asked, let presented, let fingerprint):
            "\(printable(asked)): the certificate is for \(Self.list(presented)); use one of those names, for the host or in "
                + "tls_host_override, or pin it: tls_fingerprint \(fingerprint)"
        case .expired(let peer, let until, let fingerprint):
            "\(printable(peer)): its certificate expired (valid until \(Self.day(until))); its owner must renew it; if "
                + "you know it to be right, pin it: tls_fingerprint \(fingerprint)"
        case .notYetValid(let peer, let from, _):
            "\(printable(peer)): its certificate is not valid before \(Self.day(from)); look at this machine's clock"
        case .fingerprintMismatch(let peer, let presented, let key):
            "\(printable(peer)): presents a certificate other than the one pinned: \(presented), its key \(key); if it "
                + "was renewed, ask its owner, then change tls_fingerprint; else someone sits in between"
        case .alert(let peer, let reason):
            "\(printable(peer)): refused the TLS handshake or ended it: \(printable(reason))"
        case .tooOld(let peer):
            "\(printable(peer)): speaks no version of TLS that we take, 1.2 or what tls_min says; its owner must "
                + "update it"
        case .notTLS(let peer, let said):
            "\(printable(peer)): does not speak TLS here (said \"\(printable(said))\"); is this the STARTTLS port?"
        case .protocolFailure(let peer, let reason):
            "\(printable(peer)): TLS failed: \(printable(reason)); try again; if it persists, look at both ends' logs"
        case .truncated(let peer, true):
            "\(printable(peer)): closed the connection during the TLS handshake; is this port meant for TLS?"
        case .truncated(let peer, false):
            "\(printable(peer)): the connection was cut off (no TLS close_notify); try again"
        case .inputOverrun(let limit):
            "internal error: more than \(limit) octets of TLS held unread; please report this"
        case .sentAfterShutDown:
            "internal error: octets sent after the end of TLS; please report this"
        case .badName(let name):
            "\"\(printable(name))\" is neither a host name nor an address; write it in ASCII, without a port"
        case .noFingerprint:
            "the certificate is to be pinned, and no fingerprint is given; set tls_fingerprint, or trust authorities"
        case .ciphers(let names, let reason):
            "tls-ciphers \(printable(names.joined(separator: " "))): \(printable(reason)); `openssl ciphers` lists the "
                + "names"
        case .trustFile(let path, let reason):
            "\(printable(path)): cannot be used as tls_trust_file: \(printable(reason))"
        case .certificateFile(let path, let reason):
            "\(printable(path)): cannot be used as a certificate: \(printable(reason))"
        case .keyFile(let path, let reason):
            "\(printable(path)): cannot be used as a private key: \(printable(reason)); it must be PEM without a "
                + "passphrase"
        case .keyMismatch(let files):
            "\(printable(files.key)): is not the key of the certificate in \(printable(files.certificate))"
        case .noCertificate:
            "no certificate for a TLS server; add tls_certificate FILE key FILE"
        case .alreadyThere(let path):
            "\(printable(path)): is there already; choose another name, or replace key and certificate with --replace"
        case .cannotWrite(let path, let reason):
            "\(printable(path)): cannot be written: \(reason)"
        case .library(let doing, let reason):
            "OpenSSL cannot \(doing): \(printable(reason))"
        }
    }

    public var exitStatus: ExitStatus {
        switch self {
        case .untrusted, .wrongName, .expired, .notYetValid, .fingerprintMismatch: .noPermission
        case .alert, .tooOld, .notTLS, .protocolFailure: .protocolError
        case .truncated: .temporaryFailure
        case .inputOverrun, .sentAfterShutDown, .library: .software
        case .badName, .noFingerprint, .ciphers, .trustFile, .certificateFile, .keyFile, .keyMismatch, .noCertificate:
            .configuration
        case .alreadyThere, .cannotWrite: .cannotCreate
        }
    }

    private static func list(_ names: [String]) -> String {
        guard !names.isEmpty else { return "no name at all" }
        let told = names.prefix(8).map { printable($0) }.joined(separator: ", ")
        return names.count > 8 ? "\(told) and \(names.count - 8) more" : told
    }

    private static func day(_ seconds: Int) -> String { CertificateFile.day(seconds) }
}
