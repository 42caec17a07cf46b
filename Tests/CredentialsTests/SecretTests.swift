// What must not be seen.

import Credentials
import Testing

struct SecretTests {
    @Test("no textual form shows a secret, alone or within another value")
    func masked() {
        let secret = Secret("tanstaaf")
        var shown = "\(secret) \(String(reflecting: secret)) \([secret]) \(Optional(secret) as Any)"
        dump(secret, to: &shown)
        dump(["password": secret], to: &shown)
        #expect(!shown.contains("tanstaaf"))
        #expect(!shown.contains("116"))  // nor octet by octet
        #expect(shown.contains(Secret.mask))
    }

    @Test("text and octets are the same secret, octet by octet")
    func octets() {
        #expect(Secret("caf\u{E9}") == Secret([0x63, 0x61, 0x66, 0xC3, 0xA9]))
        #expect(Secret("caf\u{E9}") != Secret("cafe\u{301}"))
        #expect(Secret("caf\u{E9}").revealedText == "caf\u{E9}")
    }
}
