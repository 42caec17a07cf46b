// Which folders a pattern stands for.

import RunControl
import Testing

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
}
