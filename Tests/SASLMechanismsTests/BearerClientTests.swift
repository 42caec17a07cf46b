// Logins with a token or a certificate, against the words of RFC 7628, RFC 4422 and the providers.

import Credentials
import Testing

@testable import SASLMechanisms

@Suite("A SASL client with a token")
struct BearerClientTests {
    private let token = Secret("vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==")
    private let channel = SASLChannel(
        binding: nil, offered: [], server: SASLChannel.Server(host: "server.example.com", port: 587))

    @Test("says OAUTHBEARER as RFC 7628 §4.1 shows it, at once or when asked")
    func oauthbearer() throws {
        let expected = Array(
            "n,a=user@example.com,\u{1}host=server.example.com\u{1}port=587\u{1}auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\u{1}\u{1}"
                .utf8)
        var client = try SASLClientMechanism.oauthbearer.begin(
            user: "user@example.com", password: token, channel: channel)
        #expect(client.initialResponse() == expected && client.initialResponse() == nil)
        try client.acceptSuccess()
        client = try SASLClientMechanism.oauthbearer.begin(user: "user@example.com", password: token, channel: channel)
        #expect(try client.respond(to: []) == expected)
    }

    @Test("says XOAUTH2 as Google and Microsoft show it")
    func xoauth2() throws {
        var client = try SASLClientMechanism.xoauth2.begin(
            user: "someuser@example.com", password: Secret("ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg"),
            channel: channel)
        #expect(
            client.initialResponse()
                == Array(
                    "user=someuser@example.com\u{1}auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\u{1}\u{1}"
                        .utf8))
    }

    @Test(
        "answers a refusal so that the protocol can end the exchange, keeps its words, and believes no success behind it",
        arguments: [("OAUTHBEARER", [UInt8(1)]), ("XOAUTH2", [])])
    func refused(name: String, answer: [UInt8]) throws {
        let mechanism = try #require(SASLClientMechanism.withToken.first { $0.name == name })
        var client = try mechanism.begin(user: "a", password: token, channel: channel)
        _ = client.initialResponse()
        #expect(client.serverError == nil)
        let words = Array(#"{"status":"401","schemes":"bearer","scope":"https://mail.google.com/"}"#.utf8)
        #expect(try client.respond(to: words) == answer)
        #expect(client.serverError == words)
        #expect(throws: SASLError.unexpectedChallenge(name)) { try client.respond(to: words) }
        #expect(throws: SASLError.unexpectedChallenge(name)) { try client.acceptSuccess() }
    }

    @Test("writes a login with a comma or an equals sign as the GS2 header demands")
    func names() throws {
        var client = try SASLClientMechanism.oauthbearer.begin(user: "a=b,c", password: token, channel: .none)
        let said = String(decoding: client.initialResponse() ?? [], as: UTF8.self)
        #expect(said.hasPrefix("n,a=a=3Db=2Cc,\u{1}auth=Bearer "))
    }

    @Test("takes no token that could end its field, and none that is no token")
    func badTokens() {
        for text in ["", "=", "a b", "a\u{1}auth=Bearer b", "a\r\nb", "ä", "a=b", String(repeating: "a", count: 8193)] {
            for mechanism in SASLClientMechanism.withToken {
                #expect(throws: SASLError.badToken, "\(text)") {
                    try mechanism.begin(user: "a", password: Secret(text), channel: channel)
                }
            }
        }
        #expect(throws: SASLError.badLogin) {
            try SASLClientMechanism.xoauth2.begin(user: "a\u{1}b", password: token, channel: channel)
        }
    }

    @Test("of the largest token still makes a response that may be sent")
    func largest() throws {
        let token = Secret(String(repeating: "a", count: BearerClient.tokenLimit))
        let user = String(repeating: "a", count: SASL.loginLimit)
        var client = try SASLClientMechanism.oauthbearer.begin(user: user, password: token, channel: channel)
        let said = client.initialResponse() ?? []
        #expect(said.count > BearerClient.tokenLimit && said.count <= SASL.responseLimit)
    }
}

@Suite("A SASL client with a certificate")
struct ExternalClientTests {
    @Test("says whom it acts as, or nobody, once", arguments: ["", "fred@example.com"])
    func external(user: String) throws {
        var client = try SASLClientMechanism.external.begin(user: user, password: Secret(""), channel: .none)
        #expect(client.initialResponse() == Array(user.utf8) && client.initialResponse() == nil)
        #expect(throws: SASLError.unexpectedChallenge("EXTERNAL")) { try client.respond(to: []) }
        client = try SASLClientMechanism.external.begin(user: user, password: Secret(""), channel: .none)
        #expect(try client.respond(to: []) == Array(user.utf8))
    }
}
