// Messages of a Maildir as content.

import DurableFiles
import Glibc
import MailTestKit
import MaildirStore
import MessageContent
import Testing

@testable import Delivery

@Suite("Content in a Maildir")
struct MaildirContentTests {
    private let scratch = ScratchDirectory()

    @Test("content is read from anywhere, in file form whatever the writer's was", arguments: [false, true])
    func content(_ isWireForm: Bool) throws {
        var text = "Subject: x\nContent-Type: multipart/signed; boundary=b\n\n"
        for number in 0..<9_000 { text += number % 97 == 0 ? "\rstray \(number)\r\r\n" : "line number \(number)\n" }
        // Ends in the midst of a line, and in a CR.
        let file = Array("\(text)\u{E9} end\r".utf8)
        let written = isWireForm ? Oddity.wire(fromFile: Array(text.utf8)) + Array("\u{E9} end\r".utf8) : file
        let box = try Maildir(path: scratch.file("box"), making: true)
        scratch.write(written, to: "box/new/f1")
        let content = try MaildirSnapshot(of: [ShownMaildir(box, sizes: SizeCache())]).content(of: 0)
        #expect(content.size == file.count)
        #expect(content.facts.is8Bit && content.facts.hasStrays && content.facts.isSigned)
        #expect(content.facts.wireSize == file.count + file.count { $0 == 0x0A } + 2)
        for offset in [-1, 0, 1, 100, 65_535, 65_536, 131_072 - 7, file.count - 1, file.count, .max] {
            for limit in [0, 1, 3_000, 70_000, .max] {
                let wanted = offset < 0 ? [] : Array(file.dropFirst(offset).prefix(limit))
                #expect(try content.read(atMost: limit, at: offset) == wanted, "\(limit) at \(offset)")
            }
        }
        var all: [UInt8] = []
        try content.forEachChunk { all += $0 }
        #expect(all == file)
        #expect(unsafe truncate(scratch.file("box/new/f1"), 1_000) == 0)
        #expect(throws: DurableError.self) { try content.read(atMost: 100, at: 5_000) }
    }
}
