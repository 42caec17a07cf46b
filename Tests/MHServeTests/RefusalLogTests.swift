// What is written down about clients that are sent away.

import MailTestKit
import NIOCore
import Reporting
import Synchronization
import Testing

@testable import mhserve

@Suite("Lines about refused clients")
struct RefusalLogTests {
    @Test("each has its line while there is room; below it they are counted, and summed up when asked")
    func summedUp() throws {
        let scratch = ScratchDirectory()
        let isTight = Mutex(false)
        let refusals = RefusalLog(try Log(program: "mhserve", to: .file(scratch.file("log")))) {
            isTight.withLock { $0 }
        }
        func lines() -> [String] {
            String(decoding: ScratchDirectory.read(scratch.file("log")) ?? [], as: UTF8.self)
                .split(separator: "\n").map { String($0.drop { $0 != "]" }.dropFirst(3)) }
        }
        refusals.write(.info, "refused", [("client", "192.0.2.1")])
        refusals.sumUp()
        #expect(lines() == ["refused client=192.0.2.1"])
        isTight.withLock { $0 = true }
        for _ in 1...1000 { refusals.write(.info, "refused", [("client", "192.0.2.1")]) }
        #expect(lines().count == 1)
        refusals.sumUp()
        refusals.sumUp()
        #expect(lines().dropFirst() == ["refused clients=1000 why=\"summed up: less than free-space is free\""])
        isTight.withLock { $0 = false }
        refusals.write(.info, "refused", [("client", "192.0.2.2")])
        #expect(lines().count == 3)
    }

    @Test("a session has ten lines, and one that sums up the others at its end")
    func session() throws {
        let rig = try SessionRig("smtp", words: ["max-recipients 1"])
        try rig.say("EHLO c\nMAIL FROM:<a@example.net>\n")
        let said = try rig.say(String(repeating: "RCPT TO:<alice@example.org>\n", count: 1002))
        #expect(said.hasPrefix("250 ") && said.hasSuffix("421 4.7.0 more than 1000 recipients refused\r\n"))
        #expect(!rig.isOpen)
        let lines = rig.logged(": refused ")
        #expect(lines.count == 11)
        #expect(lines.prefix(10).allSatisfy { $0.contains("no more than 1 recipients") }, "\(lines)")
        #expect(lines.last?.contains("client=192.0.2.1 more=991 ") == true, "\(lines)")
    }
}
