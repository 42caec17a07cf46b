// Whom a client believes.

import Credentials
import MailTestKit
import Reporting
import Testing

@testable import TLSEngine

@Suite("A TLS client")
struct PeerVerificationTests {
    let certificate: TestCertificate

    init() throws { certificate = try TestCertificate(["mail.example.org", "*.wild.example", "127.0.0.1", "::1"]) }

    /// What the client makes of the server, and the server of the client.
    private func meet(_ trust: TLSTrust, _ host: String, at certificate: TestCertificate? = nil) throws -> (
        client: TLSError?, server: TLSError?
    ) {
        let pair = try TLSPair(certificate ?? self.certificate, trust: trust, host: host)
        pair.carry()
        return (tlsError { try pair.client.advance() }, tlsError { _ = try pair.server.takePlaintext() })
    }

    @Test(
        "believes each name and address of the certificate",
        arguments: [
            "mail.example.org", "MAIL.example.org", "mail.example.org.", "a.wild.example", "127.0.0.1", "::1", "0:0::1",
        ])
    func names(host: String) throws {
        #expect(try meet(certificate.trust, host).client == nil)
    }

    @Test(
        "refuses every other name, tells the names there are, and sends an alert",
        arguments: [
            "other.example.org", "example.org", "a.b.wild.example", "wild.example", "127.0.0.2", "::2",
            "mail.example.org.evil.example",
        ])
    func wrongName(host: String) throws {
        let (client, server) = try meet(certificate.trust, host)
        #expect(
            client
                == .wrongName(
                    asked: host, presented: ["mail.example.org", "*.wild.example", "127.0.0.1", "::1"],
                    fingerprint: certificate.fingerprint))
        guard case .alert = server else {
            Issue.record("the server heard \(String(describing: server))")
            return
        }
    }

    @Test(
        "takes nothing for a name that is none",
        arguments: [
            "", ".", ".example.org", "a b", "mail.example.org\0.evil", "mail.example.org:993", "[::1]", "mäil.example",
            String(repeating: "a", count: 254), "\r\n",
        ])
    func badName(host: String) throws {
        #expect(tlsError { _ = try TLSConnection(client: .client(), to: host) } == .badName(host))
    }

    @Test("refuses a certificate that no authority of the system knows, and shows what to pin")
    func untrusted() throws {
        let error = try #require(try meet(.system, "mail.example.org").client)
        guard case .untrusted(_, let reason, let subject, let fingerprint) = error else {
            Issue.record("\(error)")
            return
        }
        #expect(reason == "self-signed certificate")
        #expect(subject == "CN=mail.example.org")
        #expect(fingerprint == certificate.fingerprint)
        #expect(error.description.contains("tls_fingerprint \(certificate.fingerprint)"))
        #expect(error.exitStatus == .noPermission)
    }

    @Test("refuses the same name signed by another key")
    func impostor() throws {
        let impostor = try TestCertificate(["mail.example.org"])
        guard case .untrusted = try meet(certificate.trust, "mail.example.org", at: impostor).client else {
            Issue.record("an impostor was believed")
            return
        }
    }

    @Test("refuses an expired certificate and one whose time has not come")
    func dates() throws {
        let old = try TestCertificate(["mail.example.org"], validFrom: -7200, validUntil: -3600)
        guard case .expired(_, let until, old.fingerprint) = try meet(old.trust, "mail.example.org", at: old).client
        else {
            Issue.record("an expired certificate was believed")
            return
        }
        #expect(until == (try CertificateFile.expiry(of: old.files.certificate)))
        let early = try TestCertificate(["mail.example.org"], validFrom: 3600, validUntil: 7200)
        guard case .notYetValid = try meet(early.trust, "mail.example.org", at: early).client else {
            Issue.record("a certificate of tomorrow was believed")
            return
        }
    }

    @Test("believes a pinned certificate whatever its name, authority and dates")
    func pinned() throws {
        let old = try TestCertificate(["mail.example.org"], validFrom: -7200, validUntil: -3600)
        let pins = TLSTrust.pins([.certificate(certificate.fingerprint), .publicKey(try key(of: old))])
        #expect(try meet(pins, "elsewhere.example", at: old).client == nil)
        #expect(try meet(pins, "192.0.2.1").client == nil)
    }

    /// The digest of a certificate's key, by openssl(1).
    private func key(of certificate: TestCertificate) throws -> PublicKeyDigest {
        let form = certificate.directory.file("key.der")
        let steps = [
            ["x509", "-in", certificate.files.certificate, "-noout", "-pubkey", "-out", "\(form).pem"],
            ["pkey", "-pubin", "-in", "\(form).pem", "-outform", "DER", "-out", form],
        ]
        for step in steps { #expect(try runProgram(["openssl"] + step).status == 0) }
        let digest = try runProgram(["openssl", "dgst", "-sha256", "-r", form]).outputText
        return try #require(
            CertificateFingerprint(String(digest.prefix(64))).flatMap { PublicKeyDigest(digest: $0.octets) })
    }

    @Test("refuses every certificate but the pinned ones, a trusted one included")
    func mismatch() throws {
        let other = try TestCertificate(["mail.example.org"])
        let (client, server) = try meet(
            .pins([.certificate(other.fingerprint), .publicKey(try key(of: other))]), "mail.example.org")
        #expect(
            client
                == .fingerprintMismatch(
                    peer: "mail.example.org", presented: certificate.fingerprint, key: try key(of: certificate)))
        #expect(server != nil)
        #expect(
            tlsError { _ = try TLSConnection(client: .client(trust: .pins([])), to: "a") }
                == .noFingerprint)
    }

    @Test("says nothing to a server it does not believe")
    func silence() throws {
        let pair = try TLSPair(certificate, trust: .system, host: "mail.example.org")
        pair.client.send(Array("AUTH PLAIN secret".utf8))
        pair.carry()
        #expect(tlsError { try pair.client.advance() } != nil)
        #expect(pair.client.pendingCiphertextCount == 0)
        #expect(pair.client.facts == nil)
        #expect(tlsError { _ = try pair.server.takePlaintext() } != nil)
    }
}
