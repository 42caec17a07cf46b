// The power goes at any point of a run of the carrier: results, notices and local copies stand, and nothing goes out twice.

import Glibc
import MailTestKit
import Testing

/// One recorded run over two messages: `one` for a good, a bad and a local recipient, `two` for a good one.
private final class RecordedCarry: Sendable {
    let log: DiskLog
    /// The events with the final dots of what went out, in order, and what that was.
    let dots: [(event: Int, letter: String)]
    /// The event with which the session was ended.
    let farewell: Int
    /// The event that tells in the log of the copy for bob: it was written down before.
    let copied: Int
    /// Whether bob had his copy before the results of the session were there: then the notice is written down before the
    /// next final dot, and makes durable what was to be so by itself.
    var isHasty: Bool { log.written("intent 1").map { $0 < dots[1].event } ?? false }
    private let sink: SinkServer
    private let scratch = ScratchDirectory()

    init() throws {
        sink = try SinkServer { moment, line in
            moment == .recipient && line.contains("bad@") ? .reply("550 5.1.1 no") : nil
        }
        let hub = Self.hub(sink, "hub.example")
        try hub.queue(
            "Subject: one\n\nx\n", to: ["one@far.example", "bad@far.example", "bob@home.example"])
        try hub.queue("Subject: two\n\nx\n", to: ["two@far.example"])
        log = try hub.recordRun(in: scratch)
        #expect(sink.messages.count == 2)
        farewell = try #require(log.said("QUIT\r\n").first)
        copied = try #require(log.written("to=<bob@home.example>"))
        var dots: [(event: Int, letter: String)] = []
        for letter in ["one", "two"] {
            let content = try #require(log.said("Subject: \(letter)\r\n").first)
            dots.append((try #require(log.said(".\r\n").first { $0 >= content }), letter))
        }
        self.dots = dots.sorted { $0.event < $1.event }
    }

    private static func hub(_ sink: SinkServer, _ hostname: String) -> SendHub {
        SendHub(plainTo: sink.port, top: ["retry 1 1"], hostname: hostname)
    }

    /// A hub with what a power cut leaves.
    private func hub(after cut: PowerCut) throws -> SendHub {
        // By another name, so that a notice made again has another size: one that has the size of the first takes its place in
        // the mailbox, and would not be seen.
        let hub = Self.hub(sink, "hub-after-the-cut.example")
        try hub.restore(log, after: cut)
        return hub
    }

    func faults(_ cut: PowerCut) throws -> [String] {
        let hub = try hub(after: cut)
        let before = sink.messages.count
        var faults: [String] = []
        for _ in 0..<3 where try !hub.listed.isEmpty {
            let result = try hub.mhqueue(["try", "ALL"])
            if result.status != 0 { faults.append("\(result)") }
        }
        if try !hub.listed.isEmpty { faults.append("the queue is not empty: \(try hub.listed)") }
        let sent = sink.messages.dropFirst(before).flatMap(\.forwardPaths)
        for (dot, next) in zip(dots, dots.dropFirst().map(\.event) + [farewell]) {
            let times = sent.count { $0.hasPrefix("<\(dot.letter)@far.example>") }
            if cut.events <= dot.event {
                if times != 1 { faults.append("\(dot.letter) sent \(times) times") }
            } else if cut.events > next {
                // Its result is on disk before the next final dot of that session, and before its end.
                if times != 0 { faults.append("\(dot.letter) sent once more") }
            } else if times > 1 {
                faults.append("\(dot.letter) sent \(times) times after its dot")
            }
        }
        if hub.mail(of: "bob").map({ $0.hasPrefix("Return-Path: ") && $0.hasSuffix("\n\nx\n") }) != [true] {
            faults.append("local copies: \(hub.mail(of: "bob"))")
        }
        if hub.mail(of: "alice").map({ $0.contains("bad@far.example") && $0.contains("550 5.1.1") }) != [true] {
            faults.append("notices: \(hub.mail(of: "alice"))")
        }
        // They have read their mail and removed it: what was written down by then is not made again.
        if cut.events > copied {
            let emptied = try self.hub(after: cut)
            _ = try runProgram(["rm", "-rf", emptied.scratch.file("mail")])
            for _ in 0..<2 { _ = try emptied.mhqueue(["try", "ALL"]) }
            if !emptied.mail(of: "bob").isEmpty { faults.append("bob got his copy again") }
            if cut.events == log.count, !emptied.mail(of: "alice").isEmpty { faults.append("a notice came again") }
        }
        return faults
    }
}

@Suite("The carrier and a power cut", .serialized)
struct CarryPowerCutTests {
    @Test("a cut anywhere repeats the last final dot at most, and each synchronization is needed for that")
    func everyCut() async throws {
        try await onThread {
            var recorded = try RecordedCarry()
            for _ in 0..<20 where recorded.isHasty { recorded = try RecordedCarry() }
            // In `state` the folder of the accounts' states is made: what is lost with it is a pause.
            try expectSafety(
                of: recorded.log, turningPoints: recorded.dots.map(\.event) + [recorded.farewell, recorded.copied],
                spare: ["state"]
            ) {
                try recorded.faults($0)
            }
        }
    }
}
