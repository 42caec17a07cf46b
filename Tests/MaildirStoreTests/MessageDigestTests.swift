// The digest of a message, against sha256sum's word.

import Digests
import MaildirStore
import Testing

@Suite struct MessageDigestTests {
    // printf abc | sha256sum, in base64url (FIPS 180-2, appendix B.1)
    private static let abc = "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0"

    @Test("a digest is what sha256sum says, in base64url, and can be read again")
    func round() throws {
        let digest = MessageDigest(try DigestAlgorithm.sha256.digest(of: Array("abc".utf8)))
        #expect(digest.description == Self.abc)
        #expect(MessageDigest(parsing: Array(Self.abc.utf8)[...]) == digest)
    }

    @Test(
        "what is no digest is not read as one",
        arguments: ["", String(abc.dropLast()), abc + "0", "\(abc.dropLast())="])
    func nonsense(_ text: String) { #expect(MessageDigest(parsing: Array(text.utf8)[...]) == nil) }
}
