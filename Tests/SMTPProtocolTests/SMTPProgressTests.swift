// What an SMTP client awaits, what brings it on, and what its events mean to a session that begins.

import MailEnvelope
import MailFormat
import Octets
import Testing

@testable import SMTPProtocol

@Suite("What an SMTP client awaits")
struct SMTPProgressTests {
    @Test("a whole reply is progress, a part of one is none; content and the verdict on it are told apart")
    func transaction() throws {
        var client = SMTPClient()
        func hear(_ text: String) throws -> (progress: Int, awaits: Awaited) {
            let before = client.progress
            client.receive(crlf(text))
            while try client.nextEvent() != nil { _ = client.send(.proceed) }
            return (client.progress - before, client.awaits)
        }
        #expect(client.awaits == .reply, "the greeting")
        #expect(try hear("220-a\n") == (0, .reply))
        #expect(try hear("220 b\n") == (1, .nothing))
        _ = client.send(.hello("c"))
        #expect(try hear("250-s\n") == (0, .reply))
        #expect(try hear("250 PIPELINING\n") == (1, .nothing))
        let envelope = Envelope(reversePath: .address(try Address("a@b")), recipients: [.init(try Address("x@y"))])
        _ = client.send(.transaction(envelope, of: .init(wireSize: 5)))
        #expect(try hear("250 ok\n250 ok\n") == (2, .reply))
        #expect(try hear("354 go\n") == (1, .content))
        _ = client.send(.content([0x61]))
        #expect(client.awaits == .content)
        _ = client.send(.contentEnd)
        #expect(client.awaits == .verdict)
        #expect(try hear("25") == (0, .verdict))
        #expect(try hear("0 ok\n") == (1, .nothing))
    }

    @Test("what is offered is known from EHLO to the start of TLS")
    func offers() throws {
        var client = SMTPClient()
        #expect(client.offers == nil)
        client.receive(crlf("220 s\n"))
        _ = try client.nextEvent()
        _ = client.send(.hello("c"))
        client.receive(crlf("250-s\n250-STARTTLS\n250 AUTH plain\n"))
        _ = try client.nextEvent()
        #expect(client.offers == SessionOffers(hasStartTLS: true, mechanisms: ["PLAIN"]))
        _ = client.send(.startTLS)
        client.receive(crlf("220 go\n"))
        #expect(try client.nextEvent().flatMap(SMTPClient.meaning) == .tlsReady)
        client.tlsEstablished()
        #expect(client.offers == nil)
    }

    @Test("refusals of a login: the credentials', the mechanism's, or trouble of the server's")
    func refusals() throws {
        let cases: [(String, LoginRefusal.Cause, Bool)] = [
            ("535 5.7.8 no", .credentials, false), ("501 no", .credentials, false), ("454 4.7.0 no", .server, true),
            ("432 no", .server, true), ("504 no", .mechanism, false), ("534 5.7.9 no", .mechanism, false),
            ("538 no", .mechanism, false),
        ]
        for (line, cause, isTemporary) in cases {
            var client = SMTPClient()
            client.receive(crlf("220 s\n"))
            _ = try client.nextEvent()
            _ = client.send(.auth(mechanism: "PLAIN", initialResponse: [0]))
            client.receive(crlf("\(line)\n"))
            let refusal = LoginRefusal(cause, isTemporary: isTemporary, words: [UInt8](line.utf8))
            #expect(try client.nextEvent().flatMap(SMTPClient.meaning) == .refused(refusal), "\(line)")
        }
    }
}
