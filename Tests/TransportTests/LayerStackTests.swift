// A stack of layers without a descriptor: what goes in at one end comes out at the other, wherever it is cut.

import Blocking
import MailTestKit
import TLSEngine
import Testing

@testable import Transport

@Suite struct LayerStackTests {
    /// Client and server with TLS within TLS, as far as they have to shake hands.
    private struct Ends {
        var client = LayerStack()
        var server = LayerStack()
        /// The hop's end of its TLS.
        let hop: TLSConnection

        init() throws {
            let (hops, peers) = (try Certified("hop.test"), try Certified())
            hop = try TLSConnection(server: try hops.server())
            client.add(try TLSConnection(client: hops.demand.context, to: "hop.test"))
            client.add(try TLSConnection(client: peers.demand.context, to: "peer.test"))
            server.add(hop)
            server.add(try TLSConnection(server: try peers.server()))
        }

        /// Carries octets both ways in pieces of `size` until both are silent.
        /// - Returns: what came up at the server.
        mutating func carry(size: Int) throws -> [UInt8] {
            var arrived: [UInt8] = []
            while true {
                let (there, back) = (said(client), said(server))
                if there.isEmpty, back.isEmpty { return arrived }
                try hand(there, to: server, size: size, &arrived)
                var answer: [UInt8] = []
                try hand(back, to: client, size: size, &answer)
            }
        }

        private func said(_ stack: LayerStack) -> [UInt8] {
            var octets: [UInt8] = []
            stack.drain { octets += $0 }
            return octets
        }

        private func hand(
            _ octets: [UInt8], to stack: LayerStack, size: Int, _ arrived: inout [UInt8]
        ) throws(TransportError) {
            for start in stride(from: 0, to: octets.count, by: size) {
                stack.receive(Array(octets[start..<min(start + size, octets.count)]))
                while case let piece = try stack.takeUpward(), !piece.isEmpty { arrived += piece }
            }
        }
    }

    @Test("TLS within TLS carries octets wherever the network cuts them", arguments: [1, 7, 1000, .max >> 1])
    func cuts(size: Int) throws {
        var ends = try Ends()
        ends.client.send(Array("said before the handshakes".utf8))
        #expect(try ends.carry(size: size) == Array("said before the handshakes".utf8))
        #expect(!ends.client.isOpening && !ends.server.isOpening)
        let letter = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
        ends.client.send(letter)
        #expect(try ends.carry(size: size) == letter)
    }

    @Test("an end in order goes up through all layers, is said once, and leaves the other way open")
    func end() throws {
        var ends = try Ends()
        _ = try ends.carry(size: 1000)
        ends.client.send([1, 2, 3])
        var flight: [UInt8] = []
        ends.client.shutDown { flight += $0 }
        ends.client.shutDown { _ in Issue.record("said twice") }
        ends.server.receive(flight)
        #expect(try ends.server.takeUpward() == [1, 2, 3])
        #expect(try ends.server.takeUpward() == [])
        #expect(ends.server.hasEnded)
        // The other way is open all the same.
        ends.server.send([4])
        var answer: [UInt8] = []
        ends.server.drain { answer += $0 }
        ends.client.receive(answer)
        #expect(try ends.client.takeUpward() == [4])
    }

    @Test("a descriptor that ends under the layers is a fault behind the octets before it")
    func truncated() throws {
        var ends = try Ends()
        _ = try ends.carry(size: 1000)
        ends.client.send([1, 2, 3])
        var flight: [UInt8] = []
        ends.client.drain { flight += $0 }
        ends.server.receive(flight)
        ends.server.endOfInput()
        #expect(try ends.server.takeUpward() == [1, 2, 3])
        #expect(throws: TransportError.self) { try ends.server.takeUpward() }
    }

    @Test("a hop that ends its TLS in order under the peer's has cut the peer off")
    func hopEnds() throws {
        var ends = try Ends()
        _ = try ends.carry(size: 1000)
        ends.server.send([1, 2, 3])
        var flight: [UInt8] = []
        ends.server.drain { flight += $0 }
        ends.hop.shutDown()
        ends.server.drain { flight += $0 }
        ends.client.receive(flight)
        #expect(try ends.client.takeUpward() == [1, 2, 3])
        #expect(throws: TransportError.tls(.truncated(peer: "peer.test", duringHandshake: false))) {
            try ends.client.takeUpward()
        }
    }

    @Test("a layer that makes much of little is asked for no more than there is room for")
    func swelling() async throws {
        try await onThread { () throws in
            let pair = Pair()
            let deadline = Deadline(after: .seconds(5))
            let layer = Swelling(each: 2 << 20)
            try pair.wire.add(layer, until: deadline)
            pair.say("x")
            var count = 0
            for _ in 0..<32 {
                let octets = try pair.wire.read(until: deadline)
                count += octets.count
                #expect(octets.allSatisfy { $0 == 0x78 })
                #expect(pair.wire.inbox.count < Wire.inboxLimit + Wire.readLimit)
                #expect(layer.given - count <= Wire.inboxLimit + Wire.readLimit)
            }
            #expect(count == 2 << 20)
            pair.hangUp()
            #expect(try pair.wire.read(until: deadline) == [])
        }
    }
}

/// Each octet from below is many above.
private final class Swelling: Layer {
    private let size: Int
    private var octet: UInt8 = 0
    private var left = 0
    private(set) var given = 0
    private(set) var hasEnded = false
    let isOpening = false

    init(each size: Int) { self.size = size }

    func receive(_ octets: [UInt8]) { for each in octets { (octet, left) = (each, left + size) } }
    func endOfInput() { hasEnded = true }
    func takeUpward() throws(TransportError) -> [UInt8] {
        let piece = [UInt8](repeating: octet, count: min(left, 65_536))
        (left, given) = (left - piece.count, given + piece.count)
        return piece
    }
    func send(_ octets: [UInt8]) {}
    func takeDownward() -> [UInt8] { [] }
    func shutDown() {}
}
