// The client's side of SASL, against words of servers and against our own server.

import Credentials
import Octets
import SASLMechanisms
import Testing

@Suite("A SASL client")
struct SASLClientTests {
    private let secret = Secret("tanstaaftanstaaf")

    @Test("says PLAIN as RFC 4616 §4 shows it, at once or on the prompt")
    func plain() throws {
        let expected = Array("\0tim\0tanstaaftanstaaf".utf8)
        var client = try SASLClient(.plain, user: "tim", password: secret)
        #expect(client.initialResponse() == expected)
        #expect(throws: SASLError.unexpectedChallenge(.plain)) { try client.respond(to: []) }
        client = try SASLClient(.plain, user: "tim", password: secret)
        #expect(try client.respond(to: Array("anything".utf8)) == expected)
        #expect(client.initialResponse() == nil)
    }

    @Test("says LOGIN by turns, whatever the prompts are called")
    func login() throws {
        for prompt in ["Username", "", "User Name\0", "Username:"] {
            var client = try SASLClient(.login, user: "tim", password: secret)
            #expect(client.initialResponse() == nil)
            #expect(try client.respond(to: Array(prompt.utf8)) == raw("tim"))
            #expect(try client.respond(to: Array(prompt.utf8)) == raw("tanstaaftanstaaf"))
            #expect(throws: SASLError.unexpectedChallenge(.login)) { try client.respond(to: []) }
        }
    }

    @Test("refuses what the wire cannot carry")
    func refused() {
        for user in ["", "a\0b", "a\r\n", String(repeating: "a", count: 321)] {
            #expect(throws: SASLError.badLogin) { try SASLClient(.plain, user: user, password: secret) }
        }
        for password in ["", "a\0b", String(repeating: "a", count: 1025)] {
            #expect(throws: SASLError.badPassword) { try SASLClient(.plain, user: "a", password: Secret(password)) }
        }
    }

    @Test("logs in to our own server", arguments: SASLMechanism.allCases)
    func ownServer(mechanism: SASLMechanism) throws {
        var client = try SASLClient(mechanism, user: "älice@example.org", password: secret)
        var server = SASLServer()
        var step = server.start(mechanism, initialResponse: client.initialResponse())
        while case .challenge(let challenge) = step { step = server.receive(try client.respond(to: challenge)) }
        #expect(Seen(step) == .verify("älice@example.org", "tanstaaftanstaaf"))
    }

    @Test("chooses the strongest of what is offered and allowed")
    func choice() {
        #expect(SASLMechanism.choose(offered: ["LOGIN", "plain", "XOAUTH2", ""]) == .plain)
        #expect(SASLMechanism.choose(offered: ["PLAIN", "LOGIN"], allowed: [.login]) == .login)
        #expect(SASLMechanism.choose(offered: ["GSSAPI", "PLAIN-CLIENTTOKEN"]) == nil)
        #expect(SASLMechanism.choose(offered: ["PLAIN"], allowed: []) == nil)
        #expect(SASLMechanism(name: Array("pLaIn".utf8)) == .plain)
    }

    @Test("shows its secret to nobody")
    func masked() throws {
        var shown = "\(secret) \(String(reflecting: secret)) \([secret])"
        dump(secret, to: &shown)
        dump(try SASLClient(.plain, user: "tim", password: secret), to: &shown)
        var server = SASLServer()
        if case .verify(let who) = server.start(.plain, initialResponse: raw("\0tim\0tanstaaftanstaaf")) {
            dump(who, to: &shown)
        }
        #expect(!shown.contains("tanstaaf"))
        #expect(!shown.contains("115"))  // nor octet by octet: s stands in no user name here
        #expect(shown.contains(Secret.mask))
    }
}
