// Lines of standard input, bounded.

import Glibc
import MailTestKit
import Testing

@testable import Reporting

@Suite struct InputLinesTests {
    private func lines(of octets: [UInt8], limit: Int) throws -> [InputLines.Line] {
        let scratch = ScratchDirectory()
        let descriptor = unsafe open(scratch.write(octets, to: "input"), O_RDONLY | O_CLOEXEC)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        var input = InputLines(of: descriptor, limit: limit)
        var found: [InputLines.Line] = []
        while let line = input.next() { found.append(line) }
        return found
    }

    @Test("lines come whole, the last one without its end, too")
    func whole() throws {
        #expect(
            try lines(of: Array("one\n\nthree".utf8), limit: 5) == ["one", "", "three"].map { .whole(Array($0.utf8)) })
        #expect(try lines(of: [], limit: 5).isEmpty)
    }

    @Test("a line without end is given up at its limit, and nothing more is read")
    func endless() throws {
        let descriptor = unsafe open("/dev/zero", O_RDONLY | O_CLOEXEC)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        var input = InputLines(of: descriptor, limit: 10_000)
        #expect(input.next() == .tooLong)
        #expect(input.next() == nil)
    }
}
