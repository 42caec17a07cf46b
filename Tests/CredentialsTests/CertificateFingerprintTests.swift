// Fingerprints as people write them.

import Credentials
import Testing

@Suite("A certificate fingerprint")
struct CertificateFingerprintTests {
    private let text = "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF"

    @Test("reads digits with and without colons, in either case, and writes them one way")
    func forms() {
        let bare = text.split(separator: ":").joined()
        for form in [
            text, text.lowercased(), bare, bare.lowercased(), text.split(separator: ":").joined(separator: " "),
        ] {
            #expect(CertificateFingerprint(form)?.description == text)
        }
    }

    @Test("refuses shorter, longer and other text")
    func bad() {
        for form in [
            "", "00", text + ":00", text.dropLast(3) + "", text.dropLast() + "", "0:01" + text.dropFirst(5),
            "g" + text.dropFirst(), "+" + text.dropFirst(),
        ] {
            #expect(CertificateFingerprint(form) == nil, "\(form)")
        }
        #expect(CertificateFingerprint(digest: [UInt8](repeating: 0, count: 20)) == nil)
    }
}
