// Pins of a certificate or of its key, as people write them.

import Credentials
import Testing

@Suite("A certificate pin")
struct CertificatePinTests {
    private static let key = "sha256//AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

    @Test("is of the certificate by its digits, and of its key in the form of curl")
    func forms() throws {
        let digits = String(repeating: "0a", count: 32)
        #expect(CertificatePin(digits) == CertificateFingerprint(digits).map(CertificatePin.certificate))
        let digest = try #require(PublicKeyDigest(digest: (0..<32).map { UInt8($0) }))
        #expect(CertificatePin(Self.key) == .publicKey(digest))
        #expect(CertificatePin(Self.key.replacing("//", with: "/")) == .publicKey(digest))
        #expect(CertificatePin(Self.key)?.description == Self.key)
    }

    @Test(
        "is nothing else",
        arguments: [
            "", "sha256//", "sha256//AAAA", key + "A", String(key.dropLast(2)), "sha1//AAECAwQFBgcICQoLDA0ODxAREhM=",
            "SHA256//AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", String(key.dropFirst(8)),
        ])
    func bad(_ text: String) { #expect(CertificatePin(text) == nil) }
}
