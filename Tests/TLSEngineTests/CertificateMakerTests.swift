// Certificates of our own making, and fingerprints.

import Credentials
import Glibc
import MailTestKit
import Testing

@testable import TLSEngine

@Suite("A certificate maker")
struct CertificateMakerTests {
    private let directory = ScratchDirectory()
    private var files: CertificatePair {
        CertificatePair(certificate: directory.file("crt"), key: directory.file("key"))
    }

    private func make(_ names: [String], replacing: Bool = false) throws -> CertificateFingerprint {
        try CertificateMaker.makeSelfSigned(
            names: names, days: 30, to: files, replacing: replacing)
    }

    private func mode(_ name: String) -> mode_t {
        var status = stat()
        return unsafe stat(directory.file(name), &status) == 0 ? status.st_mode & 0o7777 : 0
    }

    @Test("writes a key for its owner alone, a certificate for all, and tells its digest and end")
    func made() throws {
        let fingerprint = try make(["hub.home.arpa", "192.168.0.2", "fd00::2"])
        #expect(mode("key") == 0o600)
        #expect(mode("crt") == 0o644)
        #expect(ScratchDirectory.names(in: directory.path) == ["crt", "key"])
        #expect(try CertificateFile.fingerprint(of: directory.file("crt")) == fingerprint)
        #expect(try CertificateFile.names(of: directory.file("crt")) == ["hub.home.arpa", "192.168.0.2", "fd00::2"])
        let left = try CertificateFile.expiry(of: directory.file("crt")) - time(nil)
        #expect((30 * 86_400 - 60...30 * 86_400).contains(left))
    }

    @Test("keeps what is there unless told to replace it, and leaves nothing of a failed attempt")
    func existing() throws {
        let first = try make(["a.example"])
        #expect(tlsError { _ = try make(["a.example"]) } == .alreadyThere(path: directory.file("key")))
        #expect(unsafe unlink(directory.file("key")) == 0)
        #expect(tlsError { _ = try make(["a.example"]) } == .alreadyThere(path: directory.file("crt")))
        #expect(ScratchDirectory.names(in: directory.path) == ["crt"])
        let second = try make(["a.example"], replacing: true)
        #expect(first != second)
        #expect(ScratchDirectory.names(in: directory.path) == ["crt", "key"])
        _ = try TLSContext.server(certificates: [files])
    }

    @Test(
        "refuses names that would be syntax",
        arguments: [
            "a,DNS:b", "a b", "", "a\n", "a/CN=b", "*", "*.", "a.*.b", "mäil", "IP:1.2.3.4", "a\0b", "fe80::1%eth0",
        ])
    func badNames(name: String) {
        #expect(tlsError { _ = try make([name]) } == .badName(name))
        #expect(ScratchDirectory.names(in: directory.path).isEmpty)
    }

    @Test("says so when the directory is missing")
    func nowhere() {
        let path = directory.file("no/such/key")
        let error = tlsError {
            _ = try CertificateMaker.makeSelfSigned(
                names: ["a"], days: 1, to: CertificatePair(certificate: directory.file("crt"), key: path))
        }
        #expect(error == .cannotWrite(path: path, reason: "No such file or directory"))
    }

    @Test("makes a long name a certificate too")
    func longName() throws {
        let name = Array(repeating: String(repeating: "a", count: 40), count: 4).joined(separator: ".")
        _ = try make([name])
        #expect(try CertificateFile.names(of: directory.file("crt")) == [name])
    }
}
