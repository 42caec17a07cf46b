// Modified UTF-7, both ways.

import Testing

@testable import IMAPProtocol

@Suite struct IMAPMailboxNameTests {
    @Test(
        "names go both ways",
        arguments: [
            ("INBOX", "INBOX"), ("Entwürfe", "Entw&APw-rfe"), ("a&b", "a&-b"),
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("😀", "&2D3eAA-"), ("", ""), ("é&é", "&AOk-&-&AOk-"), ("tab\there", "tab&AAk-here"),
        ])
    func both(_ name: String, _ encoded: String) {
        #expect(IMAPMailboxName(name).encoded == Array(encoded.utf8))
        #expect(IMAPMailboxName(encoded: Array(encoded.utf8)).decoded == name)
    }

    @Test(
        "what is no modified UTF-7 is not decoded",
        arguments: ["&", "&APw", "é", "&A-", "&APw=-", "&AP/-", "&2D0-", "&AGE-", "&!!!-", "\u{01}"])
    func refuses(_ encoded: String) { #expect(IMAPMailboxName(encoded: Array(encoded.utf8)).decoded == nil) }
}
