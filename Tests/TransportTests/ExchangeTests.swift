// An engine lent to a wire: every octet reaches it, and the time that a server has follows from what it awaits.

import Blocking
import MailTestKit
import Octets
import Testing

@testable import Transport

/// Events are single octets. `.` is what was asked for, `l` an entry of a listing, `p` a part, `c` a piece of content; all
/// else is chatter, and a zero a fault.
private struct Toy: ClientEngine {
    struct Fault: Error {}
    var awaits: Awaited
    private(set) var progress = 0
    /// How much had come when something was last said.
    private(set) var heardAtCommand = 0
    /// The last word of a command.
    private(set) var secret = 0..<0
    var mayHearContent: Bool { awaits == .content }
    private var waiting: [UInt8] = []
    private var next = 0

    init(awaits: Awaited = .reply) { self.awaits = awaits }

    mutating func receive(_ octets: [UInt8]) { waiting += octets }

    mutating func nextEvent() throws(Fault) -> UInt8? {
        guard next < waiting.count else { return nil }
        let octet = waiting[next]
        next += 1
        guard octet != 0 else { throw Fault() }
        switch octet {
        case 0x2E: awaits = .reply
        case 0x6C: awaits = .listing
        case 0x70: awaits = .parts
        case 0x63: awaits = .content
        default: return octet
        }
        progress += 1
        return octet
    }

    mutating func send(_ command: String) -> [UInt8] {
        heardAtCommand = waiting.count
        secret = 1..<command.utf8.count
        return Array(command.utf8)
    }
}

/// Writes down what it hears.
private final class Notes: Tap {
    var all: [Overheard] = []
    func hear(_ words: Overheard, from speaker: Speaker) { all.append(words) }
}

@Suite("An exchange")
struct ExchangeTests {
    private typealias Exchange = Transport.Exchange<Toy>

    /// The words of what `body` throws.
    private func thrown(_ body: () throws -> Void) -> String {
        do {
            try body()
            return "nothing"
        } catch {
            return "\(error)"
        }
    }

    @Test("hands out events one by one, and says commands to the peer")
    func says() async throws {
        try await onThread { () throws in
            let pair = Pair()
            pair.say("a.")
            let exchange = Exchange(Toy(), on: pair.wire, timeout: .seconds(5))
            #expect(try exchange.next() == 0x61)
            try exchange.say("hello")
            #expect(try exchange.next() == Octet.dot)
            exchange.wire.close()
            #expect(pair.heard() == Array("hello".utf8))
            pair.hangUp()
        }
    }

    @Test("closes its connection when nobody holds it any more")
    func closes() async throws {
        try await onThread { () throws in
            let pair = Pair()
            do { _ = Exchange(Toy(), on: pair.wire, timeout: .seconds(5)) }
            #expect(pair.heard().isEmpty)
            pair.hangUp()
        }
    }

    @Test("a peer that ends early, and an engine's fault, are thrown")
    func faults() async throws {
        try await onThread { () throws in
            for (text, expected) in [("a", "peer.test:110: closed the connection early"), ("a\0", "Fault()")] {
                let pair = Pair()
                pair.say(text)
                pair.hangUp()
                let exchange = Exchange(Toy(), on: pair.wire, timeout: .seconds(5))
                #expect(try exchange.next() == 0x61)
                #expect(thrown { _ = try exchange.next() } == expected)
            }
        }
    }

    @Test("a silent peer is left at the timeout, or sooner where it is hurried")
    func silence() async throws {
        try await onThread { () throws in
            let pair = Pair()
            let silent = "peer.test:110: timed out while waiting for it to speak"
            let exchange = Exchange(Toy(), on: pair.wire, timeout: .milliseconds(20))
            #expect(thrown { _ = try exchange.next() } == silent)
            let hurried = Exchange(Toy(), on: pair.wire, timeout: .seconds(1000))
            hurried.hurry(.milliseconds(20))
            #expect(thrown { _ = try hurried.next() } == silent)
            pair.hangUp()
        }
    }

    /// What ends an exchange without any time, whose peer has said so much that it takes three looks to hear it.
    private func end(of octet: Character, limit: Duration) throws -> String {
        let pair = Pair()
        pair.say(String(repeating: octet, count: Wire.readLimit * 2 + 1))
        pair.hangUp()
        let exchange = Exchange(Toy(), on: pair.wire, timeout: .zero, listingLimit: limit)
        try exchange.say("go")
        return thrown { while true { _ = try exchange.next() } }
    }

    @Test("what was asked for gives the peer its time again, and nothing else it says does")
    func progress() async throws {
        try await onThread { () throws in
            let late = "peer.test:110: timed out while waiting for its answer"
            #expect(try end(of: "x", limit: .seconds(9)) == late, "one look behind the end, and no second one")
            for octet in [".", "c"] as [Character] {
                #expect(try end(of: octet, limit: .zero) == "peer.test:110: closed the connection early")
            }
            // However steadily they come, a listing and an answer in parts have an end of their own.
            for octet in ["l", "p"] as [Character] {
                #expect(try end(of: octet, limit: .zero) == late)
                let unlimited = try end(of: octet, limit: .seconds(3600))
                #expect(unlimited == "peer.test:110: closed the connection early", "\(octet)")
            }
        }
    }

    @Test("a verdict may take twice as long as other answers (RFC 5321 §4.5.3.2.6)")
    func verdict() throws {
        let pair = Pair()
        let exchange = Exchange(Toy(), on: pair.wire, timeout: .seconds(1000))
        try exchange.say("a")
        #expect(exchange.deadline.remaining <= .seconds(1000))
        exchange.engine.awaits = .verdict
        try exchange.say("b")
        #expect(exchange.deadline.remaining > .seconds(1000) && exchange.deadline.remaining <= .seconds(2000))
        pair.hangUp()
    }

    @Test("content and listings have a floor, and while the peer thinks there is none")
    func pace() async throws {
        try await onThread { () throws in
            for (awaited, floor) in [
                (Awaited.content, PaceFloor.standard), (.listing, .standard), (.parts, nil), (.reply, nil),
                (.verdict, nil), (.nothing, nil),
            ] {
                let pair = Pair()
                pair.say("x")
                let exchange = Exchange(Toy(awaits: awaited), on: pair.wire, timeout: .seconds(5))
                exchange.wire.pace = floor == nil ? .standard : nil
                _ = try exchange.next()
                #expect(exchange.wire.pace == floor, "\(awaited)")
                pair.hangUp()
            }
        }
    }

    @Test("lets more of a listing come before it is read")
    func gathers() async throws {
        try await onThread { () throws in
            let pair = Pair()
            let exchange = Exchange(Toy(awaits: .listing), on: pair.wire, timeout: .seconds(100))
            let start = ContinuousClock.now
            for _ in 0..<20 {
                pair.say("l")
                #expect(try exchange.next() == 0x6C)
            }
            #expect(start.duration(to: .now) >= .milliseconds(20))
            pair.hangUp()
        }
    }

    @Test("shows a tap the words of both sides, neither secrets nor content")
    func tap() async throws {
        try await onThread { () throws in
            let pair = Pair()
            let notes = Notes()
            let exchange = Exchange(Toy(), on: pair.wire, timeout: .seconds(5))
            exchange.wire.tap = notes
            try exchange.say("abc")
            pair.say(".")
            _ = try exchange.next()
            exchange.engine.awaits = .content
            try exchange.say("def", .content)
            pair.say("c")
            _ = try exchange.next()
            #expect(
                notes.all == [
                    .words([0x61]), .secret(octets: 2), .words([Octet.dot]), .content(octets: 3), .content(octets: 1),
                ])
            pair.hangUp()
        }
    }

    @Test("what came unasked lies before the engine when a command is said, and is overheard without waiting")
    func unasked() async throws {
        try await onThread { () throws in
            let pair = Pair()
            let exchange = Exchange(Toy(awaits: .nothing), on: pair.wire, timeout: .seconds(5))
            #expect(try exchange.overheard() == nil)
            // Taken in while something is sent that the peer takes only when it has spoken.
            pair.say("x")
            let peer = pair.peer
            let listener = try BlockingThread(name: "peer") { _ = take(4 << 20, from: peer) }
            try exchange.wire.write([UInt8](repeating: 0x62, count: 4 << 20), until: Deadline(after: .seconds(20)))
            listener.join()
            #expect(exchange.wire.bufferedCount == 1)
            try exchange.say("a")
            #expect(exchange.engine.heardAtCommand == 1)
            #expect(try exchange.overheard() == 0x78)
            pair.hangUp()
        }
    }
}
