// Digests against published vectors.

import Digests
import Testing

struct DigestTests {
    private func hex(_ octets: [UInt8]) -> String {
        octets.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    @Test(
        "SHA-256 is the standard's",
        arguments: [
            // FIPS 180-2, appendix B.1 and B.2; the empty message.
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
        ])
    func vectors(text: String, expected: String) throws {
        #expect(hex(try DigestAlgorithm.sha256.digest(of: Array(text.utf8))) == expected)
    }

    @Test("a running digest does not depend on how the octets were cut")
    func pieces() throws {
        let octets = Array("abc".utf8)
        for cut in 0...octets.count {
            var running = RunningDigest()
            running.update(Array(octets[..<cut]))
            running.update(Array(octets[cut...]))
            #expect(try running.finish() == DigestAlgorithm.sha256.digest(of: octets))
        }
    }

    @Test("a digest that was told is over: more is refused")
    func finished() throws {
        var running = RunningDigest()
        _ = try running.finish()
        running.update([0x61])
        #expect(throws: DigestError.refused(.sha256)) { try running.finish() }
    }

    @Test(
        "HMAC-SHA-256 is that of RFC 4231",
        arguments: [
            // Test cases 1, 2 and 6: a short key, a shorter one, and one longer than a block.
            (
                [UInt8](repeating: 0x0B, count: 20), "Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
            ),
            (
                Array("Jefe".utf8), "what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
            ),
            (
                [UInt8](repeating: 0xAA, count: 131), "Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
            ),
        ])
    func keyed(key: [UInt8], text: String, expected: String) throws {
        #expect(hex(try DigestAlgorithm.sha256.hmac(of: Array(text.utf8), under: key)) == expected)
    }

    @Test("a comparison in constant time is a comparison")
    func compare() {
        #expect(ConstantTime.areEqual([], []))
        #expect(ConstantTime.areEqual([1, 2, 3], [1, 2, 3]))
        for other in [[], [1, 2], [1, 2, 4], [0, 2, 3], [1, 2, 3, 4]] as [[UInt8]] {
            #expect(!ConstantTime.areEqual([1, 2, 3], other))
        }
    }

    @Test("random octets are as many as asked for, and never the same ones")
    func random() {
        for count in [0, 1, 7, 8, 9, 33] { #expect(Randomness.octets(count).count == count) }
        #expect(Set((0..<100).map { _ in Randomness.octets(16) }).count == 100)
    }
}
