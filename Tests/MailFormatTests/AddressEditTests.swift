// Addresses put anew into header fields: nothing else changes, and no line grows too long.

import MailTestKit
import Testing

@testable import MailFormat

@Suite("Edits of address fields")
struct AddressEditTests {
    /// The header with each bare address at `hub.example`, and `root` there called `The Hub`.
    private func edited(_ header: String) throws -> String {
        let section = HeaderSection(of: Array(header.utf8))
        var edits: [HeaderEdit] = []
        for field in section.fields {
            edits += section.edits(
                of: field, listing: try AddressList(parsing: section.octets, in: field.body)
            ) { mailbox in
                guard mailbox.address.domain == nil, let new = try? mailbox.address.qualified(with: "hub.example")
                else {
                    return nil
                }
                return MailboxReplacement(new, displayName: new.localPart == "root" ? "The Hub" : nil)
            }
        }
        return String(decoding: section.octets(in: section.octets.indices, with: edits), as: UTF8.self)
    }

    @Test(
        "SE8: only what matches changes: folding, spaces, comments, groups and names stand",
        arguments: [
            ("To: bob\n", "To: bob@hub.example\n"),
            ("To:bob,carol\n", "To:bob@hub.example,carol@hub.example\n"),
            ("From: root (Cron Daemon)\n", "From: root@hub.example (Cron Daemon)\n"),
            ("From: root\n", "From: The Hub <root@hub.example>\n"),
            ("From: <root>\n", "From: <root@hub.example>\n"),
            ("From: \"R, t\" <root>\n", "From: \"R, t\" <root@hub.example>\n"),
            (
                "To: a@b.example,\n\tbob (x),\n  root\n",
                "To: a@b.example,\n\tbob@hub.example (x),\n  The Hub <root@hub.example>\n"
            ),
            (
                "Cc: friends: bob, x@y.example;, carol\n",
                "Cc: friends: bob@hub.example, x@y.example;, carol@hub.example\n"
            ),
            ("To: undisclosed-recipients:;\n", "To: undisclosed-recipients:;\n"),
            ("To: a b c, bob\n", "To: a b c, bob@hub.example\n"),
            ("To: \"bob smith\"\n", "To: \"bob smith\"@hub.example\n"),
            ("To: =?utf-8?q?J=C3=B6?= <jo>\n", "To: =?utf-8?q?J=C3=B6?= <jo@hub.example>\n"),
            ("To: <@relay.example:bob>\n", "To: <@relay.example:bob@hub.example>\n"),
            ("To: A@B.Example\n", "To: A@B.Example\n"),
        ])
    func edits(_ header: String, _ wanted: String) throws {
        let made = try edited(header)
        #expect(made == wanted)
        #expect(try edited(made) == made, "what is whole is left alone")
    }

    @Test("a line with many names is folded before it is too long for mail")
    func folds() throws {
        let names = (0..<400).map { "n\($0)" }
        let made = try edited("To: " + names.joined(separator: ", ") + "\n")
        #expect(made.split(separator: "\n").allSatisfy { $0.utf8.count < 998 })
        let section = HeaderSection(of: Array(made.utf8))
        let list = try AddressList(parsing: section.octets, in: try #require(section.first("To")).body)
        #expect(list.faults.isEmpty)
        #expect(list.mailboxes.map(\.address.description) == names.map { "\($0)@hub.example" })
        // And one whose names are without blanks between.
        let tight = try edited("To:" + names.joined(separator: ",") + "\n")
        #expect(tight.split(separator: "\n").allSatisfy { $0.utf8.count < 998 })
    }
}
