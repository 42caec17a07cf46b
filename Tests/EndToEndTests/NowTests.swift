// mhsend --now: sent before it ends, or not at all.

import Glibc
import MailTestKit
import Testing

@Suite("Sending at once")
struct NowTests {
    private func now(_ hub: SendHub, _ arguments: [String] = [], to: [String]) throws -> CommandResult {
        try hub.mhsend(
            ["--now", "-f", "alice@one.example"] + arguments + to, input: Array("Subject: x\n\nhello\n".utf8))
    }

    /// Nothing is left of a message, anywhere.
    private func isClean(_ hub: SendHub) throws -> Bool {
        let listed = try hub.listed
        return listed.isEmpty && hub.files(in: "tmp").isEmpty && hub.mail(of: "alice").isEmpty
            && hub.mail(of: "bob").isEmpty
    }

    @Test("SE21: 0, and silence, once the provider has it for all; nothing is queued", arguments: [true, false])
    func sent(pipelining: Bool) async throws {
        try await onThread {
            let sink = try SinkServer(extensions: pipelining ? ["PIPELINING", "8BITMIME"] : ["8BITMIME"]) { _, _ in nil
            }
            let hub = SendHub(plainTo: sink.port)
            let result = try now(hub, to: ["a@far.example", "b@far.example"])
            #expect(result.status == 0 && result.outputText.isEmpty && result.errorText.isEmpty, "\(result)")
            #expect(sink.messages.map(\.forwardPaths) == [["<a@far.example>", "<b@far.example>"]])
            let content = String(decoding: sink.messages.first?.content ?? [], as: UTF8.self)
            #expect(content.contains("\r\nDate: ") && content.hasSuffix("\r\nhello\r\n"), "\(content)")
            #expect(hub.log.contains("status=sent"))
            let clean = try isClean(hub)
            #expect(clean)
        }
    }

    @Test(
        "SE21: what the provider does not take for all, it gets for none, and the status says why",
        arguments: [
            (SinkServer.Moment.recipient, "550 5.1.1 no such user", Int32(65)), (.recipient, "451 4.3.0 not now", 75),
            (.mail, "550 5.7.1 not your address", 77), (.mail, "451 4.3.0 not now", 75), (.data, "554 5.0.0 no", 65),
            (.endOfData, "554 5.6.0 no such content", 65), (.endOfData, "451 4.3.0 not now", 75),
        ], [["PIPELINING"], []])
    func refused(_ what: (moment: SinkServer.Moment, reply: String, status: Int32), _ extensions: [String]) async throws
    {
        try await onThread {
            let sink = try SinkServer(extensions: extensions) { now, words in
                guard now == what.moment, now != .recipient || words.contains("b@") else { return nil }
                return .reply(what.reply)
            }
            let hub = SendHub(plainTo: sink.port)
            let result = try now(hub, to: ["a@far.example", "b@far.example"])
            #expect(result.status == what.status && result.errorText.contains(what.reply), "\(result)")
            #expect(result.errorText.contains("nothing was sent"), "\(result)")
            #expect(what.moment == .endOfData || sink.messages.isEmpty)
            let clean = try isClean(hub)
            #expect(clean, "\(hub.log)")
        }
    }

    @Test(
        "SE21: a connection that breaks after the final dot leaves it in doubt, and says so; before it, nothing was sent"
    )
    func inDoubt() async throws {
        try await onThread {
            for (moment, words) in [
                (SinkServer.Moment.endOfData, "may have been delivered"), (.data, "nothing was sent"),
                (.mail, "nothing was sent"),
            ] {
                let sink = try SinkServer { now, _ in now == moment ? .close : nil }
                let hub = SendHub(plainTo: sink.port)
                let result = try now(hub, to: ["a@far.example"])
                #expect(result.status == 75 && result.errorText.contains(words), "\(result)")
                let clean = try isClean(hub)
                #expect(clean)
            }
        }
    }

    @Test("SE21: local recipients, several ways and too many recipients are refused before a connection")
    func usage() async throws {
        try await onThread {
            let one = try SinkServer()
            let hub = SendHub(
                account: ["auth off", "tls off", "send smtp 127.0.0.1:\(one.port)"],
                routes: [
                    "account two", "    auth off", "    tls off", "    send smtp 127.0.0.1:\(one.port)", "route near",
                    "    to *@near.example", "    use two", "route rest", "    use one",
                ])
            for (recipients, words) in [
                (["a@far.example", "bob@home.example"], "bob@home.example is at this hub"),
                (["a@far.example", "b@near.example"], "go by several: one, two"),
                ((0...100).map { "u\($0)@far.example" }, "at most 100 recipients"),
            ] {
                let result = try now(hub, to: recipients)
                #expect(result.status == 64 && result.errorText.contains(words), "\(result)")
            }
            #expect(one.commands.isEmpty)
            let both = try hub.mhsend(["--now", "-bp"])
            #expect(both.status == 64)
            let clean = try isClean(hub)
            #expect(clean)
        }
    }

    @Test("SE21: nobody there, no TLS, a wrong login, no account: 69, 69, 77, 77")
    func noWay() async throws {
        try await onThread {
            let closed = SendHub(plainTo: 9)
            let nobody = try now(closed, to: ["a@far.example"])
            #expect(nobody.status == 69, "\(nobody)")
            let sink = try SinkServer()
            let secure = SendHub(account: ["password x", "send submission 127.0.0.1:\(sink.port)"])
            let clear = try now(secure, to: ["a@far.example"])
            #expect(clear.status == 69 && clear.errorText.contains("offers no TLS"), "\(clear)")
            let other = SendHub(account: [])
            let none = try other.mhsend(
                ["--now", "-f", "who@elsewhere.example", "a@far.example"], input: Array("Subject: x\n\nx\n".utf8))
            #expect(none.status == 77, "\(none)")
            #expect(sink.messages.isEmpty)
            let clean = try isClean(closed) && isClean(secure) && isClean(other)
            #expect(clean)
        }
    }
}
