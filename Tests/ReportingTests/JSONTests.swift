// JSON of foreign text.

import Testing

@testable import Reporting

@Suite("JSON")
struct JSONTests {
    @Test("members stand in their order, nothing is null")
    func values() {
        let value: JSON = [
            "b": .number(-1), "a": .list([.bool(true), .bool(false), .null, .list([]), [:]]), "c": JSON(nil as Int?),
            "d": JSON(nil as String?), "e": JSON(7), "f": JSON("x"), "g": .object([]),
        ]
        #expect(
            value.written == #"{"b":-1,"a":[true,false,null,[],{}],"c":null,"d":null,"e":7,"f":"x","g":{}}"#)
    }

    @Test(
        "a text is one value on one line, whatever it says, and steers no terminal",
        arguments: [
            ("", ""), ("plain é 日本", "plain é 日本"), ("\" \\ /", #"\" \\ /"#), ("a\r\n\tb", #"a\u000d\u000a\u0009b"#),
            ("\u{0}\u{1B}[31m\u{7F}\u{9B}", #"\u0000\u001b[31m\u007f\u009b"#), ("\u{2028}\u{202E}", #"\u2028\u202e"#),
            ("\u{E0001}", #"\udb40\udc01"#), ("\",\"x\":\"", #"\",\"x\":\""#), ("e\u{301}\u{200D}", "e\u{301}\\u200d"),
            ("\r\n", #"\u000d\u000a"#),
        ])
    func texts(_ text: String, _ wanted: String) {
        #expect(JSON.text(text).written == "\"\(wanted)\"")
        #expect((["\(text)": .null] as JSON).written == "{\"\(wanted)\":null}")
    }
}
