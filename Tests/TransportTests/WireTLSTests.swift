// TLS on a wire: octets both ways, no clear text behind STARTTLS, and an end that is known to be one.

import Blocking
import Glibc
import MailTestKit
import TLSEngine
import Testing

@testable import Transport

/// The peer's end as a server; made on the thread that uses it.
private func server(on descriptor: Int32) -> Wire { Wire(socket: descriptor, facts: WireFacts(peer: "the client")) }

@Suite struct WireTLSTests {
    /// From when it is asked for: a test may wait for its turn.
    private var deadline: Deadline { Deadline(after: .seconds(20)) }
    private let anyone = TLSDemand(context: .client(), name: "peer.test")

    @Test("a megabyte each way at once, then an orderly end")
    func bothWays() async throws {
        try await onThread { () throws in
            let files = try Certified()
            let context = try files.server()
            let pair = Pair()
            let (client, peer) = (pair.wire, pair.peer)
            let echo = try BlockingThread(name: "server") { [deadline] in
                let server = server(on: peer)
                do {
                    try server.acceptTLS(context: context, until: deadline)
                    try server.write([UInt8](repeating: 0x73, count: 1 << 20), until: deadline)
                    var count = 0
                    while count < 1 << 20 {
                        let octets = try server.read(until: deadline)
                        if octets.isEmpty { break }
                        count += octets.count
                    }
                    try server.endOutput(until: deadline)
                } catch {
                    Issue.record("server: \(error)")
                }
                server.close()
            }
            try client.startTLS(files.demand, until: deadline)
            #expect(client.facts.tls != nil)
            var received: [UInt8] = []
            for _ in 0..<16 {
                try client.write([UInt8](repeating: 0x63, count: 65_536), until: deadline)
                while client.bufferedCount > 0 { received += try client.read(until: deadline) }
            }
            while true {
                let octets = try client.read(until: deadline)
                if octets.isEmpty { break }
                received += octets
            }
            #expect(received == [UInt8](repeating: 0x73, count: 1 << 20))
            client.close()
            echo.join()
        }
    }

    @Test("clear text behind the consent to STARTTLS is an injection and ends the connection")
    func injection() async throws {
        try await onThread { () throws in
            let pair = Pair()
            pair.say("220 go ahead\r\n250 you@evil.test\r\n")
            // The command loop takes the first line only; a wire hands out what came, so the rest is put back here.
            let octets = try pair.wire.read(until: deadline)
            pair.wire.inbox = Array(octets[14...])
            #expect(throws: TransportError.injected(peer: "peer.test:110", octets: 19)) {
                try pair.wire.startTLS(anyone, until: deadline)
            }
            #expect(pair.heard().isEmpty)
            pair.hangUp()
        }
    }

    @Test("a wrong name fails the handshake, and nothing of ours is sent")
    func wrongName() async throws {
        try await onThread { () throws in
            let files = try Certified()
            let context = try files.server()
            let pair = Pair()
            let (client, peer) = (pair.wire, pair.peer)
            let thread = try BlockingThread(name: "server") { [deadline] in
                let server = server(on: peer)
                #expect(throws: TransportError.self) {
                    try server.acceptTLS(context: context, until: deadline)
                    let octets = try server.read(until: deadline)
                    Issue.record("heard \(octets)")
                }
                server.close()
            }
            var thrown: TransportError?
            do {
                try client.startTLS(files.demand(of: "other.test"), until: deadline)
            } catch let error as TransportError { thrown = error }
            guard case .tls = thrown else {
                Issue.record("\(String(describing: thrown))")
                return
            }
            #expect(throws: TransportError.self) { try client.write([1], until: deadline) }
            client.close()
            thread.join()
        }
    }

    @Test("a peer that speaks clear text where TLS is due, or nothing at all, is told apart")
    func noTLS() async throws {
        try await onThread { () throws in
            let pair = Pair()
            let expected = TransportError.timedOut(peer: "peer.test:110", doing: "starting TLS")
            #expect(throws: expected) {
                try pair.wire.startTLS(anyone, until: Deadline(after: .milliseconds(20)))
            }
            pair.hangUp()
            let plain = Pair()
            plain.say("220 mail.test ESMTP ready to serve\r\n")
            var message = ""
            do {
                try plain.wire.startTLS(anyone, until: deadline)
            } catch { message = "\(error)" }
            #expect(message.contains("peer.test"))
            plain.hangUp()
        }
    }

    @Test("an end without close_notify is a fault, after the octets before it")
    func truncated() async throws {
        try await onThread { () throws in
            let files = try Certified()
            let context = try files.server()
            let pair = Pair()
            let (client, peer) = (pair.wire, pair.peer)
            let thread = try BlockingThread(name: "server") { [deadline] in
                let server = server(on: peer)
                do {
                    try server.acceptTLS(context: context, until: deadline)
                    try server.write([1, 2, 3], until: deadline)
                } catch { Issue.record("server: \(error)") }
                shutdown(server.writing, Int32(SHUT_RDWR))
            }
            try client.startTLS(files.demand, until: deadline)
            thread.join()
            #expect(try client.read(until: deadline) == [1, 2, 3])
            #expect(throws: TransportError.self) { try client.read(until: deadline) }
        }
    }

    @Test("TLS with the peer runs within TLS with a hop, and only the peer's counts")
    func withinAHop() async throws {
        try await onThread { () throws in
            let (hop, far) = (try Certified("hop.test"), try Certified())
            let (hopContext, farContext) = (try hop.server(), try far.server())
            let pair = Pair()
            let (client, peer) = (pair.wire, pair.peer)
            let letter = (0..<1 << 20).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
            let thread = try BlockingThread(name: "server") { [deadline] in
                let server = server(on: peer)
                do {
                    try server.acceptTLS(context: hopContext, until: deadline)
                    #expect(try server.read(until: deadline) == Array("CONNECT".utf8))
                    try server.write(Array("OK".utf8), until: deadline)
                    server.arrive(at: "the client")
                    try server.acceptTLS(context: farContext, until: deadline)
                    try server.write(letter, until: deadline)
                    try server.endOutput(until: deadline)
                    #expect(try server.read(until: deadline) == Array("thanks".utf8))
                    #expect(try server.read(until: deadline) == [])
                } catch {
                    Issue.record("server: \(error)")
                }
                server.close()
            }
            try client.startTLS(hop.demand, until: deadline)
            #expect(client.facts.tls?.peerNames == ["hop.test"])
            try client.write(Array("CONNECT".utf8), until: deadline)
            #expect(try client.readText() == "OK")
            client.arrive(at: "peer.test:993")
            #expect(client.facts.tls == nil)
            #expect(client.facts.peer == "peer.test:993")
            try client.startTLS(far.demand, until: deadline)
            #expect(client.facts.tls?.peerNames == ["peer.test"])
            var received: [UInt8] = []
            while case let octets = try client.read(until: deadline), !octets.isEmpty { received += octets }
            #expect(received == letter)
            try client.write(Array("thanks".utf8), until: deadline)
            try client.endOutput(until: deadline)
            thread.join()
            client.close()
        }
    }
}
