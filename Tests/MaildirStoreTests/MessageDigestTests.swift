// The digest of a message, against sha256sum's word.

import MailTestKit
import Testing

@testable import MaildirStore

@Suite struct MessageDigestTests {
    // printf abc | sha256sum, in base64url (FIPS 180-2, appendix B.1)
    private static let abc = "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0"

    @Test("a digest does not depend on how the octets were cut, and can be read again")
    func pieces() throws {
        for cut in 0...3 {
            var running = RunningDigest()
            running.update(Array(Array("abc".utf8)[..<cut]))
            running.update(Array(Array("abc".utf8)[cut...]))
            let digest = try running.finish()
            #expect(digest.description == Self.abc)
            #expect(MessageDigest(parsing: Array(Self.abc.utf8)[...]) == digest)
        }
    }

    @Test(
        "what is no digest is not read as one",
        arguments: ["", String(abc.dropLast()), abc + "0", "\(abc.dropLast())="])
    func nonsense(_ text: String) { #expect(MessageDigest(parsing: Array(text.utf8)[...]) == nil) }

    @Test("a digest that was told is over: more is refused")
    func finished() throws {
        var running = RunningDigest()
        _ = try running.finish()
        running.update([0x61])
        #expect(throws: MaildirError.noDigest) { try running.finish() }
    }
}
