// Encoded words, as other programs must read them.

import MailFormat
import Octets
import Testing

struct EncodedWordsTests {
    /// What a reader makes of them: white space between encoded words is none of the text (RFC 2047 §6.2).
    private func read(_ words: String) throws -> String {
        var octets: [UInt8] = []
        for word in words.split(separator: "\n ") {
            #expect(word.utf8.count <= 75)
            let text = try #require(
                word.hasPrefix("=?UTF-8?B?") && word.hasSuffix("?=") ? word.dropFirst(10).dropLast(2) : nil)
            let part = try #require(Base64.decode(text.utf8))
            #expect(String(validating: part, as: UTF8.self) != nil, "a character is parted")
            octets += part
        }
        return String(decoding: octets, as: UTF8.self)
    }

    @Test(
        "what is encoded is what is read, and each line is short enough behind a field's name",
        arguments: [
            "", "ü", "Zustellung für Sie", String(repeating: "日本語", count: 40), String(repeating: "😀a", count: 50),
        ])
    func both(_ text: String) throws {
        let words = EncodedWords.encode(text)
        #expect(try read(words) == text)
        #expect("Resent-From: \(words)".split(separator: "\n").allSatisfy { $0.utf8.count <= 76 })
    }

    @Test("plain text needs none, and text that looks like them does")
    func needed() {
        #expect(!EncodedWords.areNeeded(for: "Mail for you, [x] \"y\""))
        for text in ["ü", "a\nb", "a\u{7F}", "=?x?="] { #expect(EncodedWords.areNeeded(for: text), "\(text)") }
    }
}
