// One end of TLS against another, without a network.

import MailTestKit
import Octets
import Reporting
import Testing

@testable import TLSEngine

@Suite("A TLS connection")
struct TLSConnectionTests {
    let certificate: TestCertificate

    init() throws { certificate = try TestCertificate(["mail.example.org", "*.wild.example", "127.0.0.1", "::1"]) }

    private func established() throws -> TLSPair {
        let pair = try TLSPair(certificate, host: "mail.example.org")
        pair.carry()
        try #require(try pair.client.advance() == .established)
        try #require(try pair.server.advance() == .established)
        return pair
    }

    @Test("comes to TLS 1.3 and tells whom it met")
    func facts() throws {
        let pair = try established()
        let facts = try #require(pair.client.facts)
        #expect(facts.version == "TLSv1.3")
        #expect(facts.cipher.hasPrefix("TLS_"))
        #expect(facts.peerFingerprint == certificate.fingerprint)
        #expect(facts.peerSubject == "CN=mail.example.org")
        #expect(facts.peerNames == ["mail.example.org", "*.wild.example", "127.0.0.1", "::1"])
        #expect(pair.server.facts?.serverName == "mail.example.org")
        #expect(pair.server.facts?.peerFingerprint == nil)
    }

    @Test("shakes hands wherever the network cuts the octets", arguments: [1, 2, 3, 5, 11, 64, 333, 1000])
    func pieces(size: Int) throws {
        let pair = try TLSPair(certificate, host: "mail.example.org")
        pair.client.send(Array("EHLO".utf8))
        pair.carry(size: size)
        #expect(try pair.client.advance() == .established)
        #expect(try TLSPair.plaintext(of: pair.server) == Array("EHLO".utf8))
    }

    @Test("shakes hands with one cut at every place of either first flight")
    func everyCut() throws {
        let context = try certificate.server()
        var cut = 1
        while true {
            let pair = try TLSPair(server: context, trust: certificate.trust, host: "mail.example.org")
            let hello = TLSPair.octets(of: pair.client)
            pair.server.receive(Array(hello.prefix(cut)))
            #expect(try pair.server.advance() == .handshaking)
            pair.server.receive(Array(hello.dropFirst(cut)))
            let answer = TLSPair.octets(of: pair.server)
            pair.client.receive(Array(answer.prefix(cut)))
            _ = try pair.client.advance()
            pair.client.receive(Array(answer.dropFirst(cut)))
            pair.carry()
            #expect(try pair.client.advance() == .established, "cut before octet \(cut)")
            #expect(try pair.server.advance() == .established, "cut before octet \(cut)")
            cut += cut < 20 ? 1 : 7
            if cut >= max(hello.count, answer.count) { return }
        }
    }

    @Test("carries a megabyte each way, in bounded pieces", arguments: [65_536, 16_389, 1000])
    func megabyte(size: Int) throws {
        let pair = try established()
        var source = SplitMix(seed: 7)
        let (up, down) = (source.octets(1_000_003), source.octets(1_000_003))
        pair.client.send(up)
        pair.server.send(down)
        #expect(pair.client.pendingCiphertextCount >= up.count)
        var (gotUp, gotDown): ([UInt8], [UInt8]) = ([], [])
        while true {
            let fromClient = pair.client.takeCiphertext()
            let fromServer = pair.server.takeCiphertext()
            if fromClient.isEmpty, fromServer.isEmpty { break }
            let largest = TLSConnection.ciphertextLimit + TLSConnection.recordLimit + 300
            #expect(fromClient.count <= largest && fromServer.count <= largest)
            for at in stride(from: 0, to: fromClient.count, by: size) {
                pair.server.receive(Array(fromClient[at..<min(at + size, fromClient.count)]))
                gotUp += try TLSPair.plaintext(of: pair.server)
            }
            for at in stride(from: 0, to: fromServer.count, by: size) {
                pair.client.receive(Array(fromServer[at..<min(at + size, fromServer.count)]))
                gotDown += try TLSPair.plaintext(of: pair.client)
            }
        }
        #expect(gotUp == up)
        #expect(gotDown == down)
        #expect(pair.client.pendingCiphertextCount == 0)
    }

    @Test("gives no more plaintext at once than asked for, and loses none")
    func smallPieces() throws {
        let pair = try established()
        let text = (0..<70_000).map { UInt8(truncatingIfNeeded: $0) }
        pair.client.send(text)
        pair.server.receive(TLSPair.octets(of: pair.client))
        #expect(try pair.server.takePlaintext(atMost: 0).isEmpty)
        #expect(try pair.server.takePlaintext(atMost: 3) == [0, 1, 2])
        var got: [UInt8] = [0, 1, 2]
        while true {
            let part = try pair.server.takePlaintext(atMost: 1_000_000)
            #expect(part.count <= TLSConnection.plaintextLimit)
            if part.isEmpty { break }
            got += part
        }
        #expect(got == text)
    }

    @Test("ends when the one that never reads is fed without end")
    func overrun() throws {
        let pair = try established()
        pair.client.send([UInt8](repeating: 1, count: 400_000))
        while pair.server.wantsInput {
            let part = pair.client.takeCiphertext()
            try #require(!part.isEmpty)
            pair.server.receive(part)
        }
        pair.server.receive([0])
        #expect(tlsError { _ = try pair.server.takePlaintext() } == .inputOverrun(limit: 262_144))
        #expect(pair.server.state == .failed)
    }

    @Test("tells a proper end from a cut one, and gives all plaintext before either")
    func truncation() throws {
        for proper in [true, false] {
            let pair = try established()
            pair.server.send(Array("last words".utf8))
            if proper { pair.server.shutDown() }
            pair.client.receive(TLSPair.octets(of: pair.server))
            pair.client.endOfInput()
            #expect(try pair.client.takePlaintext() == Array("last words".utf8))
            if proper {
                #expect(try pair.client.takePlaintext().isEmpty)
                #expect(pair.client.state == .closed)
            } else {
                let error = tlsError { _ = try pair.client.takePlaintext() }
                #expect(error == .truncated(peer: "mail.example.org", duringHandshake: false))
                #expect(error?.exitStatus == .temporaryFailure)
            }
        }
    }

    @Test("takes a record cut in the middle by the end of the wire for a truncation")
    func cutRecord() throws {
        let pair = try established()
        pair.server.send(Array("last words".utf8))
        pair.client.receive(TLSPair.octets(of: pair.server).dropLast())
        pair.client.endOfInput()
        #expect(
            tlsError { _ = try TLSPair.plaintext(of: pair.client) }
                == .truncated(peer: "mail.example.org", duringHandshake: false))
    }

    @Test("is truncated when the wire ends within the handshake")
    func cutHandshake() throws {
        let pair = try TLSPair(certificate, host: "mail.example.org")
        _ = pair.client.takeCiphertext()
        pair.client.endOfInput()
        #expect(
            tlsError { try pair.client.advance() } == .truncated(peer: "mail.example.org", duringHandshake: true))
    }

    @Test("may still speak after the other end has closed")
    func halfClosed() throws {
        let pair = try established()
        pair.server.shutDown()
        pair.client.receive(TLSPair.octets(of: pair.server))
        #expect(try TLSPair.plaintext(of: pair.client).isEmpty)
        #expect(pair.client.state == .closed)
        pair.client.send(Array("QUIT".utf8))
        pair.client.shutDown()
        pair.server.receive(TLSPair.octets(of: pair.client))
        #expect(try pair.server.takePlaintext() == Array("QUIT".utf8))
        #expect(try pair.server.takePlaintext().isEmpty)
        #expect(pair.server.state == .closed)
        pair.client.send([1])
        #expect(tlsError { try pair.client.advance() } == .sentAfterShutDown)
    }

    @Test("says close_notify behind what was queued before the handshake was done")
    func earlyEnd() throws {
        let pair = try TLSPair(certificate, host: "mail.example.org")
        pair.client.send(Array("a".utf8))
        pair.client.shutDown()
        pair.carry()
        #expect(try TLSPair.plaintext(of: pair.server) == Array("a".utf8))
        #expect(pair.server.state == .closed)
    }

    @Test("names a server that speaks clear text, and asks about STARTTLS")
    func clearText() throws {
        for greeting in ["220 mail.example.org ESMTP\r\n", "+OK ready\r\n", "* OK IMAP4rev1\r\n", "H"] {
            let pair = try TLSPair(certificate, host: "mail.example.org")
            pair.client.receive(Array(greeting.utf8) + [UInt8](repeating: 0x20, count: 20))
            let error = tlsError { try pair.client.advance() }
            guard case .notTLS(_, let said) = error else {
                Issue.record("\(greeting): \(String(describing: error))")
                continue
            }
            #expect(said.hasPrefix(String(greeting.prefix(1))))
            #expect(error?.exitStatus == .protocolError)
            #expect(error?.description.contains("STARTTLS") == true)
        }
    }

    @Test("names a client that speaks clear text")
    func clearClient() throws {
        let server = try TLSConnection(server: certificate.server(), from: "192.0.2.1")
        server.receive(Array("EHLO client\r\n".utf8))
        #expect(tlsError { try server.advance() } == .notTLS(peer: "192.0.2.1", said: "EHLO client"))
    }

    @Test("survives any octets in the place of a handshake", arguments: 0..<40)
    func rubbish(seed: UInt64) throws {
        var source = SplitMix(seed: seed)
        let pair = try TLSPair(certificate, host: "mail.example.org")
        let hello = TLSPair.octets(of: pair.client)
        for end in [pair.client, pair.server] {
            var octets = seed % 2 == 0 ? source.octets(3000) : hello
            for _ in 0..<8 {
                octets[Int(source.next() % UInt64(octets.count))] = UInt8(truncatingIfNeeded: source.next())
            }
            if seed % 4 == 2 { octets.replaceSubrange(0..<3, with: [22, 3, 1]) }
            end.receive(octets)
            _ = try? end.advance()
            end.endOfInput()
            if end.state != .failed { #expect(tlsError { _ = try end.takePlaintext() } != nil) }
            #expect(end.state == .failed)
        }
    }

    @Test("refuses a record with any one bit changed", arguments: 0..<60)
    func bitFlip(seed: UInt64) throws {
        var source = SplitMix(seed: seed)
        let pair = try established()
        pair.server.send(Array("250 OK queued, nothing to see".utf8))
        var octets = TLSPair.octets(of: pair.server)
        octets[Int(source.next() % UInt64(octets.count))] ^= 1 << UInt8(source.next() % 8)
        pair.client.receive(octets)
        pair.client.endOfInput()
        #expect(tlsError { while try !pair.client.takePlaintext().isEmpty {} } != nil)
    }

    @Test("both ends can bind a login to the connection, and no two connections are alike (RFC 9266)")
    func channelBinding() throws {
        let pair = try established()
        let binding = try #require(pair.client.facts?.channelBinding)
        #expect(binding.kind == .tlsExporter && binding.data.count == 32)
        #expect(pair.server.facts?.channelBinding == binding)
        #expect(try established().client.facts?.channelBinding != binding)
    }

    @Test("the end point is bound to by the digest of the server's certificate (RFC 5929 §4)")
    func serverEndPoint() throws {
        let pair = try established()
        // Its signature is by SHA-256.
        let digest = ChannelBinding(.tlsServerEndPoint, data: certificate.fingerprint.octets)
        #expect(pair.client.session.serverEndPoint(isClient: true) == digest)
        #expect(pair.server.session.serverEndPoint(isClient: false) == digest)
    }

    @Test("refuses a client of TLS 1.1 with the alert protocol_version")
    func oldClient() throws {
        let body: [UInt8] =
            [3, 2] + [UInt8](repeating: 9, count: 32) + [0, 0, 4, 0xC0, 0x13, 0x00, 0x2F, 1, 0]
        let message: [UInt8] = [1, 0, 0, UInt8(body.count)] + body
        let server = try TLSConnection(server: certificate.server())
        server.receive([22, 3, 1, 0, UInt8(message.count)] + message)
        #expect(tlsError { try server.advance() } == .tooOld(peer: "the client"))
        #expect(server.takeCiphertext().suffix(4) == [0, 2, 2, 70])
    }

    @Test("reads the alert protocol_version of an old server as what it is")
    func oldServer() throws {
        let pair = try TLSPair(certificate, host: "mail.example.org")
        _ = pair.client.takeCiphertext()
        pair.client.receive([21, 3, 1, 0, 2, 2, 70])
        #expect(tlsError { try pair.client.advance() } == .tooOld(peer: "mail.example.org"))
    }

    @Test("throws the same error again, and takes nothing more")
    func failedStaysFailed() throws {
        let pair = try TLSPair(certificate, host: "mail.example.org")
        pair.client.receive(Array("220 hello there\r\n".utf8))
        let first = tlsError { try pair.client.advance() }
        pair.client.receive(Array("more".utf8))
        pair.client.send([1])
        pair.client.shutDown()
        #expect(first != nil)
        #expect(tlsError { _ = try pair.client.takePlaintext() } == first)
        #expect(!pair.client.wantsInput)
    }
}
