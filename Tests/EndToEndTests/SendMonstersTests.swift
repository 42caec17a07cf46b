// What no caller means: headers, lists and words beyond every bound, and odd orders.

import MailTestKit
import Testing

@Suite("Sending what nobody means")
struct SendMonstersTests {
    struct Monster: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let arguments: [String]
        let input: String
        let status: Int32
        let words: String

        init(_ name: String, _ arguments: [String], _ status: Int32, _ words: String, input: String = "x\n") {
            (testDescription, self.arguments, self.input) = (name, arguments, input)
            (self.status, self.words) = (status, words)
        }
    }

    private static func text(_ part: String, _ count: Int) -> String { String(repeating: part, count: count) }

    private static let tenThousand = (1...10_000).map { "a\($0)@far.example" }.joined(separator: ", ")

    static let monsters = [
        Monster("a header of 2 MiB", ["bob"], 65, "1048576 octets", input: "X: \(text("x", 2 << 20))\n\nx\n"),
        Monster("the same with -t", ["-t"], 65, "1048576 octets", input: "X: \(text("x", 2 << 20))\nTo: b\n\nx\n"),
        Monster("12,000 fields", ["-t"], 65, "11000 fields", input: text("To: b\n", 12_000) + "\nx\n"),
        Monster("10,001 in a field", ["-t"], 65, "10000 addresses", input: "To: \(tenThousand), b\n\nx\n"),
        Monster("10,001 in two fields", ["-t"], 65, "10000 addresses", input: "To: \(tenThousand)\nCc: b\n\nx\n"),
        Monster("10,001 with the command line", ["-t", "b"], 65, "10000 rec", input: "To: \(tenThousand)\n\nx\n"),
        Monster("10,001 in a word", [text("a@b,", 10_001)], 65, "10000 addresses"),
        Monster("comments in comments of the header", ["-t"], 65, "32 deep", input: "To: \(text("(", 99))\n\nx\n"),
        Monster("comments in comments of a word", [text("(", 99)], 65, "32 deep"),
        Monster("an endless address", [text("a", 100_000)], 65, "address"),
        Monster("an endless sender", ["-f", text("a", 100_000) + "@b", "bob"], 65, "sender"),
        Monster("an endless condition", ["-N", text("z", 100_000), "bob"], 64, "-N"),
        Monster("an endless id", ["-V", text("v", 101), "bob"], 64, "at most 100"),
        Monster("an empty word", [""], 65, "recipient"),
        Monster("a lone comma", [","], 65, "recipient"),
        Monster("a word of control characters", ["\u{1}\u{2}\r\n"], 65, "recipient"),
        Monster("an option without its value", ["-f"], 64, "needs a value"),
        Monster("no option at all", ["-\u{7}"], 64, "unknown option"),
        Monster("an endless option", ["-" + text("y", 100_000)], 64, "unknown option"),
    ]

    @Test(
        "input beyond measure is refused with 64 or 65 and a sentence, never as an error of ours", arguments: monsters)
    func refused(_ monster: Monster) async throws {
        try await onThread {
            let hub = SendHub(plainTo: 9)
            let result = try hub.mhsend(["-odq"] + monster.arguments, input: Array(monster.input.utf8))
            #expect(result.status == monster.status, "\(result)")
            #expect(result.errorText.contains(monster.words), "\(result)")
            #expect(result.errorText.count(of: "\n") == 1 && result.errorText.utf8.count < 2000, "\(result)")
            #expect(!result.errorText.contains("internal error"))
            #expect(hub.files(in: "new").isEmpty && hub.files(in: "tmp").isEmpty)
        }
    }

    @Test("the carrier refuses an odd order in a sentence, too")
    func orders() async throws {
        try await onThread {
            let hub = SendHub(plainTo: 9)
            let long = String(repeating: "7", count: 100_000)
            for id in ["", "x", long, "../../etc/passwd", "\u{1B}[31m", "17.abc.hub"] {
                let result = try hub.mhsend(["-qI", id])
                #expect(result.status == 65, "\(result)")
                #expect(!result.errorText.contains("internal error") && !result.errorText.contains("\u{1B}"))
                #expect(result.errorText.count(of: "\n") == 1 && result.errorText.utf8.count < 2000, "\(result)")
            }
            let words = try hub.mhsend(["-q", "what", "is", "this"])
            #expect(words.status == 64 && !words.errorText.contains("internal error"), "\(words)")
        }
    }

    @Test("the carrier carries mail whose header is beyond every bound as it is")
    func monstrousHeader() async throws {
        try await onThread {
            let sink = try SinkServer()
            let hub = SendHub(plainTo: sink.port)
            for field in [
                "X: \(Self.text("x", 900_000))\n", Self.text("X: y\n", 10_500), "To: \(Self.text("(", 99))\n",
            ] {
                try hub.queue("\(field)Subject: x\n\nx\n", to: ["a@far.example", "bob@home.example"])
            }
            let run = try hub.run()
            #expect(run.status == 0 && run.errorText == "", "\(run)")
            #expect(try hub.listed.isEmpty, "\(hub.log)")
            #expect(sink.messages.count == 3 && hub.mail(of: "bob").count == 3)
        }
    }
}
