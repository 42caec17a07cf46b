// `mhqueue try` and its kin: accounts at fault are asked, the status tells whether, notices do not wait.

import MailTestKit
import Synchronization
import Testing

@Suite("Trying now")
struct QueueTryTests {
    @Test("SE20, ask 18: trying ALL asks an account at fault, and its status tells whether each message was tried")
    func all() async throws {
        try await onThread {
            let isMended = Switch()
            let sink = try SinkServer { moment, line in
                if moment == .greeting, !isMended.isOn { return .reply("421 4.3.2 closed for repair") }
                return moment == .recipient && line.contains("later@") ? .reply("450 4.2.0 later") : nil
            }
            let hub = SendHub(plainTo: sink.port)
            let ids = try ["a@far.example", "later@far.example"].map { try hub.queue(to: [$0]) }
            #expect(try hub.run().status == 0)
            #expect(sink.commands.count == 1)
            // The next probe is a minute away; a person does not wait for it.
            let inVain = try hub.mhqueue(["try", "ALL"])
            #expect(inVain.status == 75, "\(inVain)")
            for id in ids { #expect(inVain.errorText.contains("\(id): could not be tried: "), "\(inVain)") }
            #expect(inVain.errorText.contains("closed for repair"))
            #expect(sink.commands.count == 2)
            #expect(try hub.listed.allSatisfy { $0.contains("\"tries\":0") })
            isMended.turnOn()
            let tried = try hub.mhqueue(["try", "ALL"])
            #expect(tried.status == 0 && tried.errorText == "", "\(tried)")
            #expect(sink.messages.map(\.forwardPaths) == [["<a@far.example>"]])
            #expect(try hub.listed.map { $0.contains("\"tries\":1") } == [true], "deferred is tried")
            // Refused behind another's end of data it was asked for once more, first in a session.
            let sessions = sink.commands.count
            #expect((3...4).contains(sessions))
            #expect(try hub.run().status == 0)
            #expect(sink.commands.count == sessions, "the account works again, and the other one is not due")
        }
    }

    @Test("trying some of many messages asks once, and tells of those alone")
    func some() async throws {
        try await onThread {
            let sink = try SinkServer()
            let hub = SendHub(plainTo: sink.port)
            let ids = try (0..<3).map { try hub.queue(to: ["x\($0)@far.example"]) }
            let tried = try hub.mhqueue(["try", ids[0], "1795255200.nobody.hub", ids[2]])
            #expect(tried.status == 65 && tried.errorText.contains("no such message"), "\(tried)")
            #expect(Set(sink.messages.flatMap(\.forwardPaths)) == ["<x0@far.example>", "<x2@far.example>"])
            #expect(sink.commands.count == 1, "one connection for both")
            #expect(try hub.listed.count == 1)
        }
    }

    @Test("the notice that comes of a message asked for leaves at once", arguments: ["-odi", "-qI", "try"])
    func notices(_ way: String) async throws {
        try await onThread {
            let sink = try SinkServer { moment, line in
                moment == .recipient && line.contains("bad@") ? .reply("550 5.1.1 no such user") : nil
            }
            let hub = SendHub(plainTo: sink.port)
            if way == "-odi" {
                let sent = try hub.mhsend(
                    ["-odi", "-f", "bob@home.example", "bad@far.example"], input: Array("x\n".utf8))
                #expect(sent.status == 0, "\(sent)")
            } else {
                let id = try hub.queue(from: "bob@home.example", to: ["bad@far.example"])
                let tried = way == "try" ? try hub.mhqueue(["try", id]) : try hub.mhsend(["-qI", id])
                #expect(tried.status == 0, "\(tried)")
            }
            #expect(hub.mail(of: "bob").map { $0.contains("no such user") } == [true])
            #expect(hub.files(in: "new").isEmpty && hub.files(in: "cur").isEmpty)
        }
    }
}

/// Off until it is turned on.
private final class Switch: Sendable {
    private let state = Atomic(false)
    var isOn: Bool { state.load(ordering: .acquiring) }
    func turnOn() { state.store(true, ordering: .releasing) }
}
