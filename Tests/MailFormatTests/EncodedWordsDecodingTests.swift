// Encoded words of others, made text.

import MailFormat
import Testing

@Suite("Decoding encoded words")
struct EncodedWordsDecodingTests {
    @Test(
        "words become text, blanks between two of them are dropped, and what cannot be read stays",
        arguments: [
            ("plain text", "plain text"), ("=?UTF-8?B?R3LDvMOfZQ==?=", "Grüße"),
            ("=?utf-8?q?Gr=C3=BC=C3=9Fe_an?= Bob", "Grüße an Bob"),
            ("=?iso-8859-1*de?Q?Gr=FC=DFe?=", "Grüße"), ("a =?utf-8?q?b?= =?utf-8?q?c?=  d", "a bc  d"),
            // A character that is split between two words.
            ("=?utf-8?B?w7w=?= =?utf-8?B?w58=?=", "üß"), ("=?utf-8?B?ww==?= =?utf-8?B?vA==?=", "ü"),
            ("=?koi8-r?B?8NI=?=", "=?koi8-r?B?8NI=?="), ("=?utf-8?x?a?=", "=?utf-8?x?a?="),
            ("=?utf-8?q?=Z1?=", "=?utf-8?q?=Z1?="),
            ("=?utf-8?b?!?=", "=?utf-8?b?!?="), ("=?=", "=?="), ("=??=", "=??="), ("", ""),
            ("=?utf-8?q?=FF?=", "\u{FFFD}"),
        ])
    func decoded(_ body: String, _ text: String) { #expect(EncodedWords.decode(Array(body.utf8)) == text) }

    @Test("what we encode comes back")
    func roundTrip() {
        for text in ["Grüße, Боб, 日本語 =?utf-8?q?x?=", String(repeating: "ü", count: 200), "a\u{0}b"] {
            let unfolded = EncodedWords.encode(text).replacing("\n", with: "")
            #expect(EncodedWords.decode(Array(unfolded.utf8)) == text)
        }
    }
}
