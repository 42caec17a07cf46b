// An answer to RCPT that comes later: in order, too late, after the client, or while the service stops.

import NIOCore
import SMTPProtocol
import Synchronization
import Testing

@testable import mhserve

@Suite("An answer to RCPT that comes later")
struct RecipientPolicyTests {
    /// Answers when the test does.
    final class Oracle: RecipientPolicy {
        private let asked = Mutex<[EventLoopPromise<SMTPServer.Command>]>([])

        func judge(_ question: RecipientQuestion) -> RecipientAnswer {
            let promise = question.eventLoop.makePromise(of: SMTPServer.Command.self)
            asked.withLock { $0.append(promise) }
            return .later(promise.futureResult)
        }

        var count: Int { asked.withLock { $0.count } }
        func answer(_ index: Int, _ answer: SMTPServer.Command) { asked.withLock { $0[index] }.succeed(answer) }
        func fail(_ index: Int) { asked.withLock { $0[index] }.fail(CancellationError()) }
    }

    private static let opening = "EHLO c\nMAIL FROM:<a@example.net>\nRCPT TO:<one@example.org>\n"

    @Test(
        "recipients are asked about one after the other; what was pipelined behind them waits and is answered in order")
    func inOrder() throws {
        let oracle = Oracle()
        let rig = try SessionRig("smtp", recipients: oracle)
        let said = try rig.say(Self.opening + "RCPT TO:<two@example.org>\nDATA\n")
        #expect(said.split(separator: "\r\n").last?.hasPrefix("250 2.1.0 ") == true, "\(said)")
        #expect(oracle.count == 1)
        oracle.answer(0, .refuse(550, .permanent(1, 1), "not that one"))
        rig.pass(.zero)
        #expect(String(decoding: try rig.received(), as: UTF8.self) == "550 5.1.1 not that one\r\n")
        #expect(oracle.count == 2)
        oracle.answer(1, .accept(""))
        rig.pass(.zero)
        let rest = String(decoding: try rig.received(), as: UTF8.self)
        #expect(rest.hasPrefix("250 2.1.5 ") && rest.contains("\r\n354 "), "\(rest)")
    }

    @Test("no answer within a minute is 451 and the session goes on; what is found then is not heard")
    func tooLate() throws {
        let oracle = Oracle()
        let rig = try SessionRig("smtp", recipients: oracle)
        try rig.say(Self.opening)
        rig.pass(.seconds(59))
        #expect(try rig.received().isEmpty)
        rig.pass(.seconds(2))
        #expect(String(decoding: try rig.received(), as: UTF8.self).hasPrefix("451 4.4.3 "))
        oracle.answer(0, .accept(""))
        rig.pass(.zero)
        #expect(try rig.received().isEmpty)
        #expect(try rig.say("DATA\n").hasPrefix("5"), "the recipient was not taken")
        #expect(try rig.say("NOOP\n").hasPrefix("250 "))
        #expect(rig.logged("one@example.org").count == 1)
    }

    @Test("who cannot find out is 451")
    func failure() throws {
        let oracle = Oracle()
        let rig = try SessionRig("smtp", recipients: oracle)
        try rig.say(Self.opening)
        oracle.fail(0)
        rig.pass(.zero)
        #expect(String(decoding: try rig.received(), as: UTF8.self).hasPrefix("451 4.4.3 "))
    }

    @Test("a client that leaves meanwhile ends its session; the answer then changes nothing")
    func clientLeaves() throws {
        let oracle = Oracle()
        let rig = try SessionRig("smtp", recipients: oracle)
        try rig.say(Self.opening)
        rig.channel.close(promise: nil)
        rig.pass(.zero)
        #expect(!rig.isOpen)
        oracle.answer(0, .accept(""))
        rig.pass(.seconds(120))
        #expect(try rig.received().isEmpty)
    }

    @Test("a service that stops answers first, then says goodbye")
    func stops() throws {
        let oracle = Oracle()
        let rig = try SessionRig("smtp", recipients: oracle)
        try rig.say(Self.opening)
        rig.service.server.isStopping = true
        rig.channel.pipeline.fireUserInboundEventTriggered(StopSoon())
        #expect(try rig.received().isEmpty)
        oracle.answer(0, .accept(""))
        rig.pass(.zero)
        let said = String(decoding: try rig.received(), as: UTF8.self)
        #expect(said.hasPrefix("250 2.1.5 ") && said.contains("\r\n421 "), "\(said)")
        rig.pass(.seconds(6))
        #expect(!rig.isOpen)
    }
}
