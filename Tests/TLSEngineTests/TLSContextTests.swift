// Certificate files, good and bad, and the choice between several.

import Credentials
import Glibc
import MailTestKit
import Reporting
import Testing

@testable import TLSEngine

@Suite("TLS settings")
struct TLSContextTests {
    @Test("show each name its own certificate, and the first one to all others")
    func serverNames() throws {
        let first = try TestCertificate(["first.example"])
        let second = try TestCertificate(["second.example", "*.second.example"])
        let third = try TestCertificate(["special.second.example"])
        let context = try TLSContext.server(certificates: [first.files, second.files, third.files])
        let expected = [
            "first.example": first, "second.example": second, "a.second.example": second, "A.SECOND.example": second,
            "special.second.example": third, "a.b.second.example": first, "other.example": first, "192.0.2.1": first,
        ]
        for (host, certificate) in expected {
            let pair = try TLSPair(server: context, trust: .pins([.certificate(certificate.fingerprint)]), host: host)
            pair.carry()
            #expect(tlsError { try pair.client.advance() } == nil, "\(host)")
            #expect(try pair.server.advance() == .established, "\(host)")
        }
    }

    /// What a client that asks for `change` agrees on with a server of ours; `nil` when it stops.
    private func agreed(_ change: (inout TLSClientSettings) -> Void) throws -> TLSFacts? {
        let certificate = try TestCertificate(["a.example"])
        var settings = TLSClientSettings(trust: certificate.trust)
        change(&settings)
        let pair = try TLSPair(server: certificate.server(), asking: settings, host: "a.example")
        pair.carry()
        return pair.client.facts
    }

    @Test("take the cipher suites that are named, each for its version of TLS")
    func ciphers() throws {
        #expect(
            try agreed { $0.ciphers = ["ECDHE+AESGCM", "TLS_CHACHA20_POLY1305_SHA256"] }?.cipher
                == "TLS_CHACHA20_POLY1305_SHA256")
        #expect(try agreed { $0.ciphers = ["ECDHE+AESGCM"] }?.version == "TLSv1.3")
        // A name that OpenSSL would pass over beside a good one is an error, too.
        for (bad, named) in [
            (["NOSUCH"], ["NOSUCH"]), (["TLS_NOSUCH"], ["TLS_NOSUCH"]), (["ECDHE+AESGCM", "NOSUCH"], ["NOSUCH"]),
            (["TLS_AES_128_GCM_SHA256", "TLS_NOSUCH"], ["TLS_NOSUCH"]), (["ECDHE+AESGCM", "eNULL"], ["eNULL"]),
        ] {
            let error = tlsError { _ = try agreed { $0.ciphers = bad } }
            guard case .ciphers(named, _) = error else {
                Issue.record("\(bad): \(String(describing: error))")
                continue
            }
            #expect(error?.exitStatus == .configuration)
        }
    }

    @Test("take no cipher suite without a certificate, whoever names one")
    func anonymous() throws {
        guard case .ciphers = tlsError({ _ = try agreed { $0.ciphers = ["aNULL"] } }) else {
            Issue.record("anybody could be the server")
            return
        }
    }

    @Test("show the certificate of a client that has one, and say what is wrong with its files")
    func clientCertificate() throws {
        let (mine, other) = (try TestCertificate(["alice"]), try TestCertificate(["bob"]))
        #expect(try agreed { $0.certificate = mine.files } != nil)
        let mixed = CertificatePair(certificate: mine.files.certificate, key: other.files.key)
        let error = tlsError { _ = try agreed { $0.certificate = mixed } }
        #expect(error == .keyMismatch(mixed))
        var settings = TLSClientSettings()
        settings.certificate = mine.files
        #expect(try TLSContext.client(settings).check() == [])
        _ = unsafe chmod(mine.files.key, 0o644)
        #expect(try TLSContext.client(settings).check() == [.keyReadableByOthers(path: mine.files.key)])
    }

    @Test("refuse a key of another certificate")
    func keyMismatch() throws {
        let (one, two) = (try TestCertificate(["a.example"]), try TestCertificate(["a.example"]))
        let files = CertificatePair(certificate: one.files.certificate, key: two.files.key)
        let error = tlsError { _ = try TLSContext.server(certificates: [files]) }
        #expect(error == .keyMismatch(files))
        #expect(error?.exitStatus == .configuration)
    }

    @Test("say which file is missing, a folder, or no PEM")
    func badFiles() throws {
        let good = try TestCertificate(["a.example"])
        let rubbish = good.directory.write("-----BEGIN RUBBISH-----\nabc\n", to: "rubbish.pem")
        let missing = good.directory.file("missing.pem")
        for path in [rubbish, missing, good.directory.path] {
            let byCertificate = CertificatePair(certificate: path, key: good.files.key)
            guard
                case .certificateFile(path, _) = tlsError({ _ = try TLSContext.server(certificates: [byCertificate]) })
            else {
                Issue.record("certificate \(path)")
                continue
            }
            let byKey = CertificatePair(certificate: good.files.certificate, key: path)
            guard case .keyFile(path, _) = tlsError({ _ = try TLSContext.server(certificates: [byKey]) }) else {
                Issue.record("key \(path)")
                continue
            }
            guard case .trustFile(path, _) = tlsError({ try TLSContext.client(trust: .file(path)).check() }) else {
                Issue.record("trust \(path)")
                continue
            }
        }
        let told = tlsError { try TLSContext.client(trust: .file(missing)).check() }
        #expect(told?.description == "\(missing): cannot be used as tls_trust_file: No such file or directory")
        #expect(tlsError { _ = try TLSContext.server(certificates: []) } == .noCertificate)
    }

    @Test("refuse a key with a passphrase instead of asking for it")
    func passphrase() throws {
        let good = try TestCertificate(["a.example"])
        let header = "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,"
        let key =
            header + "00112233445566778899AABBCCDDEEFF\n\nAAAAAAAAAAAAAAAAAAAAAA==\n-----END EC PRIVATE KEY-----\n"
        let path = good.directory.write(key, to: "locked.pem")
        let files = CertificatePair(certificate: good.files.certificate, key: path)
        guard case .keyFile(path, _) = tlsError({ _ = try TLSContext.server(certificates: [files]) }) else {
            Issue.record("a locked key was taken")
            return
        }
    }

    @Test("warn of an expired certificate, an early one, and a key that others may read")
    func warnings() throws {
        let old = try TestCertificate(["a.example"], validFrom: -7200, validUntil: -3600)
        let early = try TestCertificate(["b.example"], validFrom: 3600, validUntil: 7200)
        let open = try TestCertificate(["c.example"])
        #expect(unsafe chmod(open.files.key, 0o644) == 0)
        let context = try TLSContext.server(certificates: [old.files, early.files, open.files])
        #expect(
            context.warnings == [
                .expired(
                    path: old.files.certificate, until: try CertificateFile.expiry(of: old.files.certificate)),
                .notYetValid(path: early.files.certificate, from: context.earliest),
                .keyReadableByOthers(path: open.files.key),
            ])
        #expect(try TestCertificate(["d.example"]).server().warnings.isEmpty)
    }

    @Test("of one role do not serve the other")
    func roles() throws {
        let certificate = try TestCertificate(["a.example"])
        #expect(tlsError { _ = try TLSConnection(server: .client()) } != nil)
        let server = try certificate.server()
        #expect(tlsError { _ = try TLSConnection(client: server, to: "a.example") } != nil)
    }
}

extension TLSContext {
    /// The moment of the first warning about a certificate that is not valid yet.
    fileprivate var earliest: Int {
        for case .notYetValid(_, let from) in warnings { return from }
        return 0
    }
}
