// What is told of a queued message: each recipient's progress, what a person ordered, and the same as JSON.

import MailEnvelope
import MailTestKit
import Testing

@testable import SpoolQueue

struct MessageReportTests {
    let scratch = ScratchDirectory(inMemory: true)

    @Test("SE20: says of each recipient how far it is, and held is apart from waiting")
    func progress() throws {
        let queue = try Queue(state: scratch.path)
        let mail = envelope(["a@x.example", "b@x.example", "c@x.example", "d@x.example", "e@x.example"])
        let id = try queue.add(
            mail, "four",
            accepted: Acceptance(arrival: noon, source: .hub, identity: text("alice"), account: text("mine")))
        let message = try queue.lockOnly()
        try message.beginAttempt(next: noon + 300)
        _ = try message.recordExpansions([(4, Expansion([.init(.local(text("|/bin/\"x\"")))]))])
        let held = Verdict.heldByRule(7, 1, text: "no account is open to \u{202E}alice")
        try message.record(
            [
                result([0], taken), result([1], gone), result([2], busy, next: noon + 300),
                result([3], held, next: noon + 14_400),
            ], at: noon)
        try message.setRoute(text("work"))
        try message.hold(because: "look")
        let queued = try #require(try queue.peek(message.entry))
        let report = MessageReport(queued)
        #expect(report.id == id && report.size == 4 && report.arrival == noon && report.identity == text("alice"))
        #expect(report.hold == "look" && report.route == "work" && report.account == "mine")
        #expect(report.recipients.map(\.progress) == [.delivered, .failed, .waiting, .held, .expanded, .waiting])
        #expect(report.recipients.map(\.isWaiting) == [false, false, true, true, false, true])
        #expect(report.recipients[2].tries == 1 && report.recipients[2].next == noon + 300)
        let json = report.json.written
        #expect(
            json.hasPrefix(
                #"{"id":"\#(id.text)","from":"alice@example.org","size":4,"arrival":1800000000,"held":"look","#
                    + #""route":"work","login":"alice","recipients":[{"address":"a@x.example","state":"delivered","tries":1,"#
                    + #""next":null,"host":"#
            ))
        #expect(
            json.contains(
                #"{"address":"d@x.example","state":"held","tries":1,"next":1800014400,"host":null,"status":"4.7.1","#
                    + #""reply":"no account is open to \u202ealice"}"#))
        #expect(
            json.hasSuffix(
                #"{"address":"|/bin/\"x\"","state":"waiting","tries":0,"next":0,"host":null,"status":null,"reply":null}]}"#
            ))
        #expect(!json.contains("\n") && report.json.line == #"{"v":1,"# + json.dropFirst() + "\n")
    }
}
