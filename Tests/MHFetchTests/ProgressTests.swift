// The line that tells how far a run has come, and the units it is told in.

import FetchLedger
import Reporting
import Testing

@testable import mhfetch

@Suite("How far a run has come")
struct ProgressTests {
    private func message(_ number: Int, _ size: Int?) -> Pending {
        Pending(number: number, key: .unique("\(number)", occurrence: 0), size: size)
    }

    @Test("FE16: done, expected, octets, rate and time left")
    func line() {
        var progress = Progress(of: "work", row: 0)
        progress.expect([message(1, 1 << 20), message(2, 3 << 20)])
        #expect(progress.line(after: .seconds(1)) == "work: 0 of 2 messages, 0 octets of 4.0 MiB, 0 octets/s")
        progress.note(octets: 1 << 20)
        progress.noteEnd(of: message(1, 1 << 20))
        #expect(progress.line(after: .seconds(4)) == "work: 1 of 2 messages, 1.0 MiB of 4.0 MiB, 256 KiB/s, 0:12 left")
        progress.note(octets: 9 << 20)
        #expect(
            progress.line(after: .seconds(4)) == "work: 1 of 2 messages, 4.0 MiB of 4.0 MiB, 1.0 MiB/s, 0:00 left",
            "more than was told")
        progress.expect([message(3, nil), message(4, .max)])
        #expect(progress.messages.expected == 4 && progress.octets.expected == .max)
    }

    @Test(
        "sizes and times as people read them",
        arguments: [
            (0, "0 octets"), (1, "1 octet"), (1023, "1023 octets"), (1024, "1.0 KiB"), (1536, "1.5 KiB"),
            (102_400, "100 KiB"),
            (1 << 20, "1.0 MiB"), (1 << 30, "1.0 GiB"), (5 << 40, "5.0 TiB"),
        ])
    func sizes(_ octets: Int, _ text: String) {
        #expect(sized(octets) == text)
    }

    @Test("times", arguments: [(0, "0:00"), (65, "1:05"), (3600, "1:00:00"), (90_061, "25:01:01")])
    func times(_ seconds: Int, _ text: String) {
        #expect(RelativeTime.clock(seconds) == text)
    }
}
