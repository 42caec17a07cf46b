// Whom a header names as author, sender and resender, and what is not clear enough to be believed.

import Testing

@testable import MailFormat

@Suite("The authors of a message")
struct HeaderAuthorsTests {
    private func authors(_ header: String) throws(AuthorError) -> HeaderAuthors {
        try HeaderAuthors(of: HeaderSection(of: Array("\(header)\n\nbody".utf8)))
    }

    @Test(
        "are the mailboxes of From, and apart from them those who sent or resent it",
        arguments: [
            ("From: a@x", ["a@x"], []), ("Subject: none", [], []),
            ("From: A <a@x>, b@x\nSender: b@x", ["a@x", "b@x"], ["b@x"]),
            ("From: Team: a@x, b@x;", ["a@x", "b@x"], []),
            (
                "Resent-From: r@x\nResent-Sender: s@x\nResent-From: old@x\nFrom: a@x", ["a@x"],
                ["r@x", "old@x", "s@x"]
            ),
        ] as [(String, [String], [String])])
    func named(_ header: String, _ from: [String], _ senders: [String]) throws {
        let authors = try authors(header)
        #expect(authors.from.map(\.description) == from)
        #expect(authors.senders.map(\.description) == senders)
    }

    @Test(
        "are not clear where readers could see somebody else",
        arguments: [
            ("From: a@x\nFROM: ceo@y", AuthorError.repeated(field: "From")),
            ("From: ceo@y: a@x", .unreadable(field: "From")), ("From: <@z,ceo@y:a@x>", .unreadable(field: "From")),
            ("From: :a@x", .unreadable(field: "From")), ("From: <<a@x", .unreadable(field: "From")),
            ("From:", .empty(field: "From")), ("From: (a@x)", .empty(field: "From")),
            ("From: undisclosed:;", .empty(field: "From")),
            ("From: a@x\nSender: b@x\nSender: c@x", .repeated(field: "Sender")),
            ("From: a@x\nSender: b@x, c@x", .several(field: "Sender")), ("Sender: ,", .empty(field: "Sender")),
            ("Resent-From: a b c\nFrom: a@x", .unreadable(field: "Resent-From")),
            ("Resent-Sender: a@x, b@x", .several(field: "Resent-Sender")),
            ("From: " + String(repeating: "(", count: 99), .unreadable(field: "From")),
        ])
    func unclear(_ header: String, _ error: AuthorError) {
        #expect(throws: error) { try authors(header) }
    }

    @Test(
        "a message is signed if its header says so",
        arguments: [
            ("DKIM-Signature: v=1", true), ("content-type: Multipart/Signed; protocol=x", true),
            ("Content-Type: (c)\n application/pkcs7-mime;\n smime-type=signed-data", true),
            ("Content-Type: application/x-pkcs7-mime", true),
            ("Content-Type: multipart/mixed; x=multipart/signed", false),
            ("X-DKIM-Signature: v=1", false), ("Subject: multipart/signed", false), ("Content-Type:", false),
        ])
    func signed(_ header: String, _ wanted: Bool) {
        #expect(HeaderSection(of: Array("\(header)\n\n".utf8)).isSigned == wanted)
        #expect(HeaderSection(of: Array("\(header)\nno field\n".utf8)).hasBrokenSignature == wanted)
        #expect(!HeaderSection(of: Array("\(header)\n\nno field\n".utf8)).hasBrokenSignature)
    }
}
