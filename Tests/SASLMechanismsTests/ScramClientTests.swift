// SCRAM and CRAM-MD5 against the vectors of their RFCs, and against servers that cheat.

import Credentials
import Octets
import Testing

@testable import SASLMechanisms

@Suite("A login that does not show the password")
struct ScramClientTests {
    /// An exchange as an RFC prints it.
    private struct Vector: Sendable, CustomTestStringConvertible {
        let mechanism: String
        let user: String
        let password: String
        let nonce: String
        let clientFirst: String
        let serverFirst: String
        let clientFinal: String
        let serverFinal: String
        var testDescription: String { mechanism }

        func client(_ binding: ScramClient.Binding = .none) throws -> ScramClient {
            try ScramClient(
                mechanism: mechanism, algorithm: mechanism.contains("256") ? .sha256 : .sha1, user: user,
                password: Secret(password), binding: binding, nonce: Array(nonce.utf8))
        }
    }

    /// RFC 5802 §5 and RFC 7677 §3.
    private static let vectors = [
        Vector(
            mechanism: "SCRAM-SHA-1", user: "user", password: "pencil", nonce: "fyko+d2lbbFgONRv9qkxdawL",
            clientFirst: "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
            serverFirst: "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
            clientFinal: "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
            serverFinal: "v=rmF9pqV8S7suAoZWja4dJRkFsKQ="),
        Vector(
            mechanism: "SCRAM-SHA-256", user: "user", password: "pencil", nonce: "rOprNGfwEbeRWgbNEkqO",
            clientFirst: "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
            serverFirst: "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
            clientFinal:
                "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                + "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
            serverFinal: "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="),
    ]

    @Test("says what the RFC's client says, and believes its server", arguments: vectors)
    private func vector(_ vector: Vector) throws {
        for isPrompted in [false, true] {
            var client = try vector.client()
            let first = isPrompted ? try client.respond(to: []) : client.initialResponse() ?? []
            #expect(String(decoding: first, as: UTF8.self) == vector.clientFirst)
            let final = try client.respond(to: Array(vector.serverFirst.utf8))
            #expect(String(decoding: final, as: UTF8.self) == vector.clientFinal)
            #expect(throws: SASLError.serverUnproven(vector.mechanism)) { try client.acceptSuccess() }
            #expect(try client.respond(to: Array(vector.serverFinal.utf8)).isEmpty)
            try client.acceptSuccess()
            #expect(throws: SASLError.unexpectedChallenge(vector.mechanism)) { try client.respond(to: []) }
        }
    }

    @Test("a server that does not prove itself is not believed", arguments: vectors)
    private func unproven(_ vector: Vector) throws {
        let other = "v=" + String(vector.serverFinal.dropFirst(2).reversed())
        for words in ["", "v=", "v=AAAA", other, "x" + vector.serverFinal, "w=" + vector.serverFinal.dropFirst(2)] {
            var client = try vector.client()
            _ = client.initialResponse()
            _ = try client.respond(to: Array(vector.serverFirst.utf8))
            #expect(throws: SASLError.serverUnproven(vector.mechanism), "\(words)") {
                try client.respond(to: Array(words.utf8))
            }
            #expect(throws: SASLError.serverUnproven(vector.mechanism)) { try client.acceptSuccess() }
        }
        // Its own refusal is for its protocol to say; a success behind it is none.
        var client = try vector.client()
        _ = client.initialResponse()
        _ = try client.respond(to: Array(vector.serverFirst.utf8))
        #expect(try client.respond(to: Array("e=invalid-proof".utf8)).isEmpty)
        #expect(throws: SASLError.serverUnproven(vector.mechanism)) { try client.acceptSuccess() }
        // Nor is a success before anything was proved.
        #expect(throws: SASLError.serverUnproven(vector.mechanism)) { try vector.client().acceptSuccess() }
    }

    @Test("the work that a server may ask for has bounds, and its nonce begins with ours")
    func badFirst() throws {
        let nonce = "rOprNGfwEbeRWgbNEkqO"
        let cases = [
            ("r=\(nonce)x,s=W22Z,i=1", "a count of 1 rounds"),
            ("r=\(nonce)x,s=W22Z,i=4095", "a count of 4095 rounds"),
            ("r=\(nonce)x,s=W22Z,i=1000001", "a count of 1000001 rounds"),
            ("r=\(nonce)x,s=W22Z,i=2147483648", "a count of 2147483648 rounds"),
            ("r=\(nonce)x,s=W22Z,i=99999999999999999999", "a count that is none"),
            ("r=\(nonce)x,s=W22Z,i=-4096", "a count that is none"), ("r=\(nonce)x,s=W22Z,i=", "a count that is none"),
            ("r=\(nonce)x,s=,i=4096", "a salt"), ("r=\(nonce)x,s=W22,i=4096", "a salt"),
            ("r=\(nonce),s=W22Z,i=4096", "another nonce"), ("r=other,s=W22Z,i=4096", "another nonce"),
            ("r=\(nonce)\(String(repeating: "x", count: 1025 - nonce.utf8.count)),s=W22Z,i=4096", "another nonce"),
            ("r=\(nonce)x,s=\(String(repeating: "QUJD", count: 342)),i=4096", "a salt"),
            ("r=,s=W22Z,i=4096", "another nonce"), ("r=\(nonce)x y,s=W22Z,i=4096", "another nonce"),
            ("m=ext,r=\(nonce)x,s=W22Z,i=4096", "an extension"), ("", "other words"), ("r=\(nonce)x", "other words"),
            ("s=W22Z,r=\(nonce)x,i=4096", "other words"), ("i=4096,s=W22Z", "other words"), (",,,", "other words"),
        ]
        for (words, reason) in cases {
            var client = try Self.vectors[1].client()
            _ = client.initialResponse()
            let error = #expect(throws: SASLError.self, "\(words)") { try client.respond(to: Array(words.utf8)) }
            #expect(
                error?.description.hasPrefix("a challenge of SCRAM-SHA-256 with \(reason)") == true,
                "\(words) \(error as Any)")
        }
        var client = try Self.vectors[1].client()
        _ = client.initialResponse()
        #expect(try !client.respond(to: Array("r=\(nonce)x,s=W22Z,i=4096,x=unknown".utf8)).isEmpty)
    }

    @Test("tells the server whether it could have bound the channel, and binds what it binds into the proof")
    func bindings() throws {
        let channel = ChannelBinding(.tlsExporter, data: Array("octets of a channel".utf8))
        let cases: [(SASLChannel, Bool, String)] = [
            (.none, false, "n,,"), (SASLChannel(binding: channel, offered: ["SCRAM-SHA-256", "PLAIN"]), false, "y,,"),
            (SASLChannel(binding: channel, offered: ["SCRAM-SHA-256", "scram-sha-256-plus"]), false, "n,,"),
            (SASLChannel(binding: channel, offered: ["SCRAM-SHA-256-PLUS"]), true, "p=tls-exporter,,"),
        ]
        var proofs: Set<[UInt8]> = []
        for (offer, isUsed, header) in cases {
            var client = try Self.vectors[1].client(ScramClient.Binding(of: offer, isUsed: isUsed))
            let first = String(decoding: client.initialResponse() ?? [], as: UTF8.self)
            #expect(first == header + "n=user,r=rOprNGfwEbeRWgbNEkqO")
            let final = try client.respond(to: Array(Self.vectors[1].serverFirst.utf8))
            let bound = try #require(Base64.decode(final.dropFirst(2).prefix { $0 != 0x2C }))
            #expect(bound == Array(header.utf8) + (isUsed ? channel.data : []))
            proofs.insert(final)
        }
        #expect(proofs.count == 3)
    }

    @Test("a user's commas and equals signs are no attributes, and each exchange has a nonce of its own")
    func names() throws {
        var client = try SASLClientMechanism.scramSHA256.begin(
            user: "a,b=c", password: Secret("x"), channel: .none)
        let first = String(decoding: client.initialResponse() ?? [], as: UTF8.self)
        #expect(first.hasPrefix("n,,n=a=2Cb=3Dc,r="))
        var other = try SASLClientMechanism.scramSHA256.begin(user: "a,b=c", password: Secret("x"), channel: .none)
        #expect(other.initialResponse() != Array(first.utf8))
    }

    @Test("answers CRAM-MD5 as RFC 2195 §2 shows it, once, and no challenge that is empty")
    func cramMD5() throws {
        func begun() throws -> any SASLClient {
            try SASLClientMechanism.cramMD5.begin(user: "tim", password: Secret("tanstaaftanstaaf"), channel: .none)
        }
        var client = try begun()
        #expect(client.initialResponse() == nil)
        let challenge = Array("<1896.697170952@postoffice.reston.mci.net>".utf8)
        #expect(
            String(decoding: try client.respond(to: challenge), as: UTF8.self) == "tim b913a602c7eda7a495b4e6e7334d3890"
        )
        #expect(throws: SASLError.unexpectedChallenge("CRAM-MD5")) { try client.respond(to: challenge) }
        client = try begun()
        #expect(throws: SASLError.self) { try client.respond(to: []) }
    }
}
