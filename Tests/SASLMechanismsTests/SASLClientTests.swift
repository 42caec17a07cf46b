// The client's side of SASL, against words of servers and against our own server.

import Credentials
import Octets
import SASLMechanisms
import Testing

@Suite("A SASL client")
struct SASLClientTests {
    private let secret = Secret("tanstaaftanstaaf")

    private func client(_ mechanism: SASLClientMechanism) throws(SASLError) -> any SASLClient {
        try mechanism.begin(user: "tim", password: secret, channel: .none)
    }

    @Test("says PLAIN as RFC 4616 §4 shows it, at once or on the prompt")
    func plain() throws {
        let expected = Array("\0tim\0tanstaaftanstaaf".utf8)
        var plain = try client(.plain)
        #expect(plain.initialResponse() == expected)
        #expect(throws: SASLError.unexpectedChallenge("PLAIN")) { try plain.respond(to: []) }
        plain = try client(.plain)
        #expect(try plain.respond(to: Array("anything".utf8)) == expected)
        #expect(plain.initialResponse() == nil)
        try plain.acceptSuccess()
    }

    @Test("says LOGIN by turns, whatever the prompts are called")
    func login() throws {
        for prompt in ["Username", "", "User Name\0", "Username:"] {
            var login = try client(.login)
            #expect(login.initialResponse() == nil)
            #expect(try login.respond(to: Array(prompt.utf8)) == raw("tim"))
            #expect(try login.respond(to: Array(prompt.utf8)) == raw("tanstaaftanstaaf"))
            #expect(throws: SASLError.unexpectedChallenge("LOGIN")) { try login.respond(to: []) }
        }
    }

    @Test("refuses what the wire cannot carry", arguments: SASLClientMechanism.withPassword)
    func refused(mechanism: SASLClientMechanism) {
        for user in ["", "a\0b", "a\r\n", String(repeating: "a", count: 321)] {
            #expect(throws: SASLError.badLogin) { try mechanism.begin(user: user, password: secret, channel: .none) }
        }
        for password in ["", "a\0b", String(repeating: "a", count: 1025)] {
            #expect(throws: SASLError.badPassword) {
                try mechanism.begin(user: "a", password: Secret(password), channel: .none)
            }
        }
    }

    @Test("logs in to our own server", arguments: SASLMechanism.allCases)
    func ownServer(mechanism: SASLMechanism) throws {
        let spoken = try #require(SASLClientMechanism.withPassword.first { $0.name == mechanism.rawValue })
        var client = try spoken.begin(user: "älice@example.org", password: secret, channel: .none)
        var server = SASLServer()
        var step = server.start(mechanism, initialResponse: client.initialResponse())
        while case .challenge(let challenge) = step { step = server.receive(try client.respond(to: challenge)) }
        #expect(Seen(step) == .verify("älice@example.org", "tanstaaftanstaaf"))
    }

    @Test("FE3: is of the first mechanism that the server offers, the rc allows and the channel can be bound to")
    func choice() {
        func choose(_ offered: [String], _ mechanisms: [SASLClientMechanism]? = nil, bound: Bool = false) -> String? {
            SASLClientMechanism.choose(
                among: mechanisms ?? SASLClientMechanism.withPassword, offered: offered,
                channel: bound
                    ? SASLChannel(binding: ChannelBinding(.tlsExporter, data: [1]), offered: offered) : .none)?.name
        }
        #expect(choose(["LOGIN", "plain", "XOAUTH2", ""]) == "PLAIN")
        #expect(choose(["PLAIN", "LOGIN"], [.login]) == "LOGIN")
        #expect(choose(["GSSAPI", "PLAIN-CLIENTTOKEN"]) == nil)
        let offered = ["PLAIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-512"]
        #expect(choose(offered, bound: true) == "SCRAM-SHA-256-PLUS")
        #expect(choose(offered) == "SCRAM-SHA-256")
        #expect(choose(Array(offered.prefix(3))) == "SCRAM-SHA-1" && choose(Array(offered.prefix(2))) == "CRAM-MD5")
        #expect(choose(["PLAIN"], []) == nil)
        let bound = SASLClientMechanism(name: "X-PLUS", bindsChannel: true) { (_, _, _) throws(SASLError) in
            throw .notStarted
        }
        #expect(choose(["PLAIN", "X-PLUS"], [bound, .plain]) == "PLAIN")
        #expect(choose(["PLAIN", "X-PLUS"], [bound, .plain], bound: true) == "X-PLUS")
    }

    @Test("shows its secret to nobody")
    func masked() throws {
        let secret = Secret("tanstaaf~tanstaaf")
        var shown = "\(secret) \(String(reflecting: secret)) \([secret])"
        dump(secret, to: &shown)
        for mechanism in SASLClientMechanism.withPassword {
            dump(try mechanism.begin(user: "tim", password: secret, channel: .none), to: &shown)
        }
        var server = SASLServer()
        if case .verify(let who) = server.start(.plain, initialResponse: raw("\0tim\0tanstaaf~tanstaaf")) {
            dump(who, to: &shown)
        }
        #expect(!shown.contains("tanstaaf"))
        #expect(!shown.contains("126"))  // nor octet by octet: ~ stands in no user name here, and in no nonce
        #expect(shown.contains(Secret.mask))
    }
}
