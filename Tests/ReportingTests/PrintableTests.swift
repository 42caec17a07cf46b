// Foreign text in logs and on terminals.

import Testing

@testable import Reporting

@Suite("Foreign text")
struct PrintableTests {
    @Test("loses its control characters and keeps its letters")
    func escapes() {
        #expect(printable("a\u{1B}[31mb\r\n\0é") == "a\\x1B[31mb\\x0D\\x0A\\x00é")
        #expect(printable(octets: [0x61, 0xFF, 0xC3, 0xA9, 0xC3, 0x0A]) == "a\\xFFé\\xC3\\x0A")
        #expect(printable(octets: [0xE2, 0x82, 0x41]) == "\\xE2\\x82A")
        #expect(printable("\u{202E}evil") == "\\xE2\\x80\\xAEevil")
        #expect(printable(octets: [UInt8](repeating: 0x61, count: 20), limit: 3) == "aaa…")
    }

    @Test("stays one value on one line in the log")
    func quoting() {
        #expect(Log.quoted("plain") == "plain")
        #expect(Log.quoted("") == "\"\"")
        #expect(Log.quoted("a b=\"c\"") == "\"a b=\\\"c\\\"\"")
        #expect(Log.quoted("x\nstatus=sent") == "\"x\\x0Astatus=sent\"")
    }

    @Test(
        "ends where its value ends, whatever the value says",
        arguments: [
            "x\\", "\\", "\\\\\"", "x\\\" status=sent", "\\x0A", "\n", "a\\\nb", "plain", "=", "é \\ü\"",
            String(repeating: "\\", count: 1001), String(repeating: "a", count: 999) + "\\\" a=b",
        ])
    func forged(_ value: String) throws {
        let text = Log.quoted(value)
        guard text.first == "\"" else {
            #expect(!text.contains { "\\\" =\n".contains($0) })
            return
        }
        // As a reader of the log goes through it: the first quote without a backslash before it is the end.
        var rest = text.unicodeScalars.dropFirst()
        var read = ""
        while let scalar = rest.first, scalar != "\"" {
            rest = rest.dropFirst()
            guard scalar == "\\", let escaped = rest.popFirst() else {
                read.unicodeScalars.append(scalar)
                continue
            }
            read += escaped == "x" ? "\\x" : String(escaped)
        }
        #expect(rest.count == 1, "\(text)")
        if value.utf8.count < 1000, !value.contains("\n") { #expect(read == value) }
    }

    @Test("an error is told in words, never as Swift writes a value")
    func sentences() {
        enum Wordless: Error { case secret(String) }
        enum Worded: Error, CustomStringConvertible {
            case one
            var description: String { "the words" }
        }
        #expect(sentence(Wordless.secret("hunter2")) == "a fault of the kind Wordless; please report this")
        #expect(sentence(Worded.one) == "the words")
        #expect(sentence(OutputError(code: 28)) == "cannot write standard output: No space left on device")
    }

    @Test("the words of a process are those between the NULs")
    func arguments() {
        #expect(ProcessStart.words(of: Array("a\0-C\0\0b c\0".utf8)) == ["a", "-C", "", "b c"])
        #expect(ProcessStart.words(of: Array("a\0b".utf8)) == ["a", "b"])
        #expect(ProcessStart.words(of: []) == [])
        #expect(ProcessStart.words(of: [0]) == [""])
    }
}
