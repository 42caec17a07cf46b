// How long a server may keep silent before it greets.

import Testing
import Transport

@testable import AccountSessions
@testable import RunControl

@Suite struct GreetingTests {
    private func server(_ service: String, _ counterpart: String, port: Int, tls: Bool) -> AccountServer {
        AccountServer(
            word: "fetch", service: service, host: "mail.example", port: port, hasImplicitTLS: tls,
            counterpart: counterpart)
    }

    @Test("at a port that begins with TLS ten seconds of silence are enough, elsewhere the account's timeout counts")
    func patience() {
        let mistaken = server("imap", "imaps", port: 993, tls: false)
        let odd = server("imap", "imaps", port: 9933, tls: false)
        let right = server("imaps", "imap", port: 993, tls: true)
        #expect(Greeting.patience(for: mistaken, timeout: .seconds(300)) == .seconds(10))
        #expect(Greeting.patience(for: mistaken, timeout: .seconds(3)) == .seconds(3))
        for server in [odd, right] { #expect(Greeting.patience(for: server, timeout: .seconds(300)) == .seconds(300)) }
    }

    @Test("silence is explained as a fault of the rc where the port says so; other errors stay what they are")
    func explanation() {
        let mistaken = server("imap", "imaps", port: 993, tls: false)
        let silence = TransportError.timedOut(peer: "mail.example:993", doing: "reading")
        let told = Greeting.explained(silence, from: mistaken)
        #expect(told.exitStatus == .configuration)
        #expect(
            told.description
                == "mail.example port 993: took the connection and says nothing; port 993 begins with TLS, and imap begins "
                + "without; write \"fetch imaps mail.example\"")
        let odd = Greeting.explained(silence, from: server("imap", "imaps", port: 9933, tls: false))
        #expect(odd.exitStatus == .temporaryFailure)
        let closed = TransportError.closed(peer: "x")
        #expect(passedOn(Greeting.explained(closed, from: mistaken)) == closed)
        let slow = Greeting.explained(silence, from: server("imaps", "imap", port: 993, tls: true))
        #expect(passedOn(slow) == silence)
    }

    private func passedOn(_ error: AccountError) -> TransportError? {
        guard case .transport(let error) = error else { return nil }
        return error
    }
}
