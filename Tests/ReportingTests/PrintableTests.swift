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
}
