// The server's side of SASL against good and hostile clients.

import MailTestKit
import Octets
import SASLMechanisms
import Testing

/// What a step comes to, comparable.
enum Seen: Equatable {
    case challenge(String)
    case verify(String, String)
    case failed(SASLError)

    init(_ step: SASLServer.Step) {
        switch step {
        case .challenge(let octets): self = .challenge(String(decoding: octets, as: UTF8.self))
        case .verify(let who): self = .verify(who.login, String(decoding: who.password.revealed, as: UTF8.self))
        case .failed(let error): self = .failed(error)
        }
    }
}

func raw(_ text: String) -> [UInt8] { Array(text.utf8) }

@Suite("A SASL server")
struct SASLServerTests {
    private func plain(_ text: String) -> Seen {
        var server = SASLServer()
        let atOnce = Seen(server.start(.plain, initialResponse: raw(text)))
        #expect(Seen(server.start(.plain)) == .challenge(""))
        #expect(server.isWaiting)
        let prompted = Seen(server.receive(raw(text)))
        #expect(prompted == atOnce)
        #expect(!server.isWaiting)
        return atOnce
    }

    @Test("takes PLAIN with and without prompt, in the RFC's form and the old one")
    func plainForms() {
        #expect(plain("\0alice\0secret") == .verify("alice", "secret"))
        #expect(plain("alice\0alice\0secret") == .verify("alice", "secret"))
        #expect(plain("alice\0secret") == .verify("alice", "secret"))
        #expect(plain("\0älice@example.org\0pässwort") == .verify("älice@example.org", "pässwort"))
    }

    @Test("takes a password of any octets but NUL")
    func octetPassword() throws {
        var server = SASLServer()
        let password: [UInt8] = [0xFF, 0x01, 0x0D, 0x0A, 0x80]
        guard case .verify(let who) = server.start(.plain, initialResponse: [0, 0x61, 0] + password)
        else {
            Issue.record("refused")
            return
        }
        #expect(who.password.revealed == password)
    }

    @Test("refuses PLAIN that is no PLAIN")
    func plainRefused() {
        #expect(plain("bob\0alice\0secret") == .failed(.otherIdentity))
        #expect(plain("Alice\0alice\0secret") == .failed(.otherIdentity))
        #expect(plain("alice") == .failed(.malformed(.plain)))
        #expect(plain("\0a\0b\0c") == .failed(.malformed(.plain)))
        #expect(plain("\0a\0b\0") == .failed(.malformed(.plain)))
        #expect(plain("\0\0secret") == .failed(.badLogin))
        #expect(plain("\0alice\0") == .failed(.badPassword))
        #expect(plain("\0al\r\nice\0secret") == .failed(.badLogin))
        #expect(plain("\0al\u{7F}ice\0secret") == .failed(.badLogin))
        #expect(plain("\0al\u{85}ice\0secret") == .failed(.badLogin))
        #expect(plain("\0al\u{2028}ice\0secret") == .failed(.badLogin))
        #expect(
            plain("\0" + String(repeating: "a", count: 320) + "\0s") == .verify(String(repeating: "a", count: 320), "s")
        )
        #expect(plain("\0" + String(repeating: "a", count: 321) + "\0s") == .failed(.badLogin))
        #expect(plain("\0a\0" + String(repeating: "s", count: 1025)) == .failed(.badPassword))
    }

    @Test("refuses a login that is not UTF-8")
    func notUTF8() {
        for login: [UInt8] in [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0x61, 0xC3]] {
            var server = SASLServer()
            #expect(
                Seen(server.start(.plain, initialResponse: [0] + login + [0, 0x73]))
                    == .failed(.badLogin))
        }
    }

    @Test("takes an empty initial response for a response")
    func emptyInitial() {
        var server = SASLServer()
        #expect(Seen(server.start(.plain, initialResponse: [])) == .failed(.malformed(.plain)))
    }

    @Test("asks LOGIN twice, or once when the user came along")
    func login() {
        var server = SASLServer()
        #expect(Seen(server.start(.login)) == .challenge("Username:"))
        #expect(Seen(server.receive(raw("alice"))) == .challenge("Password:"))
        #expect(Seen(server.receive(raw("secret"))) == .verify("alice", "secret"))
        #expect(Seen(server.start(.login, initialResponse: raw("alice"))) == .challenge("Password:"))
        #expect(Seen(server.receive(raw("secret"))) == .verify("alice", "secret"))
        #expect(Seen(server.start(.login, initialResponse: raw("alice"))) == .challenge("Password:"))
        #expect(Seen(server.receive(raw("sec\0ret"))) == .failed(.badPassword))
        #expect(Seen(server.start(.login, initialResponse: raw("a\0b"))) == .failed(.badLogin))
        #expect(Seen(server.start(.login)) == .challenge("Username:"))
        #expect(Seen(server.receive([])) == .failed(.badLogin))
    }

    @Test("refuses what is too long")
    func tooLong() {
        var server = SASLServer()
        let long = [UInt8](repeating: 0x41, count: SASL.responseLimit)
        #expect(Seen(server.start(.plain, initialResponse: long)) == .failed(.malformed(.plain)))
        #expect(
            Seen(server.start(.plain, initialResponse: long + [0x41])) == .failed(.tooLong(limit: SASL.responseLimit)))
    }

    @Test("never verifies a login with controls, whatever octets come", arguments: 0..<200)
    func random(seed: UInt64) {
        var source = SplitMix(seed: seed)
        var server = SASLServer()
        for round in 0..<40 {
            let mechanism: SASLMechanism = round % 2 == 0 ? .plain : .login
            let alphabet: [UInt8] = [0, 0x61, 0x0A, 0xC3, 0xA4, 0x2A, 0x3D]
            var octets = source.octets(Int(source.next() % 12))
            if round % 3 != 0 { octets = octets.map { alphabet[Int($0) % alphabet.count] } }
            var step = server.start(mechanism, initialResponse: round % 4 == 0 ? nil : octets)
            var turns = 0
            while case .challenge = step {
                turns += 1
                step = server.receive(octets)
            }
            #expect(turns <= 2)
            #expect(!server.isWaiting)
            if case .verify(let who) = step {
                #expect(
                    !who.login.isEmpty && who.login.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F })
                #expect(!who.password.isEmpty && !who.password.revealed.contains(0))
            }
        }
    }

    @Test("knows a mechanism by its name in any case")
    func names() {
        #expect(SASLMechanism(name: Array("pLaIn".utf8)) == .plain)
        #expect(SASLMechanism(name: Array("PLAINS".utf8)) == nil)
    }
}
