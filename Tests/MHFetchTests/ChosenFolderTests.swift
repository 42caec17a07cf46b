// Which folders the lines of the rc stand for, and where their mail goes.

import IMAPProtocol
import RunControl
import Testing

@testable import mhfetch

@Suite("A line of `folders`")
struct ChosenFolderTests {
    private let server = FolderNames(
        [
            ("INBOX", "/", []), ("Lists", "/", ["\\Noselect"]), ("Lists/swift", "/", []), ("Lists/old/x", "/", []),
            ("[Gmail]/All Mail", "/", ["\\All"]), ("[Gmail]/Starred", "/", ["\\flagged"]),
            ("[Gmail]/Important", "/", ["\\Important"]), ("[Gmail]/Sent", "/", ["\\Sent"]),
            ("Gone", "/", ["\\NonExistent"]),
            ("Done", "/", []), ("!odd", "/", []),
        ].map { name, delimiter, attributes in
            IMAPMailbox(name: IMAPMailboxName(name), delimiter: delimiter.utf8.first, attributes: attributes)
        })

    private func chosen(_ lines: FolderSettings..., but target: String? = nil) -> [String] {
        server.chosen(by: lines, but: target).map { $0.settings.remote + ($0.settings.local.map { " -> \($0)" } ?? "") }
    }

    private func line(_ remote: String, _ local: String? = nil) -> FolderSettings {
        FolderSettings(remote: remote, local: local)
    }

    @Test("stands for each folder once, for no view of other folders' mail, and not for where mail is moved to")
    func choice() {
        #expect(chosen(line("*"), but: "Done") == ["INBOX", "Lists/old/x", "Lists/swift", "[Gmail]/Sent"])
        #expect(chosen(line("Lists/%"), line("*")) == ["Lists/swift", "INBOX", "Done", "Lists/old/x", "[Gmail]/Sent"])
        // Named, each of them is fetched, in its place, and by no pattern again.
        #expect(
            chosen(line("Lists/*"), line("Lists/swift", "Swift"), line("[Gmail]/All Mail"))
                == ["Lists/old/x", "Lists/swift -> Swift", "[Gmail]/All Mail"])
        #expect(
            chosen(line("*"), FolderSettings(remote: "Lists/*", local: nil, isExcluded: true), line("Missing"))
                == ["INBOX", "Done", "[Gmail]/Sent", "Missing"])
    }

    @Test("puts what it matched where the rc has *, or all into one folder")
    func local() {
        #expect(
            chosen(line("Lists/*", "Mail/*/in"), line("[Gmail]/%", "Google"))
                == ["Lists/old/x -> Mail/old/x/in", "Lists/swift -> Mail/swift/in", "[Gmail]/Sent -> Google"])
        let dotted = FolderNames([
            IMAPMailbox(name: IMAPMailboxName("INBOX.a.b"), delimiter: UInt8(ascii: "."), attributes: [])
        ])
        #expect(dotted.chosen(by: [line("INBOX.*", "All/*")], but: nil).map(\.settings.local) == ["All/a/b"])
    }
}
