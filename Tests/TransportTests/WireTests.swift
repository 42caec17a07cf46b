// A wire against peers that are silent, slow, greedy, early or gone.

import Blocking
import Glibc
import MailTestKit
import Synchronization
import TLSEngine
import Testing

@testable import Transport

private let soon = Duration.milliseconds(20)

@Suite struct WireTests {

    @Test("what the peer says arrives, then its end")
    func orderly() async throws {
        try await onThread { () throws in
            let pair = Pair()
            pair.say("+OK ready\r\n")
            #expect(try pair.wire.readText() == "+OK ready\r\n")
            pair.hangUp()
            #expect(try pair.wire.readText() == "")
            #expect(try pair.wire.readText() == "")
        }
    }

    @Test("a silent peer is left at the deadline")
    func silent() async throws {
        try await onThread { () throws in
            let pair = Pair()
            defer { pair.hangUp() }
            let expected = TransportError.timedOut(peer: "peer.test:110", doing: "waiting for it to speak")
            #expect(throws: expected) { try pair.wire.read(until: Deadline(after: soon)) }
            #expect(expected.description == "peer.test:110: timed out while waiting for it to speak")
            #expect(expected.exitStatus == .temporaryFailure)
            // And goes on when it speaks after all.
            pair.say("late")
            #expect(try pair.wire.readText() == "late")
        }
    }

    @Test("a deadline that has passed still hands out what is there")
    func passed() async throws {
        try await onThread { () throws in
            let pair = Pair()
            defer { pair.hangUp() }
            pair.say("here")
            let octets = try pair.wire.read(until: Deadline(after: .seconds(-1)))
            #expect(octets == Array("here".utf8))
        }
    }

    @Test("a renewed deadline does not outlive the session limit")
    func session() async throws {
        try await onThread { () throws in
            let pair = Pair(sessionLimit: Deadline(after: soon))
            defer { pair.hangUp() }
            #expect(throws: TransportError.sessionTooLong(peer: "peer.test:110")) {
                try pair.wire.read(until: Deadline(after: .seconds(60)))
            }
        }
    }

    @Test("the order to stop ends a conversation at once, or when its grace is over, and not before it comes")
    func stopped() async throws {
        try await onThread { () throws in
            for grace in [Duration.zero, soon] {
                let order = Pair()  // readable when it has something to say
                let pair = Pair(stop: order.peer)
                defer { for pair in [pair, order] { pair.hangUp() } }
                pair.wire.stopGrace = grace
                pair.say("before")
                #expect(try pair.wire.readText() == "before")
                try order.wire.write([1], until: Deadline(after: .seconds(5)))
                if grace > .zero {
                    pair.say("in grace")
                    #expect(try pair.wire.readText() == "in grace")
                    try pair.wire.write([1], until: Deadline(after: .seconds(5)))
                }
                for _ in 1...2 {
                    #expect(throws: TransportError.stopped(peer: "peer.test:110")) {
                        try pair.wire.read(until: Deadline(after: .seconds(60)))
                    }
                }
            }
        }
    }

    @Test("the order to stop wakes who waits to send, and who waits for the answer to a handshake")
    func stoppedWaits() async throws {
        try await onThread { () throws in
            for isSending in [true, false] {
                let order = Pair()
                let pair = Pair(stop: order.peer)
                defer { for pair in [pair, order] { pair.hangUp() } }
                try order.wire.write([1], until: Deadline(after: .seconds(5)))
                #expect(throws: TransportError.stopped(peer: "peer.test:110")) {
                    if isSending {
                        try pair.wire.write([UInt8](repeating: 1, count: 1 << 22), until: .never)
                    } else {
                        let demand = TLSDemand(context: .client(), name: "peer.test")
                        try pair.wire.startTLS(demand, until: .never)
                    }
                }
            }
        }
    }

    @Test("a peer below the pace floor is ended long before its deadline")
    func pace() async throws {
        try await onThread { () throws in
            let pair = Pair()
            defer { pair.hangUp() }
            let floor = PaceFloor(octets: 1000, per: soon)
            pair.wire.pace = floor
            pair.say("drip")
            #expect(try pair.wire.readText() == "drip")
            #expect(throws: TransportError.tooSlow(peer: "peer.test:110", moved: 4, floor: floor)) {
                try pair.wire.read(until: Deadline(after: .seconds(600)))
            }
            pair.wire.pace = nil
            #expect(throws: TransportError.self) { try pair.wire.read(until: Deadline(after: soon)) }
        }
    }

    @Test("a peer that writes a megabyte before it reads does not deadlock a pipelining client")
    func pipelining() async throws {
        let commands = (0..<600_000).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
        let replies = (0..<1 << 20).map { UInt8(truncatingIfNeeded: $0 &* 17 ^ $0 >> 7) }
        try await onThread { () throws in
            let pair = Pair()
            let peer = pair.peer
            let heard = Mutex<[UInt8]>([])
            let thread = try BlockingThread(name: "peer") {
                put(replies, on: peer)
                let octets = take(commands.count, from: peer)
                heard.withLock { $0 = octets }
                _ = close(peer)
            }
            defer { thread.join() }
            let deadline = Deadline(after: .seconds(20))
            var received: [UInt8] = []
            for start in stride(from: 0, to: commands.count, by: 20_000) {
                try pair.wire.write(Array(commands[start..<start + 20_000]), until: deadline)
                #expect(pair.wire.unsentCount <= Wire.unsentLimit)
                #expect(pair.wire.inbox.count < Wire.inboxLimit + Wire.readLimit)
                while pair.wire.bufferedCount > 0 { received += try pair.wire.read(until: deadline) }
            }
            while true {
                let octets = try pair.wire.read(until: deadline)
                if octets.isEmpty { break }
                received += octets
            }
            thread.join()
            #expect(heard.withLock { $0 } == commands)
            #expect(received == replies)
        }
    }

    @Test("a peer that floods and never listens ends at the deadline, with bounded memory")
    func flood() async throws {
        try await onThread { () throws in
            let pair = Pair()
            let peer = pair.peer
            let thread = try BlockingThread(name: "peer") { put([UInt8](repeating: 0x61, count: 8 << 20), on: peer) }
            let deadline = Deadline(after: .milliseconds(200))
            var thrown: TransportError?
            do {
                for _ in 0..<1000 { try pair.wire.write([UInt8](repeating: 0x62, count: 65_536), until: deadline) }
            } catch let error as TransportError {
                thrown = error
            }
            #expect(thrown == .timedOut(peer: "peer.test:110", doing: "sending to it"))
            #expect(pair.wire.inbox.count < Wire.inboxLimit + Wire.readLimit)
            #expect(pair.wire.unsentCount <= Wire.unsentLimit + 65_536)
            pair.wire.close()
            thread.join()
            pair.hangUp()
        }
    }

    @Test("octets that move without end do not outlive the session limit")
    func endless() async throws {
        try await onThread { () throws in
            let pair = Pair(sessionLimit: Deadline(after: .milliseconds(50)))
            let peer = pair.peer
            let thread = try BlockingThread(name: "peer") { put([UInt8](repeating: 0x61, count: 1 << 30), on: peer) }
            #expect(throws: TransportError.sessionTooLong(peer: "peer.test:110")) {
                while true { _ = try pair.wire.read(until: Deadline(after: .seconds(5))) }
            }
            pair.wire.close()
            thread.join()
            pair.hangUp()
        }
    }

    @Test("a peer that takes one octet at a time does not stretch the deadline of a write")
    func sipping() async throws {
        try await onThread { () throws in
            let pair = Pair()
            let peer = pair.peer
            let thread = try BlockingThread(name: "peer") { while take(1, from: peer).count == 1 {} }
            #expect(throws: TransportError.timedOut(peer: "peer.test:110", doing: "sending to it")) {
                while true {
                    try pair.wire.write(
                        [UInt8](repeating: 1, count: 1 << 22), until: Deadline(after: .milliseconds(20)))
                }
            }
            pair.wire.close()
            thread.join()
            pair.hangUp()
        }
    }

    @Test("a refusal said just before the peer hung up is read, not lost in a broken pipe")
    func lastWords() async throws {
        try await onThread { () throws in
            let pair = Pair()
            pair.say("552 too big\r\n")
            pair.hangUp()
            for _ in 0..<4 {
                try pair.wire.write([UInt8](repeating: 0x61, count: 65_536), until: Deadline(after: .seconds(5)))
            }
            #expect(try pair.wire.readText() == "552 too big\r\n")
            #expect(throws: TransportError.self) {
                try pair.wire.write([1, 2, 3], until: Deadline(after: .seconds(5)))
            }
        }
    }

    @Test("a broken connection without last words says so")
    func broken() async throws {
        try await onThread { () throws in
            let pair = Pair()
            pair.hangUp()
            #expect(throws: TransportError.connectionLost(peer: "peer.test:110", reason: "Broken pipe")) {
                try pair.wire.write([1], until: Deadline(after: .seconds(5)))
            }
        }
    }

    @Test("half a close lets the answer through")
    func halfClose() async throws {
        try await onThread { () throws in
            let pair = Pair()
            let peer = pair.peer
            let thread = try BlockingThread(name: "peer") {
                let question = takeAll(from: peer)
                put(question.reversed(), on: peer)
                _ = close(peer)
            }
            try pair.wire.write([1, 2, 3], until: Deadline(after: .seconds(5)))
            try pair.wire.endOutput(until: Deadline(after: .seconds(5)))
            let answer = try pair.wire.read(until: Deadline(after: .seconds(5)))
            #expect(answer == [3, 2, 1])
            thread.join()
        }
    }

    @Test("a pair of pipes carries a conversation like a socket")
    func pipes() async throws {
        try await onThread { () throws in
            var inward: [Int32] = [-1, -1]
            var outward: [Int32] = [-1, -1]
            #expect(unsafe pipe(&inward) == 0 && pipe(&outward) == 0)
            let wire = Wire(reading: inward[0], writing: outward[1], facts: WireFacts(peer: "program"))
            try wire.write([7, 8], until: Deadline(after: .seconds(5)))
            #expect(take(2, from: outward[0]) == [7, 8])
            _ = unsafe write(inward[1], [UInt8(9)], 1)
            #expect(try wire.read(until: Deadline(after: .seconds(5))) == [9])
            try wire.endOutput(until: .now)
            #expect(take(1, from: outward[0]) == [])
            close(inward[1])
            #expect(try wire.read(until: Deadline(after: .seconds(5))) == [])
            close(outward[0])
        }
    }

    @Test("a closed wire neither reads nor writes, and closes its descriptor once")
    func closed() async throws {
        try await onThread { () throws in
            let pair = Pair()
            pair.wire.close()
            pair.wire.close()
            #expect(pair.heard().isEmpty)
            #expect(throws: TransportError.closed(peer: "peer.test:110")) { try pair.wire.write([1], until: .never) }
            #expect(try pair.wire.read(until: .never) == [])
            pair.hangUp()
        }
    }
}
