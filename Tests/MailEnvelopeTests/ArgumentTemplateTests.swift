// Arguments of programs that take mail.

import MailFormat
import Testing

@testable import MailEnvelope

@Suite("An argument with words for parts of the envelope")
struct ArgumentTemplateTests {
    private func filled(_ text: String, sender: String? = "s@a.example", to recipient: String = "bob@b.example") throws
        -> String?
    {
        try ArgumentTemplate(text).filled(
            sender: try sender.map { .address(try Address($0)) } ?? .null, recipient: try Address(recipient),
            mailbox: "box")
    }

    @Test(
        "words are filled in wherever they stand, and stay one argument",
        arguments: [
            ("plain", "plain"), ("%recipient", "bob@b.example"), ("a%user%domain-%mailbox", "abobb.example-box"),
            ("-f%sender", "-fs@a.example"), ("100%%", "100%"), ("%%recipient", "%recipient"), ("", ""),
            ("%user+%user", "bob+bob"), ("$(%user)", "$(bob)"),
        ])
    func words(_ text: String, _ expected: String) throws {
        #expect(try filled(text) == expected)
    }

    @Test("a word that is none is refused, with those that there are")
    func unknown() {
        for text in ["%", "%x", "%users", "a%", "% user", "%Recipient"] {
            #expect(throws: TemplateError.self) { try ArgumentTemplate(text) }
        }
        #expect("\(TemplateError(word: "users"))".contains("%recipient %user %domain %sender %mailbox"))
    }

    @Test("what strangers write never becomes an option")
    func options() throws {
        let hostile = #""-oQ/tmp $(id) x"@b.example"#
        #expect(try filled("%user", to: "-rf@b.example") == nil)
        #expect(try filled("%recipient", to: "-rf@b.example") == nil)
        #expect(try filled("%sender%user", sender: nil, to: "-rf@b.example") == nil)
        #expect(try filled("%sender", sender: "-rf@b.example") == "")
        #expect(try filled("%sender", sender: nil) == "")
        // A dash with an accent is one character of text, and begins with the octet of a dash.
        #expect(try filled("%user", to: "-\u{301}rf@b.example") == nil)
        #expect(try filled("%sender", sender: "-\u{301}rf@b.example") == "")
        #expect(try filled("to=%user", to: hostile) == "to=-oQ/tmp $(id) x")
        #expect(try filled("-d%user", to: "-rf@b.example") == "-d-rf")
    }

    @Test("only what tells of the recipient makes a program run for each")
    func perRecipient() throws {
        for text in ["%recipient", "x%user", "%domain", "%mailbox"] {
            #expect(try ArgumentTemplate(text).isPerRecipient)
        }
        for text in ["%sender", "x", "%%user"] { #expect(try !ArgumentTemplate(text).isPerRecipient) }
    }
}
