// Client and server engine against each other, in memory.

import MailEnvelope
import MailFormat
import MailTestKit
import Octets
import Testing

@testable import SMTPProtocol

/// Our client and our server, octets carried from one to the other in pieces.
struct SMTPPairTests {
    private struct Outcome: Equatable {
        var recipients: [Int: Int] = [:]
        var verdicts: [Int] = []
        var stored: [UInt8] = []
        var accepted: [String] = []
    }

    private func talk(
        _ mode: SMTPServerOptions.Mode, to names: [String], _ message: [UInt8], piece: Int, isSlow: Bool = false
    ) throws -> Outcome {
        var outcome = Outcome()
        var accepted: [String] = []
        let policy = { (event: SMTPServer.Event) -> SMTPServer.Command in ServerPlay.lenient(event) }
        var play = ServerPlay(mailOptions(mode) { $0.mechanisms = ["PLAIN"] }, isTLS: true, policy: policy)
        var client = SMTPClient(mode == .lmtp ? .lmtp : .smtp, isTLS: true)
        var envelope = Envelope(
            reversePath: .address(try Address("a@b")),
            recipients: try names.map { .init(try Address("\($0)@y"), notify: .on(.failure)) })
        envelope.returnContent = .full
        envelope.envelopeID = try EnvelopeText("id 1")
        let transaction = SMTPClient.Command.transaction(envelope, of: ContentFacts(wireSize: message.count))
        var heard = 0
        var toServer: [UInt8] = []
        loop: while true {
            while let event = try client.nextEvent() {
                switch event {
                case .greeting: toServer += isSlow ? client.send(.helo("c")) : client.send(.hello("c"))
                case .hello:
                    toServer +=
                        mode == .submission
                        ? client.send(.auth(mechanism: "PLAIN", initialResponse: nil)) : client.send(transaction)
                case .challenge: toServer += client.send(.saslResponse([1]))
                case .authenticated: toServer += client.send(transaction)
                case .rcpt(let index, let reply):
                    outcome.recipients[index] = reply.code
                    toServer += client.send(.proceed)
                case .contentBegin:
                    accepted = play.server.envelope?.recipients.map(\.forwardPath.description) ?? []
                    for at in stride(from: 0, to: message.count, by: piece) {
                        toServer += client.send(.content(Array(message[at..<min(at + piece, message.count)])))
                    }
                    toServer += client.send(.contentEnd)
                case .verdict(_, let reply):
                    outcome.verdicts.append(reply.code)
                    toServer += client.send(.proceed)
                case .transactionEnd: toServer += client.send(.quit)
                case .quit: break loop
                case .mail, .emptied, .dataRefused: toServer += client.send(.proceed)
                default: Issue.record("\(event)")
                }
            }
            let sent = Array(toServer.prefix(piece))
            toServer.removeFirst(sent.count)
            play.feed(sent)
            let answer = Array(play.wire[heard...].prefix(piece))
            heard += answer.count
            guard !sent.isEmpty || !answer.isEmpty else {
                Issue.record("both wait")
                break
            }
            client.receive(answer)
        }
        outcome.stored = Array(play.contents.joined())
        outcome.accepted = accepted
        #expect(play.faults.filter { $0 != .noRecipients }.isEmpty)
        #expect(play.server.envelope == nil)
        return outcome
    }

    @Test("a message for five of whom two are refused", arguments: [SMTPServerOptions.Mode.mail, .submission, .lmtp])
    func perRecipient(mode: SMTPServerOptions.Mode) throws {
        let message = Array("Subject: x\n\n.\n..\n.x\nend\n".utf8)
        for piece in [1, 2, 3, 7, 64, 4096] {
            let outcome = try talk(mode, to: ["a", "no1", "b", "later2", "c"], message, piece: piece)
            #expect(outcome.recipients == [0: 250, 1: 550, 2: 250, 3: 450, 4: 250])
            #expect(outcome.verdicts == Array(repeating: 250, count: mode == .lmtp ? 3 : 1))
            #expect(outcome.stored == message)
            #expect(outcome.accepted == ["<a@y>", "<b@y>", "<c@y>"])
        }
    }

    @Test("without PIPELINING it comes out the same")
    func helo() throws {
        let message = Array("x\n".utf8)
        let outcome = try talk(.mail, to: ["a", "no1", "b"], message, piece: 5, isSlow: true)
        #expect(outcome.recipients == [0: 250, 1: 550, 2: 250])
        #expect(outcome.stored == message)
    }

    @Test("when all are refused nothing is stored")
    func nobody() throws {
        for isSlow in [false, true] {
            let outcome = try talk(.mail, to: ["no1", "no2"], [0x61], piece: 9, isSlow: isSlow)
            #expect(outcome.recipients == [0: 550, 1: 550])
            #expect(outcome.stored.isEmpty && outcome.verdicts.isEmpty)
        }
    }
}
