// Base64 and CRC-32C against published vectors.

import MailTestKit
import Octets
import Testing

@Suite("Codings of octets")
struct CodingTests {
    @Test(
        "base64 as in RFC 4648 §10",
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ])
    func base64(_ plain: String, _ coded: String) {
        #expect(Base64.encode(Array(plain.utf8)) == Array(coded.utf8))
        #expect(Base64.decode(coded.utf8) == Array(plain.utf8))
    }

    @Test(
        "base64 that is not exact is refused",
        arguments: ["Z", "Zg=", "Zg", "Zh==", "Zm9=", "=Zg=", "Zg==Zg==", "Z g=", "Zg==\n"])
    func badBase64(_ text: String) {
        #expect(Base64.decode(text.utf8) == nil)
    }

    @Test("random octets survive base64")
    func base64RoundTrip() {
        var random = SplitMix(seed: 1)
        for length in 0..<300 {
            let octets = random.octets(length)
            #expect(Base64.decode(Base64.encode(octets)) == octets)
        }
    }

    @Test("CRC-32C of RFC 3720 appendix B.4")
    func crc32c() {
        #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
        #expect(CRC32C.checksum([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
        #expect(CRC32C.checksum((0..<32).map { UInt8($0) }) == 0x46DD_794E)
        #expect(CRC32C.hex(Array("123456789".utf8)) == "e3069283")
        #expect(CRC32C.hex([]) == "00000000")
        // Bit by bit, for every length and place in the eight octets that are taken at once.
        let octets = (0..<60).map { UInt8(truncatingIfNeeded: $0 * $0 &* 37 + 11) }
        for start in 0..<9 {
            for end in start...octets.count {
                var value = UInt32.max
                for octet in octets[start..<end] {
                    value ^= UInt32(octet)
                    for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0x82F6_3B78 : value >> 1 }
                }
                #expect(CRC32C.checksum(octets[start..<end]) == ~value, "\(start)..<\(end)")
            }
        }
    }
}

@Suite struct ModifiedUTF7Tests {
    @Test(
        "names go both ways",
        arguments: [
            ("INBOX", "INBOX"), ("Entwürfe", "Entw&APw-rfe"), ("a&b", "a&-b"),
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("😀", "&2D3eAA-"), ("", ""), ("é&é", "&AOk-&-&AOk-"), ("tab\there", "tab&AAk-here"),
        ])
    func both(_ text: String, _ encoded: String) {
        #expect(ModifiedUTF7.encode(text) == Array(encoded.utf8))
        #expect(ModifiedUTF7.decode(Array(encoded.utf8)) == text)
    }

    @Test(
        "what is no modified UTF-7 is not decoded",
        arguments: ["&", "&APw", "é", "&A-", "&APw=-", "&AP/-", "&2D0-", "&AGE-", "&AC4-", "&!!!-", "\u{01}"])
    func refuses(_ encoded: String) { #expect(ModifiedUTF7.decode(Array(encoded.utf8)) == nil) }

    @Test("one printable character may be shifted, and no other one is then")
    func special() {
        #expect(ModifiedUTF7.encode("a.b", shifting: Octet.dot) == Array("a&AC4-b".utf8))
        #expect(ModifiedUTF7.decode(Array("a&AC4-b".utf8), shifting: Octet.dot) == "a.b")
        #expect(ModifiedUTF7.decode(Array("&AGE-".utf8), shifting: Octet.dot) == nil)
    }
}
