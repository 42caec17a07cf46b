// What a Content-Type says first, and which headers say that mail is signed.

import Testing

@testable import MailFormat

@Suite("A media type")
struct MediaTypeTests {
    @Test(
        "is read through case, folding and comments",
        arguments: [
            ("text/plain", "text/plain"), (" Multipart/SIGNED; micalg=x", "multipart/signed"),
            ("\n\tapplication (a ;( \\)b) )/\n pkcs7-mime (x)", "application/pkcs7-mime"), ("a/b/c", nil),
            ("text", nil),
            ("", nil), ("/x", nil), ("x/;", nil), ("té/x", nil), ("(multipart/signed)", nil), ("\"a\"/b", "\"a\"/b"),
        ] as [(String, String?)])
    func reads(_ field: String, _ wanted: String?) {
        #expect(MediaType(field: field.utf8)?.text == wanted)
    }

    @Test("is bounded")
    func bounded() {
        let name = String(repeating: "x", count: 127)
        #expect(MediaType(field: "\(name)/\(name)".utf8) != nil)
        #expect(MediaType(field: "\(name)x/\(name)".utf8) == nil)
        #expect(MediaType(field: [UInt8](repeating: 0x28, count: 1_000_000)) == nil)
    }

    @Test(
        "a signature is seen in the header, and only there",
        arguments: [
            ("DKIM-Signature: v=1\n", true), ("dkim-signature : v=1\n", true),
            ("Content-Type: multipart/signed; boundary=x\n", true),
            ("Content-Type: text/plain\ncontent-type:\n Application/X-PKCS7-MIME\n", true),
            ("Content-Type: application/pkcs7-mime\n", true), ("Content-Type: multipart/mixed\n", false),
            ("X-DKIM-Signature: v=1\n", false), ("Subject: x\n\nDKIM-Signature: v=1\n", false),
        ])
    func signed(_ header: String, _ wanted: Bool) {
        #expect(HeaderSection(of: Array(header.utf8)).isSigned == wanted)
    }
}
