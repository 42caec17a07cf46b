// The power goes at any point between an alias and its people, and the alias is edited meanwhile.

import MailTestKit
import Testing

/// One recorded run over a message to an alias for one at home and one far away; after the cut the alias names two others.
private final class RecordedExpansion: Sendable {
    let log: DiskLog
    let dot: Int
    let farewell: Int
    private let sink: SinkServer
    private let scratch = ScratchDirectory()

    init() throws {
        sink = try SinkServer()
        let hub = try Self.hub(sink, "team: bob, x@far.example\n", scratch)
        try hub.queue("Subject: one\n\nx\n", to: ["team@hub.example"])
        log = try hub.recordRun(in: scratch)
        #expect(sink.messages.count == 1)
        dot = try #require(log.said(".\r\n").first)
        farewell = try #require(log.said("QUIT\r\n").first)
    }

    private static func hub(_ sink: SinkServer, _ aliases: String, _ scratch: ScratchDirectory) throws -> SendHub {
        let file = scratch.write(aliases, to: "aliases")
        // One that was left alone for long: it is believed at once.
        _ = try runProgram(["touch", "-d", "2020-01-01", file])
        return SendHub(plainTo: sink.port, top: ["retry 1 1", "aliases \(file)"])
    }

    func faults(_ cut: PowerCut) throws -> [String] {
        let hub = try Self.hub(sink, "team: alice, y@far.example\n", scratch)
        try hub.restore(log, after: cut)
        let before = sink.messages.count
        for _ in 0..<3 where try !hub.listed.isEmpty { _ = try hub.mhqueue(["try", "ALL"]) }
        var faults: [String] = []
        if try !hub.listed.isEmpty { faults.append("the queue is not empty: \(try hub.listed)") }
        let sent = sink.messages.dropFirst(before).flatMap(\.forwardPaths).map { $0.hasPrefix("<x@") ? "x" : "y" }
        let copies = [("bob", hub.mail(of: "bob").count), ("alice", hub.mail(of: "alice").count)]
        let (isOld, isNew) = (copies[0].1 > 0 || sent.contains("x"), copies[1].1 > 0 || sent.contains("y"))
        if isOld || cut.events > dot, isNew {
            faults.append("half of the one alias, half of the other: \(copies) \(sent)")
        }
        if copies.map(\.1).reduce(0, +) != 1 { faults.append("copies: \(copies)") }
        if cut.events <= dot ? sent.count != 1 : sent.count > (cut.events > farewell ? 0 : 1) {
            faults.append("sent: \(sent)")
        }
        return faults
    }
}

@Suite("Aliases and a power cut", .serialized)
struct ExpansionPowerCutTests {
    @Test("SE13: whom an alias led to gets the mail after a cut, though the alias was edited meanwhile")
    func expansion() async throws {
        try await onThread {
            let recorded = try RecordedExpansion()
            let points = [recorded.dot, recorded.farewell]
            for cut in recorded.log.powerCuts(turningPoints: points) {
                let found = try recorded.faults(cut)
                #expect(found.isEmpty, "\(cut) of \(recorded.log.count): \(found)")
            }
            // The other synchronizations are those of any message.
            let expansion = try #require(
                recorded.log.synchronizations.first { $0.path.hasPrefix("state/queue/log/") })
            #expect(
                try recorded.log.powerCuts(turningPoints: points, without: expansion)
                    .contains { try !recorded.faults($0).isEmpty }, "\(recorded.log.listing)")
        }
    }
}
