// Command lines without a shell: what splits, and what is refused rather than misunderstood.

import Programs
import Testing

@Suite struct ArgumentSplitterTests {
    @Test(
        "words split at blanks; quotes and backslashes keep them together",
        arguments: [
            ("pass show mail/gmail", ["pass", "show", "mail/gmail"]),
            ("  gpg\t-d   x ", ["gpg", "-d", "x"]),
            ("a 'b c' \"d e\"", ["a", "b c", "d e"]),
            ("a '' \"\"", ["a", "", ""]),
            (#"a b\ c \'d \\"#, ["a", "b c", "'d", #"\"#]),
            (#"a "x\"y\\z\n" 'p\q'"#, ["a", #"x"y\z\n"#, #"p\q"#]),
            ("a pre'fix 'post", ["a", "prefix post"]),
            ("a '|;&<>$`*' \\| \"a|b\"", ["a", "|;&<>$`*", "|", "a|b"]),
            ("a b~ c#d --x=~", ["a", "b~", "c#d", "--x=~"]),
            ("sagen grüße", ["sagen", "grüße"]),
        ])
    func words(line: String, words: [String]) throws {
        #expect(try ArgumentSplitter.split(line) == words)
    }

    @Test(
        "what only a shell understands is refused",
        arguments: [
            "pass x | head -1", "a; b", "a && b", "a & ", "a > f", "a < f", "echo $(id)", "echo `id`", "echo $HOME",
            "ls *", "ls a?", "(a)", "~/bin/secret", "a ~/x", "# a", "a \"$HOME\"", "a \"`id`\"",
        ])
    func shell(line: String) {
        #expect { try ArgumentSplitter.split(line) } throws: { "\($0)".contains("no shell is used") }
    }

    @Test(
        "what is no command line is refused",
        arguments: ["", "   ", "''", "a 'b", "a \"b", "a \\", "a\0b", "a\nb", "a 'b\nc'", "a \"b\0\"", "\"a\\"])
    func broken(line: String) {
        #expect(throws: ProgramError.self) { try ArgumentSplitter.split(line) }
    }

    @Test("length and number of words are bounded")
    func bounds() {
        #expect(throws: ProgramError.self) { try ArgumentSplitter.split(String(repeating: "a", count: 20_000)) }
        #expect(throws: ProgramError.self) { try ArgumentSplitter.split(String(repeating: "a ", count: 300)) }
    }

    @Test("the complaint tells what to do")
    func complaint() {
        let expected =
            "command \"a | b\": no shell is used, so | means nothing; quote it, or put the command into a script"
        #expect { try ArgumentSplitter.split("a | b") } throws: { "\($0)" == expected }
    }
}
