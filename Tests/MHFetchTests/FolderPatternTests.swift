// Which folders a pattern stands for, and where their mail goes.

import IMAPProtocol
import RunControl
import Testing

@testable import mhfetch

@Suite("A pattern of folders")
struct FolderPatternTests {
    @Test(
        "matches as LIST does: * goes on over levels, % does not",
        arguments: [
            ("*", "a/b", true), ("%", "a/b", false), ("%", "a", true), ("a/%", "a/b", true), ("a/%", "a/b/c", false),
            ("a/*", "a/b/c", true), ("a/*", "a", false), ("a*", "a", true), ("*b", "aab", true), ("*b", "aba", false),
            ("a%c*e", "abc/d/e", true), ("a%c*e", "a/c/d/e", false), ("**%%", "", true), ("", "", true),
            ("", "a", false),
            ("*ä*", "x/äy", true), ("INBOX", "INBOX", true), ("A", "a", false),
        ])
    func matching(pattern: String, name: String, isMatch: Bool) {
        #expect(FolderPattern(pattern).matches(name, delimiter: UInt8(ascii: "/")) == isMatch)
    }

    @Test("is no work without end, whatever a server names its folders")
    func hostile() {
        let pattern = FolderPattern(String(repeating: "*a", count: 100) + "b")
        #expect(!pattern.matches(String(repeating: "a", count: 2000), delimiter: nil))
    }

    @Test(
        "knows what of a name its wildcards stand for",
        arguments: [
            ("Lists/*", "Lists/a/b", "a/b"), ("*", "x", "x"), ("a%b*c", "a1b2c", "1b2"), ("a*", "a", ""),
        ])
    func wildParts(pattern: String, name: String, part: String) {
        #expect(FolderPattern(pattern).wildPart(of: name) == part)
    }

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
