// Copies that show nobody but their own recipient.

import MailFormat
import Testing

@testable import mhcarry

@Suite("Recipients hidden from one another")
struct RecipientHidingTests {
    /// The header as a copy for `recipients` has it.
    private func copy(of text: String, for recipients: String...) throws -> String {
        var scanner = HeaderScanner()
        scanner.append(Array(text.utf8))
        let header = scanner.finish()
        let edits = try RecipientHiding.edits(in: header, for: try recipients.map { try Address($0) })
        return String(decoding: header.octets(in: header.octets.indices, with: edits), as: UTF8.self)
    }

    private static let header = """
        From: Alice <alice@home.example>
        To: "Bob B." <bob@far.example>, carol@far.example
        Subject: x
        cc: Dave <dave@far.example>,
         bob@near.example
        Mail-Followup-To: bob@far.example, carol@far.example

        """

    @Test("SE4: a copy shows its own recipient as he was written, and no other")
    func shown() throws {
        let bob = try copy(of: Self.header, for: "BOB@far.example")
        #expect(bob == "From: Alice <alice@home.example>\nTo: \"Bob B.\" <bob@far.example>\nSubject: x\n")
        let dave = try copy(of: Self.header, for: "dave@far.example")
        #expect(dave == "From: Alice <alice@home.example>\nTo: Dave <dave@far.example>\nSubject: x\n")
        let both = try copy(of: Self.header, for: "bob@far.example", "bob@near.example")
        #expect(
            both
                == "From: Alice <alice@home.example>\nTo: \"Bob B.\" <bob@far.example>,\n bob@near.example\nSubject: x\n"
        )
        let hidden = try copy(of: Self.header, for: "eve@far.example")
        #expect(hidden == "From: Alice <alice@home.example>\nTo: eve@far.example\nSubject: x\n")
    }

    @Test("SE4: what shows nobody else stays as it is, octet for octet; what cannot be read is not sent")
    func untouched() throws {
        for header in [
            "From: a@b.example\nTo:  bob@far.example \nX: y\n", "From: a@b.example\nTo: undisclosed-recipients:;\n",
            "From: a@b.example\nSubject: x\n", "To: bob@far.example\nMail-Followup-To: carol@far.example\n",
        ] {
            let same = try copy(of: header, for: "bob@far.example")
            #expect(same == header)
        }
        #expect(throws: RewriteError.self) { try copy(of: "To: bob@far.example, @@\n", for: "bob@far.example") }
        let resent = try copy(
            of: "Resent-To: bob@far.example\nResent-Cc: carol@far.example\nTo: bob@far.example\n",
            for: "bob@far.example")
        #expect(resent == "Resent-To: bob@far.example\nTo: bob@far.example\n")
        let onlyCc = try copy(of: "Cc: bob@far.example, carol@far.example\n", for: "bob@far.example")
        #expect(onlyCc == "Cc: bob@far.example\n")
    }
}
