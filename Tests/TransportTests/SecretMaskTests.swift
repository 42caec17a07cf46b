// What was said in secret is not shown when the other end repeats it.

import Octets
import Testing

@testable import Transport

@Suite("Secrets that come back")
struct SecretMaskTests {
    private func masked(_ said: String, _ heard: String) -> String {
        var mask = SecretMask()
        mask.add(Array(said.utf8))
        return String(decoding: mask.masked(Array(heard.utf8)), as: UTF8.self)
    }

    private func base64(_ text: String) -> String { String(decoding: Base64.encode(Array(text.utf8)), as: UTF8.self) }

    @Test("a password as it is, quoted, in base64, and within what PLAIN or a token is sent as")
    func forms() {
        #expect(masked("opensesame\r\n", "-ERR PASS opensesame is wrong") == "-ERR PASS [secret] is wrong")
        #expect(masked("\"open sesame\"", "a1 NO LOGIN alice \"open sesame\"") == "a1 NO LOGIN alice \"[secret]\"")
        let plain = base64("\0alice\0opensesame")
        #expect(masked(plain, "535 \(plain)") == "535 [secret]")
        #expect(masked(plain, "535 alice, opensesame is wrong") == "535 alice, [secret] is wrong")
        #expect(masked(plain, "535 \(base64("opensesame"))") == "535 [secret]")
        #expect(masked(base64("opensesame"), "334 opensesame opensesame") == "334 [secret] [secret]")
        let token = base64("user=alice@a.example\u{1}auth=Bearer ya29.token\u{1}\u{1}")
        #expect(masked(token, "NO alice@a.example ya29.token") == "NO alice@a.example [secret]")
    }

    @Test("what was not said in secret stays, and so does what is too short to be told from other words")
    func others() {
        #expect(masked("opensesame", "-ERR no such user alice") == "-ERR no such user alice")
        #expect(masked("no", "-ERR no such user") == "-ERR no such user")
        #expect(masked("", "-ERR") == "-ERR")
    }
}
